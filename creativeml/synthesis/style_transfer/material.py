"""A style of any length as endless material: pieces of it from random places, faded into one another."""

from __future__ import annotations

import torch
from torch import Tensor

_GRAIN_S = 0.35


class Material:
    """Pieces of a style; the same seed gives the same sample at the same place, whatever stretch is asked for.

    Args:
        style: `(channels, samples)`.
        samples: how long it shall be.
        sample_rate: in Hz.
        seed: where the pieces are taken.
    """

    def __init__(self, style: Tensor, samples: int, sample_rate: int, seed: int) -> None:
        self._style = style
        grain = max(4, min(round(_GRAIN_S * sample_rate), style.shape[-1]))
        self._hop = grain // 2
        random = torch.Generator().manual_seed(seed)
        places = style.shape[-1] - 2 * self._hop + 1
        self._starts = torch.randint(0, max(1, places), (samples // self._hop + 2,), generator=random)

    def stretch(self, first: int, after: int) -> Tensor:
        """Samples `first` to `after`, `(channels, after - first)`."""
        hop = self._hop
        # The root of a Hann window keeps the power where pieces that have nothing to do with one another overlap.
        window = torch.hann_window(2 * hop).sqrt()
        begin, end = first // hop, -(-after // hop)
        result = torch.zeros(len(self._style), (end - begin + 2) * hop)
        for number in range(begin, end + 1):
            start = int(self._starts[number])
            place = (number - begin) * hop
            result[:, place : place + 2 * hop] += self._style[:, start : start + 2 * hop] * window
        # The first half of the first piece has no other to be faded from; it is not part of what is asked for.
        offset = first - begin * hop + hop
        return result[:, offset : offset + after - first]

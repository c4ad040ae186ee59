"""A style of any length as endless material: pieces of it from random places, faded into one another."""

from __future__ import annotations

import torch
from torch import Tensor

_GRAIN_S = 0.35
_BLOCK_S = 0.01
_SILENT_DB = -40.0
"""Below the loudest 10 ms of a style, others are no material."""


class Material:
    """Pieces of a style; the same seed gives the same sample at the same place, whatever stretch is asked for.

    Args:
        style: `(channels, samples)`.
        samples: how long it shall be.
        sample_rate: in Hz.
        seed: where the pieces are taken.
    """

    def __init__(self, style: Tensor, samples: int, sample_rate: int, seed: int) -> None:
        style = self._style = sounding(style, sample_rate)
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


def sounding(style: Tensor, sample_rate: int) -> Tensor:
    """A style `(channels, samples)` without its silent stretches, the rest faded into one another over 10 ms."""
    block = max(4, round(_BLOCK_S * sample_rate) // 2 * 2)
    count = style.shape[-1] // block
    if count < 2:
        return style
    blocks = style[:, : count * block].reshape(len(style), count, block)
    power = blocks.square().mean((0, 2))
    kept = power > power.max() * 10.0 ** (_SILENT_DB / 10.0)
    if bool(kept.all()) or int(kept.sum()) < 2:
        return style
    pieces: list[Tensor] = []
    for piece in _runs(kept):
        pieces.append(style[:, piece[0] * block : piece[1] * block])
    return _joined(pieces, block // 2)


def _runs(kept: Tensor) -> list[tuple[int, int]]:
    """First and after of each stretch that is true."""
    padded = torch.cat([torch.zeros(1), kept.float(), torch.zeros(1)]).diff()
    return list(zip((padded > 0).nonzero()[:, 0].tolist(), (padded < 0).nonzero()[:, 0].tolist(), strict=True))


def _joined(pieces: list[Tensor], fade: int) -> Tensor:
    result = torch.zeros(len(pieces[0]), sum(p.shape[-1] for p in pieces) - fade * (len(pieces) - 1))
    up = torch.linspace(0, 1, fade + 2)[1:-1]
    place = 0
    for number, piece in enumerate(pieces):
        faded = piece.clone()
        if number:
            faded[:, :fade] *= up
        if number < len(pieces) - 1:
            faded[:, -fade:] *= up.flip(0)
        result[:, place : place + piece.shape[-1]] += faded
        place += piece.shape[-1] - fade
    return result

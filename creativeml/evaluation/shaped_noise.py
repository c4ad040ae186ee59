"""The ceiling of the distances: filtered noise with the envelope of its kind, fitted to recordings.

It has the long-term spectrum and the mean time envelope of each kind, and nothing else of a drum. A model
worth its training must come nearer to recordings than this.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

SMOOTHING_SAMPLES = 256


class ShapedNoise:
    """Noise shaped by kind.

    Args:
        recordings: (kind, sounds `(n, samples)`) pairs; a kind may come several times.
    """

    def __init__(self, recordings: Iterable[tuple[str, Tensor]]) -> None:
        totals: dict[str, tuple[Tensor, Tensor, int]] = {}
        for kind, sounds in recordings:
            normal = sounds.float() / sounds.abs().amax(1, keepdim=True).clamp_min(1e-8)
            power = torch.fft.rfft(normal).abs().square()
            power = (power / power.sum(1, keepdim=True).clamp_min(1e-20)).sum(0)
            envelope = _smoothed(normal.abs()).sum(0)
            old = totals.get(kind, (torch.zeros(()), torch.zeros(()), 0))
            totals[kind] = (old[0] + power, old[1] + envelope, old[2] + len(sounds))
        self._filters = {kind: _smoothed(power[None] / n)[0].sqrt() for kind, (power, _, n) in totals.items()}
        self._envelopes = {kind: envelope / n for kind, (_, envelope, n) in totals.items()}

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds that were fitted."""
        return tuple(self._envelopes)

    def generate(self, kind: str, count: int, generator: torch.Generator) -> Tensor:
        """Sounds of one kind, peak 1: `(count, samples)`."""
        envelope = self._envelopes[kind]
        noise = torch.randn(count, len(envelope), generator=generator)
        sounds = torch.fft.irfft(torch.fft.rfft(noise) * self._filters[kind], len(envelope)) * envelope
        return sounds / sounds.abs().amax(1, keepdim=True).clamp_min(1e-8)


def _smoothed(rows: Tensor) -> Tensor:
    """Moving average of each row (n, m) over `SMOOTHING_SAMPLES`, border values repeated."""
    width = SMOOTHING_SAMPLES
    padded = F.pad(rows[:, None].double(), (width // 2 + 1, width - 1 - width // 2), mode="replicate")[:, 0]
    sums = padded.cumsum(1)
    return ((sums[:, width:] - sums[:, :-width]) / width).float()

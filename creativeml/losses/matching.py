"""How far sounds are from a recording that they shall match, for a search that follows the gradient.

Two parts, each for what the other cannot do:

- Levels over band and time. The spectrogram of noise is noise itself: two draws of one noise differ in it by several
  decibels, and a search that followed them would chase the one draw it was given. So powers are averaged over some bins
  and frames before the logarithm is taken.
- Partials. Where a partial of one sound does not touch that of the other, levels have no gradient that leads from one
  to the other. The cost of moving the one spectrum to the other has (optimal transport; B. Torres, G. Peeters,
  G. Richard, "Unsupervised harmonic parameter estimation using differentiable DSP and spectral optimal transport",
  2024). On the axis of frequency it is the area between the two cumulative spectra.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.audio.log_mel import FLOOR_DB, decibels, mel_filters, power_spectrogram

LOWEST_HZ = 30.0


@dataclass(frozen=True)
class Grid:
    """One division of band and time.

    Attributes:
        window_samples, hop_samples: of the short-time transform.
        bands: on the mel scale, from 30 Hz to `highest_hz`.
        frames: powers of so many frames are averaged.
        highest_hz: upper end of the bands.
        share: only this share of the sound, from its start, is looked at.
    """

    window_samples: int
    hop_samples: int
    bands: int
    frames: int
    highest_hz: float = 20000.0
    share: float = 1.0

    def levels(self, sounds: Tensor, sample_rate: int) -> Tensor:
        """`(b, samples)` → `(b, bands, steps)` in dB; silence is at -80."""
        kept = int(self.share * sounds.shape[1])
        # What the last window reaches is kept too: a cut would be heard in it as a click.
        power = power_spectrogram(sounds[:, : kept + self.window_samples], self.window_samples, self.hop_samples)
        power = power[..., : 1 + kept // self.hop_samples]
        filters = mel_filters(sample_rate, self.window_samples, self.bands, LOWEST_HZ, self.highest_hz).to(power)
        banded = torch.einsum("bft,fm->bmt", power, filters)
        return decibels(F.avg_pool1d(banded, min(self.frames, banded.shape[-1]), ceil_mode=True))


GRIDS: tuple[Grid, ...] = (
    Grid(2048, 512, 24, 4),
    Grid(256, 64, 12, 4, share=0.25),
    Grid(8192, 2048, 96, 2, highest_hz=2000.0),
)
"""The whole sound, its attack, and its low partials."""
PARTIAL_WINDOW, PARTIAL_HOP, HIGHEST_PARTIAL_HZ = 8192, 2048, 1500.0
DB_PER_SEMITONE = 0.3
"""What a semitone between the partials counts beside the decibels between the levels."""


class Match:
    """Distance of sounds from one recording, or of each from its own.

    Args:
        recording: `(samples,)` float, or `(b, samples)`: then as many sounds are compared, one with each.
        sample_rate: in Hz.
    """

    def __init__(self, recording: Tensor, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        recordings = recording.reshape(-1, recording.shape[-1])
        self._energy = recordings.square().sum(1, keepdim=True)
        self._levels = self._levels_of(recordings)
        self._partials, amplitudes = self._partials_of(recordings)
        self._weights = amplitudes / amplitudes.sum(1, keepdim=True)

    def distance(self, sounds: Tensor) -> Tensor:
        """Distance of sounds `(b, samples)`, `(b,)` in dB.

        They are brought to the recording's energy first: how loud they are does not count. Then it is the mean absolute
        difference of the levels, and 0.3 dB for every semitone by which partials below 1.5 kHz would have to be moved
        (on the average over them by amplitude).
        """
        energies = sounds.float().square().sum(1, keepdim=True)
        sounds = sounds.float() * (self._energy / energies.clamp_min(1e-12)).sqrt()
        pairs = zip(self._levels_of(sounds), self._levels, strict=True)
        levels = torch.stack([(made - wanted).abs().flatten(1).mean(1) for made, wanted in pairs]).mean(0)
        partials, _ = self._partials_of(sounds)
        bins = torch.arange(*self._partial_bins(), device=sounds.device)
        semitones = 12.0 * torch.log2((bins + 1) / bins)
        moved = ((partials - self._partials).abs() * semitones[:, None]).sum(1)
        return levels + DB_PER_SEMITONE * (moved * self._weights).sum(1)

    def _levels_of(self, sounds: Tensor) -> list[Tensor]:
        return [grid.levels(sounds, self._sample_rate) for grid in GRIDS]

    def _partials_of(self, sounds: Tensor) -> tuple[Tensor, Tensor]:
        """Cumulative spectrum of amplitudes, `(b, bins, frames)` up to 1, and the amplitude of each frame."""
        power = power_spectrogram(sounds, PARTIAL_WINDOW, PARTIAL_HOP)[:, slice(*self._partial_bins())]
        amplitudes = (power + 10.0 ** (FLOOR_DB / 10.0)).sqrt()
        sums = amplitudes.sum(1)
        return amplitudes.cumsum(1) / sums[:, None], sums

    def _partial_bins(self) -> tuple[int, int]:
        per_hz = PARTIAL_WINDOW / self._sample_rate
        return math.ceil(LOWEST_HZ * per_hz), math.ceil(HIGHEST_PARTIAL_HZ * per_hz)

"""Partials that ring: where in a recording steady sines stand out of what surrounds them, and how loud they are.

Peaks of the time-averaged spectrum, after the deterministic part of spectral modelling synthesis (Serra and Smith
1990); they are not followed over time, since the modes of struck metal hold their frequency.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.audio.log_mel import power_spectrogram

WINDOW_SAMPLES, HOP_SAMPLES = 4096, 1024
AROUND_BINS = 16
"""On either side of a bin: what a peak must stand out of."""
ACTIVE_NEPERS = 0.5 * math.log(10.0**5.0)
"""Frames within 50 dB of the loudest one count."""
STAND_OUT_DB, STAND_OUT_BY_CHANCE_DB = 6.0, 12.0
"""A partial is higher than its surroundings by the first, plus the second over the root of the number of frames: with
few frames noise has peaks too."""
LOBE_BINS, LOBE_DB = 5, 27.0
"""Within so many bins of a peak, what is so much lower may be a side lobe of it (of Hann's window, 31 dB down)."""
_NOTHING = 1e-12


@dataclass(frozen=True)
class Partials:
    """What rings in sounds near given frequencies.

    Attributes:
        offsets: `(b, places)` by how much each partial lies above its place, in nepers; NaN where nothing rings.
        amplitudes: `(b, places, frames)` of each as a sine; 0 where nothing rings.
        spectrum: `(b, bins)` mean power over the active frames, `WINDOW_SAMPLES` long.
        residue: `(b, bins)` the same without peaks.
    """

    offsets: Tensor
    amplitudes: Tensor
    spectrum: Tensor
    residue: Tensor


@torch.no_grad()
def find_partials(sounds: Tensor, sample_rate: int, places_hz: Tensor, reach: float, frames: int) -> Partials:
    """Find at most one partial near each of some frequencies.

    Args:
        sounds: `(b, samples)`.
        sample_rate: in Hz.
        places_hz: `(places,)` ascending.
        reach: how far from its place a partial may lie, in nepers.
        frames: time steps of the amplitudes.
    """
    power = power_spectrogram(sounds, WINDOW_SAMPLES, HOP_SAMPLES)
    total = 0.5 * (power.sum(1) + _NOTHING).log()
    active = (total > total.amax(1, keepdim=True) - ACTIVE_NEPERS).float()[:, None]
    mean = ((power + _NOTHING).log() * active).sum(2) / active.sum(2)
    around = F.pad(mean[:, None], (AROUND_BINS, AROUND_BINS), mode="reflect")[:, 0]
    usual = around.unfold(1, 2 * AROUND_BINS + 1, 1).median(2).values
    stand_out = (STAND_OUT_DB + STAND_OUT_BY_CHANCE_DB * active.sum(2).rsqrt()) * (math.log(10.0) / 10.0)
    peak = F.pad((mean[:, 1:-1] >= mean[:, 2:]) & (mean[:, 1:-1] > mean[:, :-2]), (1, 1))
    nearby = F.max_pool1d(mean, 2 * LOBE_BINS + 1, stride=1, padding=LOBE_BINS)
    rings = peak & (mean - usual > stand_out) & (mean > nearby - LOBE_DB * (math.log(10.0) / 10.0))
    lobes = F.max_pool1d(rings.float(), 2 * LOBE_BINS + 1, stride=1, padding=LOBE_BINS) > 0
    bins, inside = _bins_near(places_hz, reach, sample_rate)
    height = torch.where(rings[:, bins] & inside, mean[:, bins], -torch.inf)
    highest, which = height.max(2)
    found = highest.isfinite()
    chosen = bins.expand(len(sounds), -1, -1).gather(2, which[..., None])[..., 0]
    left, middle, right = (mean.gather(1, chosen + step) for step in (-1, 0, 1))
    between = 0.5 * (left - right) / (left - 2.0 * middle + right).clamp(max=-_NOTHING)
    hz = (chosen + between.clamp(-0.5, 0.5)) * (sample_rate / WINDOW_SAMPLES)
    offsets = (hz / places_hz).log()
    # Neighbours share the bin between them: the peak belongs to the one that it is nearer to.
    found = found & (offsets.abs() <= 1.1 * reach)
    offsets = offsets.clamp(-reach, reach)
    over_time = power.gather(1, chosen[..., None].expand(-1, -1, power.shape[2]))
    amplitudes = _resampled(over_time, frames, sounds.shape[1]).sqrt()
    return Partials(
        torch.where(found, offsets, torch.nan),
        torch.where(found[..., None], amplitudes, 0.0),
        mean.exp(),
        torch.where(lobes, torch.minimum(mean, usual), mean).exp(),
    )


def _bins_near(places_hz: Tensor, reach: float, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Bins of each place `(places, most)`, and which of them are meant."""
    width = sample_rate / WINDOW_SAMPLES
    # Never the outermost bins, which have but one neighbour.
    first, last = ((places_hz * math.exp(s * reach) / width).round().long() for s in (-1, 1))
    first, last = first.clamp(1, WINDOW_SAMPLES // 2 - 1), last.clamp(1, WINDOW_SAMPLES // 2 - 1)
    steps = torch.arange(int((last - first).max()) + 1, device=places_hz.device)
    return torch.minimum(first[:, None] + steps, last[:, None]), first[:, None] + steps <= last[:, None]


def _resampled(power: Tensor, frames: int, samples: int) -> Tensor:
    """`(..., windows)` → `(..., frames)`, linear in level. Windows that begin before the sound take the first that does
    not."""
    first = WINDOW_SAMPLES // 2 // HOP_SAMPLES
    position = (torch.arange(frames, device=power.device) * (samples / frames / HOP_SAMPLES)).clamp(min=first)
    low = position.long().clamp(max=power.shape[-1] - 2)
    level = (power + _NOTHING).log()
    return torch.lerp(level[..., low], level[..., low + 1], (position - low).clamp(max=1.0)).exp()

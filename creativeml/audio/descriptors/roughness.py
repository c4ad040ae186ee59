"""Roughness: beating between partials that lie within a critical band.

Model of the AudioCommons timbral models (see `front_end`) after P. Vassilakis (2007), "SRA: A web-based research tool
for spectral and roughness analysis of sound signals": every pair of spectral peaks of a frame adds its share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from creativeml.audio.descriptors.framing import Rows
from creativeml.audio.descriptors.front_end import Prepared
from creativeml.audio.descriptors.peaks import find_peaks
from creativeml.audio.fourier import power_spectrum

_LEAD = 512
_FRAME_S = 0.05
_PEAK = 0.01
_LEAST = 0.01
"""Mean roughness below which the sound counts as smooth."""
_FAINT = 0.5 * _PEAK
"""Height, in parts of the highest of all frames, from which the smooth face looks at peaks: they may still fade in."""
_FLAT = 0.02 * _PEAK
"""Height up to which all is valley."""
_HOPS = 3
"""How many lower peaks on either side of a peak are overlooked in search of the valley below it."""
_NOTHING = 10 ** (-48.97606571545886 / 13.98779569)
"""Mean roughness that is worth 0 points."""
_OFFSETS = ((1, 1.0), (2, 1.0), (3, 1.0), (4, 1.5), (6, 2.0), (8, 3.0), (12, 4.0), (16, 6.0), (24, 10.0), (36, 15.0))
"""How many peaks apart the pairs are that the smooth face looks at, and for how many offsets each one stands."""
_FIT = 0.87
"""What peaks that fade in and pairs that stand for others count too much, made up for; fitted to 372 drum sounds."""
_SLOPE, _OFFSET = 13.98779569, 48.97606571545886


def exact(sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor:
    """Roughness as the reference computes it.

    Args:
        sounds: (..., samples) float32 or float64.
        sample_rate: in Hz.
        prepared: the same sounds, if they have been prepared already.

    Returns:
        (...) points: 0 to 100 for most sounds; 0 for silence and for whatever has a mean roughness below 0.01.
        The peaks are found by search: no gradient comes from it.
    """
    prepared = Prepared.of(sounds, sample_rate, prepared)
    energies, frames = _frame_energies(prepared.sounds.detach().double(), prepared.rate)
    frequencies = np.linspace(0, prepared.rate / 2, energies.shape[-1])
    means = [_mean_roughness(each, frequencies, frames) for each in energies.sqrt().cpu().numpy()]
    values = [_SLOPE * math.log10(mean) + _OFFSET if mean >= _LEAST else 0.0 for mean in means]
    return prepared.unflatten(torch.tensor(values, dtype=sounds.dtype, device=sounds.device))


def _frame_energies(sounds: Tensor, sample_rate: int) -> tuple[Tensor, int]:
    """(n, frames, bins) squared magnitudes of frames of 50 ms, the even frames before the odd ones, and the number of
    frames that their mean counts. That one is larger by one or so: the reference leaves the last frames empty.
    """
    parts, window, size, count = _halves(sounds, sample_rate)
    frames = torch.cat([part.unfold(-1, len(window), len(window)) for part in parts], 1)
    return power_spectrum(frames * window, size), count


def _sounding_energies(sounds: Tensor, sample_rate: int) -> tuple[Tensor, Tensor, int]:
    """The same of the frames in which something sounds: (rows, bins); (rows,) the sound of each; and the number."""
    parts, window, size, count = _halves(sounds, sample_rate)
    rows = [Rows.of(part, len(window), count=1) for part in parts]
    return torch.cat([r.powers(window, size) for r in rows]), torch.cat([r.sound for r in rows]), count


def _halves(sounds: Tensor, sample_rate: int) -> tuple[list[Tensor], Tensor, int, int]:
    """The sounds as two rows of frames side by side, half a frame apart; their window; the length of the transform;
    and how many frames the mean counts."""
    length = int(_FRAME_S * sample_rate)
    size = 2 ** int(math.log2(length) + 1)
    sounds = functional.pad(sounds, (_LEAD, 0))
    samples = sounds.shape[-1]
    count = int(samples / (length / 2))
    if samples <= length:
        return [sounds], torch.ones_like(sounds[0]), size, max(1, count)
    # Every other frame begins where the one before the last ended; the others lie half a length, rounded down, later.
    halves = [half for half in (sounds, sounds[:, length // 2 :]) if half.shape[-1] >= length]
    window = torch.hamming_window(length + 2, periodic=False, dtype=sounds.dtype, device=sounds.device)[1:-1]
    return halves, window, size, count


def _mean_roughness(magnitudes: np.ndarray, frequencies: np.ndarray, frames: int) -> float:
    highest = magnitudes.max()
    lowest = magnitudes.min() if frames <= len(magnitudes) else 0.0
    if not highest > lowest:
        return 0.0
    values = (magnitudes - lowest) / (highest - lowest)
    total = 0.0
    for value, magnitude in zip(values, magnitudes, strict=True):
        if value.max() >= _PEAK:
            total += _pairs(*find_peaks(value, frequencies, _PEAK, levels=magnitude))
    return total / frames


def _pairs(frequencies: np.ndarray, levels: np.ndarray) -> float:
    """Sum over all pairs of peaks, given from the highest to the lowest."""
    # What Vassilakis calls the smaller amplitude is the larger one here: so the reference has it.
    second, first = np.tril_indices(len(levels), -1)
    larger, smaller = levels[first], levels[second]
    low = np.minimum(frequencies[first], frequencies[second])
    apart = np.abs(frequencies[first] - frequencies[second]) * 0.24 / (0.0207 * low + 18.96)
    beating = np.exp(-3.51 * apart) - np.exp(-5.75 * apart)
    return float(((larger * smaller) ** 0.1 * 0.5 * (2 * larger / (larger + smaller)) ** 3.11 * beating).sum())


def smooth(sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor:
    """Roughness with peaks that fade in and out, at once for all frames of all sounds.

    Three things differ from `exact`. A peak counts by how far it stands out of the valleys around it: half at the
    threshold of `exact`, not at all at half of it, fully at 1.5 of it. Of peaks that are many peaks apart only some
    pairs are looked at, and stand for the others. And below a mean roughness of 0.01 the points fall to 0 steeply, not
    at once. On 372 drum sounds that makes 0.3 points (median), 1.3 or more for one in ten (R² 0.992), 24 at most: where
    `exact` falls to 0 at once.

    Arguments and result are those of `exact`. Where peaks are is decided by values; their heights, exact frequencies
    and weights have gradients.
    """
    prepared = Prepared.of(sounds, sample_rate, prepared)
    energies, sound, frames = _sounding_energies(prepared.sounds, prepared.rate)
    peaks = _soft_peaks(energies, _highest(energies, sound, len(prepared.sounds))[sound], prepared.rate / 2)
    # Silence has no peaks: the gain keeps the result connected with the sounds.
    total = (0.0 * prepared.gain).index_add(0, sound.index_select(0, peaks.row), peaks.beating())
    mean = _FIT * total / frames
    # The eighth power makes the step at `_LEAST` a slope.
    step = (mean / _LEAST).clamp(max=10.0) ** 8
    return prepared.unflatten((_SLOPE * (mean + _NOTHING).log10() + _OFFSET) * step / (1 + step))


def _highest(energies: Tensor, sound: Tensor, sounds: int) -> Tensor:
    """(rows, bins) → (sounds,): the largest of all rows of each sound; its gradient goes to one bin."""
    with torch.no_grad():
        highest, bin_ = energies.max(-1)
        top = highest.new_zeros(sounds).scatter_reduce(0, sound, highest, "amax")
        row = torch.nonzero(highest == top[sound]).squeeze(-1)
    found = energies.flatten().index_select(0, row * energies.shape[1] + bin_[row])
    # Of several that are the same any will do; silence has none.
    result = torch.zeros_like(top).index_copy(0, sound[row], found)
    return result.clamp(min=torch.finfo(energies.dtype).tiny ** 0.5)


@dataclass(frozen=True)
class _Peaks:
    """The peaks of all rows, one after the other and from low to high frequency: (peaks,) each."""

    row: Tensor
    level: Tensor
    weight: Tensor
    place: Tensor
    """A scale of frequency on which the beating of two peaks depends on their distance alone."""

    def beating(self) -> Tensor:
        """(peaks,): what each peak and those below it add to the roughness."""
        logarithm = self.level.log()
        parts = torch.zeros_like(self.level)
        for offset, stands_for in _OFFSETS:
            if offset < len(self.row):
                part = self._pairs(logarithm, slice(None, -offset), slice(offset, None))
                parts = parts + functional.pad(stands_for * part, (offset, 0))
        return parts

    def _pairs(self, logarithm: Tensor, low: slice, high: slice) -> Tensor:
        level, other = self.level[high], self.level[low]
        # Across rows the distance can be negative, where the exponentials would overflow.
        apart = torch.expm1((self.place[high] - self.place[low]).clamp(min=0)) * (0.24 / 0.0207)
        pair = (logarithm[high] + logarithm[low]) * 0.1 + (torch.maximum(level, other) / (level + other)).log() * 3.11
        weight = self.weight[high] * self.weight[low] * (self.row[high] == self.row[low])
        return (0.5 * 2**3.11) * weight * (torch.exp(pair - 3.51 * apart) - torch.exp(pair - 5.75 * apart))


def _soft_peaks(energies: Tensor, highest: Tensor, nyquist_hz: float) -> _Peaks:
    """Local maxima of each row (rows, bins), weighted by how far they stand out in parts of `highest` (rows,)."""
    bins = energies.shape[1]
    peaks, valleys = _find_peaks(energies.detach(), highest.detach())
    row, bin_ = peaks.div(bins, rounding_mode="floor"), peaks % bins
    # Beyond the lowest and the highest bin there is silence.
    inside = torch.cat([bin_ > 0, torch.ones_like(bin_, dtype=torch.bool), bin_ < bins - 1, valleys >= 0])
    places = torch.cat([peaks - 1, peaks, peaks + 1, valleys]) * inside
    found = (energies.flatten().index_select(0, places) * inside).view(4, -1)
    # The square root has no finite slope at zero.
    loudest = highest.index_select(0, row)
    left, middle, right, valley = (found + 1e-12 * loudest).sqrt()
    scale = loudest.sqrt()
    part = ((middle - valley) / (_PEAK * scale) - 0.5).clamp(0, 1)
    shift = (right - left) / (2 * (2 * middle - left - right)).clamp(min=1e-12 * scale)
    shift = shift.clamp(-0.5, 0.5) * ((bin_ > 0) & (bin_ < bins - 1))
    frequency = (bin_ + shift) * (nyquist_hz / (bins - 1))
    return _Peaks(
        row=row,
        level=middle + 0.25 * (right - left) * shift,
        weight=part.square() * (3 - 2 * part),
        place=(0.0207 * frequency + 18.96).log(),
    )


def _find_peaks(energies: Tensor, highest: Tensor) -> tuple[Tensor, Tensor]:
    """Where, in `energies` (rows, bins) flattened, the peaks are, and for each the higher valley around it (-1 where
    that is the silence beyond the spectrum)."""
    # What is fainter than any valley that matters would only be in the way: it becomes flat.
    flat = (_FLAT**2 * highest)[:, None]
    audible = torch.maximum(energies, flat)
    rising = functional.pad(audible[:, 1:] > audible[:, :-1], (1, 1))
    rising[:, :1] = audible[:, :1] > flat
    # Highest and lowest points alternate: those beside a maximum are its valleys.
    turn = torch.nonzero((rising[:, 1:] != rising[:, :-1]).flatten()).squeeze(-1)
    row = turn.div(energies.shape[1], rounding_mode="floor")
    level = energies.flatten().index_select(0, turn)
    is_peak = rising.flatten().index_select(0, turn + row)
    place = torch.nonzero(is_peak & (level > _FAINT**2 * highest.index_select(0, row))).squeeze(-1)
    own, top = row.index_select(0, place), level.index_select(0, place)

    def at(step: int) -> tuple[Tensor, Tensor]:
        """Where and how high the turning point is so many places away; the silent end of the row beyond the last."""
        there = (place + step).clamp(0, max(0, len(row) - 1))
        inside = (row.index_select(0, there) == own) & (there == place + step)
        return (
            torch.where(inside, turn.index_select(0, there), -1),
            level.index_select(0, there) * inside,
        )

    def valley(side: int) -> tuple[Tensor, Tensor]:
        """The lowest point on one side before something higher than the peak."""
        where, lowest = at(side)
        free = torch.ones_like(lowest, dtype=torch.bool)
        for hop in range(1, _HOPS + 1):
            free = free & (at(2 * hop * side)[1] < top)
            beyond, lower = at((2 * hop + 1) * side)
            better = free & (lower < lowest)
            where, lowest = torch.where(better, beyond, where), torch.where(better, lower, lowest)
        return where, lowest

    (left, left_level), (right, right_level) = valley(-1), valley(1)
    return turn.index_select(0, place), torch.where(left_level > right_level, left, right)

"""Fundamental in Hz: the frequency, from 20 to 5000 Hz, that explains the strongest partials.

Subharmonic summation (D. J. Hermes, "Measurement of pitch by subharmonic summation", JASA 83, 1988): the salience of
a frequency is the sum of the powers at it and at its harmonics 2 to 5, each with 0.65 times the weight of the one
before. (Powers instead of his magnitudes, and 0.65 instead of 0.84, since the lines of short sounds are wide: with his
values one kick in ten gets the octave below.) They are those of the whole sound, smoothed by a Gaussian of 4 Hz (by a
lag window on the autocorrelation, R. B. Blackman and J. W. Tukey, "The measurement of power spectra", 1958). So the
strongest partial decides, or one below it of which it is a harmonic; a kick whose pitch falls gives the frequency at
which it stays longest. Where there is no pitch (`noisiness` above 25 or so), any value is possible. Gain, polarity and
silence around the sound do not matter.

`exact` takes the highest salience, between bins by a parabola through the logarithms. `smooth` takes the mean of
log-frequency with the salience to the power of 32 as weight: of two frequencies that are equally salient it gives one
between. On recorded kicks and toms the faces differ by 0.01 semitones in the median and 0.1 in one of ten; on all
kinds, cymbals among them, by less than 0.01 and by 1.6 in one of twenty.

Silence has 0 Hz; DC gives the lower end, 20 Hz, in `exact`, and a little more in `smooth`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from creativeml.audio.descriptors.front_end import Prepared, power
from creativeml.audio.lengths import fast_size

LOWEST_HZ, HIGHEST_HZ = 20.0, 5000.0
_HARMONICS = 5
_DECLINE = 0.65
_SHARPNESS = 32.0
_LAG_S = 0.040
"""Standard deviation of the lag window: 40 ms, a spectral width of 4 Hz."""
_LAGS = 4.0
"""Lags up to four standard deviations."""
_BIN_HZ = 1.4
_FLOOR = 1e-8
"""Part of the highest power (-80 dB) that is added everywhere, above the rounding of single precision."""
_SILENT = 1e-12


def exact(sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor:
    """Fundamental in Hz: `(..., samples)` -> `(...)`."""
    prepared = Prepared.of(sounds, sample_rate, prepared)
    level, first, bin_hz = _log_salience(sounds, sample_rate, prepared)
    best = level.argmax(-1, keepdim=True)
    inner = best.clamp(1, level.shape[-1] - 2)
    below, at, above = (level.gather(-1, inner + step)[:, 0] for step in (-1, 0, 1))
    offset = 0.5 * (above - below) / (2 * at - above - below).clamp(min=_SILENT)
    offset = torch.where(best == inner, offset[:, None].clamp(-0.5, 0.5), (best - inner).to(offset))[:, 0]
    return prepared.unflatten((first + inner[:, 0] + offset) * bin_hz * _audible(sounds))


def smooth(sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor:
    """Fundamental in Hz as a weighted mean: `(..., samples)` -> `(...)`."""
    prepared = Prepared.of(sounds, sample_rate, prepared)
    level, first, bin_hz = _log_salience(sounds, sample_rate, prepared)
    octaves = ((first + torch.arange(level.shape[-1], dtype=torch.float64)) * bin_hz).log2().to(level)
    return prepared.unflatten(torch.exp2(torch.softmax(_SHARPNESS * level, -1) @ octaves) * _audible(sounds))


def _audible(sounds: Tensor) -> Tensor:
    """1 for a sound, 0 for silence: (n,)."""
    energy = sounds.reshape(-1, sounds.shape[-1]).square().sum(-1)
    return energy / (energy + _SILENT)


def _log_salience(sounds: Tensor, sample_rate: int, prepared: Prepared) -> tuple[Tensor, int, float]:
    """Logarithm of the salience (n, candidates), the bin of the first candidate, and the bins' distance in Hz."""
    bins = fast_size(math.ceil(sample_rate / _BIN_HZ))
    bin_hz = sample_rate / bins
    first, end = math.ceil(LOWEST_HZ / bin_hz), math.floor(HIGHEST_HZ / bin_hz) + 1

    def make() -> Tensor:
        spectrum = _power_spectrum(sounds.reshape(-1, sounds.shape[-1]), sample_rate, bins)
        needed = _HARMONICS * end
        spectrum = functional.pad(spectrum, (0, max(0, needed - spectrum.shape[-1])))
        terms = [_DECLINE ** (k - 1) * spectrum[:, k * first : k * end : k] for k in range(1, _HARMONICS + 1)]
        return torch.stack(terms).sum(0).log()

    return prepared.keep("log_salience", make), first, bin_hz


def _power_spectrum(sounds: Tensor, sample_rate: int, bins: int) -> Tensor:
    """The smoothed power spectrum, relative to its highest value: (n, bins // 2 + 1)."""
    samples, lags = sounds.shape[-1], round(_LAGS * _LAG_S * sample_rate)
    size = fast_size(samples + lags)
    correlation = torch.fft.irfft(power(torch.fft.rfft(sounds, size)), size)[:, : lags + 1]
    lag_s = torch.arange(lags + 1, dtype=sounds.dtype, device=sounds.device) / sample_rate
    weighted = correlation * torch.exp(-0.5 * (lag_s / _LAG_S).square())
    # The spectrum of a symmetric sequence of which one half is given, lag 0 once.
    spectrum = 2 * torch.fft.rfft(weighted, bins).real - weighted[:, :1]
    spectrum = spectrum.clamp(min=0)
    highest = spectrum.amax(-1, keepdim=True)
    return spectrum / (highest + _SILENT) + _FLOOR

"""Pitch (speed) and spectral tilt of whole batches: one pass through the frequency domain for both.

A drum sounds higher when its recording runs faster: pitch and length change together, as on a sampler. The
sound is oversampled twice by a zero-padded inverse FFT, which also removes what would fold back, and then
read at the new speed with an eight-point interpolator. So every sound of a batch has its own, exact speed
without a loop over sounds.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

_GUARD = 16  # silent samples before the onset: room for the interpolator's reach and for ringing before edges
_TAPS = 8
_DEGREE = 6
_TILT_PIVOT_HZ = 1000.0
_TILT_RANGE_HZ = (20.0, 20000.0)  # outside this range the response goes flat
_BAND_EDGE = 0.06  # share of the band over which the filter against folding closes


def change_speed(sounds: Tensor, semitones: Tensor) -> Tensor:
    """Play each sound faster or slower: pitch moves by `semitones`, length by 2^(-semitones / 12).

    The onset stays at sample 0. What a faster sound leaves free is silence; a slower one is cut at the
    buffer's end. Frequencies that would exceed half the sample rate are removed. Interpolation errors lie 84
    dB or more below a component under 5 kHz and 66 dB below one at 20 kHz.

    Args:
        sounds: (batch, samples).
        semitones: (batch,).

    Returns:
        (batch, samples).
    """
    return reshape_spectrum(sounds, semitones, None, sample_rate=1)


def tilt_spectrum(sounds: Tensor, db_per_octave: Tensor, *, sample_rate: int) -> Tensor:
    """Make each sound brighter or darker by a straight slope, 0 dB at 1 kHz, from 20 Hz to 20 kHz.

    The filter is ((a + s) / (b + s))^p, a first-order shelf to a fractional power: minimum-phase, so nothing
    sounds before the onset.

    Args:
        sounds: (batch, samples).
        db_per_octave: (batch,) slope in dB per octave.
        sample_rate: in Hz.

    Returns:
        (batch, samples).
    """
    return reshape_spectrum(sounds, None, db_per_octave, sample_rate=sample_rate)


def reshape_spectrum(
    sounds: Tensor,
    semitones: Tensor | None,
    db_per_octave: Tensor | None,
    *,
    sample_rate: int,
    delay_samples: Tensor | None = None,
) -> Tensor:
    """`change_speed`, `tilt_spectrum` and a delay of (batch,) samples in one pass; None leaves a part out."""
    length = sounds.shape[-1]
    size = _fast_size(length + max(2 * _GUARD, length // 8))
    padded = functional.pad(sounds, (_GUARD, size - length - _GUARD))
    spectrum = torch.fft.rfft(padded)
    speed = None if semitones is None else torch.exp2(semitones.double() / 12)
    if db_per_octave is not None:
        spectrum = spectrum * _tilt_response(db_per_octave, size, sample_rate, sounds)
    if speed is None and delay_samples is None:
        return torch.fft.irfft(spectrum, n=size)[:, _GUARD : _GUARD + length]
    if speed is None:
        speed = torch.ones(len(sounds), dtype=torch.float64, device=sounds.device)
    elif bool((speed > 1).any()):
        spectrum = spectrum * _anti_folding(speed, size, sounds)
    oversampled = torch.fft.irfft(spectrum, n=2 * size)  # at half the level, which the interpolator restores
    return _read(oversampled, speed, delay_samples, length)


def _read(oversampled: Tensor, speed: Tensor, delay_samples: Tensor | None, length: int) -> Tensor:
    """Read the twice oversampled sounds at their speeds; silence before the delay and after the source."""
    time = torch.arange(length, dtype=torch.float64, device=oversampled.device)
    if delay_samples is not None:
        time = time - delay_samples.to(torch.float64)[:, None]
    # float32 could not tell neighbouring fractions apart at position 100,000.
    position = time * (2 * speed)[:, None]
    inside = (position >= 0) & (position < 2 * length)
    position.clamp_(0, 2 * length - 1).add_(2 * _GUARD)
    whole = position.floor()
    centred = position.sub_(whole).sub_(0.5).to(oversampled.dtype)
    first = whole.to(torch.long).sub_(_TAPS // 2 - 1)
    weights = _weights(centred)
    result = oversampled.gather(1, first) * weights[0]
    for tap in range(1, _TAPS):
        result = torch.addcmul(result, oversampled.gather(1, first + tap), weights[tap])
    return result * inside


def _weights(centred: Tensor) -> list[Tensor]:
    """Weight of each tap for positions given as fraction - 0.5; mirrored taps share their even part."""
    even_table, odd_table = _kernel()
    squared = centred * centred
    first_half, second_half = [], []
    for even, odd in zip(even_table, odd_table, strict=True):
        even_part = _horner(squared, even)
        odd_part = _horner(squared, odd).mul_(centred)
        first_half.append(even_part + odd_part)
        second_half.append(even_part.sub_(odd_part))
    return first_half + second_half[::-1]


def _horner(variable: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    value = variable * coefficients[-1]
    for coefficient in coefficients[-2:0:-1]:
        value.add_(coefficient).mul_(variable)
    return value.add_(coefficients[0])


@functools.cache
def _kernel() -> tuple[tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]:
    """Polynomials of an eight-point interpolator for twice oversampled sound, as even and odd coefficients.

    Least squares over 0...20.5 kHz of 88.2 kHz: the error of each component is weighted by the inverse of its
    frequency, since drums have most of their energy low and an image of a kick would be heard as hiss. All
    weights are doubled, because a zero-padded inverse transform halves the level.
    """
    taps = np.arange(_TAPS) - (_TAPS // 2 - 1)
    frequency = (np.arange(2000) + 0.5) / 2000 * 0.2324  # cycles per oversampled sample
    weight = (1.0 / (frequency + 0.0011))[:, None]
    fraction = 0.5 - 0.5 * np.cos(np.pi * (np.arange(100) + 0.5) / 100)
    basis = weight * np.exp(2j * np.pi * np.outer(frequency, taps))
    target = weight * np.exp(2j * np.pi * np.outer(frequency, fraction))
    ideal = np.linalg.lstsq(_real_rows(basis), _real_rows(target), rcond=None)[0]
    powers = np.vander(fraction - 0.5, _DEGREE + 1, increasing=True)
    coefficients = np.linalg.lstsq(powers, ideal.T, rcond=None)[0]
    half = coefficients[:, : _TAPS // 2].T
    mirrored = coefficients[:, : _TAPS // 2 - 1 : -1].T * (-1.0) ** np.arange(_DEGREE + 1)
    doubled = half + mirrored
    even, odd = doubled[:, 0::2], doubled[:, 1::2]
    return tuple(tuple(map(float, row)) for row in even), tuple(tuple(map(float, row)) for row in odd)


def _real_rows(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values.real, values.imag])


def _anti_folding(speed: Tensor, size: int, like: Tensor) -> Tensor:
    """Gain (batch, bins) that closes where a faster sound would pass half the sample rate."""
    frequency = torch.linspace(0, 0.5, size // 2 + 1, dtype=like.dtype, device=like.device)
    edge = torch.where(speed > 1, 0.5 / speed, 1.0).to(like.dtype)[:, None]
    return ((edge - frequency) / (_BAND_EDGE * edge)).clamp_(0, 1)


def _tilt_response(db_per_octave: Tensor, size: int, sample_rate: int, like: Tensor) -> Tensor:
    log_gain, phase = _tilt_table(size, sample_rate)
    power = (db_per_octave.to(like) / (20 * math.log10(2)))[:, None]
    gain = torch.exp(power * log_gain.to(like))
    phase = power * phase.to(like)
    return torch.complex(gain * torch.cos(phase), gain * torch.sin(phase))


@functools.lru_cache(maxsize=8)
def _tilt_table(size: int, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Log gain and phase of the shelf (power 1) at the FFT's bins, 0 at the pivot."""
    low, high, pivot = (
        math.tan(math.pi * min(hz / sample_rate, 0.49)) for hz in (*_TILT_RANGE_HZ, _TILT_PIVOT_HZ)
    )
    # tan maps the analogue shelf onto the digital axis; its pole at half the sample rate is cut short.
    warped = torch.tan(math.pi * torch.linspace(0, 0.5, size // 2 + 1, dtype=torch.float64)).clamp_(0, 1e9)
    warped[-1] = 1e9
    gain = 0.5 * torch.log((low**2 + warped**2) / (high**2 + warped**2))
    gain -= 0.5 * math.log((low**2 + pivot**2) / (high**2 + pivot**2))
    return gain, torch.atan(warped / low) - torch.atan(warped / high)


@functools.lru_cache(maxsize=64)
def _fast_size(least: int) -> int:
    """Smallest even number >= least with no prime factor above 5: quick for every FFT library."""
    size = least + least % 2
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 2

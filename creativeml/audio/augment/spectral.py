"""Pitch (speed) and spectral tilt of whole batches: one pass through the frequency domain for both.

A drum sounds higher when its recording runs faster: pitch and length change together, as on a sampler. The
sound is oversampled twice by a zero-padded inverse FFT, which also removes what would fold back, and then
read at the new speed with a six-point interpolator. So every sound of a batch has its own, exact speed
without a loop over sounds.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from creativeml.audio.lengths import fast_size

_GUARD = 16  # silent samples before the onset: room for the interpolator's reach and for ringing before edges
_TAPS = 6
_DEGREE = 5
_PHASE_BITS = 12
_PHASES = 1 << _PHASE_BITS  # places between two samples; rounding to them costs -80 dB at 20 kHz, less below
_FINE_BITS = 40
_FINE = 1 << _FINE_BITS  # unit of a position; whole, because float32 cannot tell fractions apart at 100,000
_TILT_PIVOT_HZ = 1000.0
_TILT_FLOOR_HZ = 20.0
_EXACT_BINS = 2048
_BIN_STEP = 16
_BAND_EDGE = 0.06  # share of the band over which the filter against folding closes


def change_speed(sounds: Tensor, semitones: Tensor) -> Tensor:
    """Play each sound faster or slower: pitch moves by `semitones`, length by 2^(-semitones / 12).

    The onset stays at sample 0. What a faster sound leaves free is silence; a slower one is cut at the
    buffer's end. Frequencies that would exceed half the sample rate are removed. Interpolation errors lie 99
    dB below a component under 500 Hz, 67 dB below one at 5 kHz and 56 dB below one at 15 kHz.

    Args:
        sounds: (batch, samples).
        semitones: (batch,).

    Returns:
        (batch, samples).
    """
    return reshape_spectrum(sounds, semitones, None, sample_rate=1)


def tilt_spectrum(sounds: Tensor, db_per_octave: Tensor, *, sample_rate: int) -> Tensor:
    """Make each sound brighter or darker by a straight slope, 0 dB at 1 kHz, straight down to 40 Hz.

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
    """`change_speed`, `tilt_spectrum` and a delay of (batch,) whole samples in one pass; None skips one."""
    length = sounds.shape[-1]
    size = fast_size(length + max(2 * _GUARD, length // 8))
    spectrum = torch.fft.rfft(functional.pad(sounds, (_GUARD, size - length - _GUARD)))
    if semitones is None and delay_samples is None:
        if db_per_octave is not None:
            spectrum = spectrum * torch.complex(*_tilt_response(db_per_octave, size, sample_rate, sounds))
        return torch.fft.irfft(spectrum, n=size)[:, _GUARD : _GUARD + length]
    if semitones is None:
        speed = torch.ones(len(sounds), dtype=torch.float64, device=sounds.device)
    else:
        speed = torch.exp2(semitones.double() / 12)
    band = _band_limit(speed, size, sounds)
    if db_per_octave is None:
        # By parts: a complex product would first make complex numbers of the gains.
        spectrum = torch.view_as_complex(torch.view_as_real(spectrum) * band[..., None])
    else:
        real, imaginary = _tilt_response(db_per_octave, size, sample_rate, sounds)
        spectrum = spectrum * torch.complex(real * band, imaginary * band)
    oversampled = torch.fft.irfft(spectrum, n=2 * size)  # at half the level, which the interpolator restores
    oversampled[:, 2 * (length + _GUARD) :] = 0  # after the source's end only ringing is left
    return _read(oversampled, speed, delay_samples, length)


def _read(oversampled: Tensor, speed: Tensor, delay_samples: Tensor | None, length: int) -> Tensor:
    """Read the twice oversampled sounds at their speeds; silence before the delay."""
    step = torch.round(speed * (2 * _FINE)).to(torch.long)[:, None]
    time = torch.arange(length, device=oversampled.device)
    if delay_samples is not None:
        delay = delay_samples.to(torch.long)[:, None]
        time = time - delay
    position = (time * step).add_(_FINE * 2 * _GUARD + _FINE // (2 * _PHASES))
    position.clamp_(_FINE * _TAPS, _FINE * (oversampled.shape[-1] - _TAPS))
    first = (position >> _FINE_BITS).sub_(_TAPS // 2 - 1)
    phase = position.bitwise_right_shift_(_FINE_BITS - _PHASE_BITS).bitwise_and_(_PHASES - 1)
    result = _Interpolate.apply(oversampled, first, phase)
    if delay_samples is not None:
        longest = int(delay.max())
        result[:, :longest] *= time[:, :longest] >= 0
    return result


class _Interpolate(torch.autograd.Function):
    """Weighted sum of neighbours: from samples at `first` (batch, n), with the weights of `phase`
    (batch, n).

    Written out because it is linear: its gradient is its transpose, summed in place instead of tap by tap,
    and nothing but the positions has to be kept.
    """

    @staticmethod
    def forward(ctx: Any, source: Tensor, first: Tensor, phase: Tensor) -> Tensor:
        ctx.save_for_backward(first, phase)
        ctx.size = source.shape[-1]
        table = _kernel().to(source)
        result = source.new_zeros(first.shape)
        for tap, weights in enumerate(table):
            # The same places, seen from `tap` samples later on.
            values = source[:, tap:].gather(1, first)
            result.addcmul_(values, weights.expand(len(phase), -1).gather(1, phase))
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        first, phase = ctx.saved_tensors
        return _Spread.apply(gradient, first, phase, ctx.size), None, None


class _Spread(torch.autograd.Function):
    """Transpose of `_Interpolate`."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, first: Tensor, phase: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(first, phase)
        table = _kernel().to(values)
        index, result = first.clone(), values.new_zeros(len(values), size)
        for weights in table:
            result.scatter_add_(1, index, weights.expand(len(phase), -1).gather(1, phase).mul_(values))
            index.add_(1)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        first, phase = ctx.saved_tensors
        return _Interpolate.apply(gradient, first, phase), None, None, None


@functools.cache
@torch.inference_mode(False)  # what is cached must also serve a caller that needs gradients
def _kernel() -> Tensor:
    """Weights (taps, phases) of an interpolator for twice oversampled sound.

    Least squares over 0...20.5 kHz of 88.2 kHz: the error of each component is weighted by the inverse of its
    frequency, since drums have most of their energy low and an image of a kick would be heard as hiss. All
    weights are doubled, because a zero-padded inverse transform halves the level.
    """
    taps = np.arange(_TAPS) - (_TAPS // 2 - 1)
    frequency = (np.arange(2000) + 0.5) / 2000 * 0.2324  # cycles per oversampled sample
    weight = (1.0 / (frequency + 0.0011))[:, None]
    # A few designs, joined by polynomials, give all phases.
    fraction = 0.5 - 0.5 * np.cos(np.pi * (np.arange(60) + 0.5) / 60)
    basis = weight * np.exp(2j * np.pi * np.outer(frequency, taps))
    target = weight * np.exp(2j * np.pi * np.outer(frequency, fraction))
    ideal = np.linalg.lstsq(_real_rows(basis), _real_rows(target), rcond=None)[0]
    coefficients = np.polynomial.polynomial.polyfit(fraction - 0.5, ideal.T, _DEGREE)
    phases = np.arange(_PHASES) / _PHASES - 0.5
    return torch.from_numpy(2 * np.polynomial.polynomial.polyval(phases, coefficients))


def _real_rows(values: np.ndarray) -> np.ndarray:
    return np.concatenate([np.real(values), np.imag(values)])


def _band_limit(speed: Tensor, size: int, like: Tensor) -> Tensor:
    """Gain (batch, bins) that closes where a faster sound would pass half the sample rate.

    Slower sounds are closed at half the rate itself: a hard end of the band would ring on through the
    silence.
    """
    frequency = torch.linspace(0, 0.5, size // 2 + 1, dtype=like.dtype, device=like.device)
    edge = (0.5 / speed.clamp(min=1)).to(like.dtype)[:, None]
    return ((edge - frequency) / (_BAND_EDGE * edge)).clamp_(0, 1)


def _tilt_response(db_per_octave: Tensor, size: int, sample_rate: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary part, each (batch, bins).

    Exact for the low bins; above, where the slope hardly changes from bin to bin, exact at every 16th one and straight
    lines between (off by less than 0.001 dB), since exponentials and sines of all bins would be a tenth of the work.
    """
    log_gain, phase = _tilt_table(size, sample_rate)
    bins = len(log_gain)
    exact = bins if bins <= _EXACT_BINS else bins - (bins - _EXACT_BINS) // _BIN_STEP * _BIN_STEP
    power = (db_per_octave.to(like) / (20 * math.log10(2)))[:, None]

    def response(log_gain: Tensor, phase: Tensor) -> Tensor:
        gain = torch.exp(power * log_gain.to(like))
        phase = power * phase.to(like)
        return torch.stack([gain * torch.cos(phase), gain * torch.sin(phase)])

    low = response(log_gain[:exact], phase[:exact])
    if exact == bins:
        real, imaginary = low.unbind()
        return real, imaginary
    knots = response(log_gain[exact - 1 :: _BIN_STEP], phase[exact - 1 :: _BIN_STEP])
    way = torch.arange(1, _BIN_STEP + 1).to(like) / _BIN_STEP
    # Interpolation as a matrix product: several times faster than by broadcasting or `interpolate`.
    high = torch.stack([knots[..., :-1], knots[..., 1:]], dim=-1) @ torch.stack([1 - way, way])
    real, imaginary = torch.cat([low, high.flatten(-2)], dim=-1).unbind()
    return real, imaginary


@functools.lru_cache(maxsize=8)
@torch.inference_mode(False)
def _tilt_table(size: int, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Log gain and minimum phase at the FFT's bins of a slope of one octave per octave, level below 20 Hz."""
    frequency = np.fft.rfftfreq(size, 1 / sample_rate)
    log_gain = 0.5 * np.log((frequency**2 + _TILT_FLOOR_HZ**2) / _TILT_PIVOT_HZ**2)
    # The phase of a causal filter follows from its gain: keep the cepstrum's causal half (Oppenheim and
    # Schafer).
    cepstrum = np.fft.irfft(log_gain, n=size)
    cepstrum[1 : size // 2] *= 2
    cepstrum[size // 2 + 1 :] = 0
    phase = np.fft.rfft(cepstrum).imag
    return torch.from_numpy(log_gain), torch.from_numpy(phase)

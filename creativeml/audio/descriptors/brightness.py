"""Brightness: how much of the sound lies high.

Model of the AudioCommons timbral models (see `front_end`): the share of energy above 2 kHz and the centroid of what
lies above 100 Hz, both over time by energy.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from creativeml.audio.descriptors.front_end import Filter, Prepared, filter_response, power
from creativeml.audio.fourier import energies, power_spectrum
from creativeml.audio.lengths import fast_size

_SIZE = 2048
_RUMBLE: Filter = ("high", 20.0)
_BODY: Filter = ("high", 100.0)
_HIGH: Filter = ("high", 2000.0)
_WEIGHTS = (4.613128018020465, 17.378889309312974, 17.434733750553022)
_FADE = 256
_LEAST_SHARE = 1e-12
"""A sound without anything above 2 kHz, and silence, has this share: -55 points less than with all of it there."""
_LEAST_CENTROID_HZ = 20.0


def exact(sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor:
    """Brightness as the reference computes it.

    Args:
        sounds: (..., samples) float32 or float64.
        sample_rate: in Hz.
        prepared: the same sounds, if they have been prepared already.

    Returns:
        (...) points: 0 to 100 for most sounds. About -15 for silence.
    """
    prepared = Prepared.of(sounds, sample_rate, prepared)
    whole = prepared.spectrogram(_RUMBLE, size=_SIZE).sum((-2, -1))
    high = prepared.spectrogram(_RUMBLE, _HIGH, size=_SIZE).sum((-2, -1))
    body = prepared.spectrogram(_RUMBLE, _BODY, size=_SIZE).sum(-2)
    frequencies = torch.linspace(0, prepared.rate / 2, _SIZE // 2 + 1, dtype=body.dtype, device=body.device)
    return prepared.unflatten(points(high, whole, body @ frequencies, body.sum(-1)))


def points(high: Tensor, whole: Tensor, moment: Tensor, body: Tensor) -> Tensor:
    """Points from the energies above 2 kHz, above 20 Hz, above 100 Hz (times frequency in Hz), and above 100 Hz."""
    # The averages over frames that the reference weights by their energy are quotients of sums.
    share = (high / whole.clamp(min=_least(whole))).clamp(min=_LEAST_SHARE)
    centroid = (moment / body.clamp(min=_least(body))).clamp(min=_LEAST_CENTROID_HZ)
    return _WEIGHTS[0] * share.log10() + _WEIGHTS[1] * centroid.log10() + _WEIGHTS[2]


def _least(energy: Tensor) -> float:
    return 1e-30 if energy.dtype == torch.float32 else 1e-60


def smooth(sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor:
    """Brightness without spectrograms, several times as fast.

    The energies that `exact` sums over overlapping frames are those of the whole sound under the sum of the frames'
    squared windows; only the high-pass at 2 kHz, which rings for a millisecond, acts after that window here instead of
    before it. On 744 drum sounds that makes 0.006 points (median) and at most 0.4, on
    one kick of the starter pack 1.2 (R² 1.000).

    Arguments and result are those of `exact`.
    """
    prepared = Prepared.of(sounds, sample_rate, prepared)
    whole, body = prepared.filtered(_RUMBLE), prepared.filtered(_RUMBLE, _BODY)
    samples = body.shape[-1]
    window, size = _window_sum(samples).to(body), fast_size(samples)
    spectral = power_spectrum(body * window, size) @ _spectral_weights(size, prepared.rate).to(body)
    body_energy, moment, high = spectral.unbind(-1)
    whole_energy = energies(whole * window) * (size / 2)
    return prepared.unflatten(points(high, whole_energy, moment, body_energy))


@functools.lru_cache(maxsize=8)
@torch.inference_mode(False)
def _window_sum(samples: int) -> Tensor:
    """(samples,) float64: root of the sum of the squared windows of all frames."""
    size = min(_SIZE, samples)
    square = torch.hamming_window(size, dtype=torch.float64, device="cpu").square()
    # Each window begins and ends with a small step, which would sound bright. In the reference the filters come first
    # and hear no step; so the steps fade, but for the first one, where the sound begins.
    fade = min(_FADE, size // 4)
    slope = torch.hann_window(2 * fade, dtype=torch.float64, device="cpu")[:fade]
    begun = square[:fade].clone()
    square[:fade] *= slope
    square[-fade:] *= slope.flip(0)
    total = torch.zeros(samples, dtype=torch.float64, device="cpu")
    for frame in range((samples - size) // (_SIZE // 4) + 1):
        total[frame * _SIZE // 4 :][:size] += square
    total[:fade] += begun - square[:fade]
    return total.sqrt()


@functools.lru_cache(maxsize=8)
@torch.inference_mode(False)
def _spectral_weights(size: int, sample_rate: int) -> Tensor:
    """(bins, 3) float64: what to weight the energies of a transform with to get energy, energy times frequency [Hz],
    and energy above 2 kHz."""
    frequencies = torch.arange(size // 2 + 1, dtype=torch.float64, device="cpu") * sample_rate / size
    high = power(filter_response((_HIGH,), size, sample_rate))
    return torch.stack([torch.ones_like(high), frequencies, high], -1)

"""Sample rate conversion of whole sounds, for preparing data: any rate to any rate, with numpy alone."""

from __future__ import annotations

import math

import numpy as np

from creativeml.audio.lengths import fast_size

_PASS = 0.95
"""Part of the lower of the two half rates that passes unchanged; a smooth slope leads to nothing at 1."""
_MARGIN_S = 0.05


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """Convert the sample rate by cutting or extending the spectrum (linear phase, no delay).

    Args:
        samples: (n,) float.
        from_rate, to_rate: in Hz, any integers.

    Returns:
        (ceil(n * to_rate / from_rate),) float64; `samples` itself as float64 if the rates are equal.
    """
    sound = np.asarray(samples, dtype=np.float64)
    if from_rate == to_rate:
        return sound
    divisor = math.gcd(from_rate, to_rate)
    unit, target_unit = from_rate // divisor, to_rate // divisor
    # The length must be a multiple of `unit` to be a whole number at both rates; the silence added keeps the
    # end of the sound from leaking into its beginning.
    units = fast_size(math.ceil((len(sound) + _MARGIN_S * from_rate) / unit), step=1)
    size, target_size = units * unit, units * target_unit
    bins = min(size, target_size) // 2 + 1
    spectrum = np.fft.rfft(sound, size)[:bins] * _slope(bins)
    result = np.fft.irfft(spectrum, target_size) * (target_size / size)
    return result[: math.ceil(len(sound) * to_rate / from_rate)]


def _slope(bins: int) -> np.ndarray:
    position = np.clip((np.arange(bins) / max(1, bins - 1) - _PASS) / (1 - _PASS), 0, 1)
    return 0.5 + 0.5 * np.cos(np.pi * position)

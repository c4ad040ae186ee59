"""Integrated loudness of a sound.

After ITU-R BS.1770-4 (2015), "Algorithms to measure audio programme loudness and true-peak audio level".
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator

import numpy as np

BLOCK_S = 0.4
_STEP = 0.25
_PART_S = 20.0
_OFFSET_LU = -0.691
_ABSOLUTE_GATE_LU = -70.0
_RELATIVE_GATE_LU = -10.0


def integrated_loudness(samples: np.ndarray, sample_rate: int) -> float:
    """Gated loudness of one channel.

    Args:
        samples: (n,) float, full scale 1. Sounds shorter than one block of 0.4 s are padded with silence to
            it, as a meter would do that hears the sound and then nothing.
        sample_rate: in Hz.

    Returns:
        LKFS (LUFS); -inf if everything lies below the absolute gate of -70.
    """
    block = round(BLOCK_S * sample_rate)
    step = round(block * _STEP)
    sound = np.pad(samples, (0, max(0, block - len(samples)))) if len(samples) < block else samples
    ends = np.concatenate([np.arange(0, len(sound) - block + 1, step) + d for d in (0, block)])
    # Sums up to where a block begins or ends: those of a long sound's samples would fill the memory.
    sums, total, first = np.zeros(len(ends)), 0.0, 0
    for part in k_weighted_parts(sound, sample_rate):
        heights = np.concatenate([[0.0], np.cumsum(np.square(part))])
        inside = (ends > first) & (ends <= first + len(part))
        sums[inside] = total + heights[ends[inside] - first]
        total, first = total + heights[-1], first + len(part)
    blocks = np.maximum(np.subtract(*reversed(np.split(sums, 2))), 0.0) / block
    kept = blocks[_level(blocks) > _ABSOLUTE_GATE_LU]
    if not len(kept):
        return -math.inf
    gate = _level(kept.mean()) + _RELATIVE_GATE_LU
    return float(_level(kept[_level(kept) > gate].mean()))


def _level(power: np.ndarray | float) -> np.ndarray:
    return _OFFSET_LU + 10 * np.log10(np.maximum(power, 1e-30))


def k_weighted(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """`samples` (n,) through the two filters of the standard: a high shelf for the head and a high-pass.

    The filters act by their exact response on a spectrum padded by half a second, by when the high-pass (38
    Hz) has long forgotten.
    """
    size = _fast_size(len(samples) + sample_rate // 2)
    return np.fft.irfft(np.fft.rfft(samples, size) * _k_response(size, sample_rate), size)[: len(samples)]


def k_weighted_parts(samples: np.ndarray, sample_rate: int) -> Iterator[np.ndarray]:
    """The same part by part, so that memory does not grow with the length.

    Each part hears the second before it, after which the filters have forgotten all.
    """
    length, lead = round(_PART_S * sample_rate), sample_rate
    for first in range(0, len(samples), length):
        begin = max(0, first - lead)
        part = samples[begin : first + length].astype(np.float64)
        yield k_weighted(part, sample_rate)[first - begin :]


def _fast_size(least: int) -> int:
    """The smallest 2^k or 3 * 2^k that is not below `least`."""
    power = 1 << (least - 1).bit_length()
    return power * 3 // 4 if power * 3 // 4 >= least else power


@functools.lru_cache(maxsize=8)
def _k_response(size: int, sample_rate: int) -> np.ndarray:
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = np.ones(size // 2 + 1, dtype=complex)
    for numerator, denominator in k_filters(sample_rate):
        response *= np.polyval(numerator[::-1], delay) / np.polyval(denominator[::-1], delay)
    return response


def k_filters(sample_rate: int) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Numerator and denominator (3,) of the shelf and of the high-pass at any sample rate.

    The standard tabulates them for 48 kHz only. Those numbers are the bilinear transform of two analogue
    filters, whose corner, quality and gain are found by solving the table backwards; at 48 kHz the result
    agrees with the table to eight digits.
    """
    corner = math.tan(math.pi * 1681.974450955533 / sample_rate)
    quality, high = 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = high**0.4996667741545416
    scale = 1 + corner / quality + corner**2
    denominator = np.array([1, 2 * (corner**2 - 1) / scale, (1 - corner / quality + corner**2) / scale])
    shelf = np.array(
        [
            (high + middle * corner / quality + corner**2) / scale,
            2 * (corner**2 - high) / scale,
            (high - middle * corner / quality + corner**2) / scale,
        ]
    )
    low_corner, low_quality = math.tan(math.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    low_scale = 1 + low_corner / low_quality + low_corner**2
    low = np.array([1, 2 * (low_corner**2 - 1) / low_scale, (1 - low_corner / low_quality + low_corner**2) / low_scale])
    return (shelf, denominator), (np.array([1.0, -2.0, 1.0]), low)

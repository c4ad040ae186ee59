"""Loudness in LUFS: the only descriptor, with those it enters, that hears how loud a sound is.

ITU-R BS.1770-4 (2015), "Algorithms to measure audio programme loudness and true-peak audio level", for one channel:
mean square after the standard's K-weighting, over the blocks of 0.4 s (three quarters of overlap) that lie above -70
LUFS and above 10 LU below the mean of those. A sound shorter than a block is measured with silence after it, so a
short click is less loud than a long tone of the same peak.

The faces differ in the gates. `exact` decides block by block, as the standard does, so a block that fades through a
gate makes a step; `smooth` lets each block count by a sigmoid of its level above the gate (one e-fold per 0.5 LU). On
recorded drum hits they differ by 0.001 LU in the median, 0.2 LU in one of twenty and 1.1 LU at most.

Silence, and whatever lies below the absolute gate, has -70 LUFS in both (where the standard says "minus infinity").
DC is all but removed by the K-weighting's high-pass; what is left of it are its edges.
"""

from __future__ import annotations

import functools
import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from creativeml.audio.descriptors.front_end import Prepared
from creativeml.audio.lengths import fast_size
from creativeml.audio.loudness import BLOCK_S, k_filters

SILENCE_LUFS = -70.0
_OFFSET_LU = -0.691
_RELATIVE_GATE_LU = -10.0
_SOFTNESS_LU = 0.5
_FORGET_S = 0.25
"""By then the standard's high-pass (38 Hz) has decayed by more than 120 dB."""
_LEAST_POWER = 1e-30


def exact(sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor:
    """Integrated loudness in LUFS, at least -70: `(..., samples)` -> `(...)`; the standard to 0.01 LU."""
    prepared = Prepared.of(sounds, sample_rate, prepared)
    power = _blocks(sounds, sample_rate, prepared)
    with torch.no_grad():
        level = _level(power)
        loud = level > SILENCE_LUFS
        mean = (power * loud).sum(-1, keepdim=True) / loud.sum(-1, keepdim=True).clamp(min=1)
        counted = loud & (level > _level(mean) + _RELATIVE_GATE_LU)
    mean_square = (power * counted).sum(-1) / counted.sum(-1).clamp(min=1)
    return prepared.unflatten(_level(mean_square).clamp(min=SILENCE_LUFS))


def smooth(sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor:
    """Integrated loudness in LUFS with soft gates: `(..., samples)` -> `(...)`, never below -70."""
    prepared = Prepared.of(sounds, sample_rate, prepared)
    power = _blocks(sounds, sample_rate, prepared)
    level = _level(power)
    loud = torch.sigmoid((level - SILENCE_LUFS) / _SOFTNESS_LU)
    first = _weighted_mean(power, loud)[:, None]
    counted = loud * torch.sigmoid((level - _level(first) - _RELATIVE_GATE_LU) / _SOFTNESS_LU)
    # The floor takes the place of the exact face's clamp, so that the slope never breaks off.
    return prepared.unflatten(_level(_weighted_mean(power, counted) + 10 ** ((SILENCE_LUFS - _OFFSET_LU) / 10)))


def _weighted_mean(power: Tensor, weight: Tensor) -> Tensor:
    return (power * weight).sum(-1) / (weight.sum(-1) + 1e-12)


def _level(power: Tensor) -> Tensor:
    return _OFFSET_LU + 10 * torch.log10(power.clamp(min=_LEAST_POWER))


def _blocks(sounds: Tensor, sample_rate: int, prepared: Prepared) -> Tensor:
    """Mean squares (n, blocks) of the K-weighted sounds."""
    return prepared.keep("loudness_blocks", lambda: _measure(sounds.reshape(-1, sounds.shape[-1]), sample_rate))


def _measure(sounds: Tensor, sample_rate: int) -> Tensor:
    samples = sounds.shape[-1]
    size = fast_size(samples + math.ceil(_FORGET_S * sample_rate))
    response = _k_response(size, sample_rate).to(sounds.device, sounds.dtype.to_complex())
    weighted = torch.fft.irfft(torch.fft.rfft(sounds, size) * response, size)[..., :samples]
    block = round(BLOCK_S * sample_rate)
    padded = functional.pad(weighted, (0, max(0, block - samples))).square()
    return padded.unfold(-1, block, round(block / 4)).mean(-1)


@functools.lru_cache(maxsize=16)
@torch.inference_mode(False)
def _k_response(size: int, sample_rate: int) -> Tensor:
    delay = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = np.ones(size // 2 + 1, dtype=complex)
    for numerator, denominator in k_filters(sample_rate):
        response *= np.polyval(numerator[::-1], delay) / np.polyval(denominator[::-1], delay)
    return torch.from_numpy(response)

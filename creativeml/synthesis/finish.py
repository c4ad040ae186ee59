"""The last touch that makes a raw sound fit for a sampler: no DC, a short fade at the end, a fixed peak."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

PEAK_DBFS = -1.0
FADE_S = 0.003
DC_CORNER_HZ = 4.0
# Below this a "sound" is the model's rounding noise, which must not be blown up to full level.
SILENCE_DBFS = -80.0


def finish(sound: Tensor, sample_rate: int) -> Tensor:
    """Remove DC, fade the last 3 ms to zero and scale the peak to -1 dBFS; nothing else is changed.

    Args:
        sound: float, shape (..., samples).
        sample_rate: in Hz.

    Returns:
        Same shape, float32. A sound whose peak lies below -80 dBFS keeps its level.
    """
    sound = remove_dc(sound, sample_rate) * end_fade(sound.shape[-1], sample_rate).to(sound.device)
    peak = sound.abs().amax(dim=-1, keepdim=True)
    audible = peak > 10 ** (SILENCE_DBFS / 20)
    gain = torch.where(audible, 10 ** (PEAK_DBFS / 20) / peak.clamp_min(1e-12), 1.0)
    return (sound * gain).float()


def remove_dc(sound: Tensor, sample_rate: int) -> Tensor:
    """First-order high-pass with its corner at 4 Hz: its gain at 0 Hz is zero, at 40 Hz it is -0.04 dB.

    Subtracting the mean instead would leave a constant in the silent tail and a step at the onset.

    Args:
        sound: float, shape (..., samples).
        sample_rate: in Hz.

    Returns:
        Double precision, shape (..., samples).
    """
    samples = sound.shape[-1]
    # By its exact response on a grid padded to twice the length: the filter's memory (40 ms) has died away
    # long before the padding ends, so nothing wraps around to the onset.
    size = 1 << (2 * samples - 1).bit_length()
    response = _dc_response(size, sample_rate).to(sound.device)
    return torch.fft.irfft(torch.fft.rfft(sound.double(), size) * response, size)[..., :samples]


@lru_cache(maxsize=4)
def _dc_response(size: int, sample_rate: int) -> Tensor:
    # y[n] = p (y[n-1] + x[n] - x[n-1])
    pole = 1.0 / (1.0 + 2 * math.pi * DC_CORNER_HZ / sample_rate)
    angle = -2 * math.pi * torch.fft.rfftfreq(size, dtype=torch.float64)
    delay = torch.polar(torch.ones_like(angle), angle)
    return pole * (1 - delay) / (1 - pole * delay)


def end_fade(samples: int, sample_rate: int) -> Tensor:
    """Gains, shape (samples,): one, and over the last 3 ms half a cosine down to exactly zero."""
    fade = min(samples, max(2, round(FADE_S * sample_rate)))
    gains = torch.ones(samples, dtype=torch.float64)
    gains[samples - fade :] = 0.5 + 0.5 * torch.cos(torch.linspace(0, math.pi, fade, dtype=torch.float64))
    gains[-1] = 0.0
    return gains

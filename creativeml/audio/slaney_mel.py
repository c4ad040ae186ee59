"""Mel filters on Slaney's scale, as librosa and the networks and measures that were made with it have them."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from creativeml.audio.constants import constant

_BREAK_HZ, _BREAK_MEL = 1000.0, 15.0
_STEP = math.log(6.4) / 27


def _slaney(hz: float) -> float:
    return hz * 3 / 200 if hz < _BREAK_HZ else _BREAK_MEL + math.log(hz / _BREAK_HZ) / _STEP


@constant
def slaney_filters(rate: int, window_samples: int, bands: int, low_hz: float, high_hz: float) -> Tensor:
    """Triangles of equal area on Slaney's mel scale (linear to 1 kHz, then logarithmic), as librosa's.

    Args:
        rate: in Hz.
        window_samples: length of the transform.
        bands: number of filters.
        low_hz, high_hz: outer edges.

    Returns:
        `(window_samples // 2 + 1, bands)` float64.
    """
    mel = torch.linspace(_slaney(low_hz), _slaney(high_hz), bands + 2, dtype=torch.float64, device="cpu")
    logarithmic = _BREAK_HZ * torch.exp((mel - _BREAK_MEL) * _STEP)
    edges = torch.where(mel < _BREAK_MEL, mel * 200 / 3, logarithmic)[:, None]
    bins = torch.arange(window_samples // 2 + 1, dtype=torch.float64, device="cpu") * rate / window_samples
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = torch.minimum(rising, falling).clamp_min(0) * (2 / (edges[2:] - edges[:-2]))
    return triangles.T.contiguous()

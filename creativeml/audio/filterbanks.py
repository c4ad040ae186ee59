"""Mel bands as seen from the synthesis side: where they lie, and how band values spread over FFT bins."""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.audio.log_mel import hz_to_mel, mel_to_hz


def mel_centres_hz(bands: int, low_hz: float, high_hz: float) -> Tensor:
    """Centres of `bands` bands equally spaced in mel between two edges: `(bands,)` float64, in Hz."""
    return mel_to_hz(torch.linspace(hz_to_mel(low_hz), hz_to_mel(high_hz), bands + 2, dtype=torch.float64))[1:-1]


def interpolation_matrix(bands: int, n_fft: int, sample_rate: float, *, low_hz: float = 20.0) -> Tensor:
    """Matrix that spreads band values over FFT bins by linear interpolation in mel.

    Returns:
        `(bands, n_fft // 2 + 1)`, each column with sum 1; bins outside the outermost centres take the nearest band.
    """
    bins_hz = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * sample_rate / n_fft
    return interpolation_at(bins_hz, bands, sample_rate, low_hz=low_hz)


def interpolation_at(hz: Tensor, bands: int, sample_rate: float, *, low_hz: float = 20.0) -> Tensor:
    """As `interpolation_matrix`, at any frequencies: `(bands, len(hz))`."""
    centres = mel_centres_hz(bands, low_hz, sample_rate / 2)
    first, second = hz_to_mel(float(centres[0])), hz_to_mel(float(centres[1]))
    mel = torch.tensor([hz_to_mel(float(f)) for f in hz], dtype=torch.float64)
    position = ((mel - first) / (second - first)).clamp(0, bands - 1)
    distance = (position[None, :] - torch.arange(bands, dtype=torch.float64)[:, None]).abs()
    return (1.0 - distance).clamp(min=0).float()

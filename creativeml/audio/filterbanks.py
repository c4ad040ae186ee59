"""Mel filterbanks in torch alone, safe for short windows (no empty band)."""

from __future__ import annotations

import torch
from torch import Tensor


def hz_to_mel(frequency_hz: Tensor) -> Tensor:
    """Mel value of a frequency in Hz on the scale of O'Shaughnessy (1987), 2595 log10(1 + f / 700)."""
    return 2595.0 * torch.log10(1.0 + frequency_hz / 700.0)


def mel_to_hz(mel: Tensor) -> Tensor:
    """Inverse of `hz_to_mel`."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def mel_centres_hz(bands: int, low_hz: float, high_hz: float) -> Tensor:
    """Edges and centres of `bands` triangular bands: `(bands + 2,)`, in Hz, equally spaced in mel."""
    low, high = hz_to_mel(torch.tensor([low_hz, high_hz], dtype=torch.float64))
    return mel_to_hz(torch.linspace(float(low), float(high), bands + 2, dtype=torch.float64))


def mel_filterbank(
    n_fft: int, bands: int, sample_rate: float, *, low_hz: float = 20.0, high_hz: float | None = None
) -> Tensor:
    """Triangular bands over the bins of an FFT.

    A band narrower than the distance of two bins would be empty, as happens in the bass with short windows; such a
    band is widened to one bin on either side, so that it reads the nearest bins by interpolation.

    Args:
        n_fft: length of the transform in samples.
        bands: number of bands.
        sample_rate: in Hz.
        low_hz, high_hz: range of the bands; `high_hz` is by default half the sample rate.

    Returns:
        `(n_fft // 2 + 1, bands)`, each band with sum 1 (a band's value is a weighted mean over bins).
    """
    edges = mel_centres_hz(bands, low_hz, high_hz or sample_rate / 2)
    spacing = sample_rate / n_fft
    centre = edges[1:-1]
    below = torch.maximum(centre - edges[:-2], torch.tensor(spacing, dtype=torch.float64))
    above = torch.maximum(edges[2:] - centre, torch.tensor(spacing, dtype=torch.float64))
    frequency = torch.arange(n_fft // 2 + 1, dtype=torch.float64)[:, None] * spacing
    weights = torch.minimum((frequency - centre + below) / below, (centre + above - frequency) / above).clamp(min=0)
    return (weights / weights.sum(0, keepdim=True).clamp(min=1e-12)).float()


def interpolation_matrix(bands: int, n_fft: int, sample_rate: float, *, low_hz: float = 20.0) -> Tensor:
    """Matrix that spreads band values over FFT bins by linear interpolation in mel.

    Returns:
        `(bands, n_fft // 2 + 1)`, each column with sum 1; bins outside the outermost centres take the nearest band.
    """
    centre = hz_to_mel(mel_centres_hz(bands, low_hz, sample_rate / 2)[1:-1])
    bins = hz_to_mel(torch.arange(n_fft // 2 + 1, dtype=torch.float64) * sample_rate / n_fft)
    position = ((bins - centre[0]) / (centre[1] - centre[0])).clamp(0, bands - 1)
    distance = (position[None, :] - torch.arange(bands, dtype=torch.float64)[:, None]).abs()
    return (1.0 - distance).clamp(min=0).float()

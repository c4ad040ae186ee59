"""Log-mel frames with torch alone, for the evaluation and the classifiers: the base install must run them."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from creativeml.audio.filterbanks import mel_filterbank

FLOOR_DB = -80.0
"""Level, relative to a full-scale sine, below which spectra count as silent."""


@functools.lru_cache(maxsize=16)
def _filters(sample_rate: int, window_samples: int, bands: int, low_hz: float, high_hz: float) -> Tensor:
    high_hz = min(high_hz, sample_rate / 2)
    return mel_filterbank(window_samples, bands, sample_rate, low_hz=low_hz, high_hz=high_hz)


@functools.lru_cache(maxsize=16)
def _window(length_samples: int) -> Tensor:
    return torch.hann_window(length_samples)


def power_spectrogram(sounds: Tensor, window_samples: int, hop_samples: int) -> Tensor:
    """Short-time power spectrum, scaled so that a full-scale sine has power 1 in its bin.

    Args:
        sounds: (batch, samples); frame t is centred on sample t * hop_samples, with silence around the sound.
        window_samples: length of the Hann window and of the transform.
        hop_samples: from frame to frame.

    Returns:
        (batch, window_samples // 2 + 1, 1 + samples // hop_samples).
    """
    window = _window(window_samples).to(sounds)
    spectrum = torch.stft(
        sounds,
        window_samples,
        hop_samples,
        window=window,
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return torch.view_as_real(spectrum).square().sum(-1) * (2.0 / float(_window(window_samples).sum())) ** 2


def log_mel(
    sounds: Tensor,
    sample_rate: int,
    *,
    window_samples: int = 2048,
    hop_samples: int = 512,
    bands: int = 64,
    low_hz: float = 30.0,
    high_hz: float = 20000.0,
) -> Tensor:
    """Mel spectrogram in decibels, floored at `FLOOR_DB`.

    Args:
        sounds: (batch, samples) float, full scale = 1.
        sample_rate: in Hz.
        window_samples, hop_samples: of the short-time transform.
        bands, low_hz, high_hz: of the mel filters.

    Returns:
        (batch, bands, frames) in dB, 0 for a full-scale sine centred on a one-bin band.
    """
    filters = _filters(sample_rate, window_samples, bands, low_hz, high_hz).to(sounds)
    power = power_spectrogram(sounds, window_samples, hop_samples)
    return decibels(torch.einsum("bft,fm->bmt", power, filters))


def decibels(power: Tensor) -> Tensor:
    """10 log10 of a power, floored at `FLOOR_DB` (the floor is added, so gradients stay finite)."""
    return 10.0 * torch.log10(power + 10.0 ** (FLOOR_DB / 10.0))

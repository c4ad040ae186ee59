"""Log-mel frames with torch alone, for the evaluation and the classifiers: the base install must run them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.audio.constants import constant
from creativeml.audio.exported_fourier import frames_of
from creativeml.audio.fourier import power_spectrum

FLOOR_DB = -80.0
"""Level, relative to a full-scale sine, below which spectra count as silent."""


def hz_to_mel(frequency_hz: float) -> float:
    """Mel value of a frequency, after O'Shaughnessy (1987): 2595 log10(1 + f / 700)."""
    return 1127.0 * math.log1p(frequency_hz / 700.0)


def mel_to_hz(mel: Tensor) -> Tensor:
    """Frequencies in Hz of mel values, the inverse of `hz_to_mel`."""
    return 700.0 * torch.expm1(mel / 1127.0)


@constant
def mel_filters(sample_rate: int, window_samples: int, bands: int, low_hz: float, high_hz: float) -> Tensor:
    """Triangular filters, evenly spaced in mel, that average the power of the bins they cover.

    Args:
        sample_rate: in Hz.
        window_samples: length of the transform.
        bands: number of filters.
        low_hz, high_hz: lower edge of the first filter and upper edge of the last one, in Hz; the upper edge
            is lowered to half the sample rate where needed.

    Returns:
        (window_samples // 2 + 1, bands) float32; every column sums to 1.
    """
    high_hz = min(high_hz, sample_rate / 2)
    if not 0 <= low_hz < high_hz:
        raise ValueError(f"mel filters need 0 <= low < high, not {low_hz} and {high_hz} Hz")
    edges_mel = torch.linspace(hz_to_mel(low_hz), hz_to_mel(high_hz), bands + 2, dtype=torch.float64, device="cpu")
    edges = mel_to_hz(edges_mel)[:, None]
    bins = torch.arange(window_samples // 2 + 1, dtype=torch.float64, device="cpu") * sample_rate / window_samples
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    weights = torch.minimum(rising, falling).clamp_min(0)
    # A filter narrower than a bin may fall between two bins: it then takes the nearest one.
    nearest = F.one_hot((bins - edges[1:-1]).abs().argmin(1), len(bins)).to(weights)
    weights = torch.where(weights.sum(1, keepdim=True) > 0, weights, nearest)
    return (weights / weights.sum(1, keepdim=True)).T.contiguous().float()


@constant
def _window(length_samples: int) -> Tensor:
    return torch.hann_window(length_samples, device="cpu")


def power_spectrogram(sounds: Tensor, window_samples: int, hop_samples: int) -> Tensor:
    """Short-time power spectrum, scaled so that a full-scale sine has power 1 in its bin.

    Args:
        sounds: (batch, samples); frame t is centred on sample t * hop_samples, with silence around the sound.
        window_samples: length of the Hann window and of the transform.
        hop_samples: from frame to frame.

    Returns:
        (batch, window_samples // 2 + 1, 1 + samples // hop_samples).
    """
    half = window_samples // 2
    window = _window(window_samples).to(sounds) * _full_scale(window_samples)
    frames = frames_of(F.pad(sounds, (half, half)), window_samples, hop_samples) * window
    return power_spectrum(frames).transpose(1, 2)


def compressed_spectrogram(
    sounds: Tensor, window_samples: int, hop_samples: int, *, bins: int, exponent: float = 0.3
) -> Tensor:
    """Short-time spectrum with its phases and compressed magnitudes, so that quiet parts can be seen beside loud ones.

    Args:
        sounds: (batch, samples); frames as in `power_spectrogram`.
        window_samples, hop_samples: of the short-time transform.
        bins: how many are kept, from 0 Hz on.
        exponent: of the magnitude, which is 1 for a full-scale sine. Below `FLOOR_DB` the map becomes linear, so that
            its slope stays finite.

    Returns:
        (batch, 2, bins, frames): real and imaginary parts.
    """
    spectrum = _spectrum(sounds, window_samples, hop_samples)[:, :bins] * _full_scale(window_samples)
    power = spectrum.square().sum(-1, keepdim=True)
    return (spectrum * (power + 10.0 ** (FLOOR_DB / 10.0)) ** ((exponent - 1.0) / 2.0)).permute(0, 3, 1, 2)


def _spectrum(sounds: Tensor, window_samples: int, hop_samples: int) -> Tensor:
    """Short-time transform (batch, bins, frames, 2) with real and imaginary parts, not scaled."""
    spectrum = torch.stft(
        sounds,
        window_samples,
        hop_samples,
        window=_window(window_samples).to(sounds),
        center=True,
        pad_mode="constant",
        return_complex=True,
    )
    return torch.view_as_real(spectrum)


def _full_scale(window_samples: int) -> float:
    """What makes the magnitude of a full-scale sine 1 in its bin."""
    # The Hann window's sum is half its length.
    return 4.0 / window_samples


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
    filters = mel_filters(sample_rate, window_samples, bands, low_hz, high_hz).to(sounds)
    power = power_spectrogram(sounds, window_samples, hop_samples)
    return decibels(torch.einsum("bft,fm->bmt", power, filters))


def decibels(power: Tensor) -> Tensor:
    """10 log10 of a power, floored at `FLOOR_DB` (the floor is added, so gradients stay finite)."""
    return 10.0 * torch.log10(power + 10.0 ** (FLOOR_DB / 10.0))

"""Spectrograms that can be turned back into sound: STFT, log1p mel, and their inverses.

Each front end is a function of tensors and a thin module that keeps the window and the filters as buffers.
Everything takes (..., samples) and works on batches. (`log_mel` holds the one-way decibel features that the
base install needs.)
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from creativeml.errors import CreativeMLError, require

_SILENT = 1e-8


@dataclass(frozen=True)
class MelConfig:
    """A log1p mel spectrogram: 65,536 samples become 128 x 128 values between 0 and about 7."""

    sample_rate: int = 44100
    """Hz"""
    window_samples: int = 2048
    """length of the Hann window and of the transform"""
    hop_samples: int = 512
    """from frame to frame"""
    bands: int = 128
    """number of mel bands"""
    low_hz: float = 20.0
    """lower edge of the lowest band"""
    high_hz: float = 22050.0
    """upper edge of the highest band; at most half the sample rate"""

    def __post_init__(self) -> None:
        if not 0 <= self.low_hz < self.high_hz <= self.sample_rate / 2:
            raise CreativeMLError(
                f"mel bands need 0 <= low_hz < high_hz <= {self.sample_rate / 2:g} Hz, "
                f"not {self.low_hz:g} to {self.high_hz:g}"
            )
        if self.bands < 1 or not 0 < self.hop_samples <= self.window_samples // 2:
            raise CreativeMLError(
                "a mel spectrogram needs at least one band and a hop of at most half its window, "
                f"not {self.bands} bands and {self.hop_samples} of {self.window_samples} samples"
            )

    def frames(self, samples: int) -> int:
        """Number of frames that a sound of this many samples gives."""
        return -(-samples // self.hop_samples)


def stft(sounds: Tensor, window: Tensor, hop_samples: int) -> Tensor:
    """Short-time Fourier transform with silence assumed before and after.

    Args:
        sounds: (..., samples).
        window: (n,), as long as the transform.
        hop_samples: from frame to frame.

    Returns:
        (..., n // 2 + 1, ceil(samples / hop)) complex; frame t is centred on sample t * hop, within the
        sound.
    """
    flat = sounds.reshape(-1, sounds.shape[-1])
    spectrum = torch.stft(
        flat, len(window), hop_samples, window=window, center=True, pad_mode="constant", return_complex=True
    )
    frames = -(-sounds.shape[-1] // hop_samples)
    return spectrum[..., :frames].reshape(*sounds.shape[:-1], spectrum.shape[-2], frames)


def istft(spectrum: Tensor, window: Tensor, hop_samples: int, samples: int) -> Tensor:
    """Sound (..., samples) whose `stft` is nearest to `spectrum` (..., bins, frames); Griffin, Lim (1984)."""
    flat = spectrum.reshape(-1, *spectrum.shape[-2:])
    # The frame centred on the end, which `stft` leaves out, lets the last samples be overlapped like the
    # others.
    flat = functional.pad(flat, (0, 1 + samples // hop_samples - flat.shape[-1]))
    sounds = torch.istft(flat, len(window), hop_samples, window=window, center=True, length=samples)
    return sounds.reshape(*spectrum.shape[:-2], samples)


def mel_filters(config: MelConfig) -> Tensor:
    """Triangular filters (bands, bins) of height 1 on Slaney's mel scale."""
    torchaudio = require("torchaudio.functional", extra="train")
    bins = config.window_samples // 2 + 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about empty bands, which are an error here
        filters = torchaudio.melscale_fbanks(
            bins,
            config.low_hz,
            config.high_hz,
            config.bands,
            config.sample_rate,
            norm=None,
            mel_scale="slaney",
        ).T.contiguous()
    empty = int((filters.sum(1) == 0).sum())
    if empty:
        raise CreativeMLError(
            f"{empty} of {config.bands} mel bands are narrower than the spacing of the transform: "
            f"use fewer bands, or a window longer than {config.window_samples} samples"
        )
    return filters


def log1p_mel(sounds: Tensor, window: Tensor, filters: Tensor, hop_samples: int) -> Tensor:
    """log(1 + mel magnitude): 0 is silence, and what is 60 dB below full scale still counts.

    Args:
        sounds: (..., samples).
        window: (n,).
        filters: (bands, n // 2 + 1).
        hop_samples: from frame to frame.

    Returns:
        (..., bands, ceil(samples / hop)), low bands first.
    """
    return torch.log1p(filters @ stft(sounds, window, hop_samples).abs())


def mel_to_magnitude(mel: Tensor, filters: Tensor, iterations: int = 50) -> Tensor:
    """Non-negative magnitudes (..., bins, frames) whose log1p mel is `mel` (..., bands, frames).

    Least squares under the constraint, by Lee and Seung's multiplicative updates (2001), from the smooth
    spectrum in which each bin takes the level of the bands around it.
    """
    bands = torch.expm1(mel.clamp(min=0))
    spread = filters.T / filters.sum(0).clamp(min=_SILENT)[:, None]
    magnitude = spread @ (bands / filters.sum(1, keepdim=True))
    wanted = filters.T @ bands
    square = filters.T @ filters
    for _ in range(iterations):
        magnitude = magnitude * wanted / (square @ magnitude).clamp(min=_SILENT)
    return magnitude


def griffin_lim(magnitude: Tensor, window: Tensor, hop_samples: int, samples: int, iterations: int = 64) -> Tensor:
    """Sound (..., samples) whose STFT magnitudes come near `magnitude` (..., bins, frames).

    The fast variant of Perraudin, Balazs and Sondergaard (2013). Phases start as those of one impulse at
    sample 0, since a drum's partials start together at its onset; so nothing is random.
    """
    bins, frames = magnitude.shape[-2:]
    size = len(window)
    frame = torch.arange(frames, device=magnitude.device)
    position = size // 2 - frame * hop_samples
    angle = -2 * math.pi / size * torch.remainder(torch.outer(torch.arange(bins, device=frame.device), position), size)
    phase = torch.polar(torch.ones_like(angle), angle).to(magnitude.dtype.to_complex())
    previous = torch.zeros_like(phase)
    for _ in range(iterations):
        rebuilt = stft(istft(magnitude * phase, window, hop_samples, samples), window, hop_samples)
        faster = rebuilt + 0.99 * (rebuilt - previous)
        phase = faster / faster.abs().clamp(min=_SILENT)
        previous = rebuilt
    return istft(magnitude * phase, window, hop_samples, samples)


class MelSpectrogram(nn.Module):
    """`log1p_mel` with its window and filters as buffers, and the way back.

    Raises:
        MissingExtra: torchaudio, which makes the filters, is not installed.
        CreativeMLError: bands too narrow for the window.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, config: MelConfig | None = None) -> None:
        super().__init__()
        self.config = config or MelConfig()
        self.register_buffer("window", torch.hann_window(self.config.window_samples), persistent=False)
        self.register_buffer("filters", mel_filters(self.config), persistent=False)

    def forward(self, sounds: Tensor) -> Tensor:
        """Log1p mel (..., bands, frames) of sounds (..., samples)."""
        return log1p_mel(sounds, self.window, self.filters, self.config.hop_samples)

    @torch.no_grad()
    def to_sound(self, mel: Tensor, samples: int, iterations: int = 64) -> Tensor:
        """Sounds (..., samples) of mels (..., bands, frames): magnitudes by `mel_to_magnitude`, then
        `griffin_lim`.

        Raises:
            CreativeMLError: the number of frames does not belong to this number of samples.
        """
        if mel.shape[-1] != self.config.frames(samples):
            raise CreativeMLError(
                f"{mel.shape[-1]} mel frames do not make {samples} samples: "
                f"{self.config.frames(samples)} frames are needed"
            )
        magnitude = mel_to_magnitude(mel, self.filters)
        return griffin_lim(magnitude, self.window, self.config.hop_samples, samples, iterations)

"""Sounds as pictures of one size, for networks of pictures."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from creativeml.audio.log_mel import FLOOR_DB, log_mel


def log_mel_pictures(
    sounds: Tensor,
    sample_rate: int,
    *,
    bands: int = 64,
    frames: int = 64,
    window_samples: int = 2048,
    silence: float = -1.0,
) -> Tensor:
    """Log-mel spectrograms from `silence` (80 dB below full scale, or less) to 1 (full scale).

    Args:
        sounds: `(b, samples)`, full scale = 1.
        sample_rate: in Hz.
        bands: height of the pictures, low bands first.
        frames: width of the pictures; they share the sound evenly.
        window_samples: of the spectrogram.
        silence: value of what is not heard, below 1.

    Returns:
        `(b, 1, bands, frames)`.
    """
    hop = -(-sounds.shape[1] // frames)
    padded = F.pad(sounds, (0, hop * frames - sounds.shape[1]))
    levels = log_mel(padded, sample_rate, window_samples=window_samples, hop_samples=hop, bands=bands)[..., :frames]
    return (1.0 - (1.0 - silence) * levels / FLOOR_DB).clamp(silence, 1.0)[:, None]

"""What the networks of others hear first: mel spectrograms exactly as each was trained on."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def pad_to(sounds: Tensor, samples: int) -> Tensor:
    """Silence appended until there are at least `samples`: `(b, n)` → `(b, max(n, samples))`."""
    return functional.pad(sounds, (0, max(0, samples - sounds.shape[1])))


def power_frames(sounds: Tensor, window_samples: int, hop_samples: int, pad_mode: str = "constant") -> Tensor:
    """Squared magnitudes of centred frames under a periodic Hann window: `(b, n)` → `(b, frames, bins)`.

    Args:
        sounds: `(b, samples)`.
        window_samples, hop_samples: of the transform.
        pad_mode: what lies beyond the ends, "constant" (silence) or "reflect".
    """
    window = torch.hann_window(window_samples, dtype=sounds.dtype, device=sounds.device)
    spectrum = torch.stft(
        sounds, window_samples, hop_samples, window=window, center=True, pad_mode=pad_mode, return_complex=True
    )
    return torch.view_as_real(spectrum).square().sum(-1).transpose(1, 2)

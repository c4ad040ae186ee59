"""Spectral distances between sounds, and an energy distance built on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from creativeml.audio.log_mel import FLOOR_DB, log_mel


@dataclass(frozen=True)
class Resolution:
    """One log-mel spectrogram of a pyramid.

    Attributes:
        window_samples, hop_samples: of the short-time transform.
        bands: mel bands.
        share: only this share of the sound, from its start, is looked at (the attack needs the short window).
    """

    window_samples: int
    hop_samples: int
    bands: int
    share: float = 1.0


RESOLUTIONS: tuple[Resolution, ...] = (
    Resolution(2048, 1024, 128),
    Resolution(512, 256, 80),
    Resolution(128, 64, 40, 0.25),
)


def log_mel_pyramid(sounds: Tensor, sample_rate: int) -> list[Tensor]:
    """Log-mel spectrograms at the `RESOLUTIONS`, each `(b, bands, frames)`, 1 at full scale and 0 at the floor."""
    pyramid = []
    for r in RESOLUTIONS:
        part = sounds[:, : int(r.share * sounds.shape[1])].float()
        db = log_mel(part, sample_rate, window_samples=r.window_samples, hop_samples=r.hop_samples, bands=r.bands)
        pyramid.append(1.0 - db / FLOOR_DB)
    return pyramid


def pyramid_distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """Mean absolute difference of two pyramids, per sound: `(b,)`. 0.1 is 8 dB on average."""
    return torch.stack([(x - y).abs().flatten(1).mean(1) for x, y in zip(a, b, strict=True)]).mean(0)


def spectral_energy_distance(real: Tensor, first: Tensor, second: Tensor, sample_rate: int) -> Tensor:
    """Energy distance between a real sound and a generator that draws two sounds for it.

    2 E d(real, drawn) - E d(drawn, drawn'), halved (Gritsenko et al., "A spectral energy distance for parallel speech
    synthesis", 2020). The second term pushes the two draws apart as much as real noise differs from itself; without it
    the best answer to noise would be a smooth spectrum, which sounds like a filter and not like a snare.

    Args:
        real, first, second: `(b, samples)`; `first` and `second` share latent and condition but not the noise.
        sample_rate: in Hz.

    Returns:
        Scalar. Smallest when the draws are distributed as the real sound is; then it is half the distance of two
        draws, which only for a sound without noise is 0.
    """
    r, x, y = (log_mel_pyramid(s, sample_rate) for s in (real, first, second))
    attraction = 0.5 * (pyramid_distance(r, x) + pyramid_distance(r, y))
    return (attraction - 0.5 * pyramid_distance(x, y)).mean()

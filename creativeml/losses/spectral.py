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

STFT_RESOLUTIONS: tuple[tuple[int, int, int], ...] = ((1024, 120, 600), (2048, 240, 1200), (512, 50, 240))
"""Samples of transform, hop and window of `stft_distance`, as published."""
_LEAST_MAGNITUDE = 1e-7


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


def stft_distance(sounds: Tensor, wanted: Tensor) -> Tensor:
    """Multi-resolution STFT distance of sounds from others, one from each (R. Yamamoto, E. Song, J.-M. Kim, "Parallel
    WaveGAN", 2020): mean over three resolutions of spectral convergence, the norm of the difference of the magnitudes
    relative to that of the wanted ones, plus the mean absolute difference of their natural logarithms.

    Levels count: bring sounds to one level first where they shall not.

    Args:
        sounds: `(b, samples)`.
        wanted: `(b, samples)`, or `(1, samples)` for all.

    Returns:
        `(b,)`, 0 for equal sounds.
    """
    total = torch.zeros(len(sounds), device=sounds.device)
    for size, hop, length in STFT_RESOLUTIONS:
        made, aim = (_magnitudes(part, size, hop, length) for part in (sounds, wanted))
        convergence = (made - aim).flatten(1).norm(dim=1) / aim.flatten(1).norm(dim=1).clamp_min(_LEAST_MAGNITUDE)
        total = total + convergence + (made.log() - aim.log()).abs().flatten(1).mean(1)
    return total / len(STFT_RESOLUTIONS)


def _magnitudes(sounds: Tensor, size: int, hop: int, length: int) -> Tensor:
    window = torch.hann_window(length, device=sounds.device)
    spectrum = torch.stft(sounds.float(), size, hop, length, window, center=True, return_complex=True)
    # Before the root: so the gradient of silence is finite.
    return (spectrum.real.square() + spectrum.imag.square()).clamp_min(_LEAST_MAGNITUDE).sqrt()

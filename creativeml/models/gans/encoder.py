"""The encoder that is trained beside a generator: from a sound to the latent from which it can be made again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.layers.equalized import EqualLinear
from creativeml.models.gans.critics import SpectralCritic, SpectralView
from creativeml.models.registry import register

_FRAMES = _BANDS = 128
_FEATURES = 256


@dataclass(frozen=True)
class SoundEncoderConfig:
    """Shape of `SoundEncoder`: that of the generator it belongs to."""

    latent_dim: int = 64
    condition_dim: int = 11
    sample_rate: int = 44100
    length_samples: int = 65536
    channels: tuple[int, ...] = (32, 64, 96, 128, 192)


@register("sound_encoder", SoundEncoderConfig)
class SoundEncoder(nn.Module):
    """Sound and condition → mean and log-variance of its latent (the encoder of a VAE, Kingma & Welling 2014).

    Trained together with the generator it gives every training sound a place in the latent space, so that none is
    forgotten by the adversarial game.

    Args:
        config: its shape.
    """

    def __init__(self, config: SoundEncoderConfig) -> None:
        super().__init__()
        self.config = config
        hop = config.length_samples // _FRAMES
        self.view = SpectralView(4 * hop, hop, _BANDS, _FRAMES)
        self.trunk = SpectralCritic(self.view, config.channels, _FEATURES)
        self.to_latent = EqualLinear(_FEATURES + config.condition_dim, 2 * config.latent_dim)

    def forward(self, sounds: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """`(b, samples)`, `(b, condition_dim)` → mean and log-variance, each `(b, latent_dim)`."""
        features = self.trunk(self.view.picture(sounds, self.config.sample_rate))
        mean, log_variance = self.to_latent(torch.cat([features.float(), condition], dim=1)).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-8.0, 4.0)

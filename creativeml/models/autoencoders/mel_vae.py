"""A variational autoencoder of mel spectrograms, by 2-D convolutions: understood, and trained, in minutes.

    mel = MelSpectrogram()
    model.reconstruct(mel(sounds))                          # pictures, made again
    mel.to_sound(model.sample(4), samples=65536)            # new sounds, by Griffin-Lim

Kingma and Welling, "Auto-encoding variational Bayes" (ICLR 2014, arXiv 1312.6114). A spectrogram leaves out the phases,
so its sounds need a search for them (Griffin and Lim 1984), and are never better than what that search makes of the
true spectrogram. `models.autoencoders.wave_vae` has no such ceiling.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.layers.equalized import GAIN, EqualConv, EqualLinear, activate
from creativeml.layers.picture import PictureDecoder
from creativeml.losses.likelihood import gaussian_nll_with_variance
from creativeml.losses.variational import kl_standard_normal, sample_gaussian
from creativeml.models.registry import register

_PATCH = 2


@dataclass(frozen=True)
class MelVAEConfig:
    """Shape of the autoencoder."""

    bands: int = 128
    frames: int = 128
    latent_dim: int = 32
    channels: tuple[int, ...] = (16, 32, 64, 96)
    """Of the encoder at each halving of both axes, mirrored in the decoder."""
    hidden_dim: int = 128
    scale: float = 4.0
    """What pictures are divided by: log1p mels go from 0 to about 7."""
    kl_weight: float = 1.0
    """Of the latents' divergence from the prior; 1 is the bound itself, less a sharper picture (beta-VAE, Higgins et
    al. 2017)."""

    def __post_init__(self) -> None:
        for name in ("latent_dim", "hidden_dim"):
            check_range(name, getattr(self, name), 1)
        if not self.channels or min(self.channels) < 1:
            raise ValueError("channels must name at least one halving of at least one channel")
        least = 2 ** len(self.channels)
        if self.bands % least or self.frames % least or min(self.bands, self.frames) < least:
            raise ValueError(
                f"{len(self.channels)} channels halve a picture as often: bands and frames must be multiples of {least}"
            )
        if not self.scale > 0 or self.kl_weight < 0:
            raise ValueError("scale must be more than 0 and kl_weight not negative")

    @property
    def coarsest(self) -> tuple[int, int]:
        """Rows and columns of the smallest picture."""
        return self.bands >> len(self.channels), self.frames >> len(self.channels)


@register("mel_vae", MelVAEConfig)
class MelVAE(nn.Module):
    """The autoencoder. `forward` returns the evidence lower bound of each picture.

    Args:
        config: its shape.
    """

    def __init__(self, config: MelVAEConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        self.encoder = nn.ModuleList(
            EqualConv(i, o, (3, 3), stride=(2, 2)) for i, o in itertools.pairwise((1, *c.channels))
        )
        rows, columns = c.coarsest
        self.to_hidden = EqualLinear(c.channels[-1] * rows * columns, c.hidden_dim, gain=GAIN)
        self.to_latent = EqualLinear(c.hidden_dim, 2 * c.latent_dim)
        self.decoder = PictureDecoder(c.latent_dim, 1, c.coarsest, c.channels[::-1], patch=_PATCH)
        self.log_noise_variance = nn.Parameter(torch.zeros(()))

    def encode(self, mels: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior of each picture: `(b, bands, frames)` → means and log-variances, each `(b, latent_dim)`.

        Raises:
            ValueError: pictures of another size.
        """
        c = self.config
        if mels.ndim != 3 or mels.shape[1:] != (c.bands, c.frames):
            raise ValueError(f"pictures must be (b, {c.bands}, {c.frames}), not {tuple(mels.shape)}")
        x = (mels[:, None] / c.scale).contiguous(memory_format=torch.channels_last)
        for conv in self.encoder:
            x = activate(conv(x))
        mean, log_variance = self.to_latent(activate(self.to_hidden(x.flatten(1)))).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-10.0, 4.0)

    def decode(self, latents: Tensor) -> Tensor:
        """Means of the pictures that latents explain: `(b, latent_dim)` → `(b, bands, frames)`."""
        return self.decoder(latents)[:, 0] * self.config.scale

    def forward(self, mels: Tensor, noise: Tensor | None = None) -> Tensor:
        """Evidence lower bound of each picture.

        Args:
            mels: `(b, bands, frames)`.
            noise: standard normal `(b, latent_dim)` with which latents are drawn; drawn afresh if None.

        Returns:
            `(b,)` in nats.
        """
        mean, log_variance = self.encode(mels)
        latents = sample_gaussian(mean, log_variance, noise)
        surprise = gaussian_nll_with_variance(self.decode(latents), self.log_noise_variance.expand_as(mels), mels)
        return -surprise.sum((1, 2)) - self.config.kl_weight * kl_standard_normal(mean, log_variance)

    def evidence(self, mels: Tensor) -> Tensor:
        """What training maximises, in nats: the bound, `(b, bands, frames)` → `(b,)`."""
        return self(mels)

    def reconstruct(self, mels: Tensor) -> Tensor:
        """A picture's mean at the posterior's mean: `(b, bands, frames)` → `(b, bands, frames)`."""
        return self.decode(self.encode(mels)[0])

    @torch.no_grad()
    def sample(self, count: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Pictures of latents drawn from the prior: `(count, bands, frames)`."""
        latents = torch.randn(count, self.config.latent_dim, generator=generator)
        return self.decode(latents.to(self.log_noise_variance)).clamp(min=0.0)

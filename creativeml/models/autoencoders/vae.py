"""A general Gaussian variational autoencoder of vectors.

Kingma and Welling, "Auto-encoding variational Bayes" (ICLR 2014, arXiv 1312.6114): z ~ N(0, I), x ~ N(decoder(z),
s^2 I) with one learned s, q(z | x) a diagonal Gaussian from the encoder. Without hidden layers it is linear, and its
bound can be computed without drawing; at its best that model is probabilistic PCA and the bound is tight (Tipping and
Bishop 1999; Lucas et al. 2019, arXiv 1911.02469). The decoder of sounds by kind is `models.autoencoders.drum_vae`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.layers.perceptron import hidden_layers, perceptron
from creativeml.losses.likelihood import gaussian_nll_with_variance
from creativeml.losses.variational import kl_standard_normal, sample_gaussian
from creativeml.models.registry import register
from creativeml.models.sizes import check_last


@dataclass(frozen=True)
class VAEConfig:
    """Shape of the autoencoder."""

    features: int = 64
    """Numbers of one input."""
    hidden: tuple[int, ...] = (64,)
    """Units of the encoder's hidden layers, mirrored in the decoder; none makes the model linear."""
    latent_dim: int = 8

    def __post_init__(self) -> None:
        check_range("features", self.features, 1)
        check_range("latent_dim", self.latent_dim, 1)
        if any(units < 1 for units in self.hidden):
            raise ValueError(f"every hidden layer needs at least one unit, got {self.hidden}")


@register("vae", VAEConfig)
class VAE(nn.Module):
    """The autoencoder. `forward` returns the evidence lower bound of each input.

    Args:
        config: its shape.
    """

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = hidden_layers((config.features, *config.hidden))
        last = config.hidden[-1] if config.hidden else config.features
        self.mean = nn.Linear(last, config.latent_dim)
        # The posterior of a linear Gaussian model is as wide for every input.
        self.spread = None if self.linear else nn.Linear(last, config.latent_dim)
        self.log_variance = nn.Parameter(torch.zeros(config.latent_dim)) if self.linear else None
        self.decoder = perceptron((config.latent_dim, *reversed(config.hidden), config.features))
        self.log_noise_variance = nn.Parameter(torch.zeros(()))

    @property
    def linear(self) -> bool:
        """Whether it has no hidden layers."""
        return not self.config.hidden

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior of each input: `(b, features)` → means and log-variances, each `(b, latent_dim)`."""
        check_last(x, self.config.features, "features")
        hidden = self.encoder(x)
        mean = self.mean(hidden)
        if self.spread is None:
            assert self.log_variance is not None
            return mean, self.log_variance.expand_as(mean)
        return mean, self.spread(hidden)

    def decode(self, latent: Tensor) -> Tensor:
        """Means of the inputs that latents explain: `(b, latent_dim)` → `(b, features)`."""
        return self.decoder(latent)

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """Evidence lower bound of each input.

        Args:
            x: `(b, features)`.
            noise: standard normal `(b, latent_dim)` with which latents are drawn; drawn afresh if None. A linear model
                has no use for it: its bound is exact.

        Returns:
            `(b,)` in nats; float32 at least.
        """
        mean, log_variance = self.encode(x)
        excess: Tensor | float = 0.0
        if self.linear:
            latent = mean
            # What the latents' spread adds to the squared error on average.
            matrix: Tensor = self.decoder[-1].weight  # type: ignore[assignment]
            excess = (matrix.square().sum(0) * log_variance.exp()).sum(1)
        else:
            latent = sample_gaussian(mean, log_variance, noise)
        surprise = gaussian_nll_with_variance(self.decode(latent), self.log_noise_variance.expand_as(x), x).sum(1)
        surprise = surprise + 0.5 * excess * torch.exp(-self.log_noise_variance)
        bound = -surprise - kl_standard_normal(mean, log_variance)
        return bound if bound.dtype == torch.float64 else bound.float()

    def evidence(self, x: Tensor) -> Tensor:
        """What training maximises, in nats: the bound, `(b, features)` → `(b,)`."""
        return self(x)

    def reconstruct(self, x: Tensor) -> Tensor:
        """Input's mean at the posterior's mean: `(b, features)` → `(b, features)`."""
        return self.decode(self.encode(x)[0])

    @torch.no_grad()
    def sample(self, count: int, *, generator: torch.Generator | None = None) -> Tensor:
        """Means of inputs of latents drawn from the prior, without the noise of every number: `(count, features)`."""
        latent = torch.randn(count, self.config.latent_dim, generator=generator)
        return self.decode(latent.to(self.mean.weight))

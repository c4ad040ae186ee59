"""Terms of variational autoencoders."""

from __future__ import annotations

import torch
from torch import Tensor


def sample_gaussian(mean: Tensor, log_variance: Tensor, noise: Tensor | None = None) -> Tensor:
    """A draw from a diagonal Gaussian that gradients pass through (reparameterisation, Kingma & Welling 2014).

    Args:
        mean, log_variance: `(..., d)`.
        noise: standard normal, of their shape; drawn afresh if None.
    """
    noise = torch.randn_like(mean) if noise is None else noise
    return mean + torch.exp(0.5 * log_variance) * noise


def kl_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Divergence of diagonal Gaussians from the standard normal one, in nats: `(..., d)` → `(...)`."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(-1)

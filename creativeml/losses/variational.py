"""Terms of variational autoencoders."""

from __future__ import annotations

import torch
from torch import Tensor


def sample_gaussian(mean: Tensor, log_variance: Tensor) -> Tensor:
    """A draw from a diagonal Gaussian that gradients pass through (reparameterisation, Kingma & Welling 2014)."""
    return mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)


def kl_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Divergence of diagonal Gaussians from the standard normal one, in nats: `(..., d)` → `(...)`."""
    return 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(-1)

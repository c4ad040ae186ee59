"""What all normalising flows share: likelihood and sampling by change of variables.

A flow is a bijection z = f(x) with a tractable Jacobian: log p(x) = log p(z) + log |det df/dx| (Rezende and Mohamed
2015, arXiv 1505.05770; Dinh et al. 2014, arXiv 1410.8516).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.losses.likelihood import gaussian_nll

Prior = Literal["gaussian", "logistic"]


class Flow(nn.Module, ABC):
    """A bijection between inputs and equally many independent latents.

    Args:
        shape: of one input, without the batch.
        prior: distribution of every latent, standard Gaussian or standard logistic.
    """

    def __init__(self, shape: tuple[int, ...], prior: Prior = "gaussian") -> None:
        super().__init__()
        self.shape = shape
        self.prior: Prior = prior

    @property
    def size(self) -> int:
        """Numbers in one input, and in its latent."""
        return math.prod(self.shape)

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs `(b, *shape)` → a pair: latents `(b, size)`, and the logarithm of |det dz/dx| `(b,)`."""

    @abstractmethod
    def inverse(self, latent: Tensor) -> Tensor:
        """Latents `(b, size)` → inputs `(b, *shape)`, the inverse of `forward`."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-likelihood of inputs, exact: `(b, *shape)` → `(b,)`, in nats."""
        latent, log_det = self(x)
        return prior_log_prob(latent, self.prior) + log_det

    def evidence(self, x: Tensor) -> Tensor:
        """What training maximises, in nats: `log_prob`, `(b, *shape)` → `(b,)`."""
        return self.log_prob(x)

    def bits_per_dimension(self, x: Tensor) -> Tensor:
        """Negative log-likelihood in bits for each number of the input: `(b, *shape)` → `(b,)`."""
        return -self.log_prob(x) / (math.log(2.0) * self.size)

    @torch.no_grad()
    def sample(self, count: int, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw inputs.

        Args:
            count: how many.
            temperature: factor on the latents (Kingma and Dhariwal 2018, section 6); 1 is the model's distribution.
            generator: of the random numbers, on the CPU.

        Returns:
            `(count, *shape)`.
        """
        weight = next(self.parameters())
        drawn = torch.rand(count, self.size, generator=generator, dtype=torch.float64).clamp(1e-12, 1.0 - 1e-12)
        latent = torch.special.ndtri(drawn) if self.prior == "gaussian" else torch.logit(drawn)
        return self.inverse(temperature * latent.to(weight))

    def _check(self, x: Tensor) -> None:
        if tuple(x.shape[1:]) != self.shape:
            raise ValueError(
                f"the flow takes inputs of shape (b, {', '.join(map(str, self.shape))}), not {tuple(x.shape)}"
            )


def prior_log_prob(latent: Tensor, prior: Prior) -> Tensor:
    """Log-density of independent latents in nats: `(b, n)` → `(b,)`, in float32 at least."""
    if latent.dtype in (torch.bfloat16, torch.float16):
        latent = latent.float()
    if prior == "gaussian":
        return -gaussian_nll(torch.zeros_like(latent), latent).sum(1)
    return (F.logsigmoid(latent) + F.logsigmoid(-latent)).sum(1)

"""NICE: a flow of additive couplings and one scale for each number.

Dinh, Krueger and Bengio, "NICE: Non-linear independent components estimation" (2014, arXiv 1410.8516). One half of the
numbers (every other one) is shifted by a network of the other half, in turns; shifts keep volume, so the
log-determinant is the sum of the log-scales.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.layers.perceptron import perceptron
from creativeml.models.flows.flow import Flow, Prior
from creativeml.models.registry import register


@dataclass(frozen=True)
class NICEConfig:
    """Shape of the flow; the paper's has 4 couplings of 5 hidden layers of 1000 units."""

    features: int = 64
    """Numbers of one input."""
    couplings: int = 4
    hidden: tuple[int, ...] = (128, 128)
    """Units of each coupling's hidden layers."""
    prior: Prior = "logistic"

    def __post_init__(self) -> None:
        check_range("features", self.features, 2)
        check_range("couplings", self.couplings, 2)
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError("hidden must name at least one layer of at least one unit")


@register("nice", NICEConfig)
class NICE(Flow):
    """The flow. `forward` returns a pair: latents and log-determinants.

    Args:
        config: its shape.
    """

    def __init__(self, config: NICEConfig) -> None:
        super().__init__((config.features,), config.prior)
        self.config = config
        odd = config.features // 2
        even = config.features - odd
        sizes = [(even, odd) if n % 2 == 0 else (odd, even) for n in range(config.couplings)]
        self.shifts = nn.ModuleList(perceptron((inputs, *config.hidden, outputs)) for inputs, outputs in sizes)
        self.log_scale = nn.Parameter(torch.zeros(config.features))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs `(b, features)` → latents `(b, features)` and log-determinants `(b,)`.

        Raises:
            ValueError: another shape.
        """
        self._check(x)
        even, odd = x[:, ::2], x[:, 1::2]
        for n, shift in enumerate(self.shifts):
            if n % 2 == 0:
                odd = odd + shift(even)
            else:
                even = even + shift(odd)
        latent = torch.cat([even, odd], dim=1) * self.log_scale.exp()
        return latent, self.log_scale.sum().expand(len(x))

    def inverse(self, latent: Tensor) -> Tensor:
        """Latents `(b, features)` → inputs `(b, features)`."""
        self._check(latent)
        even, odd = (latent * (-self.log_scale).exp()).split([(latent.shape[1] + 1) // 2, latent.shape[1] // 2], dim=1)
        for n, shift in reversed(list(enumerate(self.shifts))):
            if n % 2 == 0:
                odd = odd - shift(even)
            else:
                even = even - shift(odd)
        x = torch.empty_like(latent)
        x[:, ::2], x[:, 1::2] = even, odd
        return x

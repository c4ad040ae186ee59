"""Where in a sequence a vector stands, added to it: attention by itself does not know.

Vaswani et al., "Attention is all you need" (2017, arXiv 1706.03762), section 3.5.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

BASE = 10000.0
"""Ratio of the longest wavelength to the shortest one, 2 pi positions."""


def sinusoids(length: int, dim: int, *, device: torch.device | None = None) -> Tensor:
    """Sines in the even columns and cosines in the odd ones, of frequencies `BASE ** (-2 i / dim)`.

    Args:
        length: number of positions.
        dim: size of the vectors, even.
        device: where they shall be.

    Returns:
        `(length, dim)` float32. The product of two rows depends on nothing but how far apart they are.

    Raises:
        ValueError: an odd size.
    """
    if dim % 2:
        raise ValueError(f"positions are told by pairs of sine and cosine, so dim must be even, not {dim}")
    # On the CPU, since not every device has the precision that far positions need.
    rates = torch.exp(torch.arange(0, dim, 2, device="cpu", dtype=torch.float64) * (-math.log(BASE) / dim))
    angles = torch.arange(length, device="cpu", dtype=torch.float64)[:, None] * rates
    return torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1).float().to(device)


class SinusoidalPositions(nn.Module):
    """Adds `sinusoids` to sequences of any length: `(b, t, dim)` → the same shape."""

    def forward(self, x: Tensor) -> Tensor:
        """`(b, t, dim)` → `(b, t, dim)`."""
        return x + sinusoids(x.shape[1], x.shape[2], device=x.device).to(x.dtype)


class LearnedPositions(nn.Module):
    """Adds a learned vector for each position.

    Args:
        length: the longest sequence.
        dim: size of the vectors.
    """

    def __init__(self, length: int, dim: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(length, dim) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        """`(b, t, dim)` → `(b, t, dim)`.

        Raises:
            ValueError: a sequence longer than the table.
        """
        if x.shape[1] > len(self.table):
            raise ValueError(f"a sequence of {x.shape[1]} positions is longer than the {len(self.table)} learned ones")
        return x + self.table[: x.shape[1]]

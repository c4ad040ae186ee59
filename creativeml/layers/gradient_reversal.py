"""A layer that is the identity forwards and turns the gradient round backwards.

Ganin et al., "Domain-adversarial training of neural networks" (2016, arXiv 1505.07818): what comes after the layer
learns to tell something, and what comes before it learns to make that impossible.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradients[0], None


def reverse_gradient(x: Tensor, strength: float = 1.0) -> Tensor:
    """The same values; the gradient that comes back is multiplied by minus the strength.

    Args:
        x: any shape.
        strength: lambda of the paper; at 0 no gradient comes back.
    """
    return _Reversal.apply(x, strength)

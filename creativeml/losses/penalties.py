"""Penalties on the size of weights, to be added to any loss.

Biases and the scales and shifts of normalisations are left alone: they have one axis, weights have at least two.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def l1_penalty(network: nn.Module) -> Tensor:
    """Sum of the weights' magnitudes, a scalar. Its gradient has the same size for all weights: many become 0.

    The lasso of Tibshirani (1996); minus the logarithm of a Laplace prior.

    Raises:
        ValueError: a network without weights.
    """
    return torch.stack([weight.abs().sum() for weight in weights(network)]).sum()


def l2_penalty(network: nn.Module) -> Tensor:
    """Half the sum of the weights' squares, a scalar. Its gradient is the weight: all shrink in proportion.

    Ridge regression (Hoerl and Kennard 1970); minus the logarithm of a Gaussian prior. A step of plain gradient descent
    with it is the same as one with the optimizer's `weight_decay`; with Adam it is not (Loshchilov and Hutter 2019,
    arXiv 1711.05101).

    Raises:
        ValueError: a network without weights.
    """
    return 0.5 * torch.stack([weight.square().sum() for weight in weights(network)]).sum()


def weights(network: nn.Module) -> list[nn.Parameter]:
    """Trainable parameters with at least two axes.

    Raises:
        ValueError: there are none.
    """
    found = [p for p in network.parameters() if p.ndim >= 2 and p.requires_grad]
    if not found:
        raise ValueError(f"{type(network).__name__} has no trainable weights to penalise")
    return found

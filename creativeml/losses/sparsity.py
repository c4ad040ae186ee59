"""Penalty that keeps most units quiet most of the time."""

from __future__ import annotations

import torch
from torch import Tensor


def kl_sparsity(activations: Tensor, target: float) -> Tensor:
    """Sum over units of KL(target || mean activation), both taken as Bernoulli probabilities (Ng 2011, CS294A notes).

    Args:
        activations: `(b, units)` within [0, 1], as sigmoid units give; the mean is over the batch.
        target: rho, within (0, 1).

    Returns:
        Scalar in nats; 0 where every unit is active as often as wanted.

    Raises:
        ValueError: a target outside (0, 1).
    """
    if not 0.0 < target < 1.0:
        raise ValueError(f"the sparsity target must lie between 0 and 1, not {target}")
    mean = activations.float().mean(0) if activations.dtype != torch.float64 else activations.mean(0)
    mean = mean.clamp(1e-6, 1.0 - 1e-6)
    rest = (1.0 - target) / (1.0 - mean)
    return (target * torch.log(target / mean) + (1.0 - target) * torch.log(rest)).sum()

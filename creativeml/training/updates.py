"""One step of an optimizer, on one device or over several, that changes nothing if a number is not finite."""

from __future__ import annotations

import math

import torch
from lightning_fabric import Fabric
from torch import Tensor

from creativeml.training.replicas import average_over_replicas


class NonFiniteLoss(ArithmeticError):
    """A loss or gradient was NaN or infinite; the network it belongs to was not changed."""


def update(fabric: Fabric, optimizer: torch.optim.Optimizer, terms: dict[str, Tensor]) -> dict[str, float]:
    """One step of an optimizer down the sum of some terms.

    Returns:
        The terms' values, means over all processes.

    Raises:
        NonFiniteLoss: a term or the gradient is not finite; no weight has been changed.
    """
    total = torch.stack([t.float() for t in terms.values()]).sum()
    optimizer.zero_grad(set_to_none=True)
    fabric.backward(total)
    values = {name: float(term.detach()) for name, term in terms.items()}
    gradients = [p.grad.detach() for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    means = average_over_replicas(fabric, gradients, list(values.values()))
    values = dict(zip(values, means, strict=True))
    norm = torch.nn.utils.get_total_norm(gradients)
    if not all(map(math.isfinite, (*values.values(), float(norm)))):
        optimizer.zero_grad(set_to_none=True)
        raise NonFiniteLoss(", ".join(f"{k} {v:.3g}" for k, v in values.items()) + f", gradient {float(norm):.3g}")
    optimizer.step()
    return values

"""One step of an optimizer, on one device or over several, that changes nothing if a number is not finite."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.distributed.tensor import DTensor

from creativeml.training.replicas import average_over_replicas
from creativeml.training.sharding import gradient_norm


class NonFiniteLoss(ArithmeticError):
    """A loss or gradient was NaN or infinite; the network it belongs to was not changed."""


def update(
    fabric: Fabric, optimizer: torch.optim.Optimizer, terms: Iterable[dict[str, Tensor]], count: int = 1
) -> dict[str, float]:
    """One step of an optimizer down the sum of some terms.

    Args:
        fabric: precision and processes.
        optimizer: of what is trained.
        terms: of each part of the step's batch that this process takes. They are asked for one after the other, each
            after the gradient of the one before, so that one part's graph alone need be in memory.
        count: how many parts there will be; gradient and values are the means over them.

    Returns:
        The terms' values, means over all parts and processes.

    Raises:
        NonFiniteLoss: a term or the gradient is not finite; no weight has been changed.
    """
    optimizer.zero_grad(set_to_none=True)
    values: dict[str, float] = {}
    for part in terms:
        total = torch.stack([t.float() for t in part.values()]).sum()
        fabric.backward(total if count == 1 else total / count)
        for name, term in part.items():
            values[name] = values.get(name, 0.0) + float(term.detach()) / count
        # The caller's part may go now, before the next one is made.
        del total, part
    gradients = [p.grad.detach() for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    # Those of sharded weights are means already.
    replicated = [g for g in gradients if not isinstance(g, DTensor)]
    means = average_over_replicas(fabric, replicated, list(values.values()))
    values = dict(zip(values, means, strict=True))
    norm = gradient_norm(gradients)
    if not all(map(math.isfinite, (*values.values(), norm))):
        optimizer.zero_grad(set_to_none=True)
        raise NonFiniteLoss(", ".join(f"{k} {v:.3g}" for k, v in values.items()) + f", gradient {norm:.3g}")
    optimizer.step()
    return values

"""Optimizers and schedules of the learning rate by name.

A schedule is a function of the step alone, so that a run that is resumed needs to remember nothing of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Literal, get_args

import torch
from torch import nn

from creativeml.errors import CreativeMLError

OptimizerName = Literal["sgd", "momentum", "adam"]
ScheduleName = Literal["constant", "step", "cosine"]
Schedule = Callable[[int], float]
"""Number of the step, from 0 → factor on the learning rate."""


def make_optimizer(
    name: OptimizerName,
    parameters: Iterable[nn.Parameter],
    rate: float,
    *,
    momentum: float = 0.9,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """An optimizer of `torch.optim`.

    `sgd`: plain steps down the gradient. `momentum`: steps down a decaying sum of gradients (Polyak 1964). `adam`:
    steps scaled by the running mean square of each gradient (Kingma and Ba 2015, arXiv 1412.6980).

    Args:
        name: of the method.
        parameters: that it changes.
        rate: learning rate, above 0.
        momentum: decay of the sum for `momentum`.
        betas: decays of the two means for `adam`.
        weight_decay: weights shrink by so much, times the rate, in every step: with `adam` beside its steps, not
            through them (Loshchilov and Hutter 2019, arXiv 1711.05101); with `momentum` as a part of the gradient,
            so that a shrinking goes on in the sum and comes to up to 1 / (1 - momentum) times as much.

    Raises:
        CreativeMLError: unknown name, or a rate of 0 or below.
    """
    if not rate > 0:
        raise CreativeMLError(f"a learning rate must be above 0, not {rate}")
    if name == "adam":
        return torch.optim.AdamW(parameters, rate, betas, weight_decay=weight_decay)
    if name == "momentum":
        return torch.optim.SGD(parameters, rate, momentum=momentum, weight_decay=weight_decay)
    if name == "sgd":
        return torch.optim.SGD(parameters, rate, weight_decay=weight_decay)
    raise CreativeMLError(f"no optimizer is called '{name}' (known: {', '.join(get_args(OptimizerName))})")


def make_schedule(
    name: ScheduleName, steps: int, *, warm_up: int = 0, drop: float = 0.1, drop_every: int | None = None
) -> Schedule:
    """How the learning rate goes over a run.

    `constant`: as it is. `step`: times `drop` every so many steps. `cosine`: along half a cosine that would be 0 one
    step after the last (Loshchilov and Hutter 2017, arXiv 1608.03983).

    Args:
        name: of the schedule.
        steps: of the whole run.
        warm_up: steps at the start over which the rate grows linearly to its full value (Goyal et al. 2017, arXiv
            1706.02677); the schedule begins after them.
        drop, drop_every: of `step`; None drops at each third of the run.

    Raises:
        CreativeMLError: unknown name, or steps and warm-up that do not go together.
    """
    if name not in get_args(ScheduleName):
        raise CreativeMLError(f"no schedule is called '{name}' (known: {', '.join(get_args(ScheduleName))})")
    if steps < 1 or not 0 <= warm_up < steps:
        raise CreativeMLError(f"a run of {steps} steps cannot have a warm-up of {warm_up}; it must be shorter")
    later = steps - warm_up
    every = drop_every or math.ceil(later / 3)

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / (warm_up + 1)
        done = step - warm_up
        if name == "step":
            return drop ** (done // every)
        if name == "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * min(done / later, 1.0)))
        return 1.0

    return factor


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set the learning rates to a factor times those that the optimizer was made with."""
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor

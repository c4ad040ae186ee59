"""Adversarial examples: the small change of a sound that misleads a classifier most, and training against it.

Goodfellow, Shlens and Szegedy, "Explaining and harnessing adversarial examples" (2015, arXiv 1412.6572).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.training.loop import evaluated
from creativeml.training.minibatches import History, LoopConfig, train_labelled
from creativeml.training.supervised import accuracy


@dataclass(frozen=True)
class AdversarialTrainingConfig:
    """How a classifier learns to withstand."""

    loop: LoopConfig = field(default_factory=LoopConfig)
    epsilon: float = 0.05
    """Largest change of an input's entry, in the unit of the inputs."""
    share: float = 0.5
    """Of the loss that the changed inputs have; the rest is that of the inputs as they are."""
    low: float | None = None
    high: float | None = None
    """Range that changed inputs are kept in."""

    def __post_init__(self) -> None:
        check_range("epsilon", self.epsilon, 0.0)
        check_range("share", self.share, 0.0, 1.0)


def fgsm(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    epsilon: float,
    *,
    low: float | None = None,
    high: float | None = None,
) -> Tensor:
    """Inputs moved by epsilon up the sign of the loss's gradient (fast gradient sign method).

    Of all changes by at most epsilon per entry it raises the loss most, as far as the model is linear. The model's
    weights, their gradients and its statistics stay as they are; it is looked at in evaluation mode.

    Args:
        model: `(b, ...)` → logits `(b, classes)`.
        inputs: `(b, ...)`.
        labels: true classes `(b,)`.
        epsilon: in the unit of the inputs.
        low, high: range that the result is kept in; None for no limit.

    Returns:
        `(b, ...)`, without a gradient.
    """
    with evaluated(model), torch.enable_grad():
        x = inputs.detach().clone().requires_grad_(True)
        # The sum, not the mean: a sound's gradient is its own, whatever the batch.
        loss = F.cross_entropy(model(x).float(), labels, reduction="sum")
        (slope,) = torch.autograd.grad(loss, x)
    moved = inputs.detach() + epsilon * slope.sign()
    return moved.clamp(low, high) if low is not None or high is not None else moved


def accuracy_under_attack(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    epsilon: float,
    *,
    low: float | None = None,
    high: float | None = None,
) -> float:
    """Share of inputs that are still recognised after `fgsm`; epsilon 0 gives the plain accuracy."""
    moved = fgsm(model, inputs, labels, epsilon, low=low, high=high)
    return accuracy(model, moved, labels)


def train_adversarially(
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    config: AdversarialTrainingConfig,
    *,
    validation: tuple[Tensor, ...] = (),
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """Train a classifier on inputs as they are and as they mislead it most, made anew at every step.

    Args:
        model: `(b, ...)` → logits `(b, classes)`; changed in place.
        data: inputs `(n, ...)` and labels `(n,)`.
        config: how; see `train_supervised` for `loop.overfit`.
        validation: inputs and labels, looked at in the same way.
        folder, resume, fabric: see `training.minibatches`.

    Raises:
        CreativeMLError: as `train_minibatches`.
    """

    def loss(x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        moved = fgsm(model, x, labels, config.epsilon, low=config.low, high=config.high)
        return {
            "plain": (1.0 - config.share) * F.cross_entropy(model(x).float(), labels),
            "attacked": config.share * F.cross_entropy(model(moved).float(), labels),
        }

    return train_labelled(
        model, loss, data, config.loop, validation=validation, folder=folder, resume=resume, fabric=fabric
    )

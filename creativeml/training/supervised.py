"""Learning from labels: kinds alone, or kinds and descriptors from one trunk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from creativeml.config import check_probability, check_range
from creativeml.layers.shared_trunk import TwoHeads
from creativeml.losses.likelihood import gaussian_nll
from creativeml.training.loop import evaluated
from creativeml.training.minibatches import History, LoopConfig, spread_over_kinds, train_labelled


@dataclass(frozen=True)
class SupervisedConfig:
    """How labels are learnt."""

    loop: LoopConfig = field(default_factory=LoopConfig)
    label_smoothing: float = 0.0
    """Share of every label that is spread over all kinds (Szegedy et al. 2016, arXiv 1512.00567)."""
    values_weight: float = 1.0
    """Of the descriptors beside the kinds, for two heads."""

    def __post_init__(self) -> None:
        check_probability("label_smoothing", self.label_smoothing)
        check_range("values_weight", self.values_weight, 0.0)


def train_supervised(
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    config: SupervisedConfig,
    *,
    validation: tuple[Tensor, ...] = (),
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """Train a classifier.

    Args:
        model: `(b, ...)` → logits `(b, classes)`; changed in place.
        data: inputs `(n, ...)` and labels `(n,)`.
        config: how; with `loop.overfit` the rows that are kept are spread over the kinds, and validation rows are not
            looked at, since what is learnt by heart is not to be judged by others.
        validation: inputs and labels.
        folder, resume, fabric: see `training.minibatches`.

    Raises:
        CreativeMLError: as `train_minibatches`.
    """

    def loss(x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {"kinds": _surprise(model, model(x).float(), labels, config)}

    return train_labelled(
        model, loss, data, config.loop, validation=validation, folder=folder, resume=resume, fabric=fabric
    )


def train_two_heads(
    model: TwoHeads,
    data: tuple[Tensor, Tensor, Tensor],
    config: SupervisedConfig,
    *,
    validation: tuple[Tensor, ...] = (),
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """Train kinds and descriptors from one trunk: the sum of both negative log-likelihoods.

    Args:
        model: changed in place.
        data: inputs `(n, ...)`, labels `(n,)`, descriptors `(n, values)`, each about of variance 1; NaN where a value
            is not known.
        config: how; see `train_supervised` for `loop.overfit`.
        validation: the same three.
        folder, resume, fabric: see `training.minibatches`.

    Raises:
        CreativeMLError: as `train_minibatches`.
    """

    def loss(x: Tensor, labels: Tensor, values: Tensor) -> dict[str, Tensor]:
        logits, found = (part.float() for part in model(x))
        known = values.isfinite()
        surprise = gaussian_nll(found, torch.where(known, values, 0.0))
        mean = torch.where(known, surprise, 0.0).sum() / known.sum().clamp_min(1)
        return {"kinds": _surprise(model, logits, labels, config), "values": config.values_weight * mean}

    return train_labelled(
        model, loss, data, config.loop, validation=validation, folder=folder, resume=resume, fabric=fabric
    )


@torch.no_grad()
def logits_of(model: nn.Module, inputs: Tensor, *, batch_size: int = 64) -> Tensor:
    """What a classifier says in evaluation mode, batch by batch: `(n, ...)` → `(n, classes)`."""
    with evaluated(model):
        return torch.cat([model(part) for part in inputs.split(batch_size)])


def accuracy(model: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Share of the inputs `(n, ...)` whose likeliest class is their label `(n,)`."""
    return float((logits_of(model, inputs).argmax(1) == labels).float().mean())


def _surprise(model: nn.Module, logits: Tensor, labels: Tensor, config: SupervisedConfig) -> Tensor:
    """Cross-entropy of labels.

    Smoothing makes training losses no likelihoods; validation rows are judged by the likelihood itself.
    """
    return F.cross_entropy(logits, labels, label_smoothing=config.label_smoothing if model.training else 0.0)


__all__ = [
    "SupervisedConfig",
    "accuracy",
    "logits_of",
    "spread_over_kinds",
    "train_supervised",
    "train_two_heads",
]

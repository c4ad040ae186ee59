"""Transfer learning: a network that knows one problem learns another with a new last layer, the rest frozen or not.

Yosinski et al., "How transferable are features in deep neural networks?" (2014, arXiv 1411.1792).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from creativeml.errors import CreativeMLError
from creativeml.training.minibatches import History
from creativeml.training.supervised import SupervisedConfig, train_supervised


@dataclass(frozen=True)
class TransferConfig:
    """What is learnt anew."""

    supervised: SupervisedConfig = field(default_factory=SupervisedConfig)
    frozen: bool = True
    """Whether everything but the new layer stays to the bit as it is.

    False fine-tunes all of it, what was frozen before included.
    """


def freeze(module: nn.Module) -> None:
    """Keep a module as it is: no gradients, and in every loop of this library evaluation mode.

    So running statistics of its normalisations do not move and it drops nothing out. `unfreeze` undoes it.
    """
    _mark(module, frozen=True)


def unfreeze(module: nn.Module) -> None:
    """Let a module learn again."""
    _mark(module, frozen=False)


def _mark(module: nn.Module, *, frozen: bool) -> None:
    module.requires_grad_(not frozen)
    for part in module.modules():
        part.frozen = frozen  # type: ignore[assignment]
        part.training = part.training and not frozen


def last_layer(model: nn.Module) -> tuple[str, nn.Linear]:
    """The layer that gives a classifier's logits, and its name within the model: the last one that has weights.

    Raises:
        CreativeMLError: it is not a dense layer.
    """
    named = [(name, part) for name, part in model.named_modules() if any(True for _ in part.parameters(recurse=False))]
    if not named or not isinstance(named[-1][1], nn.Linear) or not named[-1][0]:
        found = type(named[-1][1]).__name__ if named else "none"
        raise CreativeMLError(f"{type(model).__name__} does not end with a dense layer (its last one: {found})")
    return named[-1]  # type: ignore[return-value]


def replace_last_layer(model: nn.Module, classes: int) -> nn.Linear:
    """Put a fresh dense layer for other classes in the place of the last one.

    Args:
        model: changed in place; the `classes` of its configuration, if it has one, too, so that it can be stored.
        classes: of the new problem.

    Returns:
        The new layer.

    Raises:
        CreativeMLError: the model does not end with a dense layer, or its configuration does not say its classes.
    """
    name, old = last_layer(model)
    config = getattr(model, "config", None)
    if is_dataclass(config) and not isinstance(config, type):
        if "classes" not in {f.name for f in fields(config)}:
            raise CreativeMLError(f"{type(model).__name__} has no number of classes that could be changed")
        model.config = replace(config, classes=classes)  # type: ignore[assignment]
    new = nn.Linear(old.in_features, classes, bias=old.bias is not None).to(old.weight)
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, new)
    return new


def train_transfer(
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    classes: int,
    config: TransferConfig,
    *,
    validation: tuple[Tensor, ...] = (),
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """Teach a trained classifier other classes.

    Args:
        model: changed in place; its last layer is made anew (so resume with a model that still has the old one).
        data: inputs `(n, ...)` and labels `(n,)` of the new problem.
        classes: of the new problem.
        config: how.
        validation: inputs and labels.
        folder, resume, fabric: see `training.minibatches`.

    Raises:
        CreativeMLError: as `replace_last_layer` and `train_minibatches`.
    """
    torch.manual_seed(config.supervised.loop.seed)
    # Thawed, too: what an earlier run has frozen is to learn now.
    (freeze if config.frozen else unfreeze)(model)
    head = replace_last_layer(model, classes)
    unfreeze(head)
    return train_supervised(
        model, data, config.supervised, validation=validation, folder=folder, resume=resume, fabric=fabric
    )

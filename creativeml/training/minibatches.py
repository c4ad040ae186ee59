"""The plain loop of models that learn from tensors in memory: minibatches, validation, early stopping, resume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from creativeml.errors import CreativeMLError
from creativeml.training.loop import History, LoopConfig
from creativeml.training.networks import Networks

Loss = Callable[..., Tensor | Mapping[str, Tensor]]
"""Rows of each data tensor → scalar loss, or its terms by name."""


def train_minibatches(
    model: nn.Module,
    loss: Loss,
    data: tuple[Tensor, ...],
    config: LoopConfig,
    *,
    validation: tuple[Tensor, ...] = (),
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """Minimise a loss; the model ends with its best weights on the validation rows, in evaluation mode.

    Args:
        model: changed in place; parameters that need no gradient stay as they are.
        loss: of a batch, given the rows of every data tensor as positional arguments.
        data: tensors with equally many rows.
        config: how the loop runs.
        validation: tensors like `data`, on which the loss is looked at in evaluation mode.
        folder: where states and log are saved; None saves none.
        resume: go on from the last state in `folder`; batches and random numbers are those of a run in one go.
        fabric: device, precision and processes; None trains where the model is, in float32.

    Returns:
        What happened, before a resume included.

    Raises:
        CreativeMLError: no rows, rows that differ in number, nothing to resume, or a loss that is not finite.
    """
    data = _checked(data, config.overfit)
    networks = Networks({"model": model}, config, fabric)
    data, validation = networks.on_device(data), networks.on_device(validation)

    def terms(rows: tuple[Tensor, ...]) -> dict[str, Tensor]:
        with networks.fabric.autocast():
            value = loss(*rows)
        return {"loss": value} if isinstance(value, Tensor) else dict(value)

    def take(step: int) -> dict[str, float]:
        parts = networks.parts(step)
        return networks.update("model", (terms(rows_of_part(data, config, number)) for number in parts))

    def look() -> float:
        return float(torch.stack([term.float() for term in terms(validation).values()]).sum())

    return networks.run(take, look=look if validation else None, folder=folder, resume=resume)


def train_labelled(
    model: nn.Module,
    loss: Loss,
    data: tuple[Tensor, ...],
    config: LoopConfig,
    *,
    validation: tuple[Tensor, ...] = (),
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """`train_minibatches` on inputs, labels and what else belongs to each row.

    With `overfit` the rows that are kept are spread over the kinds (`small_set`), and validation rows are not looked
    at, since what is learnt by heart is not to be judged by others.
    """
    rows, held_out = small_set(data, config.overfit), validation if config.overfit is None else ()
    return train_minibatches(
        model, loss, rows, config, validation=held_out, folder=folder, resume=resume, fabric=fabric
    )


def _checked(data: tuple[Tensor, ...], overfit: int | None) -> tuple[Tensor, ...]:
    counts = {len(tensor) for tensor in data}
    if len(counts) != 1 or 0 in counts:
        raise CreativeMLError(f"training needs tensors with equally many rows, at least one; got {sorted(counts)}")
    return tuple(tensor[:overfit] for tensor in data)


def small_set(data: tuple[Tensor, ...], overfit: int | None) -> tuple[Tensor, ...]:
    """The rows of labelled data that are learnt by heart: so many, spread over the kinds.

    Whoever takes them looks at no validation rows: what is learnt by heart is not to be judged by others.

    Args:
        data: inputs `(n, ...)`, labels `(n,)`, and what else belongs to each row.
        overfit: how many; None leaves the data as they are.

    Raises:
        CreativeMLError: labels and inputs that differ in number.
    """
    if overfit is None:
        return data
    if len(data[0]) != len(data[1]):
        raise CreativeMLError(f"{len(data[0])} inputs but {len(data[1])} labels")
    order = spread_over_kinds(data[1])[:overfit]
    return tuple(tensor[order] for tensor in data)


def spread_over_kinds(labels: Tensor) -> Tensor:
    """Indices `(n,)` of all rows in an order in which the kinds take turns."""
    turn = torch.zeros_like(labels)
    for kind in labels.unique():
        members = labels == kind
        turn[members] = torch.arange(int(members.sum()), device=labels.device)
    return torch.argsort(turn, stable=True)


def rows_of_part(data: tuple[Tensor, ...], config: LoopConfig, number: int) -> tuple[Tensor, ...]:
    """The rows of a part by its number over all steps: in an order that is new in every pass, from the seed alone."""
    count = len(data[0])
    size = min(config.batch_size, count)
    per_pass = count // size
    order = torch.randperm(count, generator=torch.Generator().manual_seed((config.seed << 32) + number // per_pass))
    chosen = order[(number % per_pass) * size :][:size].to(data[0].device)
    return tuple(tensor[chosen] for tensor in data)


__all__ = [
    "History",
    "LoopConfig",
    "Loss",
    "rows_of_part",
    "small_set",
    "spread_over_kinds",
    "train_labelled",
    "train_minibatches",
]

"""The plain loop of models that learn from tensors in memory: minibatches, validation, early stopping, resume."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from creativeml.config import check_range, to_dict
from creativeml.errors import CreativeMLError
from creativeml.training.state import latest_state, load_state, save_state

Loss = Callable[..., Tensor]
"""Rows of each data tensor → scalar loss."""


@dataclass(frozen=True)
class LoopConfig:
    """How a loop runs."""

    steps: int = 1000
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    overfit: int | None = None
    """Train on the first so many rows alone, to see whether the model can learn them by heart."""
    validate_every: int = 50
    """Steps between looks at the validation rows, and between saved states."""
    patience: int | None = None
    """Looks without a new best after which training stops; None never stops early."""
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "validate_every"):
            check_range(name, getattr(self, name), 1)
        for name in ("overfit", "patience"):
            if getattr(self, name) is not None:
                check_range(name, getattr(self, name), 1)
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, not {self.learning_rate}")
        check_range("weight_decay", self.weight_decay, 0.0)


@dataclass
class History:
    """What happened in a loop.

    Attributes:
        training: mean training loss between looks.
        validation: validation loss at each look; empty without validation rows.
        steps: step of each look.
        best: step of the weights that were kept, the last if there were no validation rows.
        stopped_early: whether patience ended the loop.
    """

    training: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    best: int = 0
    stopped_early: bool = False


def train_minibatches(
    model: nn.Module,
    loss: Loss,
    data: tuple[Tensor, ...],
    config: LoopConfig,
    *,
    validation: tuple[Tensor, ...] = (),
    folder: Path | None = None,
    resume: bool = False,
) -> History:
    """Minimise a loss by Adam; the model ends with its best weights on the validation rows, in evaluation mode.

    Args:
        model: changed in place; parameters that need no gradient stay as they are.
        loss: of a batch, given the rows of every data tensor as positional arguments.
        data: tensors with equally many rows.
        config: how the loop runs.
        validation: tensors like `data`, on which the loss is looked at in evaluation mode.
        folder: where states are saved; None saves none.
        resume: go on from the last state in `folder`; batches and random numbers are those of a run in one go.

    Returns:
        What happened, before a resume included.

    Raises:
        CreativeMLError: no rows, rows that differ in number, nothing to resume, or a loss that is not finite.
    """
    data = _checked(data, config.overfit)
    if resume and folder is None:
        raise CreativeMLError("a loop can be resumed from its folder only; name the folder")
    torch.manual_seed(config.seed)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, config.learning_rate, weight_decay=config.weight_decay)
    loop = _Loop(model, copy.deepcopy(model), optimizer, config, folder)
    if resume:
        loop.restore()
    total, count = 0.0, 0
    while loop.step < config.steps and not loop.history.stopped_early:
        total, count = total + loop.take(loss, _rows(data, config, loop.step)), count + 1
        if loop.step % config.validate_every == 0 or loop.step == config.steps:
            loop.look(loss, validation, total / count)
            total, count = 0.0, 0
    model.load_state_dict(loop.best.state_dict())
    model.eval()
    return loop.history


@dataclass
class _Loop:
    model: nn.Module
    best: nn.Module
    optimizer: torch.optim.Optimizer
    config: LoopConfig
    folder: Path | None
    step: int = 0
    history: History = field(default_factory=History)

    def take(self, loss: Loss, rows: tuple[Tensor, ...]) -> float:
        """One step."""
        self.model.train()
        value = loss(*rows)
        if not torch.isfinite(value):
            raise CreativeMLError(f"the loss is not finite at step {self.step}; try a learning rate below {self.config.learning_rate:g}")
        self.optimizer.zero_grad(set_to_none=True)
        value.backward()
        self.optimizer.step()
        self.step += 1
        return float(value.detach())

    def look(self, loss: Loss, validation: tuple[Tensor, ...], training: float) -> None:
        """Validate, keep the best, save."""
        history = self.history
        history.steps.append(self.step)
        history.training.append(training)
        if validation:
            self.model.eval()
            # Looking must not change the random numbers of the steps that follow.
            with torch.no_grad(), torch.random.fork_rng():
                torch.manual_seed(self.config.seed)
                history.validation.append(float(loss(*validation)))
        if not validation or history.validation[-1] <= min(history.validation):
            history.best = self.step
            self.best.load_state_dict(self.model.state_dict())
        patience = self.config.patience
        if patience is not None and validation:
            history.stopped_early = len(history.steps) - 1 - history.steps.index(history.best) >= patience
        if self.folder is not None:
            values = to_dict(history)
            save_state(self.folder, self.step, self._modules(), {"adam": self.optimizer}, values)

    def restore(self) -> None:
        """Go back to the last saved state."""
        assert self.folder is not None
        path, _ = latest_state(self.folder)
        self.step, values = load_state(path, self._modules(), {"adam": self.optimizer})
        self.history = History(**values)

    def _modules(self) -> dict[str, nn.Module]:
        return {"model": self.model, "best": self.best}


def _checked(data: tuple[Tensor, ...], overfit: int | None) -> tuple[Tensor, ...]:
    counts = {len(tensor) for tensor in data}
    if len(counts) != 1 or 0 in counts:
        raise CreativeMLError(f"training needs tensors with equally many rows, at least one; got {sorted(counts)}")
    return tuple(tensor[:overfit] for tensor in data)


def _rows(data: tuple[Tensor, ...], config: LoopConfig, step: int) -> tuple[Tensor, ...]:
    """The batch of a step: rows in an order that is new in every pass, from seed and step alone."""
    count = len(data[0])
    size = min(config.batch_size, count)
    per_pass = count // size
    order = torch.randperm(count, generator=torch.Generator().manual_seed((config.seed << 32) + step // per_pass))
    chosen = order[(step % per_pass) * size :][:size].to(data[0].device)
    return tuple(tensor[chosen] for tensor in data)

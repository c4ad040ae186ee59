"""The loop that small trainings share: steps, looks at the validation figure, early stopping, states, a log.

What a step is, and what is looked at, is the training's own; see `training.minibatches` and `training.picture_gan`.
"""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import torch
from lightning_fabric import Fabric
from torch import nn

from creativeml.config import check_range, from_dict, to_dict
from creativeml.errors import CreativeMLError
from creativeml.training.optimizers import OptimizerName, ScheduleName, make_schedule, set_rate
from creativeml.training.parts import part_name, seed_phase
from creativeml.training.recorder import Means, NoRecorder, Recorder, tell
from creativeml.training.replicas import average_over_replicas, average_statistics, fabric_for, wait_for_all
from creativeml.training.state import latest_state, load_state, save_state
from creativeml.training.stopping import Stoppable, Stopped
from creativeml.training.updates import NonFiniteLoss

Step = Callable[[int], dict[str, float]]
"""Number of the step, from 0 → its loss terms by name, after the weights were changed."""
Look = Callable[[], float]
"""→ the figure on the validation data: the lower the better."""


@dataclass(frozen=True)
class LoopConfig:
    """How a loop runs."""

    steps: int = 1000
    batch_size: int = 64
    """Rows of a part of a step."""
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    overfit: int | None = None
    """Train on so many rows alone, to see whether the model can learn them by heart.

    With labels the rows are spread over the kinds, and validation rows are not looked at (`minibatches.small_set`);
    without labels they are the first ones.
    """
    validate_every: int = 50
    """Steps between looks at the validation rows, and between saved states."""
    patience: int | None = None
    """Looks without a new best after which training stops; None never stops early."""
    seed: int = 0
    keep_best: bool = True
    """Whether the weights that the look found best are kept; False keeps the last ones, and only looks."""
    optimizer: OptimizerName = "adam"
    schedule: ScheduleName = "constant"
    """Of the learning rate, see `training.optimizers`."""
    warm_up: int = 0
    """Steps at the start over which the learning rate grows to its full value."""
    accumulate: int = 1
    """Parts of a step that each process takes, one after the other: as many processes with one part each train the
    same weights (`training.parts`)."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "validate_every"):
            check_range(name, getattr(self, name), 1)
        for name in ("overfit", "patience"):
            if getattr(self, name) is not None:
                check_range(name, getattr(self, name), 1)
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be above 0, not {self.learning_rate}")
        if self.patience is not None and not self.keep_best:
            raise ValueError("patience waits for better weights, which keep_best=False does not keep; give one of them")
        check_range("weight_decay", self.weight_decay, 0.0)
        check_range("warm_up", self.warm_up, 0, self.steps - 1)


@dataclass
class History:
    """What happened in a loop.

    Attributes:
        training: mean training loss between looks, the sum of its terms.
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


def run_loop(
    modules: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    take: Step,
    config: LoopConfig,
    *,
    fabric: Fabric,
    look: Look | None = None,
    folder: Path | None = None,
    resume: bool = False,
) -> History:
    """Take steps; the modules end with the weights that the look found best, in evaluation mode.

    Args:
        modules, optimizers: what a state on disk holds, by name.
        take: one step; called with all modules in training mode, except what is frozen (`train_mode`).
        config: how the loop runs.
        fabric: device, precision and processes, see `fabric_of`.
        look: called without gradients, with all modules in evaluation mode.
        folder: gets `checkpoints` and `log.jsonl`; None saves nothing.
        resume: go on from the last state in `folder`: to the bit what a run in one go would have done (in one process,
            on a CPU).

    Returns:
        What happened, before a resume included.

    Raises:
        CreativeMLError: nothing to resume, a folder that holds a run already, or a loss that is not finite.
        Stopped: SIGTERM or Ctrl-C, and there is a folder, in which the last step is kept.
    """
    if resume and folder is None:
        raise CreativeMLError("a loop can be resumed from its folder only; name the folder")
    if not resume and holds_state(folder):
        raise CreativeMLError(f"{folder} holds a run already; resume it or choose another folder")
    loop = _Loop(dict(modules), dict(optimizers), config, fabric, folder, look)
    if resume:
        loop.restore()
    # Without a folder nothing could be kept, so both signals end the loop at once.
    with contextlib.closing(loop.recorder()) as recorder, Stoppable() if folder else contextlib.nullcontext() as stop:
        loop.run(take, recorder, stop)
    loop.keep_best()
    return loop.history


def holds_state(folder: Path | None) -> bool:
    """Whether a run in a folder came as far as its first saved state, so that it can be resumed."""
    return folder is not None and any((folder / "checkpoints").glob("step-*.json"))


def fabric_of(fabric: Fabric | None, *modules: nn.Module) -> Fabric:
    """The fabric of a loop, with the modules moved to its device; None computes where the modules are, in float32."""
    if fabric is None:
        return fabric_for("cpu", "32-true")
    for module in modules:
        # Over several processes it spreads the first one's weights; the wrapper, if any, is not needed.
        fabric.strategy.setup_module(fabric.to_device(module))
    return fabric


def train_mode(module: nn.Module) -> None:
    """Training mode for all parts but those that `training.transfer.freeze` has frozen."""
    module.train()
    for part in module.modules():
        if getattr(part, "frozen", False):
            part.training = False


@contextlib.contextmanager
def evaluated(model: nn.Module) -> Iterator[None]:
    """Evaluation mode within it, afterwards every part as before: what was frozen stays so."""
    before = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, training in before:
            part.training = training


@dataclass
class _Values:
    """What a state holds beside tensors.

    Attributes:
        history: of the looks so far.
        sums: of the figures since the last one, see `Means`.
    """

    history: History
    sums: Mapping[str, tuple[float, int]] = field(default_factory=dict)


class _Loop:
    """The state of a loop."""

    def __init__(
        self,
        modules: dict[str, nn.Module],
        optimizers: dict[str, torch.optim.Optimizer],
        config: LoopConfig,
        fabric: Fabric,
        folder: Path | None,
        look: Look | None,
    ) -> None:
        self.modules, self.optimizers, self.config = modules, optimizers, config
        self.fabric, self.folder, self.look_at = fabric, folder, look
        self.best = {name: copy.deepcopy(module) for name, module in modules.items()} if look else {}
        self.factor = make_schedule(config.schedule, config.steps, warm_up=config.warm_up)
        self.step, self.history, self.means = 0, History(), Means()

    def recorder(self) -> Recorder | NoRecorder:
        """The log, if there is a folder and this process is the first."""
        if self.folder is None or not self.fabric.is_global_zero:
            return NoRecorder()
        return Recorder(self.folder, from_step=self.step, tensorboard=False)

    def run(self, take: Step, recorder: Recorder | NoRecorder, stop: Stoppable | None) -> None:
        """All steps that are left."""
        config = self.config
        while self.step < config.steps and not self.history.stopped_early:
            if stop is not None and stop.asked(self.fabric):
                average_statistics(self.fabric, self.modules.values())
                self._save()
                self._leave(stop)
            # A step of anybody's draws the same numbers in a run in one go and after a resume.
            seed_phase(part_name(config.seed, self.step, self.fabric.global_rank, salt="loop"))
            for optimizer in self.optimizers.values():
                set_rate(optimizer, self.factor(self.step))
            for module in self.modules.values():
                train_mode(module)
            self.means.add(self._taken(take))
            self.step += 1
            if self.step % config.validate_every == 0 or self.step == config.steps:
                self._look(self.means.take(), recorder)
        if stop is not None and stop.asked(self.fabric):  # during the last look, which has kept everything
            self._leave(stop)

    def _leave(self, stop: Stoppable) -> NoReturn:
        tell(f"stopped by {stop.by} at step {self.step}, which is kept")
        raise Stopped(stop.by)

    def _taken(self, take: Step) -> dict[str, float]:
        try:
            figures = take(self.step)
        except NonFiniteLoss as error:
            rate = self.config.learning_rate
            raise CreativeMLError(
                f"the loss is not finite at step {self.step} ({error}); try a learning rate below {rate:g}"
            ) from error
        return figures

    def _look(self, figures: dict[str, float], recorder: Recorder | NoRecorder) -> None:
        """Validate, keep the best, save, log."""
        # Each process has counted its own batches.
        average_statistics(self.fabric, self.modules.values())
        history = self.history
        history.steps.append(self.step)
        history.training.append(math.fsum(figures.values()))
        if self.look_at is not None:
            history.validation.append(self._validated(self.look_at))
            figures = {**figures, "validation": history.validation[-1]}
        better = not history.validation or history.validation[-1] <= min(history.validation)
        if better or not self.config.keep_best:
            history.best = self.step
            for name, kept in self.best.items():
                kept.load_state_dict(self.modules[name].state_dict())
        history.stopped_early = self._waited_enough()
        recorder.record(self.step, figures)
        if self.folder is not None:
            self._save()

    def _save(self) -> None:
        if self.fabric.is_global_zero:
            values = _Values(self.history, self.means.sums)
            save_state(self._states(), self.step, self._kept(), self.optimizers, to_dict(values))
        wait_for_all(self.fabric)

    def _waited_enough(self) -> bool:
        patience, history = self.config.patience, self.history
        if patience is None or not history.validation:
            return False
        return len(history.steps) - 1 - history.steps.index(history.best) >= patience

    def _validated(self, look: Look) -> float:
        for module in self.modules.values():
            module.eval()
        with torch.no_grad():
            torch.manual_seed(self.config.seed)
            value = average_over_replicas(self.fabric, [], [look()])[0]
        if not math.isfinite(value):
            rate = self.config.learning_rate
            raise CreativeMLError(
                f"the validation loss is not finite at step {self.step}; try a learning rate below {rate:g}"
            )
        return value

    def restore(self) -> None:
        """Go back to the last saved state."""
        path, _ = latest_state(self._states())
        self.step, values = load_state(path, self._kept(), self.optimizers)
        # States once held the history alone.
        kept = from_dict(_Values, values if "history" in values else {"history": values}, where=str(path))
        self.history, self.means = kept.history, Means(kept.sums)
        # By the patience of now, which may be another than before.
        self.history.stopped_early = self._waited_enough()

    def keep_best(self) -> None:
        """Give the modules the best weights."""
        for name, module in self.modules.items():
            if name in self.best and self.history.validation:
                module.load_state_dict(self.best[name].state_dict())
            module.eval()

    def _kept(self) -> dict[str, nn.Module]:
        return {**self.modules, **{f"best/{name}": module for name, module in self.best.items()}}

    def _states(self) -> Path:
        assert self.folder is not None
        return self.folder / "checkpoints"

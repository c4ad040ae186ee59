"""Networks in training: seeded, on the fabric's device, each with an optimizer of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from creativeml.training.loop import History, Look, LoopConfig, Step, fabric_of, run_loop
from creativeml.training.optimizers import make_optimizer
from creativeml.training.parts import own_places, part_name, seed_phase
from creativeml.training.updates import update


class Networks:
    """What a loop's training has beside its loss: seed, device, precision, processes, optimizers.

    Args:
        modules: by the names that a state on disk holds them under; changed in place. Parameters that need no gradient
            stay as they are.
        config: how the loop runs.
        fabric: device, precision and processes; None trains where the modules are, in float32.
        betas: of Adam.

    Attributes:
        fabric: the one that is used; its `autocast` is what losses are computed under.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        config: LoopConfig,
        fabric: Fabric | None,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        torch.manual_seed(config.seed)
        self.modules, self.config = dict(modules), config
        self.fabric = fabric_of(fabric, *self.modules.values())
        self._given = fabric
        self._optimizers = {
            name: make_optimizer(
                config.optimizer,
                [p for p in module.parameters() if p.requires_grad],
                config.learning_rate,
                betas=betas,
                weight_decay=config.weight_decay,
            )
            for name, module in self.modules.items()
        }

    def on_device(self, data: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Tensors where the networks compute, see `on_device`."""
        return on_device(self._given, data)

    def parts(self, step: int) -> Iterator[int]:
        """Numbers, from 0, of the parts of a step that this process takes: each has rows of its own, and random
        numbers of its own, which begin anew whenever the part is taken."""
        parts = self.config.accumulate * self.fabric.world_size
        for place in own_places(self.fabric, parts):
            seed_phase(part_name(self.config.seed, step, place))
            yield step * parts + place

    def update(self, name: str, terms: Iterable[dict[str, Tensor]]) -> dict[str, float]:
        """One step of a module's optimizer down the mean, over all parts, of their summed terms → the terms' means."""
        return update(self.fabric, self._optimizers[name], terms, self.config.accumulate)

    def run(self, take: Step, *, look: Look | None = None, folder: Path | None = None, resume: bool = False) -> History:
        """The loop, see `run_loop`."""
        return run_loop(
            self.modules,
            self._optimizers,
            take,
            self.config,
            fabric=self.fabric,
            look=look,
            folder=folder,
            resume=resume,
        )


def on_device(fabric: Fabric | None, data: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Tensors on a fabric's device; None leaves them where they are."""
    return data if fabric is None else tuple(tensor.to(fabric.device) for tensor in data)

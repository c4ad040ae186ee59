"""Training with several processes, each with a batch of its own, whose gradients are averaged.

Started by torchrun, which names the processes; Lightning Fabric connects them. Gradients are averaged by hand after
every backward pass: the hooks of DistributedDataParallel count on one forward pass through the wrapper for each
backward pass, and a GAN step has several, one of them for a penalty that is differentiated twice.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy
from torch import Tensor, nn

from creativeml.errors import CreativeMLError


class ReplicasStrategy(DDPStrategy):
    """Processes with equal networks, without hooks on their gradients."""

    def setup_module(self, module: nn.Module) -> nn.Module:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The module itself, with the first process's weights in every process."""
        for tensor in [*module.parameters(), *module.buffers()]:
            dist.broadcast(tensor.data, 0)
        return module


def fabric_for(accelerator: str, precision: Any) -> Fabric:
    """A launched fabric: one process, or those that torchrun has started.

    Raises:
        CreativeMLError: the accelerator cannot be used here.
    """
    world, local = (int(os.environ.get(name, "1")) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    try:
        if world == 1:
            fabric = Fabric(accelerator=accelerator, devices=1, precision=precision)
        else:
            fabric = Fabric(
                accelerator=accelerator,
                devices=local,
                num_nodes=world // local,
                strategy=ReplicasStrategy(),
                precision=precision,
            )
        fabric.launch()
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CreativeMLError(
            f"--accelerator {accelerator} cannot be used here ({reason}); try --accelerator cpu"
        ) from error
    return fabric


def average_over_replicas(fabric: Fabric, gradients: Sequence[Tensor], values: Sequence[float]) -> list[float]:
    """Replace gradients by their mean over the processes, in place, in one message.

    Args:
        fabric: with one process nothing is done.
        gradients: in the same order in every process.
        values: figures of the step.

    Returns:
        Means of `values`: equal in all processes, so that all of them come to the same decisions.
    """
    if fabric.world_size == 1:
        return list(values)
    figures = torch.tensor(values, dtype=torch.float32, device=fabric.device)
    message = torch.cat([figures, *(g.flatten().float() for g in gradients)])
    dist.all_reduce(message)
    message /= fabric.world_size
    figures, *parts = message.split([len(values), *(g.numel() for g in gradients)])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
    return figures.tolist()


def average_statistics(fabric: Fabric, modules: Iterable[nn.Module]) -> None:
    """Replace what modules have counted of their inputs (batch normalisation) by the mean over the processes."""
    counted = [b for module in modules for b in module.buffers() if b.is_floating_point()]
    average_over_replicas(fabric, counted, [])


def any_replica(fabric: Fabric, here: bool) -> bool:
    """Whether something is so in any of the processes."""
    if fabric.world_size == 1:
        return here
    flag = torch.tensor(float(here), device=fabric.device)
    dist.all_reduce(flag, dist.ReduceOp.MAX)
    return bool(flag)


def reseed(fabric: Fabric, seed: int, step: int) -> None:
    """Random numbers that differ between processes, and follow from seed, step and process alone.

    Called whenever a state is saved or restored, since only the first process's numbers are part of it.
    """
    if fabric.world_size > 1:
        torch.manual_seed(hash((seed, step, fabric.global_rank)) % 2**63)

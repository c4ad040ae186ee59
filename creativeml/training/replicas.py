"""Training with several processes, each with a batch of its own, whose gradients are averaged.

Started by torchrun, which names the processes; Lightning Fabric connects them. Gradients are averaged by hand after
every backward pass: the hooks of DistributedDataParallel count on one forward pass through the wrapper for each
backward pass, and a GAN step has several, one of them for a penalty that is differentiated twice.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store, default_pg_timeout
from torch.distributed.rendezvous import rendezvous
from torch.distributed.tensor import DTensor

from creativeml.errors import CreativeMLError

_POLL_S = 0.02


class ReplicasStrategy(DDPStrategy):
    """Processes with equal networks, without hooks on their gradients."""

    def setup_environment(self) -> None:
        """Connect the processes; those that torchrun has started, with one another and nobody before them."""
        if dist.is_torchelastic_launched() and not dist.is_initialized():
            backend = self._get_process_group_backend()
            device = self.root_device if self.root_device.type != "cpu" else None
            patience = self._timeout or default_pg_timeout
            with _with_others():
                store, rank, world_size = next(rendezvous("env://", timeout=patience))
                store = PrefixStore(agreed_name(store, rank, world_size), store)
                dist.init_process_group(
                    backend, store=store, rank=rank, world_size=world_size, timeout=patience, device_id=device
                )
            # Threads of a group that is still there when the interpreter ends may abort the process.
            atexit.register(_leave)
        super().setup_environment()

    def setup_module(self, module: nn.Module) -> nn.Module:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The module itself, with the first process's weights in every process."""
        for tensor in [*module.parameters(), *module.buffers()]:
            # Slices of a sharded module come from weights that were the same already.
            if not isinstance(tensor, DTensor):
                dist.broadcast(tensor.data, 0)
        return module


class ShardedStrategy(ReplicasStrategy):
    """Processes that share the weights of large networks among them, see `training.sharding`."""


Strategy = Literal["ddp", "fsdp"]
"""ddp: every process holds all weights. fsdp: they share those of large networks."""


def fabric_for(accelerator: str, precision: Any, strategy: Strategy = "ddp") -> Fabric:
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
                strategy=ShardedStrategy() if strategy == "fsdp" else ReplicasStrategy(),
                precision=precision,
            )
        fabric.launch()
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CreativeMLError(
            f"--accelerator {accelerator} cannot be used here ({reason}); try --accelerator cpu"
        ) from error
    return fabric


def _leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def agreed_name(store: Store, rank: int, world_size: int, patience_s: float = 600.0) -> str:
    """A name that all processes of one start come to know, and that no earlier start has had.

    torchrun keeps its store over restarts (since torch 2.5): without a prefix of their own, processes that are started
    again find the addresses of those that died, and fail or wait for ever. Its count of restarts is no such prefix: it
    differs between machines.

    Args:
        store: may hold what earlier starts have left.
        rank: of this process; each calls this once.
        world_size: how many they are.
        patience_s: how long the first one is waited for.

    Raises:
        RuntimeError: it does not come in this time, or another one not in the store's own.
    """
    own = uuid.uuid4().hex
    if rank == 0:
        store.set("called", own)
        for other in range(1, world_size):
            answer = store.get(f"{own}/{other}").decode()
            store.set(f"{own}/{other}/{answer}", "heard")
        return own
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        called = store.get("called").decode()
        store.set(f"{called}/{rank}", own)
        # Nobody hears an answer to an earlier start; by then there may be a new one.
        if store.check([f"{called}/{rank}/{own}"]):
            return called
        time.sleep(_POLL_S)
    raise RuntimeError("the first process of this training does not answer")


def average_over_replicas(fabric: Fabric, gradients: Sequence[Tensor], values: Sequence[float]) -> list[float]:
    """Replace gradients by their mean over the processes, in place, in one message.

    Args:
        fabric: with one process nothing is done.
        gradients: in the same order in every process.
        values: figures of the step.

    Returns:
        Means of `values`: equal in all processes, so that all of them come to the same decisions.

    Raises:
        CreativeMLError: another process is gone.
    """
    if fabric.world_size == 1:
        return list(values)
    figures = torch.tensor(values, dtype=torch.float32, device=fabric.device)
    message = torch.cat([figures, *(g.flatten().float() for g in gradients)])
    with _with_others():
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
    with _with_others():
        dist.all_reduce(flag, dist.ReduceOp.MAX)
    return bool(flag)


def wait_for_all(fabric: Fabric) -> None:
    """Return once every process has come here.

    Raises:
        CreativeMLError: another process is gone.
    """
    if fabric.world_size > 1:
        with _with_others():
            fabric.barrier()


@contextlib.contextmanager
def _with_others() -> Iterator[None]:
    """What talks to the other processes, of which one may be dead."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).splitlines()[0][:120]
        raise CreativeMLError(
            f"another process of this training is gone ({reason}); start it again with --resume, or let torchrun do it:"
            " --max-restarts 3"
        ) from error


def launch_id() -> str:
    """What torchrun calls the job that these processes belong to; empty without it."""
    return os.environ.get("TORCHELASTIC_RUN_ID", "")


def is_restart(launched_by: object) -> bool:
    """Whether torchrun has started these processes anew for the job that began a run, after one of them had failed.

    Args:
        launched_by: `launch_id` of the processes that began it. A job that nobody gave a name is called "none", as all
            others are: of those only the count of restarts tells.
    """
    again = int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0
    return bool(launch_id()) and launched_by == launch_id() and (again or launch_id() != "none")

"""Weights that several processes share among them, for networks that one device cannot hold.

Fully sharded data parallelism (ZeRO, Rajbhandari et al. 2020, arXiv 1910.02054) by torch's own `fully_shard`: each
process keeps a slice of every weight, of its gradient and of its moments, and they are put together where they are
needed. Of a GAN that is the generator; critics are small, and their gradient penalty differentiates twice, which sliced
weights do not bear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from creativeml.training.replicas import ShardedStrategy


def shards(fabric: Fabric) -> bool:
    """Whether the processes of a fabric share their weights."""
    return isinstance(fabric.strategy, ShardedStrategy)


def shard(fabric: Fabric, module: nn.Module) -> nn.Module:
    """The module on the fabric's device, its weights shared if the fabric says so; before it gets an optimizer.

    Its weights must be the same in all processes.
    """
    if not shards(fabric):
        return module
    mesh = init_device_mesh(fabric.device.type, (fabric.world_size,))
    return fully_shard(module.to(fabric.device), mesh=mesh)  # pyright: ignore[reportReturnType]


def whole(tensor: Tensor) -> Tensor:
    """A tensor put together from the slices of all processes, which must all ask for it; others as they are."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def sliced(tensor: Tensor, like: Tensor) -> Tensor:
    """This process's slice of a whole tensor, if `like` is one and has its shape; else the tensor."""
    if not isinstance(like, DTensor) or tensor.shape != like.shape:
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)


def load_whole(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    """`load_state_dict`, strictly, of whole tensors into a module whose weights may be slices."""
    own = module.state_dict()
    module.load_state_dict({k: sliced(v, own[k]) if k in own else v for k, v in state.items()}, strict=True)


def load_moments(optimizer: torch.optim.Optimizer, moments: Mapping[int, Mapping[str, Tensor]]) -> None:
    """Put an optimizer's moments back in place, whole tensors by the number of their weight.

    The groups (rates, betas) stay as they are: those come from the run's configuration.
    """
    weights: list[Any] = [weight for group in optimizer.param_groups for weight in group["params"]]
    state = {n: {k: sliced(v, weights[n]) for k, v in own.items()} for n, own in moments.items()}
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def gradient_norm(gradients: Iterable[Tensor]) -> float:
    """Of all of them together, slices of other processes included."""
    gradients = list(gradients)
    parts = [g for g in gradients if isinstance(g, DTensor)], [g for g in gradients if not isinstance(g, DTensor)]
    norms = [whole(torch.nn.utils.get_total_norm(part)) for part in parts if part]
    return float(torch.stack(norms).norm()) if norms else 0.0

"""The parts that a step's batch is made of, which processes and time share as they like.

A step of P parts trains the same weights whether P processes take one part each, one process takes all P one after
the other (gradient accumulation), or two take half of them: a part's sounds and its random numbers follow from seed,
step and its place among the parts alone. So a run may go on with another number of processes than it began with, and
nothing random need be kept between two steps.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from torch import Tensor

from creativeml.errors import CreativeMLError
from creativeml.files import sha256_bytes


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a step's batch.

    Attributes:
        real: `(b, samples)` training sounds.
        labels: `(b,)` index of their kind.
        name: what its random numbers follow from.
    """

    real: Tensor
    labels: Tensor
    name: str

    def begin(self, phase: str) -> torch.Generator:
        """Seed torch for a phase of the step, which draws the same numbers whenever it is begun.

        Returns:
            A source of random numbers, on the CPU, for what takes one.
        """
        return seed_phase(f"{self.name} {phase}")


def part_name(seed: int, step: int, place: int, salt: object = "") -> str:
    """What the random numbers of a part follow from."""
    return f"{seed} {salt} step {step} part {place}"


def seed_phase(name: str) -> torch.Generator:
    """Seed torch's own random numbers by a name; a source of others, on the CPU, that follows from it too."""
    # Only the lower 32 bits of a seed count for torch.
    digest = sha256_bytes(name.encode())
    torch.manual_seed(int(digest[:8], 16))
    return torch.Generator().manual_seed(int(digest[8:16], 16))


def own_places(fabric: Fabric, parts: int) -> range:
    """Which of a step's parts this process takes.

    Raises:
        CreativeMLError: the processes cannot share them equally.
    """
    world = fabric.world_size
    if parts % world:
        fitting = ", ".join(str(n) for n in range(1, parts + 1) if parts % n == 0)
        raise CreativeMLError(
            f"a step of this run has {parts} parts, which {world} processes cannot share equally; start {fitting} of"
            " them, or a new run with another --accumulate"
        )
    count = parts // world
    return range(fabric.global_rank * count, (fabric.global_rank + 1) * count)


def world_size() -> int:
    """How many processes torchrun has started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))

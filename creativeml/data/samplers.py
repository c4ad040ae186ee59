"""Endless batches of indices in which every class has the same share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from torch import Tensor

from creativeml.config import ConfigError, check_range, from_dict
from creativeml.errors import CreativeMLError

KindShares = Literal["equal", "root", "data"]
MOST_PARTS = 8
"""A kind comes at most so many times as often as the rarest."""


def sampling_classes(labels: Sequence[int] | Tensor, shares: KindShares, *, in_stretches: bool = False) -> np.ndarray:
    """Classes for `ClassBalancedSampler` that give the kinds the shares asked for.

    Args:
        labels: kind of each item, (n,).
        shares: "equal"; "data", as the data have them; or "root", in between: as the roots of their numbers, rounded
            (tempered sampling, as for languages of many sizes: Conneau et al. 2020, arXiv 1911.02116); kinds are cut
            into so many classes. With equal shares a rare kind's few sounds are learnt by heart while most of
            what a manifold kind can be is hardly heard.
        in_stretches: cut kinds into stretches of neighbours, not by turns: then each class has shards of its own.

    Returns:
        (n,) int64.
    """
    values = np.asarray(labels, dtype=np.int64)
    if shares == "equal" or not len(values):
        return values
    if shares == "data":
        return np.zeros_like(values)
    kinds, counts = np.unique(values, return_counts=True)
    parts = np.sqrt(counts / counts.min()).round().astype(int).clip(max=MOST_PARTS)
    # Numbered so that the parts of a kind lie apart: a batch smaller than their number takes neighbours.
    order = sorted(((part + 0.5) / parts[n], n, part) for n in range(len(kinds)) for part in range(parts[n]))
    number = {(n, part): position for position, (_, n, part) in enumerate(order)}
    classes = np.zeros_like(values)
    for n, kind in enumerate(kinds):
        turns = np.arange(counts[n])
        part = turns * parts[n] // counts[n] if in_stretches else turns % parts[n]
        classes[values == kind] = np.array([number[n, one] for one in range(parts[n])])[part]
    return classes


class Blocks(NamedTuple):
    """What lies together: with it a sampler has few blocks open at a time.

    Attributes:
        numbers: block of each item (n,), for instance the shard it is in.
        kinds: of each item (n,); all items of a block have the same.
        window: of each kind in a class so many blocks are open at a time: its items are shuffled among them.
    """

    numbers: np.ndarray
    kinds: np.ndarray
    window: int = 4


@dataclass(frozen=True)
class SamplerState:
    """How far a `ClassBalancedSampler` is, as a run's state has it."""

    batches_given: int
    seed: int
    batch_size: int
    replicas: int
    labels_sha256: str

    def __post_init__(self) -> None:
        check_range("batches_given", self.batches_given, 0, 1 << 48)
        check_range("seed", self.seed, 0, (1 << 64) - 1)


class ClassBalancedSampler:
    """Iterator of index lists, without end: each batch holds the classes in equal shares.

    Where the batch size is no multiple of the number of classes, the places left over go round the classes
    from batch to batch, so counts within a batch differ by at most one and even out over time. Within a class
    the sounds come in random order, each once before any comes again.

    Batch k is a pure function of (labels, batch_size, seed, blocks, k): only k has to be remembered to continue
    exactly.

    Args:
        labels: class of each item, (n,); labels that no item has are simply absent.
        batch_size: indices per batch.
        seed: non-negative integer.
        replica: which device of a run over several this is; it takes batches replica, replica + replicas, ...
        replicas: how many devices there are.
        blocks: with it a pass goes through the blocks of a class in random order, a few of them mixed at a time.

    Raises:
        CreativeMLError: no labels, batch size below 1, negative seed.
    """

    def __init__(
        self,
        labels: Sequence[int] | Tensor | np.ndarray,
        batch_size: int,
        seed: int,
        *,
        replica: int = 0,
        replicas: int = 1,
        blocks: Blocks | None = None,
    ) -> None:
        values = np.asarray(labels, dtype=np.int64)
        if values.ndim != 1 or not len(values):
            raise CreativeMLError("cannot balance classes without any sound: the list of labels is empty")
        if batch_size < 1:
            raise CreativeMLError(f"batch size must be at least 1, not {batch_size}")
        if seed < 0:
            raise CreativeMLError(f"seed must not be negative, not {seed}")
        if not 0 <= replica < replicas:
            raise CreativeMLError(f"replica {replica} is outside 0..{replicas - 1}")
        self.batch_size, self.seed = batch_size, seed
        self._replica, self._replicas = replica, replicas
        self._members = [np.flatnonzero(values == label) for label in np.unique(values)]
        self._blocks = blocks
        places = () if blocks is None else (blocks.numbers, blocks.kinds, np.array([blocks.window]))
        everything = b"".join(part.astype("<i8").tobytes() for part in (values, *places))
        self._fingerprint = hashlib.sha256(everything).hexdigest()
        self._batches_given = 0
        self._orders: dict[int, dict[int, np.ndarray]] = {}

    def __iter__(self) -> Iterator[list[int]]:
        return self

    def __next__(self) -> list[int]:
        return self.take([self._replica])[0]

    def take(self, replicas: Iterable[int]) -> list[list[int]]:
        """The next batch of each of some replicas, for a device that stands in for several of them."""
        batches = [self._batch(self._batches_given * self._replicas + replica) for replica in replicas]
        self._batches_given += 1
        return batches

    @property
    def batches_given(self) -> int:
        """To each replica so far."""
        return self._batches_given

    def upcoming(self, ahead: int, replica: int | None = None) -> list[int]:
        """The batch, of a replica, that comes after `ahead` others of it; nothing is taken."""
        own = self._replica if replica is None else replica
        return self._batch((self._batches_given + ahead) * self._replicas + own)

    def state_dict(self) -> dict[str, Any]:
        """Position as plain JSON values."""
        return {
            "batches_given": self._batches_given,
            "seed": self.seed,
            "batch_size": self.batch_size,
            "replicas": self._replicas,
            "labels_sha256": self._fingerprint,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the batch that would have come next when `state` was taken (its seed is taken over).

        Raises CreativeMLError when the state is damaged, or the data, the batch size or the number of devices is
        another one now.
        """
        try:
            taken = from_dict(SamplerState, state, where="order of sounds")
        except ConfigError as error:
            raise CreativeMLError(f"cannot continue the order of sounds: it is damaged ({error})") from error
        here = {"batch_size": self.batch_size, "replicas": self._replicas}
        for name, value in here.items():
            if getattr(taken, name) != value:
                raise CreativeMLError(
                    f"cannot continue the order of sounds: {name} was {getattr(taken, name)}, now it is {value}"
                )
        if taken.labels_sha256 != self._fingerprint:
            raise CreativeMLError(
                "cannot continue the order of sounds: the dataset has changed since the run began; "
                "resume with the same data or start a new run"
            )
        self.seed = taken.seed
        self._batches_given = taken.batches_given
        self._orders.clear()

    def _batch(self, number: int) -> list[int]:
        chosen: list[int] = []
        for position, members in enumerate(self._members):
            first, last = (self._drawn_before(position, number + step) for step in (0, 1))
            chosen.extend(self._draw(position, members, draw) for draw in range(first, last))
        order = np.random.default_rng([self.seed, 0, number]).permutation(len(chosen))
        return [chosen[place] for place in order]

    def _drawn_before(self, position: int, batches: int) -> int:
        """How many sounds of the class at `position` the first `batches` batches hold."""
        classes = len(self._members)
        share, left_over = divmod(self.batch_size, classes)
        return share * batches + (left_over * batches + classes - 1 - position) // classes

    def _draw(self, position: int, members: np.ndarray, draw: int) -> int:
        """The `draw`-th sound of a class: its passes over the class are independent shuffles."""
        number_of_pass, place = divmod(draw, len(members))
        known = self._orders.setdefault(position, {})
        if number_of_pass not in known:
            # Two at most: that of the next batch and that of the batch which is looked at ahead of it.
            while len(known) > 1:
                del known[next(iter(known))]
            random = np.random.default_rng([self.seed, 1, position, number_of_pass])
            known[number_of_pass] = self._order(members, random)
        return int(members[known[number_of_pass][place]])

    def _order(self, members: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """The order of one pass over a class's members."""
        if self._blocks is None:
            return random.permutation(len(members))
        numbers, kinds = self._blocks.numbers[members], self._blocks.kinds[members]
        moment = np.empty(len(members))
        for kind in np.unique(kinds):
            own = np.flatnonzero(kinds == kind)
            distinct, which = np.unique(numbers[own], return_inverse=True)
            # An item comes while its block is open, so blocks are opened one by one and not many at once.
            opened = random.permutation(len(distinct))[which] + self._blocks.window * random.random(len(own))
            rank = np.empty(len(own))
            rank[np.argsort(opened)] = np.arange(len(own))
            # Each kind goes evenly over the whole pass, however many blocks it has.
            moment[own] = (rank + random.random(len(own))) / len(own)
        return np.argsort(moment)

"""Sounds for training that are read from tar shards when they are needed: memory does not grow with their number.

In memory are 26 bytes a sound (label, shard, place, fingerprint) and the next few batches. The sampler goes through few
shards at a time (`Blocks`), so what is read next lies together, and a cache of shards from the web can be small.
"""

from __future__ import annotations

import copy
import math
import os
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.io import AudioFileError, AudioLimits, decode_audio
from creativeml.data.dataset_folder import MANIFEST, SHARDS
from creativeml.data.one_shots import (
    DatasetError,
    OneShotDataset,
    in_16_bits,
    read_dataset,
    without_silence,
)
from creativeml.data.samplers import Blocks, ClassBalancedSampler
from creativeml.data.shard_format import INDEX, MAX_SOUND_BYTES, PREPARE_AGAIN, ShardIndex, read_members, read_sound
from creativeml.data.shard_sources import Address, Location, ShardSource, read_index, source_of
from creativeml.data.shards import has_shards
from creativeml.data.splits import SPLITS
from creativeml.files import sha256_bytes, sha256_file

SURVEYED = 2048
"""Sounds from which levels, ranges of descriptors and the like are estimated, if there are more."""
HELD_OUT = 1024
"""Validation sounds that are compared with, if there are more."""
BATCHES_AHEAD = 4
"""Batches that are decoded before they are asked for."""
SHARDS_AHEAD = 32
"""Batches before it is asked for, a shard is fetched and checked."""
WINDOW = 4
"""Shards of a kind that are open at a time."""


class ShardedOneShots:
    """The sounds of one split of sharded data, all of one length, in the order of their shards.

    Args:
        source: where the shards are.
        index: theirs.
        split: train, validation or test.
        kinds: the kinds to use, in label order; None means every kind of the dataset.
        peak: each sound is scaled to this absolute peak (linear, full scale = 1); None keeps the file's level.

    Attributes:
        kinds: names that the labels count.
        labels: LongTensor (n,), index into `kinds`.
        sample_rate: in Hz.
        length_samples: samples of every sound.

    Raises:
        DatasetError: unknown kind or split, an empty split, or shards that are missing or of the wrong size.
    """

    def __init__(
        self,
        source: ShardSource,
        index: ShardIndex,
        split: str = "train",
        kinds: Sequence[str] | None = None,
        peak: float | None = 0.9,
    ) -> None:
        self._source, self._peak = source, peak
        self._limits = AudioLimits(max_bytes=MAX_SOUND_BYTES, max_channels=1, max_values=index.length_samples)
        self.sample_rate, self.length_samples = index.sample_rate, index.length_samples
        self.kinds = index.kinds if kinds is None else tuple(dict.fromkeys(kinds))
        unknown = [kind for kind in self.kinds if kind not in index.kinds]
        if unknown:
            raise DatasetError(f"{source.where} has no kind '{unknown[0]}'; it has {', '.join(index.kinds)}")
        if split not in SPLITS or split not in index.splits:
            raise DatasetError(f"the shards of {source.where} have no {split} split")
        source.check(index, split)
        part = index.splits[split]
        members = read_members(source.small(part.members), part, f"{source.where}/{SHARDS}/{part.members.name}")
        self._shards = part.shards
        label_of = {kind: label for label, kind in enumerate(self.kinds)}
        counts = [shard.sounds for shard in part.shards]
        labels = np.repeat([label_of.get(shard.kind, -1) for shard in part.shards], counts)
        used = labels >= 0
        if not used.any():
            raise DatasetError(f"the {split} split of {source.where} holds no sound of {', '.join(self.kinds)}")
        self.labels = torch.from_numpy(labels[used])
        self._members = members[used]
        self._shard_of = np.repeat(np.arange(len(counts), dtype=np.int32), counts)[used]
        self._waiting: deque[tuple[list[int], Future[tuple[Tensor, Tensor]] | None]] = deque()
        self._asked_for: set[int] = set()
        self._pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor] | None = None
        self._decoders = ThreadPoolExecutor(_threads()) if _threads() > 1 else None

    def __len__(self) -> int:
        return len(self.labels)

    def blocks(self) -> Blocks:
        """For the sampler: shards, a few of which are open at a time."""
        return Blocks(self._shard_of, self.labels.numpy(), WINDOW)

    def check_room(self, classes: np.ndarray) -> None:
        """Raises DatasetError if the shards that a sampler of these classes (n,) has open do not fit into the cache."""
        if self._source.room is None:
            return
        stretches = np.stack([classes, self.labels.numpy(), self._shard_of], 1)
        distinct = np.unique(stretches, axis=0)
        _, shards = np.unique(distinct[:, :2], axis=0, return_counts=True)
        needed = int(shards.clip(max=WINDOW + 1).sum()) * max(self._shards[n].bytes for n in distinct[:, 2])
        if needed > self._source.room:
            raise DatasetError(
                f"--cache-gb {self._source.room / 1e9:g} is too little for {self._source.where}:"
                f" give at least {math.ceil(needed / 1e8) / 10:g}, or make smaller shards (--shard-sounds)"
            )

    def batch(self, indices: Iterable[int] | Tensor) -> tuple[Tensor, Tensor]:
        """Sounds (b, samples) float32 and labels (b,) of the given indices, in their order: those that
        `OneShotDataset` gives, to the bit.

        Raises:
            DatasetError: a shard is missing, damaged, or holds something else than the sounds it should.
        """
        chosen = [int(index) for index in indices]
        sounds = np.zeros((len(chosen), self.length_samples), np.float32)
        # On one core further threads would only wait for each other.
        each = map if self._decoders is None else self._decoders.map
        decoded = list(each(self._decoded, chosen))
        for sound, (content, gain) in zip(sounds, decoded, strict=True):
            # Not by torch, which would start threads of its own beside those of the training step.
            np.multiply(content, np.float32(gain), out=sound[: len(content)])
        return torch.from_numpy(sounds), self.labels[chosen]

    def _decoded(self, index: int) -> tuple[np.ndarray, float]:
        """A sound as int16 (n,) without its trailing silence, and its factor."""
        shard, (offset, size, expected) = self._shards[self._shard_of[index]], self._members[index].item()
        where = self._source.named(shard)
        with self._source.open(shard) as file:
            flac = read_sound(file, offset, size, where)
        name = f"{where}, sound {bytes(expected).hex()}"
        try:
            # The reader that trusts no header: who made a shard from the web is not known.
            audio = decode_audio(flac, name, limits=self._limits)
            if audio.format != "FLAC":
                raise DatasetError(f"{name} is {audio.format}, not FLAC")
            content = without_silence(audio.samples[0], audio.sample_rate, name, self.sample_rate, self.length_samples)
        except AudioFileError as error:
            raise DatasetError(f"{name}: {error.reason}; {PREPARE_AGAIN}") from error
        except DatasetError as error:
            raise DatasetError(f"{error}; {PREPARE_AGAIN}") from error
        samples, gain = in_16_bits(content, self._peak)
        return samples.numpy(), gain

    def draw(self, sampler: ClassBalancedSampler, places: Sequence[int] = (0,)) -> list[tuple[Tensor, Tensor]]:
        """The next batch of a sampler for each of some replicas. Those that come after it are read while it is used.

        Raises:
            DatasetError: as `batch`.
        """
        if self._waiting and self._waiting[0][0] != sampler.upcoming(0, places[0]):
            # The run has gone back to a checkpoint.
            self._forget()
        self._read_ahead(sampler, places)
        made = [self._waiting.popleft()[1] for _ in sampler.take(places)]
        result = [one.result() for one in made if one is not None]
        # Last of all, as the threads that it wakes compete for the interpreter.
        self._read_ahead(sampler, places)
        return result

    def _read_ahead(self, sampler: ClassBalancedSampler, places: Sequence[int]) -> None:
        """Have the batches that come next read, and the shards that come after them fetched and checked."""
        if self._pools is None:
            self._pools = (ThreadPoolExecutor(1), ThreadPoolExecutor(2))
        batches, shards = self._pools
        at_once = max(BATCHES_AHEAD, len(places))
        while len(self._waiting) < SHARDS_AHEAD + at_once:
            turn, place = divmod(len(self._waiting), len(places))
            indices = sampler.upcoming(turn, places[place])
            for number in set(self._shard_of[indices].tolist()) - self._asked_for:
                self._asked_for.add(number)
                shards.submit(self._make_ready, number)
            self._waiting.append((indices, None))
        for place in range(at_once):
            indices, under_way = self._waiting[place]
            if under_way is None:
                self._waiting[place] = (indices, batches.submit(self.batch, indices))

    def close(self) -> None:
        """Stop reading ahead."""
        self._forget()
        for pool in self._pools or ():
            pool.shutdown(wait=True, cancel_futures=True)
        self._pools = None

    def _make_ready(self, number: int) -> None:
        # What is wrong with a shard is said when a sound of it is needed.
        with suppress(DatasetError):
            self._source.open(self._shards[number]).close()

    def _forget(self) -> None:
        for _, under_way in self._waiting:
            if under_way is not None:
                under_way.cancel()
        self._waiting.clear()
        self._asked_for.clear()

    def survey(self) -> ShardedOneShots:
        """A part of the sounds from which figures of all are estimated: at most `SURVEYED`, evenly from all kinds."""
        return self.reduced(SURVEYED)

    def reduced(self, most: int) -> ShardedOneShots:
        """At most so many sounds, evenly from all kinds, those with the lowest hashes: always the same ones."""
        if len(self) <= most:
            return self
        prints = np.ascontiguousarray(self._members["fingerprint"]).view("S6").ravel()
        order = np.argsort(prints, kind="stable")
        rank = np.empty(len(self), dtype=np.int64)
        for label in np.unique(self.labels.numpy()):
            own = order[self.labels.numpy()[order] == label]
            rank[own] = np.arange(len(own))
        chosen = np.lexsort((self.labels.numpy(), rank))[:most]
        return self.subset(np.sort(chosen).tolist())

    def fingerprints(self) -> list[str]:
        """First twelve hex digits of the SHA-256 of each sound's file, as `OneShotDataset.fingerprints`."""
        text = np.ascontiguousarray(self._members["fingerprint"]).tobytes().hex()
        return sorted(text[start : start + 12] for start in range(0, len(text), 12))

    def subset(self, indices: Sequence[int]) -> ShardedOneShots:
        """The same data reduced to some of their sounds; labels keep their meaning."""
        part = copy.copy(self)
        chosen = np.asarray(indices, dtype=np.int64)
        part.labels = self.labels[torch.from_numpy(chosen)]
        part._members, part._shard_of = self._members[chosen], self._shard_of[chosen]
        part._waiting, part._asked_for, part._pools = deque(), set(), None
        return part


def _threads() -> int:
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


Sounds = OneShotDataset | ShardedOneShots
"""Sounds that training draws from."""


def is_sharded(data: Location) -> bool:
    """Whether a dataset is read from its shards: if it is on the web, or has any.

    Raises:
        DatasetError: its shards are older than its manifest.
    """
    if isinstance(data, Address):
        return True
    if not (data / SHARDS / INDEX).is_file():
        return False
    if not has_shards(data):
        raise DatasetError(
            f"{data / SHARDS} was made from another {MANIFEST} than the one beside it;"
            f" run `creativeml prepare {data} --out {data} --shards`, or delete the shards"
        )
    return True


def open_sounds(data: Location, split: str, kinds: Sequence[str] | None = None) -> Sounds:
    """The sounds of a split: from shards if the dataset has any, else all in memory.

    Raises:
        DatasetError: as `OneShotDataset` and `ShardedOneShots`.
    """
    if is_sharded(data):
        source = source_of(data)
        return ShardedOneShots(source, read_index(source), split, kinds)
    assert isinstance(data, Path)
    return OneShotDataset(data, split, kinds)


def sounds_sha256(data: Location) -> str:
    """What tells a dataset from every other one: the SHA-256 of the table of its sounds, or of its shards' index.

    Raises:
        DatasetError: no index there.
    """
    if is_sharded(data):
        return sha256_bytes(source_of(data).index())
    assert isinstance(data, Path)
    return sha256_file(data / MANIFEST)


def kinds_at(data: Location) -> tuple[str, ...]:
    """The kinds of a dataset, in its own order.

    Raises:
        DatasetError: no dataset there.
    """
    if is_sharded(data):
        return read_index(source_of(data)).kinds
    assert isinstance(data, Path)
    return read_dataset(data).kinds

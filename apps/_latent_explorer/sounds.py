"""The sounds of a map: what is known of each, the model's own ones, and those of folders."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from _latent_explorer.cache import kept, put
from _latent_explorer.mixes import label_of, model_id, own_id
from _latent_explorer.wishes import MEASURED
from creativeml.audio.descriptors.registry import describe
from creativeml.data.folders import NamingRules, printable, scan_folder
from creativeml.data.one_shots import read_dataset, select_rows
from creativeml.errors import CreativeMLError
from creativeml.evaluation.embeddings import STATISTICS_DIM, log_mel_statistics
from creativeml.files import sha256_bytes
from creativeml.synthesis.latent_space import LatentSpace
from creativeml.synthesis.recordings import read_recording
from creativeml.threads import threads

MOST_OWN = 3000
"""Recordings on a map: of more, every second, third, ... is taken."""
BATCH = 16
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class Sound:
    """What the map knows of a sound.

    Attributes:
        id: its name, see `mixes`.
        kind: "" if it is not known.
        label: what people read.
        features: `(168,)` float32 in dB, how it sounds: `evaluation.embeddings.log_mel_statistics`.
        values: `(8,)` the descriptors of `MEASURED`, by their smooth faces.
        point: `(dim,)` its place in the model's space; None for recordings, which are encoded when it is wanted.
        samples: of recordings: gives `(length,)`.
    """

    id: str
    kind: str
    label: str
    features: np.ndarray
    values: np.ndarray
    point: Tensor | None = None
    samples: Callable[[], Tensor] | None = field(default=None, repr=False)

    @property
    def origin(self) -> str:
        """Who made it: "model" or "own"."""
        return "model" if self.samples is None else "own"


def heard(sounds: Tensor, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Features `(n, 168)` and descriptors `(n, 8)` of sounds `(n, length)`."""
    with torch.no_grad(), threads(1):
        values = describe(sounds, sample_rate, MEASURED, smooth=True)
        table = torch.stack([values[name] for name in MEASURED], 1)
        return log_mel_statistics(sounds, sample_rate).numpy(), table.float().numpy()


class ModelSounds:
    """The model's own sounds, made once and then kept in the cache folder.

    Args:
        space: the model's.
        per_kind: sounds of each kind, seeds from 0 on.
        sha256: of the model's weights, by which the cache knows it.
        cache: folder.
    """

    def __init__(self, space: LatentSpace, per_kind: int, sha256: str, cache: Path) -> None:
        self._space, self._per_kind = space, per_kind
        self._file = cache / f"model-{sha256[:16]}-{per_kind}-v{_FORMAT}.safetensors"

    @property
    def count(self) -> int:
        """Of all of them."""
        return self._per_kind * len(self._space.kinds)

    def kept(self) -> list[Sound] | None:
        """All of them from the cache; None if they are not there."""
        widths = {"points": self._space.dim, "features": STATISTICS_DIM, "values": len(MEASURED)}
        found = kept(self._file, {name: (self.count, width) for name, width in widths.items()})
        if found is None:
            return None
        names = [(kind, seed) for seed in range(self._per_kind) for kind in self._space.kinds]
        return self._sounds(names, torch.from_numpy(found["points"]), found["features"], found["values"])

    def made(self) -> Iterator[list[Sound]]:
        """All of them, one of each kind at a time; the caller may pause between."""
        for seed in range(self._per_kind):
            points = torch.cat([self._space.sample(kind, 1, seed) for kind in self._space.kinds])
            features, values = heard(self._space.decode(points), self._space.sample_rate)
            names = [(kind, seed) for kind in self._space.kinds]
            yield self._sounds(names, points, features, values)

    def keep(self, sounds: Sequence[Sound]) -> None:
        """Put all of them into the cache; a folder that cannot be written only costs time."""
        points = torch.stack([sound.point for sound in sounds if sound.point is not None])
        table = {"points": points.numpy(), "features": np.stack([sound.features for sound in sounds])}
        put(self._file, {**table, "values": np.stack([sound.values for sound in sounds])})

    @staticmethod
    def _sounds(
        names: Sequence[tuple[str, int]], points: Tensor, features: np.ndarray, values: np.ndarray
    ) -> list[Sound]:
        return [
            Sound(model_id(kind, seed), kind, label_of(kind, seed), f, v, point)
            for (kind, seed), point, f, v in zip(names, points, features, values, strict=True)
        ]


@dataclass(frozen=True)
class OwnFile:
    """A recording that is to be on the map."""

    path: Path
    kind: str
    name: str


def files_of_dataset(root: Path) -> list[OwnFile]:
    """The recordings of a folder that `creativeml prepare` made, without duplicates and those of no kind."""
    info = read_dataset(root)
    _, rows = select_rows(info, "all", None)
    return [OwnFile(info.root / row["path"], row["class"], _stored_name(row["path"])) for row in rows]


def _stored_name(path: str) -> str:
    """What a recording was called before `creativeml prepare` put eight digits of its hash behind its name."""
    return printable(re.sub(r"-[0-9a-f]{8}$", "", Path(path).stem))


def files_of_folder(root: Path) -> list[OwnFile]:
    """The sounds below any folder, their kinds read from names.

    Raises:
        CreativeMLError: there is no such folder, or no sound in it.
    """
    if not root.is_dir():
        raise CreativeMLError(f"{root}: there is no such folder; give one that holds sounds")
    found = scan_folder(root, root.resolve().name, NamingRules())
    if not found.sounds:
        raise CreativeMLError(f"{root}: there is no sound in it; give a folder that holds wav or flac files")
    return [OwnFile(sound.path, sound.kind or "", printable(sound.path.stem)) for sound in found.sounds]


def thinned(files: list[OwnFile]) -> list[OwnFile]:
    """Not more than a map holds, evenly from the whole list."""
    step = -(-len(files) // MOST_OWN)
    return files[:: max(1, step)]


@dataclass(frozen=True)
class Unusable:
    """A file that is not on the map, and why."""

    name: str
    reason: str


class OwnSounds:
    """Recordings as a model would have heard them in training; what was measured of them is kept.

    Args:
        space: whose rate and length they get.
        cache: folder.
    """

    def __init__(self, space: LatentSpace, cache: Path) -> None:
        self._space, self._cache = space, cache

    def read(self, path: Path, label: str, kind: str) -> tuple[Sound, tuple[str, ...]]:
        """One file as a sound, and what was done to it.

        Raises:
            CreativeMLError: not usable as a recording, with the reason.
        """
        identity, samples, notes = self._read(path)
        features, values = (table[0] for table in heard(samples[None], self._space.sample_rate))
        # In memory: a file that was handed over may be gone tomorrow.
        return Sound(identity, kind, label, features, values, samples=lambda: samples), notes

    def batches(self, files: Sequence[OwnFile]) -> Iterator[tuple[list[Sound], list[Unusable]]]:
        """Many files, some at a time; those that cannot be used with their reasons."""
        for start in range(0, len(files), BATCH):
            yield self._batch(files[start : start + BATCH])

    def _batch(self, files: Sequence[OwnFile]) -> tuple[list[Sound], list[Unusable]]:
        path = self._cache / f"own-{self._key(files)}.safetensors"
        shapes = {"ids": 8, "features": STATISTICS_DIM, "values": len(MEASURED)}
        table = kept(path, {name: (len(files), width) for name, width in shapes.items()})
        if table is None:
            return self._measured(files, path)
        names = [f"own:{row.astype(np.uint8).tobytes().hex()}" for row in table["ids"]]
        rows = zip(files, names, table["features"], table["values"], strict=True)
        return [self._sound(*row) for row in rows], []

    def _measured(self, files: Sequence[OwnFile], keep_at: Path) -> tuple[list[Sound], list[Unusable]]:
        used, names, read, unusable = [], [], [], []
        for file in files:
            try:
                identity, samples, _ = self._read(file.path)
            except CreativeMLError as error:
                unusable.append(Unusable(file.name, str(error).replace(f"{file.path}: ", "")))
                continue
            used.append(file)
            names.append(identity)
            read.append(samples)
        if not used:
            return [], unusable
        features, values = heard(torch.stack(read), self._space.sample_rate)
        if not unusable:
            ids = np.array([list(bytes.fromhex(name.removeprefix("own:"))) for name in names], dtype=np.uint8)
            put(keep_at, {"ids": ids, "features": features, "values": values})
        return [self._sound(*row) for row in zip(used, names, features, values, strict=True)], unusable

    def _sound(self, file: OwnFile, name: str, features: np.ndarray, values: np.ndarray) -> Sound:
        return Sound(name, file.kind, file.name[:60], features, values, samples=lambda: self._read(file.path)[1])

    def _read(self, path: Path) -> tuple[str, Tensor, tuple[str, ...]]:
        recording = read_recording(path, self._space.sample_rate, self._space.length_samples)
        return own_id(path.read_bytes()), recording.samples, recording.notes

    def _key(self, files: Sequence[OwnFile]) -> str:
        """Of the files as they are, without reading them."""
        marks = [f"{_FORMAT} {self._space.sample_rate} {self._space.length_samples}"]
        for file in files:
            with contextlib.suppress(OSError):  # what is not there is told when it is read
                status = file.path.stat()
                marks.append(f"{file.path.resolve()} {status.st_size} {status.st_mtime_ns}")
        return sha256_bytes("\n".join(marks).encode("utf-8", "surrogateescape"))[:24]

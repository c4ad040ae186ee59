"""The sounds of a map: what is known of each, the model's own ones, and those of folders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from _latent_explorer.cache import kept, put
from _latent_explorer.mixes import label_of, model_id, own_id
from _latent_explorer.wishes import MEASURED
from creativeml.audio.descriptors.registry import describe
from creativeml.data.classes import kind_of
from creativeml.data.folders import Refused, printable
from creativeml.data.one_shots import read_dataset, select_rows
from creativeml.evaluation.embeddings import STATISTICS_DIM, log_mel_statistics
from creativeml.files import sha256_file
from creativeml.maps.features import NAMES, judge, load, measure, version
from creativeml.maps.layout import UNSURE, kind_of_sound
from creativeml.maps.library import Library, LibraryFile
from creativeml.maps.store import Store
from creativeml.maps.survey import OnStep, survey
from creativeml.maps.survey import Sound as Surveyed
from creativeml.synthesis.latent_space import LatentSpace
from creativeml.synthesis.recordings import LONGEST_S, Recording, read_recording
from creativeml.threads import threads

MOST_OWN = 3000
"""Recordings on a map: of more, every second, third, ... is taken."""
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


def files_of_dataset(root: Path) -> Library:
    """The recordings of a folder that `creativeml prepare` made, without duplicates and those of no kind."""
    info = read_dataset(root)
    _, rows = select_rows(info, "all", None)
    return Library(info.root, [LibraryFile(info.root / r["path"], _stored_name(r["path"]), r["class"]) for r in rows])


def _stored_name(path: str) -> str:
    """What a recording was called before `creativeml prepare` put eight digits of its hash behind its name."""
    return printable(re.sub(r"-[0-9a-f]{8}(\.\w+)$", r"\1", Path(path).name))


def thinned(files: list[LibraryFile]) -> list[LibraryFile]:
    """Not more than a map holds, evenly from the whole list."""
    step = -(-len(files) // MOST_OWN)
    return files[:: max(1, step)]


class OwnSounds:
    """Recordings as a model would have heard them in training.

    Args:
        space: whose rate and length they get.
        cache: folder where `creativeml map` keeps what it measured, too.
    """

    def __init__(self, space: LatentSpace, cache: Path) -> None:
        self._space, self._cache = space, cache

    def added(self, path: Path, name: str) -> tuple[Sound, tuple[str, ...]]:
        """One file that was handed over, and what was done to it. It may be gone tomorrow: nothing is read later.

        Raises:
            CreativeMLError: not usable as a recording, with the reason.
        """
        recording = self._recording(path)
        with threads(1):
            (features,) = measure([load(path)], previews=False)
        content = sha256_file(path)
        found = Surveyed(LibraryFile(path, name, kind_of(Path(name).stem)), content, features)
        return self._sound(found, lambda: recording.samples), recording.notes

    def listened(self, library: Library, on_step: OnStep) -> tuple[list[Sound], int]:
        """The sounds of a library, each content once, and how many files repeat one.

        What cannot be used is entered into `library.refused`.

        Raises:
            CreativeMLError: the cache folder cannot be written.
        """
        store = Store(self._cache, version())
        try:
            # One thread: the rest is for whoever plays meanwhile.
            found = survey(library, store, previews=False, workers=1, on_step=on_step)
        finally:
            store.close()
        usable: dict[str, Surveyed] = {}
        repeated = 0
        for sound in found:
            if sound.features.seconds > LONGEST_S:
                reason = f"{sound.features.seconds:.0f} s long, more than the {LONGEST_S:g} s of a single hit"
                library.refused.append(Refused(sound.file.name, reason, "cut a hit out of it"))
            else:
                repeated += usable.setdefault(sound.content, sound) is not sound
        return [self._sound(sound, partial(self._samples, sound.file.path)) for sound in usable.values()], repeated

    def _sound(self, found: Surveyed, samples: Callable[[], Tensor]) -> Sound:
        # A dataset may have kinds of its own, which the classifier has never heard of.
        kind = found.file.kind or kind_of_sound(found, judge().model.config.kinds).kind
        values = found.features.descriptors[[NAMES.index(name) for name in MEASURED]]
        label = PurePosixPath(found.file.name).stem[:60]
        return Sound(
            own_id(found.content), "" if kind == UNSURE else kind, label, found.features.timbre, values, samples=samples
        )

    def _samples(self, path: Path) -> Tensor:
        return self._recording(path).samples

    def _recording(self, path: Path) -> Recording:
        return read_recording(path, self._space.sample_rate, self._space.length_samples)

"""The atlas: every sound that the page knows, gathered while the page is already being looked at, and its maps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path
from threading import Lock, Thread
from typing import TypeVar

import numpy as np
import torch
from _shared.background import Turns, told
from torch import Tensor

from _latent_explorer.layout import LEAST, grouped, placed
from _latent_explorer.mixes import Mix, kind_and_seed
from _latent_explorer.sounds import MOST_OWN, ModelSounds, OwnSounds, Sound, heard, thinned
from _latent_explorer.wishes import MEASURED, Progress, Wish
from creativeml.errors import CreativeMLError
from creativeml.evaluation.projections import PROJECTIONS, project
from creativeml.maps.layout import lengthwise
from creativeml.maps.library import Library
from creativeml.synthesis.latent_paths import stops, straight
from creativeml.synthesis.latent_space import LatentSpace, StyleSpace

FIRST_LOOK = 8
"""Sounds of each kind after which there is a first map."""
MOST_ADDED = 200
MOST_NOTES = 100
"""Unusable files that are named one by one."""
NO_ENCODER = "the model came without an encoder: recordings are left out of mixtures and of maps by the model's space"

T = TypeVar("T")


class Atlas:
    """Sounds by name, and where they lie.

    Args:
        space: the model's; used by one caller at a time.
        sha256: of its weights.
        per_kind: of the model's own sounds.
        libraries: find recordings for the same map.
        cache: the user's cache folder.
        progress: is kept up to date.
    """

    def __init__(
        self,
        space: LatentSpace,
        sha256: str,
        *,
        per_kind: int,
        libraries: Sequence[Callable[[], Library]],
        cache: Path,
        progress: Progress,
    ) -> None:
        self.space, self.progress = space, progress
        self.turns = Turns()
        self._cache, self._libraries = cache / "explorer", libraries
        self._model = ModelSounds(space, per_kind, sha256, self._cache)
        self._own = OwnSounds(space, cache / "map")
        self._sounds: dict[str, Sound] = {}
        self._added: list[str] = []
        self._points: dict[str, Tensor] = {}
        self._lock = Lock()

    def start(self) -> None:
        """Begin to gather."""
        Thread(target=self._gather, daemon=True).start()

    def sounds(self) -> list[Sound]:
        """All that are there by now, the model's first, added ones last."""
        with self._lock:
            return list(self._sounds.values())

    def sound(self, name: str) -> Sound | None:
        """The one of that name, if it is on the map."""
        with self._lock:
            return self._sounds.get(name)

    def add(self, path: Path, name: str) -> tuple[Sound, tuple[str, ...]]:
        """Put one more recording on the map.

        Returns:
            The sound, and what was done to it.

        Raises:
            CreativeMLError: not usable as a recording.
        """
        with self.turns.asked():
            sound, notes = self._own.added(path, name)
        with self._lock:
            known = self._sounds.setdefault(sound.id, sound)
            if known is sound:
                self._added.append(sound.id)
            if len(self._added) > MOST_ADDED:
                self._sounds.pop(self._added.pop(0))
        return known, notes if self.encodes else (*notes, NO_ENCODER)

    @cached_property
    def encodes(self) -> bool:
        """Whether recordings have a place in the model's space."""
        return not isinstance(self.space, StyleSpace) or self.space.instrument.encoder is not None

    def mixes(self, name: str) -> bool:
        """Whether that sound can take part in mixtures: not if it is gone, or if the model cannot hear it."""
        return kind_and_seed(name) is not None or (self.encodes and self.sound(name) is not None)

    def map(self, wish: Wish) -> tuple[list[Sound], np.ndarray, list[int]]:
        """All sounds, their places `(n, 2)`, and their groups; by a model without an encoder only its own sounds.

        Raises:
            CreativeMLError: too few sounds as yet, or a projection that fails on them.
        """
        sounds = self.sounds()
        if wish.arrange == "model" and not self.encodes:
            sounds = [sound for sound in sounds if sound.point is not None]
        if len(sounds) < LEAST:
            raise CreativeMLError("there are no sounds to make a map of yet; wait a moment")
        features = self._features(sounds, wish)
        brightness = np.array([sound.values[MEASURED.index("brightness")] for sound in sounds])
        places = lengthwise(placed(features, wish.projection, self._cache), brightness)
        return sounds, places, grouped(features, wish)

    def _features(self, sounds: list[Sound], wish: Wish) -> np.ndarray:
        if wish.arrange == "sound":
            return np.stack([sound.features for sound in sounds])
        # A turn for each, so that what somebody plays meanwhile need not wait for all.
        for sound in sounds:
            if sound.point is None and sound.id not in self._points:
                with self.turns.asked():
                    self._point_of(sound.id)
        return torch.stack([self._point_of(sound.id) for sound in sounds]).numpy()

    def point(self, mix: Mix) -> Tensor:
        """The place `(dim,)` of a mix in the model's space. Call it in a turn.

        Raises:
            CreativeMLError: a recording that is not here, or that the model cannot encode.
        """
        places = torch.stack([self._point_of(name) for name, _ in mix.parts])
        return (places * torch.tensor([share for _, share in mix.parts])[:, None]).sum(0)

    def _point_of(self, name: str) -> Tensor:
        sound = self.sound(name)
        if sound is not None and sound.point is not None:
            return sound.point
        if name not in self._points:
            self._points[name] = self._found_point(name, sound)
        return self._points[name]

    def _found_point(self, name: str, sound: Sound | None) -> Tensor:
        born = kind_and_seed(name)
        if born is not None:
            return self.space.sample(born[0], 1, born[1])[0]
        if sound is None or sound.samples is None:
            raise CreativeMLError("the recording of this sound is not on the map; drop it on the map again")
        kinds = [sound.kind] if sound.kind in self.space.kinds else None
        return self.space.encode(sound.samples()[None], kinds)[0]

    def samples(self, mix: Mix) -> Tensor:
        """The sound `(length,)` of a mix: a recording itself, everything else as the model makes it. Call it in a turn.

        Raises:
            CreativeMLError: as `point`.
        """
        sound = self.sound(mix.only) if mix.only else None
        if sound is not None and sound.samples is not None:
            return sound.samples()
        return self.space.decode(self.point(mix)[None])[0]

    def stops(self, start: Mix, end: Mix, count: int) -> list[float]:
        """Shares of the end, from 0 to 1, at which the steps from a mix to another are equally heard."""
        with self.turns.asked():
            route = stops(self.space, straight(self.point(start), self.point(end)), count)
        return [round(float(share), 4) for share in route.shares]

    def heard(self, samples: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Features and descriptors of one sound. Call it in a turn."""
        features, values = heard(samples[None], self.space.sample_rate)
        return features[0], values[0]

    # ---- gathering ----

    def _gather(self) -> None:
        # Each for itself: what is wrong with one folder hides no other.
        for step in (self._gather_model, *(partial(self._gather_own, find) for find in self._libraries)):
            try:
                step()
            except Exception as error:
                self.progress.fail(error)
                told(error)
        self.progress.stage = ""

    def _gather_model(self) -> None:
        sounds = self._model.kept()
        if sounds is None:
            sounds = []
            self._stage("Making the model's sounds", self._model.count)
            made = self._model.made()
            while rows := self._next(made):
                sounds += rows
                self._take(rows)
                if len(sounds) == FIRST_LOOK * len(self.space.kinds) < self._model.count:
                    self.progress.edition += 1
            self._model.keep(sounds)
        self._take(sounds)
        self.progress.edition += 1

    def _gather_own(self, find: Callable[[], Library]) -> None:
        library = find()
        files, found = thinned(library.files), len(library.files)
        if len(files) < found:
            note = f"{found} recordings are more than the {MOST_OWN} that a map holds: {len(files)} are shown"
            self.progress.notes.append(note)
        library.files = files
        self._stage("Listening to your sounds", len(files))
        sounds, repeated = self._own.listened(library, self._on_step)
        self._take(sounds, 0)
        if sounds and not self.encodes and NO_ENCODER not in self.progress.notes:
            self.progress.notes.append(NO_ENCODER)
        refused = [f"{file.name}: {file.reason}; {file.remedy}" for file in library.refused]
        self.progress.notes += refused[:MOST_NOTES]
        if len(refused) > MOST_NOTES:
            self.progress.notes.append(f"and {len(refused) - MOST_NOTES} more files that cannot be used")
        if repeated:
            note = f"{repeated} of your files hold the same sound as another: each is shown once"
            self.progress.notes.append(note)
        self.progress.edition += 1

    def _on_step(self, stage: str, done: int, of: int) -> None:
        self.progress.done, self.progress.of = done, of

    def _next(self, batches: Iterator[T]) -> T | None:
        with self.turns.ahead():
            return next(batches, None)

    def _stage(self, text: str, of: int) -> None:
        self.progress.stage, self.progress.done, self.progress.of = text, 0, of

    def _take(self, sounds: Iterable[Sound], done: int | None = None) -> None:
        rows = list(sounds)
        with self._lock:
            for sound in rows:
                self._sounds.setdefault(sound.id, sound)
        self.progress.done += len(rows) if done is None else done


def warm_up() -> None:
    """Import what projections need: that takes longer than most projections do."""
    project(np.random.default_rng(0).normal(size=(8, 3)), PROJECTIONS[1])

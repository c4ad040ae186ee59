"""The functions behind the latent explorer's page. Nothing that comes from the page is trusted."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from _shared import serving
from _shared.shelf import FileShelf

from _latent_explorer import layout
from _latent_explorer.mixes import Mix, between, checked_mix, mix_of
from _latent_explorer.rendered import Rendered
from _latent_explorer.wishes import (
    LONGEST_STEP_S,
    MAX_BUNDLE,
    MAX_PATH,
    MAX_ROW,
    MEASURED,
    SHORTEST_STEP_S,
    Progress,
    Wish,
)
from creativeml.errors import CreativeMLError, quoted
from creativeml.files import sha256_bytes
from creativeml.synthesis.catalog import ModelInfo, is_number, is_whole

if TYPE_CHECKING:
    from _latent_explorer.atlas import Atlas
    from _latent_explorer.sounds import Sound

NEAR = 6
KEPT_FILES = 1024
KEPT_CHARTS = 8


@dataclass
class Chart:
    """A map that was given to a page: names of its sounds and their places `(n, 2)`."""

    ids: list[str]
    places: np.ndarray


class Server:
    """What the page asks for.

    Args:
        info: the model.
        atlas: gives the sounds; called for every request.
        progress: of their gathering.
        folder: for files on their way to the page; uploads lie in it too.
    """

    def __init__(self, info: ModelInfo, atlas: Callable[[], Atlas], progress: Progress, folder: Path) -> None:
        self.info, self._atlas, self._progress = info, atlas, progress
        self._uploads = folder.resolve()
        self._shelf = FileShelf(self._uploads / "explorer", KEPT_FILES)
        self._rendered = Rendered(info, atlas)
        self._charts: OrderedDict[str, Chart] = OrderedDict()
        self._lock = Lock()

    def state(self) -> dict:
        """What is being gathered.

        Returns:
            "stage" in words, "" when all is there; "done" of "of" steps; "edition" counts up when a new map can be
            asked for; "notes" and "error" for people.
        """
        return asdict(self._progress)

    def map(
        self, arrange: str = "sound", projection: str = "t-sne", clustering: str = "k-means", groups: int = 8
    ) -> dict:
        """Every sound with its place on a map.

        Args:
            arrange: "sound" by how they sound, "model" by where the model has them.
            projection: "pca", "t-sne", "isomap", "lle", "ltsa" or "laplacian".
            clustering: "k-means" or "gmm".
            groups: 1 to 24.

        Returns:
            "chart", which names this map in other calls, and "points": id, x and y from -1 to 1, kind, cluster, label,
            origin and the values of its descriptors.
        """
        with serving.shown_errors():
            wish = Wish(arrange, projection, clustering, groups)
            sounds, places, groups_of = self._atlas().map(wish)
            chart = Chart([sound.id for sound in sounds], places.copy())
            name = sha256_bytes(repr((chart.ids, chart.places.tobytes())).encode())[:16]
            with self._lock:
                self._charts[name] = chart
                self._charts.move_to_end(name)
                while len(self._charts) > KEPT_CHARTS:
                    self._charts.popitem(last=False)
            rows = zip(sounds, places.tolist(), groups_of, strict=True)
            return {"chart": name, "points": [_point(sound, place, group) for sound, place, group in rows]}

    def sounds(self, mixes: list) -> dict:
        """Sounds by their names.

        Args:
            mixes: up to 64 of "kick:3" or {"kick:3": 0.7, "snare:0": 0.3}, points and their shares.

        Returns:
            "files": 24-bit wavs; "records": what each is, in the same order.
        """
        with serving.shown_errors():
            return self._answer(self._checked(mixes, MAX_ROW))

    def walk(self, chart: str, path: list, steps: int = 1) -> dict:
        """The sounds of places along a path on a map; of a single place, its sound.

        Args:
            chart: as `map` names it.
            path: up to 512 places [x, y].
            steps: sounds at equal distances along it, 1 to 64; with 1, of its first place.

        Returns:
            As `sounds`, and the "places" of the sounds.
        """
        with serving.shown_errors():
            on = self._chart(chart)
            if not isinstance(path, list) or not 1 <= len(path) <= MAX_PATH:
                raise CreativeMLError(f"a path is a list of 1 to {MAX_PATH} places")
            if not is_whole(steps) or not 1 <= steps <= MAX_ROW:
                raise CreativeMLError(f"steps must be a whole number from 1 to {MAX_ROW}, got {quoted(steps)}")
            places = layout.along(np.stack([layout.checked_place(place) for place in path]), steps)
            mixes = [mix_of(shares) for shares in self._shares_at(on, places)]
            return {**self._answer(mixes), "places": places.tolist()}

    def morph(self, start: dict, end: dict, steps: int = 8) -> dict:
        """The sounds on the straight line between two, at steps that are equally heard.

        Args:
            start, end: as `sounds` takes one.
            steps: sounds, 2 to 64, the ends among them.

        Returns:
            As `sounds`, and the "shares" of the end in each.
        """
        with serving.shown_errors():
            first, last = (checked_mix(mix, self.info.kinds) for mix in (start, end))
            if not is_whole(steps) or not 2 <= steps <= MAX_ROW:
                raise CreativeMLError(f"steps must be a whole number from 2 to {MAX_ROW}, got {quoted(steps)}")
            shares = self._atlas().stops(first, last, steps)
            mixes = [between(first, last, share) for share in shares]
            return {**self._answer(mixes), "shares": shares}

    def near(self, chart: str, mix: Any) -> dict:
        """What on a map sounds most like a sound.

        Args:
            chart: as `map` names it.
            mix: as `sounds` takes one.

        Returns:
            "near": the six nearest with "id" and "distance" in dB (of spectrum and envelope); "values": descriptors of
            the sound.
        """
        with serving.shown_errors():
            on, found = self._chart(chart), checked_mix(mix, self.info.kinds)
            atlas = self._atlas()
            sound = atlas.sound(found.only) if found.only else None
            if sound is not None:
                features, values = sound.features, sound.values
            else:
                with atlas.turns.asked():
                    features, values = atlas.heard(atlas.samples(found))
            near, _ = self._nearest(on, features, found.only)
            return {"near": near, "values": _values(values)}

    def add(self, chart: str, file: dict) -> dict:
        """Put a recording of one hit on a map: WAV, FLAC, AIFF, OGG or MP3, up to 20 s.

        Args:
            chart: as `map` names it.
            file: as Gradio's upload gives it.

        Returns:
            "point": as `map` gives them, but of no group, its "cluster" is null; "near": as `near` gives it; "notes":
            what was done to the recording.
        """
        with serving.shown_errors():
            on = self._chart(chart)
            path, name = serving.uploaded(file, self._uploads, "drop it on the map again")
            try:
                sound, notes = self._atlas().add(path, name)
            except CreativeMLError as error:
                # Where the file lies on this machine means nothing to the person who dropped it.
                raise CreativeMLError(f"{name}: {str(error).replace(f'{path}: ', '')}") from error
            finally:
                path.unlink(missing_ok=True)
            near, place = self._nearest(on, sound.features, sound.id)
            with self._lock:
                if sound.id in on.ids:
                    place = on.places[on.ids.index(sound.id)]
                else:
                    on.ids.append(sound.id)
                    on.places = np.concatenate([on.places, place[None]])
            return {"point": _point(sound, place.tolist(), None), "near": near, "notes": list(notes)}

    def bundle(self, mixes: list) -> dict:
        """Zip archive of sounds, numbered in their order, with a manifest.

        Args:
            mixes: up to 256, as `sounds` takes them.
        """
        with serving.shown_errors():
            checked = self._checked(mixes, MAX_BUNDLE)
            data = self._rendered.archive(checked)
            return self._shelf.place(f"map_x{len(checked)}_{sha256_bytes(data)[:8]}.zip", data)

    def row(self, mixes: list, step_s: float = 0.25) -> dict:
        """One 24-bit wav in which sounds follow each other as they were played, their ends ringing on.

        Args:
            mixes: up to 64, as `sounds` takes them.
            step_s: from one to the next, 0.02 to 2 s.
        """
        with serving.shown_errors():
            if not is_number(step_s) or not SHORTEST_STEP_S <= step_s <= LONGEST_STEP_S:
                allowed = f"{SHORTEST_STEP_S:g} to {LONGEST_STEP_S:g} s"
                raise CreativeMLError(f"step_s must be a number from {allowed}, got {quoted(step_s)}")
            checked = self._checked(mixes, MAX_ROW)
            data = self._rendered.row(checked, step_s)
            return self._shelf.place(f"map_row_x{len(checked)}_{sha256_bytes(data)[:8]}.wav", data)

    # ---- inside ----

    def _checked(self, mixes: Any, most: int) -> list[Mix]:
        if not isinstance(mixes, list) or not 1 <= len(mixes) <= most:
            raise CreativeMLError(f"give a list of 1 to {most} sounds")
        return [checked_mix(mix, self.info.kinds) for mix in mixes]

    def _chart(self, name: Any) -> Chart:
        with self._lock:
            found = self._charts.get(name) if isinstance(name, str) else None
            if found is None:
                raise CreativeMLError("this map is no longer there; choose how to arrange it, or load the page, again")
            self._charts.move_to_end(name)
            return found

    def _shares_at(self, on: Chart, places: np.ndarray) -> list[dict[str, float]]:
        """Of what can be mixed, the shares at each place `(n, 2)`."""
        atlas = self._atlas()
        with self._lock:
            ids, known = list(on.ids), on.places
        here = [n for n, name in enumerate(ids) if atlas.mixes(name)]
        if not here:
            raise CreativeMLError("no sound of this map can be mixed; take a model that came with an encoder")
        return layout.shares_at(known[here], [ids[n] for n in here], places)

    def _answer(self, mixes: list[Mix]) -> dict:
        made = [self._rendered.sound(mix) for mix in mixes]
        files = [self._shelf.place(record.file, data) for data, record in made]
        return {"files": files, "records": [asdict(record) for _, record in made]}

    def _nearest(self, on: Chart, features: np.ndarray, own: str | None) -> tuple[list[dict], np.ndarray]:
        atlas = self._atlas()
        with self._lock:
            ids, places = list(on.ids), on.places
        sounds = [atlas.sound(name) for name in ids]
        here = [n for n, sound in enumerate(sounds) if sound is not None and sound.id != own]
        distances = layout.distances_db(features, np.stack([s.features for n in here if (s := sounds[n])]))
        order = np.argsort(distances, kind="stable")[:NEAR]
        near = [{"id": ids[here[n]], "distance": round(float(distances[n]), 2)} for n in order]
        return near, layout.place_among(places[here], distances)


def _point(sound: Sound, place: list[float], group: int | None) -> dict[str, Any]:
    x, y = (round(float(v), 5) for v in place)
    return {
        "id": sound.id,
        "x": x,
        "y": y,
        "kind": sound.kind,
        "cluster": group,
        "label": sound.label,
        "origin": sound.origin,
        "values": _values(sound.values),
    }


def _values(values: np.ndarray) -> dict[str, float]:
    return {n: float(f"{float(v):.4g}") for n, v in zip(MEASURED, values, strict=True) if np.isfinite(v)}

"""The functions behind the Kit page. Nothing that comes from the page is trusted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _shared import serving
from _shared.shelf import FileShelf

from _studio.made import Newest, Sounds, Source
from _studio.own import Finder, read_own, word_of
from _studio.regions import open_regions
from creativeml.config import from_dict, to_dict
from creativeml.errors import CreativeMLError, quoted
from creativeml.files import sha256_bytes
from creativeml.kits.formats import FORMATS, archive_name, read_kit, write_kit
from creativeml.kits.kit import FIRST_PAD, MAX_LAYERS, Kit, Layer
from creativeml.kits.midi import write_midi
from creativeml.kits.naming import safe_name
from creativeml.kits.play import render_wav
from creativeml.kits.project import (
    MOST_TAKES,
    PROJECT,
    SUFFIX,
    PadPlan,
    Project,
    pad_from,
    pattern_of,
    project_file,
    project_from,
    read_project_file,
    without_missing,
)
from creativeml.kits.store import ProjectStore
from creativeml.synthesis import export
from creativeml.synthesis.catalog import LAST_SEED, ModelInfo, check_controls, check_request, is_whole

if TYPE_CHECKING:
    from creativeml.synthesis.generate import Instrument

KEPT_FILES = 2048
MAX_LAYER_BYTES = 128 << 20
MOST_BARS = 16


class Server:
    """What the Kit page asks for.

    Args:
        info: the model.
        instrument: gives the loaded model.
        folder: for files on their way to the page; uploads lie in it too.
        store: where projects and recordings are kept.
    """

    def __init__(
        self, info: ModelInfo, instrument: Callable[[], Instrument], folder: Path, store: ProjectStore
    ) -> None:
        self.info, self._instrument, self._store = info, instrument, store
        self._uploads = folder.resolve()
        self._shelf = FileShelf(self._uploads / "kit", KEPT_FILES)
        self._sounds = Sounds(instrument, store)
        self._layers: Newest[tuple[Layer, ...]] = Newest(MAX_LAYER_BYTES, _bytes_of)
        self._finder = Finder()

    # ---- projects ----

    def fresh(self, seed: int = 0) -> dict:
        """A new kit.

        Args:
            seed: 0 to 268435454; two seeds differ on every pad.

        Returns:
            A project.
        """
        with serving.shown_errors():
            return to_dict(_rendering().fresh_project(self._instrument(), seed))

    def save(self, name: str, project: dict, revision: int = -1) -> int:
        """Keep a project.

        Args:
            name: 32 hexadecimal digits that only its owner knows.
            project: as `fresh` gives it, changed.
            revision: of the one that was changed, as `open` or `save` gave it; -1 takes the place of any.

        Returns:
            The new revision. If another page has saved a newer one: an error "This kit was changed in another window".
        """
        with serving.shown_errors():
            return self._store.save(name, self._project(project), revision)

    def open(self, name: str) -> dict | None:
        """A kept project, or null if there is none of that name.

        Returns:
            "project", null if it is damaged beyond repair; "revision", and "notes" on what was lost, a line each.
        """
        with serving.shown_errors():
            found = self._store.open(name)
            if found is None:
                return None
            notes = list(found.notes)
            if found.project is None:
                return {"project": None, "revision": 0, "notes": notes}
            project, more = self._opened(found.project)
            return {"project": to_dict(project), "revision": found.revision, "notes": notes + more}

    # ---- sounds ----

    def sounds(self, sources: list) -> list[dict]:
        """The sounds of up to 64 pads.

        Args:
            sources: of {"sound": {"kind": "kick", "seed": 0, ...}} or {"own": hash of a recording}.

        Returns:
            For each "file", a 24-bit wav, and "record": what was made, with a "note" on what could not be had.
        """
        with serving.shown_errors():
            return [self._taken(source) for source in self._sounds.checked_list(sources, 64)]

    def layers(
        self, source: dict, layers: int = 1, takes: int = 1, tune: float = 0.0, decay: float = 1.0
    ) -> list[dict]:
        """Velocity layers of a sound, and in each sounds that take turns: to the bit those that a kit has.

        Args:
            source: as `sounds` takes it.
            layers: 1 to 8.
            takes: 1 to 4.
            tune: in semitones, -24 to 24.
            decay: share of its audible length, 0.01 to 1.

        Returns:
            For each layer, the softest first: "low" and "high" velocity; "shaped": true, as tune and decay are in the
            sounds; and "takes" as `sounds` gives them.
        """
        with serving.shown_errors():
            plan = self._plan(self._sounds.source(source), layers=layers, takes=takes, tune=tune, decay=decay)
            key = json.dumps(to_dict(plan), sort_keys=True)
            made = self._layers.get(key, lambda: self._pad(FIRST_PAD, plan).layers)
            # Placed each time: what was placed before may have left the shelf.
            return [self._shown_layer(layer) for layer in made]

    def measure(self, source: dict, exact: bool = True) -> dict:
        """What a sound has of the model's controls: descriptor to value in its unit.

        Args:
            source: as `sounds` takes it.
            exact: what it was asked for, as `creativeml describe` says; otherwise all by faster, nearly right measures.
        """
        with serving.shown_errors():
            found = self._sounds.source(source)
            names = found.sound.controls if exact and found.sound else self.info.controls
            if not names:
                return {}
            return export.measured([self._sounds.data(found)], names, smooth=exact is not True)[0]

    def region(self, kind: str, controls: dict) -> dict:
        """Where each control can be set beside others.

        Args:
            kind: or a mixture.
            controls: descriptor to the value that is asked for.

        Returns:
            Of each control the lowest and the highest value that occurs in recordings with all others.
        """
        with serving.shown_errors():
            check_request(self.info.kinds, kind=kind, count=1, seed=0, truncation=1.0)
            if not isinstance(controls, dict):
                raise CreativeMLError(f'controls must be an object like {{"brightness": 60}}, got {quoted(controls)}')
            check_controls(self.info, controls)
            return {name: list(ends) for name, ends in open_regions(self._instrument(), kind, controls).items()}

    # ---- recordings ----

    def own(self, file: dict) -> dict:
        """Keep a recording of one hit for a pad: WAV, FLAC, AIFF, OGG or MP3, up to 20 s.

        Args:
            file: as Gradio's upload gives it.

        Returns:
            "own", its hash; "name", "kind" and "notes".
        """
        with serving.shown_errors():
            path, name = self._uploaded(file)
            try:
                found = read_own(path, name, self._instrument())
                own = self._store.keep(found.data)
            finally:
                path.unlink(missing_ok=True)
            return {"own": own, "name": found.name, "kind": found.kind, "notes": list(found.notes)}

    def like(self, root: str, wish: str, kind: str = "", seed: int = 0, name: str = "recording") -> dict:
        """A kept recording as the model makes it; some seconds the first time.

        Args:
            root: hash of the recording.
            wish: "similar", "brighter", "darker", or "as" another kind.
            kind: which, with "as".
            seed: which of the similar ones.
            name: of the recording.

        Returns:
            "own", its hash; "name", "kind", "origin", "distance" in dB from the recording, "note".
        """
        with serving.shown_errors():
            if not isinstance(kind, str) or (wish == "as" and kind not in self.info.kinds):
                raise CreativeMLError(f"choose a kind that it shall become: {', '.join(self.info.kinds)}")
            if not is_whole(seed) or not 0 <= seed <= LAST_SEED:
                raise CreativeMLError(f"seed must be a whole number from 0 to {LAST_SEED}, got {quoted(seed)}")
            data = self._store.recording(root)
            called = word_of(name) if isinstance(name, str) else "recording"
            made = self._finder.like(self._instrument(), root, data, called, wish, kind, seed)
            own = self._store.keep(made.data)
            return {
                "own": own,
                "name": made.name,
                "kind": made.kind,
                "origin": called,
                "distance": made.distance,
                "note": made.note,
            }

    def stage(self) -> str:
        """What is being done to a recording, "" if nothing."""
        return self._finder.stage

    # ---- files ----

    def export_kit(self, project: dict, format: str = "wav") -> dict:
        """A kit with all its layers as one file.

        Args:
            project: as `fresh` gives it.
            format: "wav", "sfz", "decentsampler" or "hydrogen".
        """
        with serving.shown_errors():
            if format not in FORMATS:
                raise CreativeMLError(f"format must be one of {', '.join(FORMATS)}, got {quoted(format)}")
            kit = self._kit(project)
            return self._shelf.place(archive_name(kit, format), write_kit(kit, format))

    def project_file(self, project: dict) -> dict:
        """A project with its recordings as one file, to go on elsewhere."""
        with serving.shown_errors():
            found = self._project(project)
            return self._shelf.place(f"{safe_name(found.name)}{SUFFIX}", project_file(found, self._store.recording))

    def midi(self, project: dict) -> dict:
        """The pattern of a project as a MIDI file: channel 10, 480 ticks a quarter."""
        with serving.shown_errors():
            found = self._project(project)
            return self._shelf.place(f"{safe_name(found.name)}.mid", write_midi(pattern_of(found), name=found.name))

    def play_kit(self, project: dict, bars: int = 2) -> dict:
        """The pattern of a project, played by its kit: a stereo wav.

        Args:
            project: as `fresh` gives it.
            bars: times that the pattern is played, 1 to 16.
        """
        with serving.shown_errors():
            if not is_whole(bars) or not 1 <= bars <= MOST_BARS:
                raise CreativeMLError(f"bars must be a whole number from 1 to {MOST_BARS}, got {quoted(bars)}")
            found = self._project(project)
            pattern = pattern_of(found)
            if not pattern.lines:
                raise CreativeMLError("the pattern is empty; write some steps first")
            data = render_wav(pattern, self._rendered(found), bars)
            return self._shelf.place(f"{safe_name(found.name)}_beat.wav", data)

    def pad_file(self, plan: dict) -> dict:
        """One pad as it is exported: a 24-bit wav with its tuning and decay."""
        with serving.shown_errors():
            found = pad_from(plan, where="the pad")
            if found.empty:
                raise CreativeMLError("this pad is empty; choose a kind for it first")
            pad = self._pad(FIRST_PAD, replace(found, layers=1, takes=1))
            return self._shelf.place(f"{safe_name(found.name or found.kind)}.wav", pad.takes[0].data)

    def open_file(self, file: dict) -> dict:
        """A project, or a kit in one of the formats that `export_kit` writes.

        Args:
            file: as Gradio's upload gives it.

        Returns:
            "project", and "notes" on what could not be taken over.
        """
        with serving.shown_errors():
            path, name = self._uploaded(file)
            try:
                data = path.read_bytes()
            finally:
                path.unlink(missing_ok=True)
            if _holds_project(data, name):
                project, recordings = read_project_file(data, name)
                for recording in recordings.values():
                    self._store.keep(recording)
                project, notes = self._opened(project)
            else:
                reading = read_kit(data, name)
                project, notes = _rendering().adopted(reading.kit, self._instrument(), self._store.keep)
                notes = [*notes, *reading.notes]
            return {"project": to_dict(project), "notes": notes}

    # ---- inside ----

    def _project(self, values: Any) -> Project:
        project = project_from(values)
        for plan in project.pads:
            if plan.sound is not None:
                export.checked(self._instrument(), [plan.sound])
        return project

    def _opened(self, project: Project) -> tuple[Project, list[str]]:
        project, lost = without_missing(project, self._store.has)
        lines = {0: [], 1: ["1 pad has lost its recording; put it on the pad again."]}
        notes = lines.get(lost, [f"{lost} pads have lost their recordings; put them on the pads again."])
        if project.model.sha256 != self.info.sha256:
            notes.append(f"It was made with other weights ('{project.model.name}'), so its sounds differ.")
        model = export.ModelRecord(self.info.name, self.info.sha256, self.info.licence)
        return self._project(to_dict(replace(project, model=model))), notes

    def _rendered(self, project: Project) -> Kit:
        return _rendering().rendered(project, self._instrument(), self._store.recording, self._sounds.record)

    def _kit(self, values: Any) -> Kit:
        return self._rendered(self._project(values))

    def _pad(self, note: int, plan: PadPlan) -> Any:
        return _rendering().pad_of(note, plan, self._instrument(), self._store.recording, self._sounds.record)

    def _plan(self, source: Source, *, layers: Any, takes: Any, tune: Any, decay: Any) -> PadPlan:
        for name, value, most in (("layers", layers, MAX_LAYERS), ("takes", takes, MOST_TAKES)):
            if not is_whole(value) or not 1 <= value <= most:
                raise CreativeMLError(f"{name} must be a whole number from 1 to {most}, got {quoted(value)}")
        kind = source.sound.kind if source.sound else "perc"
        plan = PadPlan("sound", kind[:64], source.sound, source.own, layers=layers, takes=takes)
        return from_dict(PadPlan, {**to_dict(plan), "tune": tune, "decay": decay}, where="layers")

    def _shown_layer(self, layer: Layer) -> dict:
        files = [self._shelf.place(f"{sha256_bytes(take.data)[:24]}.wav", take.data) for take in layer.takes]
        takes = [{"file": file, "record": {}} for file in files]
        return {"low": layer.low, "high": layer.high, "shaped": True, "takes": takes}

    def _taken(self, source: Source) -> dict:
        if source.sound is None:
            data = self._store.recording(source.own)
            return {"file": self._shelf.place(f"{source.own[:24]}.wav", data), "record": {}}
        data, record = self._sounds.record(source.sound)
        note = self._instrument().feasible(source.sound.kind, source.sound.controls).message
        return {
            "file": self._shelf.place(record.file, data),
            "record": {**export.plain_record(to_dict(record)), "note": note},
        }

    def _uploaded(self, file: Any) -> tuple[Path, str]:
        return serving.uploaded(file, self._uploads)


def _bytes_of(layers: tuple[Layer, ...]) -> int:
    return sum(len(take.data) for layer in layers for take in layer.takes)


def _holds_project(data: bytes, name: str) -> bool:
    import io
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as bundle:
            return PROJECT in bundle.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError):
        return False


def _rendering() -> Any:
    # Not at the top: torch loads for a second, which the page need not wait for.
    from creativeml.kits import rendering

    return rendering

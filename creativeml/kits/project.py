"""What a musician works on: sixteen pads, how each is made and played, and a pattern.

A project holds no sounds but names them: a request to a model, or the hash of a recording that lies beside it. So it is
small enough to be saved at every change, and with the same model and version it gives the same kit to the bit.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import creativeml
from creativeml.config import ConfigError, from_dict, to_dict
from creativeml.errors import CreativeMLError, quoted
from creativeml.files import sha256_bytes
from creativeml.kits.archive import read_archive, zip_bytes
from creativeml.kits.kit import FIRST_PAD, MAX_LAYERS, PADS, RATES
from creativeml.kits.midi import Pattern
from creativeml.kits.naming import clean_name
from creativeml.kits.wave import plain_wav, sample_rate_of, samples_of
from creativeml.synthesis.export import ModelRecord
from creativeml.synthesis.request import Request

FORMAT = 1
PROJECT = "project.json"
SUFFIX = ".cmlproject"
MOST_TAKES = 4
MOST_FAVOURITES, MOST_RECENT = 64, 24
MOST_BYTES = 2 << 20
"""Of a project without its recordings; a full one has some 60 KiB."""
LONGEST_S = 60.0
"""Of a recording: as long as those of kits that others made; what a musician puts on a pad has up to 20 s."""
MOST_RECORDED = 256 << 20
"""Bytes of all recordings of a project file together."""
OWN_NAME = "My kit"

_HASH = re.compile(r"[0-9a-f]{64}")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # NaN too
        raise ValueError(f"{name} must be from {low:g} to {high:g}, got {value:g}")


@dataclass(frozen=True)
class PadPlan:
    """One pad.

    Attributes:
        name: what it is called, up to 64 characters.
        kind: of drum.
        sound: how a model makes it; None for recordings and empty pads.
        own: hash (SHA-256) of the recording that it plays; "" if a model makes it.
        own_name: of the recording.
        root: hash of the recording that `own` was made from, "" if from none.
        origin: its name.
        distance: of `own` from it in dB, None if unknown.
        tune: in semitones, -24 to 24.
        decay: share of its audible length that is left of it; 1 leaves it as it is.
        pan: -1 to 1.
        gain_db: -24 to 6.
        choke: group, 0 for none.
        locked: rerolls leave it as it is.
        layers, takes: velocity layers, and sounds that take turns in each.
    """

    name: str = ""
    kind: str = "perc"
    sound: Request | None = None
    own: str = ""
    own_name: str = ""
    root: str = ""
    origin: str = ""
    distance: float | None = None
    tune: float = 0.0
    decay: float = 1.0
    pan: float = 0.0
    gain_db: float = 0.0
    choke: int = 0
    locked: bool = False
    layers: int = 1
    takes: int = 1

    def __post_init__(self) -> None:
        for name in ("name", "own_name", "origin", "kind"):
            if len(getattr(self, name)) > 64 or not getattr(self, name, "").isprintable():
                raise ValueError(f"{name} must be up to 64 printable characters, got {quoted(getattr(self, name))}")
        for name in ("own", "root"):
            if getattr(self, name) and not _HASH.fullmatch(getattr(self, name)):
                raise ValueError(f"{name} must be the hash of a recording, got {quoted(getattr(self, name))}")
        if self.own and self.sound is not None:
            raise ValueError("a pad plays a recording or a made sound, not both")
        if self.distance is not None and not math.isfinite(self.distance):
            raise ValueError("distance must be a finite number")
        _within("tune", self.tune, -24, 24)
        _within("decay", self.decay, 0.01, 1)
        _within("pan", self.pan, -1, 1)
        _within("gain_db", self.gain_db, -24, 6)
        _within("choke", self.choke, 0, 16)
        _within("layers", self.layers, 1, MAX_LAYERS)
        _within("takes", self.takes, 1, MOST_TAKES)

    @property
    def empty(self) -> bool:
        """Whether it plays nothing."""
        return self.sound is None and not self.own


@dataclass(frozen=True)
class PatternPlan:
    """A beat: of each pad the velocities (0 rests) of its steps.

    Attributes:
        steps: 16 or 32 sixteenths.
        tempo: in quarters a minute, 40 to 300.
        swing: share in per cent that the first of two sixteenths takes, 50 (straight) to 75.
        lines: sixteen.
    """

    steps: int = 16
    tempo: float = 120.0
    swing: float = 50.0
    lines: tuple[tuple[int, ...], ...] = ((0,) * 16,) * PADS

    def __post_init__(self) -> None:
        if self.steps not in (16, 32):
            raise ValueError(f"steps must be 16 or 32, got {self.steps}")
        _within("tempo", self.tempo, 40, 300)
        _within("swing", self.swing, 50, 75)
        if len(self.lines) != PADS or any(len(line) != self.steps for line in self.lines):
            raise ValueError(f"lines must be {PADS} of {self.steps} velocities")
        for line in self.lines:
            for velocity in line:
                _within("a velocity", velocity, 0, 127)


@dataclass(frozen=True)
class Project:
    """Everything that is needed to build the kit again.

    Attributes:
        model: by which the sounds are made.
        pads: sixteen, the first on note 36.
        others: of each pad the version that is not played at present, None if there is one version only.
        shown: whether the second version is the one that is played.
        favourites, recent: sounds to come back to.
        name: of the kit.
        author: of the kit.
        pattern: its beat.
        version: of creativeml.
    """

    model: ModelRecord
    pads: tuple[PadPlan, ...]
    others: tuple[PadPlan | None, ...] = (None,) * PADS
    shown: tuple[bool, ...] = (False,) * PADS
    favourites: tuple[PadPlan, ...] = ()
    recent: tuple[PadPlan, ...] = ()
    name: str = OWN_NAME
    author: str = ""
    pattern: PatternPlan = PatternPlan()
    version: str = creativeml.__version__
    format: int = FORMAT

    def __post_init__(self) -> None:
        for name in ("pads", "others", "shown"):
            if len(getattr(self, name)) != PADS:
                raise ValueError(f"{name} must be {PADS}, got {len(getattr(self, name))}")
        if len(self.favourites) > MOST_FAVOURITES or len(self.recent) > MOST_RECENT:
            raise ValueError(f"at most {MOST_FAVOURITES} favourites and {MOST_RECENT} recent sounds")
        if not 0 < len(self.name.strip()) <= 40 or not self.name.isprintable():
            raise ValueError(f"name must be 1 to 40 printable characters, got {quoted(self.name)}")
        if len(self.author) > 100 or not self.author.isprintable():
            raise ValueError("author must be up to 100 printable characters")
        if self.format != FORMAT:
            raise ValueError(f"format {self.format} is of another version of creativeml; this one knows {FORMAT}")

    @property
    def recordings(self) -> tuple[str, ...]:
        """Hashes of all recordings that it names, each once."""
        plans = (*self.pads, *(plan for plan in self.others if plan), *self.favourites, *self.recent)
        return tuple(dict.fromkeys(h for plan in plans for h in (plan.own, plan.root) if h))


def pattern_of(project: Project) -> Pattern:
    """The beat with the notes of the pads."""
    plan = project.pattern
    lines = {FIRST_PAD + pad: line for pad, line in enumerate(plan.lines) if any(line)}
    return Pattern(lines, plan.tempo, plan.swing / 100, plan.steps)


def project_from(values: Any, *, where: str = "project") -> Project:
    """A project from JSON values, every one of which is checked; names are brought to what can be printed.

    Raises:
        ConfigError: a value that does not fit.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where}: not a project")
    changed = {**values, "name": _named(values.get("name", OWN_NAME), 40) or OWN_NAME}
    if "author" in changed:
        changed["author"] = _named(changed["author"], 100)
    for name in ("pads", "others", "favourites", "recent"):
        if isinstance(values.get(name), list | tuple):
            changed[name] = [_with_names(plan) for plan in values[name]]
    return from_dict(Project, changed, where=where)


def pad_from(values: Any, *, where: str = "pad") -> PadPlan:
    """A pad from JSON values, as `project_from` has them.

    Raises:
        ConfigError: a value that does not fit.
    """
    return from_dict(PadPlan, _with_names(values), where=where)


def _with_names(plan: Any) -> Any:
    if not isinstance(plan, Mapping):
        return plan
    return {**plan, **{name: _named(plan[name], 64) for name in ("name", "own_name", "origin") if name in plan}}


def _named(text: Any, most: int) -> Any:
    """A name without what nobody sees, joiners and no-break spaces among it. One that is fine is left as it is."""
    if not isinstance(text, str) or (text.isprintable() and text == text.strip() and len(text) <= most):
        return text
    return clean_name(text, "")[:most].strip()


def project_file(project: Project, recording: Callable[[str], bytes]) -> bytes:
    """A project with its recordings as one file: a zip of `project.json` and a wav for each.

    Args:
        project: what to write.
        recording: hash → content of the wav.
    """
    text = json.dumps(to_dict(project), indent=1, ensure_ascii=False) + "\n"
    files = {PROJECT: text.encode()}
    files |= {f"recordings/{name}.wav": recording(name) for name in project.recordings}
    return zip_bytes(files)


def read_project_file(data: bytes, name: str) -> tuple[Project, dict[str, bytes]]:
    """A project and its recordings by hash.

    Args:
        data: content of the file.
        name: how errors name it.

    Raises:
        CreativeMLError: damaged, of another version, without one of its recordings, or with one that is no sound of a
            kit.
    """
    files = read_archive(data, name)
    if PROJECT not in files:
        raise CreativeMLError(f"{name}: holds no {PROJECT}; it is not a project of creativeml")
    if len(files[PROJECT]) > MOST_BYTES:
        raise CreativeMLError(f"{name}: its {PROJECT} is too large to be one")
    try:
        values = json.loads(files[PROJECT])
    except (ValueError, RecursionError) as error:
        raise CreativeMLError(f"{name}: its {PROJECT} is damaged; take another copy") from error
    project = project_from(values, where=name)
    found = {}
    for wanted in project.recordings:
        recording = files.get(f"recordings/{wanted}.wav")
        if recording is None or sha256_bytes(recording) != wanted:
            raise CreativeMLError(f"{name}: a recording is missing or damaged ({wanted[:12]}...); take another copy")
        _check_recording(recording, f"{name}, recording {wanted[:12]}")
        found[wanted] = recording
    if sum(map(len, found.values())) > MOST_RECORDED:
        raise CreativeMLError(f"{name}: more than {MOST_RECORDED >> 20} MiB of recordings; it is refused")
    return project, found


def _check_recording(data: bytes, name: str) -> None:
    """Refuse what this program would not have kept itself."""
    if plain_wav(data, name=name) != data:
        raise CreativeMLError(f"{name}: a wav with more in it than its sound; put the recording on its pad again")
    rate = sample_rate_of(data, name=name)
    if not RATES[0] <= rate <= RATES[1]:
        raise CreativeMLError(f"{name}: its rate is {rate} Hz, not {RATES[0]} to {RATES[1]} Hz; convert it")
    # Samples of 24 bits are finite by nature.
    seconds = len(samples_of(data, name=name)) / rate
    if seconds > LONGEST_S:
        raise CreativeMLError(f"{name}: longer than {LONGEST_S:g} s; cut out one hit")


def without_missing(project: Project, there: Callable[[str], bool]) -> tuple[Project, int]:
    """A project without the pads whose recordings are gone, and how many these were.

    What was gone elsewhere (second versions, favourites, recent sounds, what a sound was made from) is left out.
    """
    gone = {name for name in project.recordings if not there(name)}
    if not gone:
        return project, 0

    def kept(plan: PadPlan) -> PadPlan:
        plan = replace(plan, root="", origin="", distance=None) if plan.root in gone else plan
        return PadPlan(kind=plan.kind) if plan.own in gone else plan

    lost = sum(plan.own in gone for plan in project.pads)
    others = tuple(None if plan and plan.own in gone else plan and kept(plan) for plan in project.others)
    return (
        replace(
            project,
            pads=tuple(map(kept, project.pads)),
            others=others,
            shown=tuple(shown and plan is not None for shown, plan in zip(project.shown, others, strict=True)),
            favourites=tuple(plan for plan in map(kept, project.favourites) if not plan.empty),
            recent=tuple(plan for plan in map(kept, project.recent) if not plan.empty),
        ),
        lost,
    )

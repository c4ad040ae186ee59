"""Mutated projects of the studio: files that carry recordings, and what lies in its store."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import soundfile
from archive_mutations import mutated_zip
from mutations import TEXTS, json_bytes, mutate_json, mutated
from sound_cases import CHUNKED, chunk_mutations
from watched import Area, Case

from creativeml.config import to_dict
from creativeml.errors import CreativeMLError
from creativeml.files import project_folder, sha256_bytes
from creativeml.kits.archive import zip_bytes
from creativeml.kits.kit import PADS
from creativeml.kits.project import (
    PadPlan,
    PatternPlan,
    Project,
    pad_from,
    project_file,
    project_from,
    read_project_file,
)
from creativeml.kits.store import ProjectStore
from creativeml.kits.wave import wav_of
from creativeml.synthesis.export import ModelRecord
from creativeml.synthesis.request import Request

NAME = "0123456789abcdef" * 2
_LIES = chunk_mutations(CHUNKED["WAV"])


def project() -> tuple[Project, dict[str, bytes]]:
    """Made sounds, recordings of the starter pack, favourites and a beat."""
    recordings = []
    for kind in ("kick", "snare"):
        path = sorted((project_folder("datasets") / "starter" / kind).glob("*.flac"))[0]
        samples, rate = soundfile.read(path, always_2d=True)
        recordings.append(wav_of(samples.mean(1)[: rate // 10], rate))
    first, second = map(sha256_bytes, recordings)
    made = PadPlan("Kick", "kick", Request("kick", 3, controls={"brightness": 1.5}), tune=-2.0)
    own = PadPlan("Mine", "snare", None, first, "a snare.wav", second, "before.wav", 1.5, layers=2, takes=2, choke=1)
    pads = (made, own, *(PadPlan(kind="perc") for _ in range(PADS - 2)))
    lines = tuple(tuple(100 if (step + pad) % 5 == 0 else 0 for step in range(16)) for pad in range(PADS))
    value = Project(
        ModelRecord("drums", "a" * 64, "CC0-1.0"),
        pads,
        (own, *(None,) * (PADS - 1)),
        (True, *(False,) * (PADS - 1)),
        (made, own),
        (made,),
        "My kit",
        "Ann",
        PatternPlan(lines=lines),
    )
    return value, {first: recordings[0], second: recordings[1]}


def changed_project(rng: random.Random, values: Any) -> tuple[Any, str]:
    """The values of a project with some of them changed, mostly within a pad or the pattern."""
    place = rng.choice(("pads", "pattern", "others", "favourites", "model", None))
    if place is None:
        return mutate_json(rng, values)
    changed, how = mutate_json(rng, values[place])
    return {**values, place: changed}, f"{place}: {how}"


def file_case(rng: random.Random, values: Any, files: dict[str, bytes]) -> Case:
    """A project file: its JSON, its recordings or its archive was changed."""
    files = dict(files)
    what = rng.choice(("json", "json", "sound", "archive", "bytes"))
    how = ""
    if what == "json":
        changed, how = changed_project(rng, values)
        files["project.json"] = json_bytes(rng, changed)
    elif what == "sound":
        name = rng.choice([n for n in files if n.endswith(".wav")])
        data, how = mutated(rng, files.pop(name), _LIES)
        # Under its own hash, which the project tells.
        digest = sha256_bytes(data)
        files[f"recordings/{digest}.wav"] = data
        files["project.json"] = files["project.json"].replace(Path(name).stem.encode(), digest.encode())
    data = zip_bytes(files)
    if what == "archive":
        data, how = mutated_zip(rng, files)
    elif what == "bytes":
        data, how = mutated(rng, data)

    def opened(folder: Path) -> None:
        read_project_file((folder / "a.cmlproject").read_bytes(), "a.cmlproject")

    return Case(f"project {what}", how, {"a.cmlproject": data}, opened, ("a.cmlproject",))


def page_case(rng: random.Random, values: Any) -> Case:
    """What a page sends: no file, but values of any kind."""
    changed, how = changed_project(rng, values)
    pad, how_pad = mutate_json(rng, values["pads"][rng.randrange(2)])

    def opened(folder: Path) -> None:
        try:
            project_from(changed, where="project")
        except CreativeMLError as error:
            if not str(error).startswith("project"):
                raise AssertionError(f"does not say where: {error}") from error
        pad_from(pad, where="pad 1")

    return Case("project page", f"{how}; {how_pad}", {}, opened, ("pad 1",))


def store_case(rng: random.Random, values: Any, recordings: dict[str, bytes]) -> Case:
    """What lies in the store of projects; it is opened, and a sound project is saved over it."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    kept: Any = {"sha256": sha256_bytes(text.encode()), "revision": 3, "project": values}
    how = rng.choice(("kept", "project", "bytes", "name"))
    detail = ""
    if how == "project":
        changed, detail = changed_project(rng, values)
        text = json.dumps(changed, sort_keys=True, ensure_ascii=False)
        kept = {"sha256": sha256_bytes(text.encode("utf-8", "surrogatepass")), "revision": 3, "project": changed}
    elif how == "kept":
        kept, detail = mutate_json(rng, kept)
    data = json_bytes(rng, kept)
    if how == "bytes":
        data, detail = mutated(rng, data)
    name = rng.choice((*TEXTS, 7, None, "../" + NAME)) if how == "name" else NAME
    files = {f"{NAME}.json": data, **{f"recordings/{h}.wav": d for h, d in recordings.items()}}
    if rng.random() < 0.3:
        files[f"{NAME}.before"] = mutated(rng, data)[0]
    sound = project_from(values)

    def opened(folder: Path) -> None:
        store = ProjectStore(folder)
        found = store.open(name)
        if found is None or not all(note.isprintable() and len(note) < 400 for note in found.notes):
            raise AssertionError(f"no project, or a note that is no line: {found}")
        store.save(name, sound)
        again = store.open(name)
        if again is None or again.project != sound:
            raise AssertionError("what was saved is not what is there")

    return Case(f"store {how}", detail, files, opened, ("the page's name for its project",))


def projects() -> Area:
    """Cases of projects."""
    value, recordings = project()
    values = to_dict(value)
    files = {"project.json": json.dumps(values).encode(), **{f"recordings/{h}.wav": d for h, d in recordings.items()}}
    read_project_file(project_file(value, recordings.__getitem__), "sound")

    def case(rng: random.Random) -> Case:
        what = rng.random()
        if what < 0.45:
            return file_case(rng, values, files)
        return page_case(rng, values) if what < 0.7 else store_case(rng, values, recordings)

    return case

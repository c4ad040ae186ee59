"""`creativeml kit`: a drum kit as a file for samplers."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from tqdm import tqdm

from creativeml.errors import CreativeMLError

if TYPE_CHECKING:
    from creativeml.kits.kit import Kit


def kit(
    *,
    out: Path,
    format: Literal["wav", "sfz", "decentsampler", "hydrogen"] = "wav",
    seed: int = 0,
    layers: int = 1,
    takes: int = 1,
    kinds: tuple[str, ...] | None = None,
    truncation: float = 1.0,
    model: str = "drums",
    name: str = "",
    author: str = "",
    licence: str = "",
    from_: Annotated[Path | None, tyro.conf.arg(name="from")] = None,
    overwrite: bool = False,
    json: bool = False,
) -> int:
    """Make a drum kit of 16 pads on the MIDI notes 36 to 51, laid out as General MIDI has them.

    The same model, seed, layers and takes give the same kit. Softer layers are made by the model, as duller and less
    hard strokes of the same drum; takes are further strokes, played in turn. Every export holds kit.json, which is
    enough to make the kit again, and LICENSE.txt.

    Args:
        out: the file (.zip, .dslibrary for DecentSampler, .h2drumkit for Hydrogen), or a folder if it has no such
            ending.
        format: wav (24-bit wavs, named and with their MIDI notes), sfz, decentsampler or hydrogen.
        seed: which kit, 0 to 268435454; its sounds have the seeds 16 times that and the next ones.
        layers: velocity layers of each pad, 1 to 8. A kit of 4 layers takes a minute or so.
        takes: strokes of each layer that are played in turn, 1 to 4.
        kinds: what lies on the pads, e.g. kick snare hat_closed hat_open; 1 to 16 kinds or mixtures.
        truncation: variation, 0 (every sound near its kind's average) to 1.5 (wild); 1 is as trained.
        model: a bundled model, a folder of a trained one, or user/name on the Hugging Face hub.
        name: of the kit.
        author: of the kit.
        licence: of its sounds; they are yours.
        from_: a kit in any of the formats, a project of the studio, or a kit.json without its sounds, which are then
            made again; the flags of what to make are then not looked at.
        overwrite: replace what is there.
        json: print the result as JSON instead of words.
    """
    # Not at the top: torch loads for a second, which `--help` need not wait for.
    from dataclasses import replace

    from creativeml.kits.formats import check_free, save_kit

    if not 1 <= takes <= 4:
        raise CreativeMLError(f"takes must be a whole number from 1 to 4, got {takes}")
    # Before the work, not after it.
    check_free(out, overwrite=overwrite)
    notes: tuple[str, ...] = ()
    if from_ is not None:
        made, notes = _read(from_, model)
        told = {"name": name, "author": author, "licence": licence}
        made = replace(made, **{key: text for key, text in told.items() if text})
    else:
        made = _make(model, seed, layers, takes, kinds, truncation, name, author, licence)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    files = save_kit(made, format, out, overwrite=overwrite)
    if json:
        print(json_format.dumps(_told(made, files, out, format, notes)))
    else:
        for pad in made.pads:
            print(f"{pad.note}  {pad.name}")
        sounds = sum(len(pad.takes) for pad in made.pads)
        print(f"{made.name}: {len(made.pads)} pads, {sounds} sounds, as {format} in {out}")
    return 0


def _make(
    model: str,
    seed: int,
    layers: int,
    takes: int,
    kinds: tuple[str, ...] | None,
    truncation: float,
    name: str,
    author: str,
    licence: str,
) -> Kit:
    from creativeml.kits.kit import OWN_LICENCE, PADS
    from creativeml.kits.layout import make_kit
    from creativeml.synthesis.generate import load

    instrument = load(model)
    with _progress(len(kinds) if kinds else PADS) as bar:
        return make_kit(
            instrument,
            seed,
            layers=layers,
            takes=takes,
            kinds=kinds,
            name=name,
            truncation=truncation,
            author=author,
            licence=licence or OWN_LICENCE,
            on_pad=lambda _: bar.update(),
        )


def _read(path: Path, model: str) -> tuple[Kit, tuple[str, ...]]:
    """The kit of a file; of a kit.json whose sounds are not beside it, made again."""
    from creativeml.kits.formats import read_kit
    from creativeml.kits.layout import remake_kit
    from creativeml.kits.project import SUFFIX
    from creativeml.kits.provenance import read_kit_json
    from creativeml.synthesis.generate import load

    if path.suffix.lower() == SUFFIX:
        return _of_project(path, model)
    if path.suffix.lower() != ".json":
        return read_kit(path)
    if not path.is_file():
        raise CreativeMLError(f"{path}: there is no such file; check its name")
    entry = read_kit_json(path.read_bytes(), str(path))
    if all((path.parent / file).is_file() for file in entry.takes):
        return read_kit(path, form="wav")
    with _progress(len(entry.pads)) as bar:
        return remake_kit(entry, load(model), on_pad=lambda _: bar.update()), ()


def _of_project(path: Path, model: str) -> tuple[Kit, tuple[str, ...]]:
    from creativeml.kits.project import read_project_file
    from creativeml.kits.rendering import rendered
    from creativeml.synthesis.generate import load

    if not path.is_file():
        raise CreativeMLError(f"{path}: there is no such file; check its name")
    project, recordings = read_project_file(path.read_bytes(), str(path))
    instrument = load(model)
    other = project.model.sha256 != instrument.info.sha256
    notes = (f"the project's sounds are by other weights ('{project.model.name}'), so these differ",) if other else ()
    with _progress(len(project.pads)) as bar:
        return rendered(project, instrument, recordings.__getitem__, on_pad=lambda _: bar.update()), notes


def _told(made: Kit, files: list[Path], out: Path, form: str, notes: tuple[str, ...]) -> dict:
    pads = [
        {"note": p.note, "name": p.name, "kind": p.kind, "layers": len(p.layers), "takes": len(p.takes)}
        for p in made.pads
    ]
    return {
        "out": str(out),
        "format": form,
        "name": made.name,
        "files": [str(path) for path in files],
        "pads": pads,
        "notes": list(notes),
    }


def _progress(total: int) -> tqdm:
    # Shown only when it lasts, and only to a person.
    return tqdm(total=total, unit="pad", delay=1, disable=None, leave=False)

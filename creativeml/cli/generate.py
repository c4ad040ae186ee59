"""`creativeml generate`: drum sounds as wav files, and the manifest to make them again."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tqdm import tqdm

from creativeml.audio.descriptors.scales import SCALES
from creativeml.cli.control_flags import control_flags, given_controls
from creativeml.errors import CreativeMLError
from creativeml.synthesis.catalog import DEFAULT_TUNING

if TYPE_CHECKING:
    from creativeml.synthesis.export import Manifest
    from creativeml.synthesis.generate import Instrument


Controls = control_flags(
    float,
    "Of models with controls: what the sounds shall be like. A model has some of these; what it was not asked for "
    "varies as among recordings that have the rest. What no recording of the kind has is brought to the nearest that "
    "occurs, and said. `creativeml describe` measures the same.",
    otherwise="free",
)
_NOTHING = Controls()


def generate(
    *,
    out: Path,
    kind: str = "kick",
    count: int = 8,
    seed: int = 0,
    truncation: float = 1.0,
    tuning: int = DEFAULT_TUNING,
    model: str = "drums",
    from_: Annotated[Path | None, tyro.conf.arg(name="from")] = None,
    overwrite: bool = False,
    json: bool = False,
    controls: tyro.conf.OmitArgPrefixes[Controls] = _NOTHING,  # pyright: ignore[reportInvalidTypeForm]
) -> int:
    """Make drum sounds: 24-bit 44.1 kHz mono wavs at -1 dBFS peak, and a manifest.json to make them again.

    The same model, kind, seed, truncation and controls give the same bytes. Each file's name carries its own seed, so
    `--seed 12 --count 1` makes the file `..._s0012.wav` of a row that began at seed 8 again. The same seed with a
    control moved is the same sound, changed.

    Args:
        out: folder for the wavs; made if missing.
        kind: kick, snare, hat_closed, ... or `all` for a row of every kind that the model knows, or a mixture with the
            share of each, e.g. snare:0.7,clap:0.3.
        count: sounds per kind, 1 to 1024.
        seed: number of the first sound, 0 to 4294967295; the others count up from it.
        truncation: variation, 0 (every sound near the kind's average) to 1.5 (wild); 1 is as trained.
        tuning: with controls, steps that bring each sound nearer to what was asked, 0 to 100; a step takes about as
            long as ten sounds.
        model: a bundled model, a folder of a trained one, or user/name on the Hugging Face hub.
        from_: a manifest.json: make its sounds again (kind, count, seed and truncation are then not looked
            at).
        overwrite: replace other files of the same name.
        json: print the result as JSON instead of words.
    """
    # Not at the top: torch loads for a second, which `--help` need not wait for.
    from creativeml.synthesis import export
    from creativeml.synthesis.generate import load

    asked = given_controls(controls)
    if from_ is not None and asked:
        raise CreativeMLError(f"--from makes sounds again as they were; leave {_flags(asked)} out, or --from")
    manifest = export.read_manifest(from_) if from_ is not None else None
    instrument = load(model)
    notes: list[str] = []
    differing: list[str] = []
    if manifest is not None:
        with _progress(len(manifest.sounds)) as bar:
            made, differing = export.remake(
                manifest, instrument, out, overwrite=overwrite, on_file=lambda _: bar.update()
            )
        files = [s.file for s in manifest.sounds]
    else:
        kinds = list(instrument.kinds) if kind == "all" else [kind]
        known, notes = _answerable(instrument, kinds, asked)
        requests = export.requests_for(instrument, kinds, count, seed, truncation, known, tuning)
        for note in notes:
            print(f"note: {note}", file=sys.stderr)
        with _progress(len(requests)) as bar:
            made = export.export_sounds(instrument, requests, out, overwrite=overwrite, on_file=lambda _: bar.update())
        files = [export.file_name(r) for r in requests]
    if json:
        answer = {"folder": str(out), "files": files, "differing": differing, "notes": notes}
        print(json_format.dumps({**answer, "manifest": export.plain(made)}))
    else:
        _tell(out, files, differing, made, remade=manifest is not None)
    return 0


def _answerable(
    instrument: Instrument, kinds: list[str], asked: Mapping[str, float]
) -> tuple[dict[str, float], list[str]]:
    """What of the controls the model has, and a line on each thing that it cannot do.

    Raises:
        CreativeMLError: a model without controls was asked for some.
    """
    from creativeml.synthesis.catalog import check_controls

    known = {name: value for name, value in asked.items() if name in instrument.controls}
    if not instrument.controls:
        check_controls(instrument.info, asked)
    has = ", ".join(instrument.controls)
    notes = [
        f"the model '{instrument.info.name}' has no control '{name}', it is left out (it has: {has})"
        for name in asked
        if name not in known
    ]
    notes += [instrument.feasible(kind, known).message for kind in kinds]
    return known, [note for note in notes if note]


def _flags(asked: Mapping[str, float]) -> str:
    return " and ".join(f"--{name.replace('_', '-')}" for name in asked)


def _progress(total: int) -> tqdm:
    # Shown only when it lasts, and only to a person.
    return tqdm(total=total, unit="sound", delay=1, disable=None, leave=False)


def _tell(out: Path, files: list[str], differing: list[str], made: Manifest, *, remade: bool) -> None:
    if not files:
        raise CreativeMLError("the manifest lists no sounds")
    for name in files:
        print(out / name)
    print(_measured(files, made), end="")
    print(f"{len(files)} sound{'s' if len(files) != 1 else ''} in {out}, listed in manifest.json")
    if remade and not differing:
        print("all have the same bytes as the manifest says")
    if differing:
        print(
            f"{len(differing)} of {len(files)} differ in rounding from the manifest "
            "(another processor or torch): " + ", ".join(differing[:8])
        )


def _measured(files: list[str], made: Manifest) -> str:
    """A line for each control that was asked for: what the sounds were told, at most and at least, and have."""
    sounds = [s for s in made.sounds if s.file in set(files)]
    lines = []
    for name, scale in SCALES.items():
        own = [(s.controls[name], s.given[name], s.measured[name]) for s in sounds if name in s.measured]
        if own:
            asked, given, measured = (_span(values) for values in zip(*own, strict=True))
            told = asked if asked == given else f"{asked}, given {given}"
            lines.append(f"{name} [{scale.unit}]: asked {told}, measured {measured}\n")
    return "".join(lines)


def _span(values: Sequence[float]) -> str:
    lowest, highest = (f"{value:.4g}" for value in (min(values), max(values)))
    return lowest if lowest == highest else f"{lowest} to {highest}"

"""`creativeml resynthesize`: a person's own drum made again by a model, varied and changed."""

from __future__ import annotations

import json as json_format
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from creativeml.audio.descriptors.scales import SCALES
from creativeml.cli.control_flags import control_flags, given_controls
from creativeml.cli.progress import Bars
from creativeml.config import to_dict
from creativeml.errors import CreativeMLError, quoted
from creativeml.synthesis.catalog import DEFAULT_TUNING, MAX_COUNT

if TYPE_CHECKING:
    from creativeml.synthesis.resynthesis import Found
    from creativeml.synthesis.resynthesis_files import Manifest

_VALUE = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")


Controls = control_flags(
    str,
    "What the sounds shall be like: --warmth 60, or with a sign, from where the recording is: --warmth +10. A model "
    "with controls changes those, one without them the seven AudioCommons descriptors and decay_time_20. What is not "
    "given is held where the recording has it.",
    otherwise="held",
    sign="[±]",
)
_NOTHING = Controls()


def resynthesize(
    sound: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    out: Path,
    variations: int = 8,
    variation: float = 0.3,
    seed: int = 0,
    kind: str | None = None,
    model: str = "drums",
    steps: int = 40,
    tuning: int = DEFAULT_TUNING,
    overwrite: bool = False,
    json: bool = False,
    controls: tyro.conf.OmitArgPrefixes[Controls] = _NOTHING,  # pyright: ignore[reportInvalidTypeForm]
) -> int:
    """Make a drum of your own again by a model, and sounds like it: the reconstruction, then variations.

    With controls (--warmth +10) there is the reconstruction, the same changed, and variations of that. Beside the
    24-bit wavs stands resynthesis.json with what was asked and measured. The same recording, model and numbers give
    the same sounds.

    Args:
        sound: a recording of one hit (WAV, AIFF, FLAC, OGG, MP3, AU, CAF; up to 20 s).
        out: folder for the wavs; made if missing.
        variations: how many, 0 to 1024.
        variation: how far they go, above 0 (the reconstruction) and up to 1 (a random sound of the kind with the same
            descriptors).
        seed: number of the first variation; the others count up from it.
        kind: kick, snare, hat_closed, ..., or a mixture as snare:0.7,clap:0.3; without, it is recognised.
        model: a bundled model, a folder of a trained one, or user/name on the Hugging Face hub.
        steps: in which the model is adapted to the recording, 0 to 1000.
        tuning: with controls, steps towards them for every sound, 0 to 100.
        overwrite: replace files of the same names.
        json: print the result as JSON instead of words.
    """
    # Not at the top: torch loads for a second, which `--help` need not wait for.
    from creativeml.synthesis.catalog import check_request
    from creativeml.synthesis.generate import load
    from creativeml.synthesis.resynthesis import analyze, check_changeable
    from creativeml.synthesis.resynthesis_files import Variant, check_free, export_found, files_of

    if not 0 <= variations <= MAX_COUNT:
        raise CreativeMLError(f"--variations must be a whole number from 0 to {MAX_COUNT}, got {quoted(variations)}")
    if variations and not 0 < variation <= 1:
        raise CreativeMLError(f"--variation must be above 0 and at most 1, got {quoted(variation)}")
    asked = given_controls(controls)
    for name, value in asked.items():
        if not _VALUE.fullmatch(value):
            raise CreativeMLError(f"{name} must be a number, or a change with its sign (+10), got {quoted(value)}")

    def variants(wanted: Mapping[str, float]) -> list[Variant]:
        changed = [Variant(wanted, tuning=tuning)] if wanted else []
        return [Variant(), *changed, *(Variant(wanted, variation, seed + i, tuning) for i in range(variations))]

    # Whatever is refused is refused before the work; names of files do not depend on the values.
    check_free(out, files_of(sound.stem, variants(dict.fromkeys(asked, 0.0))), overwrite=overwrite)
    instrument = load(model)
    check_changeable(instrument, asked)
    check_request(
        instrument.kinds,
        kind=kind or instrument.kinds[0],
        count=max(variations, 1),
        seed=seed,
        truncation=1.0,
        tuning=tuning,
    )
    with Bars() as bars:
        found = analyze(instrument, sound, kind=kind, steps=steps, on_step=bars.step)
        wanted = _absolute(asked, found)
        note = found.feasible(wanted).message
        if note:
            print(f"note: {note}", file=sys.stderr)
        planned = variants(wanted)
        made = export_found(
            found,
            planned,
            out,
            overwrite=overwrite,
            on_file=lambda done: bars.step("making", done, len(planned)),
        )
    if json:
        print(json_format.dumps({"folder": str(out), "note": note, **to_dict(made)}, ensure_ascii=False))
    else:
        _tell(out, found, made)
    return 0


def _absolute(asked: Mapping[str, str], found: Found) -> dict[str, float]:
    """Values of what was asked as typed: with a sign, from the recording's own."""
    values = {}
    for name, text in asked.items():
        values[name] = float(text)
        if text[0] in "+-" and name in found.descriptors:
            values[name] += found.descriptors[name]
            if SCALES[name].logarithmic and values[name] <= 0:
                own = SCALES[name].said(found.descriptors[name])
                raise CreativeMLError(f"{found.name} has {own}, which cannot become {text[1:]} less; ask for less")
    return values


def _tell(out: Path, found: Found, made: Manifest) -> None:
    near = found.nearness
    print(f"{found.name}: made as {found.kind}" + "".join(f"; {note}" for note in found.notes))
    others = [(near.encoder, "the encoder's proposal"), (near.nearest_random, "the nearest random sound")]
    beside = ", ".join(f"{what} {away:.1f} dB" for away, what in others if away is not None)
    print(f"distance from the recording: reconstruction {near.reconstruction:.1f} dB ({beside})")
    print(_changed(made), end="")
    for record in made.sounds:
        print(f"{out / record.file}  {record.distance:.1f} dB")


def _changed(made: Manifest) -> str:
    """A line for each descriptor that was changed: the recording's own, what was asked for, what the sounds have."""
    lines = []
    for name, scale in SCALES.items():
        sounds = [s for s in made.sounds if name in s.given]
        if sounds:
            values = sorted(s.measured[name] for s in sounds)
            span = f"{values[0]:.4g}" + (f" to {values[-1]:.4g}" if len(values) > 1 else "")
            asked, given = (f"{v[name]:.4g}" for v in (sounds[0].variant.controls, sounds[0].given))
            nearest = "" if given == asked else f", nearest that occurs {given}"
            own = f"the recording has {made.descriptors[name]:.4g}, asked {asked}{nearest}"
            lines.append(f"{name} [{scale.unit}]: {own}, measured {span}\n")
    return "".join(lines)

"""Recipe: single hits cut out of ENST-Drums, recordings of three drummers that are given out on request.

Only the takes called `hits` are used: one drum struck a few times, each stroke left to ring. Every annotated
stroke is cut out from just before its onset to just before the next one; nothing is looped or stretched.
Layout and labels are described in the README beside this file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import soundfile

from creativeml.data.sources import Progress, SourceSound
from creativeml.errors import CreativeMLError

NAME = "enst-drums"
LICENCE = "LicenseRef-ENST-Drums (research only, on request, not to be passed on)"
LOCATION = "CREATIVEML_ENST_DRUMS"

KIND_OF_LABEL: dict[str, str] = {
    "bd": "kick",
    "sd": "snare",
    "sd-": "snare",
    "rs": "snare",
    "cs": "rim",
    "chh": "hat_closed",
    "ohh": "hat_open",
    "mt": "tom",
    "lmt": "tom",
    "lt": "tom",
    "lft": "tom",
    "mtr": "perc",
    "ltr": "perc",
    "sticks": "perc",
    "cb": "cowbell",
    "rc": "ride",
    "cr": "crash",
    "ch": "crash",
    "spl": "crash",
}
"""Kinds of the corpus' labels, without the number that tells two cymbals apart."""

OTHER_CYMBAL = "c"
"""Label of a cymbal that the annotators did not class; the take's name says what it is."""

NOT_A_HIT = frozenset({"sweep"})
MIXES = ("dry_mix", "wet_mix")
LEAD_S = 0.010
GUARD_S = 0.030
SHORTEST_S = 0.050
TOGETHER_S = 0.030

_TAKE = re.compile(r"^(\d{3})_hits_([a-z0-9-]+)_([a-z]+)(?:_x(\d+))?$")
_LABEL = re.compile(r"^([a-z]+-?)(\d*)$")


@dataclass(frozen=True)
class Stroke:
    """One annotated stroke: onset in seconds and label, for instance "sd" or "cr2"."""

    onset_s: float
    label: str


def fetch(cache: Path, progress: Progress) -> list[SourceSound]:
    """The hits of a copy that the user has: named by the environment, or standing in the cache folder."""
    named = os.environ.get(LOCATION)
    root = Path(named) if named else cache / "ENST-drums-public"
    if not root.is_dir():
        raise CreativeMLError(
            "ENST-Drums is given out on request only (perso.telecom-paristech.fr/grichard/ENST-drums); set "
            f"{LOCATION} to its folder, the one that holds drummer_1, or put that folder at {root}"
        )
    progress(f"ENST-Drums in {root}: {LICENCE}")
    return hits(root, progress)


def hits(root: Path, progress: Progress) -> list[SourceSound]:
    """Every annotated stroke of every `hits` take below `root`.

    Raises:
        CreativeMLError: `root` is not laid out like ENST-Drums, or an annotation cannot be read.
    """
    drummers = sorted(path for path in root.glob("drummer_*") if (path / "annotation").is_dir())
    if not drummers:
        raise CreativeMLError(
            f"{root}: not ENST-Drums, which holds drummer_1/annotation/*.txt, drummer_1/audio/dry_mix/*.wav"
        )
    sounds = [sound for drummer in drummers for sound in _hits_of(drummer, progress)]
    if not sounds:
        raise CreativeMLError(f"{root}: holds no annotated takes NNN_hits_<drum>_<stick>_x<N> with their audio")
    return sounds


def _hits_of(drummer: Path, progress: Progress) -> Iterator[SourceSound]:
    for annotation in sorted((drummer / "annotation").glob("*_hits_*.txt")):
        take = _TAKE.match(annotation.stem)
        if take is None:
            progress(f"{drummer.name}/{annotation.name}: its name is not that of a hits take; it is left out")
            continue
        mixes = [drummer / "audio" / mix / f"{annotation.stem}.wav" for mix in MIXES]
        audio = next((path for path in mixes if path.is_file()), None)
        if audio is None:
            progress(f"{drummer.name}/{annotation.stem}: no audio in {' or '.join(MIXES)}; it is left out")
            continue
        strokes = read_annotation(annotation)
        told = int(take[4] or 0)
        if told and told != len(strokes):
            progress(f"{drummer.name}/{annotation.stem}: {len(strokes)} strokes annotated, its name tells {told}")
        yield from _cut(audio, drummer.name, take[2], strokes, progress)


def read_annotation(path: Path) -> list[Stroke]:
    """Strokes of an annotation file, in time order: each line an onset in seconds and a label."""
    strokes = []
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        fields = line.split()
        if not fields:
            continue
        try:
            onset, label = float(fields[0]), fields[1].lower()
        except (ValueError, IndexError):
            raise CreativeMLError(
                f"{path}:{number}: expected an onset in seconds and a label, found '{line}'"
            ) from None
        if not 0 <= onset < 3600 or _LABEL.match(label) is None:
            raise CreativeMLError(f"{path}:{number}: impossible onset or label in '{line}'")
        strokes.append(Stroke(onset, label))
    return sorted(strokes, key=lambda stroke: stroke.onset_s)


def kind_of(label: str, drum: str) -> str | None:
    """Kind of a label in a take of `drum` (as its name has it: "ride-cymbal-2"); None if it has none.

    The snare without its wires is still called a snare; rim strokes on a tom and sticks on sticks are
    percussion.
    """
    match = _LABEL.match(label)
    base = match[1] if match else ""
    if base == OTHER_CYMBAL:
        return "ride" if "ride" in drum and "crash" not in drum else "crash"
    return None if base in NOT_A_HIT else KIND_OF_LABEL.get(base)


def _cut(audio: Path, drummer: str, drum: str, strokes: list[Stroke], progress: Progress) -> Iterator[SourceSound]:
    take = f"{drummer}/{audio.stem}"
    try:
        length_s = soundfile.info(str(audio)).duration
    except soundfile.SoundFileError:
        # Handed on whole, so that the report of `prepare` names it among the rejected.
        group = f"{NAME}/{take}"
        yield SourceSound(audio, None, group, licence=LICENCE, tier="", source=NAME, name=f"{NAME}/{take}")
        return
    for index, stroke in enumerate(strokes):
        near = [other for other in strokes if abs(other.onset_s - stroke.onset_s) <= TOGETHER_S]
        if any(other in near and other.label == stroke.label for other in strokes[:index]):
            continue  # the second stroke of a flam sounds in the cut of the first
        end_s = min([length_s, *(other.onset_s - GUARD_S for other in strokes[index + 1 :] if other not in near)])
        kind = kind_of(stroke.label, drum)
        reason = _why_not(stroke, near, end_s - stroke.onset_s, kind)
        if kind is None or reason:
            progress(f"{take} at {stroke.onset_s:.3f} s ({stroke.label}): {reason}; it is left out")
            continue
        yield SourceSound(
            path=audio,
            kind=kind,
            # By take: grouped by drum, three drummers would leave one third of every kind for training.
            group=f"{NAME}/{take}",
            licence=LICENCE,
            tier="",
            source=NAME,
            credit="Olivier Gillet and Gael Richard, ENST-Drums",
            start_s=max(0.0, stroke.onset_s - LEAD_S),
            end_s=end_s,
            name=f"{NAME}/{take}#{index + 1:02d}",
        )


def _why_not(stroke: Stroke, near: list[Stroke], seconds: float, kind: str | None) -> str:
    if kind is None:
        return "no single hit" if stroke.label in NOT_A_HIT else "unknown label"
    if any(other.label != stroke.label for other in near):
        return "struck together with another drum"
    if seconds < SHORTEST_S:
        return f"only {max(0.0, seconds) * 1000:.0f} ms to the next stroke"
    return ""

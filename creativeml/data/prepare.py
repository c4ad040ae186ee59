"""From sounds as they were found to a dataset folder: shape each, mark what repeats, split by group, write it
all.

The folder is complete once it holds dataset.json, which is written last. Until then a journal remembers what
is done, so that a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from creativeml.data.crew import Crew, Died, Hired, OnNote, Piece, crew_for, in_order
from creativeml.data.dataset_folder import DESCRIPTION, MANIFEST, claim_folder, delete_audio
from creativeml.data.folders import Found, Refused
from creativeml.data.journal import Journal, key_of
from creativeml.data.manifest import ManifestRow, write_description, write_manifest
from creativeml.data.near_duplicates import Bounds, find_duplicates, measure_files
from creativeml.data.report import Report, write_report
from creativeml.data.shaping import OUTCOME, PrepareOptions, shape_one
from creativeml.data.sources import SourceSound
from creativeml.data.splits import assign_splits
from creativeml.errors import CreativeMLError
from creativeml.kinds import UNLABELLED

__all__ = ["PrepareOptions", "default_workers", "prepare_dataset"]
_TIER_ORDER = {"A": 0, "S": 1, "G": 2}
_COMPARED = 16
"""Sounds whose spectra are measured in one piece of work."""
FEW_SOUNDS = 100
"""Up to so many are left to threads, which cost no start: a process takes 0.25 s of processor time, a sound 15 ms."""

OnStep = Callable[[str, int, int], object]
"""Called as (what is being done, how many are done, of how many)."""


def prepare_dataset(
    found: Found,
    out: Path,
    options: PrepareOptions,
    *,
    overwrite: bool = False,
    executor: Executor | Crew | None = None,
    on_step: OnStep = lambda what, done, total: None,
    on_note: OnNote = lambda line: None,
) -> Report:
    """Make the dataset folder `out` from what was found.

    If no sound at all is accepted, only the report is written.

    Args:
        found: the sounds; their names tell them apart.
        out: an empty or new folder, or one that an interrupted run left; with `overwrite` also a finished
            dataset.
        options: how sounds are shaped.
        overwrite: replace the dataset in `out`; an interrupted preparation with the same settings still goes on.
        executor: reads and shapes the sounds, for instance `distributed.Client(...).get_executor()`; what it runs must
            see the files under the same paths. By default processes of this machine for many sounds (call it under
            `if __name__ == "__main__":` in a program of your own), threads for few. Sounds whose `samples` are a
            function are always read by threads of this process.
        on_step: is told about the progress.
        on_note: is told in one line of worker processes that died.

    Raises:
        CreativeMLError: `out` holds something else, or cannot be written.
    """
    # Before anything is written: a program without that line would be run by its own processes, and end here.
    with _crew(executor, found.sounds, options, on_note) as crew:
        return _prepare(found, out, options, crew, overwrite=overwrite, on_step=on_step, on_note=on_note)


def _crew(
    executor: Executor | Crew | None, sounds: Sequence[SourceSound], options: PrepareOptions, on_note: OnNote
) -> contextlib.AbstractContextManager[Crew]:
    if executor is None:
        return crew_for(sum(not callable(s.samples) for s in sounds), options.workers, FEW_SOUNDS, on_note)
    if isinstance(executor, Executor):
        return contextlib.nullcontext(Hired(executor, options.workers))
    return contextlib.nullcontext(executor)


def _prepare(
    found: Found,
    out: Path,
    options: PrepareOptions,
    crew: Crew,
    *,
    overwrite: bool,
    on_step: OnStep,
    on_note: OnNote,
) -> Report:
    try:
        settings = {**vars(options), "workers": 0, "format": 1}
        claim_folder(out, settings, overwrite=overwrite)
        journal = Journal(out, settings, OUTCOME)
        complete = False
        try:
            outcomes = _shape_all(found.sounds, out, options, journal, crew, on_step, on_note)
            report = _assemble(found, outcomes, out, options, crew, on_step)
            # An earlier, interrupted run may have had other sources.
            delete_audio(out, keep={out / row.path for row in report.rows})
            _write(report, options)
            complete = True
        finally:
            journal.close(remove=complete)
    except OSError as error:
        where = error.filename or out
        raise CreativeMLError(
            f"{where}: cannot be written ({error.strerror}); free space or choose another --out"
        ) from error
    return report


def _shape_all(
    sounds: Sequence[SourceSound],
    out: Path,
    options: PrepareOptions,
    journal: Journal,
    crew: Crew,
    on_step: OnStep,
    on_note: OnNote,
) -> list[dict[str, Any]]:
    """The outcome for each sound, in order; new ones go into the journal as they come."""
    outcomes: list[dict[str, Any]] = []
    # Processes and other machines may stand elsewhere.
    target = out.absolute()

    def pieces() -> Iterator[Piece]:
        for sound in sounds:
            known = journal.get(key_of(sound))
            placed = replace(sound, path=sound.path.absolute())
            # A function that reads a bank belongs to this process; samples can travel.
            yield Piece(sound.name, shape_one, (placed, target, options), callable(sound.samples), known)

    with contextlib.closing(in_order(crew, pieces(), on_note)) as results:
        for sound, outcome in zip(sounds, results, strict=True):
            if isinstance(outcome, Died):
                outcome = {"reason": f"cannot be read: {outcome.how}", "remedy": "look at the file, or remove it"}
            journal.add(key_of(sound), outcome)
            outcomes.append(outcome)
            on_step("reading", len(outcomes), len(sounds))
    return outcomes


def _assemble(
    found: Found, outcomes: list[dict[str, Any]], out: Path, options: PrepareOptions, crew: Crew, on_step: OnStep
) -> Report:
    """Rows with duplicates and splits, and the report."""
    pairs = list(zip(found.sounds, outcomes, strict=True))
    refused = [Refused(s.name, o["reason"], o["remedy"]) for s, o in pairs if "reason" in o]
    accepted = [(s, o) for s, o in pairs if "stored" in o]
    repeats = _find_repeats(accepted, out, options, crew, on_step)
    groups = _join_groups([s.group for s, _ in accepted], repeats)
    classes = [s.kind or UNLABELLED for s, _ in accepted]
    split_of = _splits_of_groups(groups, classes, repeats)
    rows = []
    remarks: dict[str, list[str]] = {}
    for index, (sound, outcome) in enumerate(accepted):
        kept = repeats.get(index)
        if outcome["notes"]:
            remarks[sound.name] = list(outcome["notes"])
        if kept is not None and classes[kept] != classes[index]:
            remarks.setdefault(sound.name, []).append(f"the same sound is also called {classes[kept]}")
        duplicate_of = "" if kept is None else accepted[kept][1]["stored"]
        rows.append(_row(sound, outcome, groups[index], split_of[groups[index]], duplicate_of))
    rows.sort(key=lambda row: row.path)
    rejected = sorted([*found.rejected, *refused], key=lambda r: r.name)
    return Report(out, rows, rejected, found.ignored, remarks, found.notes)


def _splits_of_groups(groups: list[str], classes: list[str], repeats: dict[int, int]) -> dict[str, str]:
    """Split of each group. Repeats do not count: nothing is trained or measured on them, so shares are those
    of the different sounds. A repeat's group is that of the sound it repeats, so every group has a sound that
    counts."""
    counted = [index for index in range(len(groups)) if index not in repeats]
    members = [groups[index] for index in counted]
    return dict(zip(members, assign_splits(members, [classes[index] for index in counted]), strict=True))


def _row(sound: SourceSound, outcome: dict[str, Any], group: str, split: str, duplicate_of: str) -> ManifestRow:
    return ManifestRow(
        path=outcome["stored"],
        kind=sound.kind or UNLABELLED,
        group=group,
        split=split,
        source=sound.source,
        licence=sound.licence,
        tier=sound.tier,
        duration_s=outcome["duration_s"],
        peak=outcome["peak"],
        loudness_lufs=outcome["loudness_lufs"],
        sha256=outcome["sha256"],
        duplicate_of=duplicate_of,
        original_path=sound.name,
        original_sample_rate=outcome["rate"],
        original_channels=outcome["channels"],
        original_encoding=outcome["encoding"],
        credit=sound.credit,
    )


def _find_repeats(
    accepted: list[tuple[SourceSound, dict[str, Any]]], out: Path, options: PrepareOptions, crew: Crew, on_step: OnStep
) -> dict[int, int]:
    """{index of a repeating sound: of the one it repeats}: equal in the whole set, or alike in its class."""
    # The freest licence is kept, so that leaving out a tier never loses a sound that is free as well.
    order = sorted(range(len(accepted)), key=lambda i: (_TIER_ORDER.get(accepted[i][0].tier, 3), i))
    repeats: dict[int, int] = {}
    first: dict[str, int] = {}
    for index in order:
        kept = first.setdefault(accepted[index][1]["sha256"], index)
        if kept != index:
            repeats[index] = kept
    rest = [index for index in order if index not in repeats]
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        on_step("comparing", done, len(rest))

    def load(place: int) -> np.ndarray:
        samples, _ = soundfile.read(out / accepted[rest[place]][1]["stored"], dtype="float32")
        return samples

    def measure(places: Sequence[int]) -> Iterator[Bounds]:
        files = [out.absolute() / accepted[rest[place]][1]["stored"] for place in places]
        return _measure_all(files, options, crew)

    classes = [accepted[index][0].kind or UNLABELLED for index in rest]
    shape = (options.sample_rate, options.length_samples)
    near = find_duplicates(load, classes, range(len(rest)), *shape, count, measure)
    found = {rest[later]: rest[earlier] for later, earlier in near.items()}
    # A copy of a sound that turned out to repeat another repeats that one too.
    return {**found, **{index: found.get(kept, kept) for index, kept in repeats.items()}}


def _measure_all(files: Sequence[Path], options: PrepareOptions, crew: Crew) -> Iterator[Bounds]:
    shape = (options.sample_rate, options.length_samples)
    parts = [files[start : start + _COMPARED] for start in range(0, len(files), _COMPARED)]
    pieces = (Piece(part[0].name, measure_files, (part, *shape)) for part in parts)
    with contextlib.closing(in_order(crew, pieces, lambda line: None)) as results:
        for part, found in zip(parts, results, strict=True):
            # These are sounds that were read and written before: it is not their fault, so it is done here.
            yield from measure_files(part, *shape) if isinstance(found, Died) else found


def _join_groups(groups: list[str], repeats: dict[int, int]) -> list[str]:
    """Groups that share a sound become one: else one drum would stand on two sides of a split."""
    parent = {group: group for group in groups}

    def root(group: str) -> str:
        while parent[group] != group:
            group = parent[group]
        return group

    for later, kept in repeats.items():
        first, second = sorted((root(groups[later]), root(groups[kept])))
        parent[second] = first
    return [root(group) for group in groups]


def _write(report: Report, options: PrepareOptions) -> None:
    write_report(report)
    if report.rows:
        write_manifest(report.folder / MANIFEST, report.rows)
        write_description(report.folder / DESCRIPTION, options.sample_rate, options.length_samples, report.rows)


def default_workers() -> int:
    """Processes of one thread each: one per core, up to 16, as each holds some 100 MB."""
    return min(16, os.cpu_count() or 1)

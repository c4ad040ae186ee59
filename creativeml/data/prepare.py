"""From sounds as they were found to a dataset folder: shape each, mark what repeats, split by group, write it
all.

The folder is complete once it holds dataset.json, which is written last. Until then a journal remembers what
is done, so that a run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from creativeml.audio.io import AudioFileError, AudioLimits, AudioTooLongError, flac_bytes, read_audio
from creativeml.data.classes import slug_of
from creativeml.data.dataset_folder import AUDIO, DESCRIPTION, MANIFEST, claim_folder, delete_audio
from creativeml.data.folders import Found, Refused
from creativeml.data.journal import Journal, key_of
from creativeml.data.manifest import ManifestRow, write_description, write_manifest
from creativeml.data.near_duplicates import find_duplicates
from creativeml.data.report import Report, write_report
from creativeml.data.shape import NotASoundError, shape_sound
from creativeml.data.sources import SourceSound
from creativeml.data.splits import assign_splits
from creativeml.errors import CreativeMLError
from creativeml.files import sha256_bytes
from creativeml.kinds import UNLABELLED

_LOSSY = {"MP3", "OGG"}
_TIER_ORDER = {"A": 0, "S": 1, "G": 2}

OnStep = Callable[[str, int, int], object]
"""Called as (what is being done, how many are done, of how many)."""


@dataclass(frozen=True)
class PrepareOptions:
    """How sounds are shaped.

    Attributes:
        sample_rate: of the dataset, in Hz.
        length_samples: of every sound.
        max_seconds: longer recordings are refused as loops or songs.
        workers: threads that read and shape.
    """

    sample_rate: int = 44_100
    length_samples: int = 65_536
    max_seconds: float = 20.0
    workers: int = 2

    def __post_init__(self) -> None:
        checks = (
            ("--sample-rate", self.sample_rate, 8_000, 192_000, "Hz"),
            ("--length", self.length_samples, 256, 1 << 22, "samples"),
            ("--max-seconds", self.max_seconds, 0.005, 600.0, "seconds"),
            ("--workers", self.workers, 1, 64, "threads"),
        )
        for name, value, least, most, unit in checks:
            if not least <= value <= most:
                raise CreativeMLError(f"{name} must lie between {least} and {most} {unit}, not {value}")

    def limits(self) -> AudioLimits:
        """What the reader refuses."""
        return AudioLimits(max_seconds=self.max_seconds)


def prepare_dataset(
    found: Found,
    out: Path,
    options: PrepareOptions,
    *,
    overwrite: bool = False,
    on_step: OnStep = lambda what, done, total: None,
) -> Report:
    """Make the dataset folder `out` from what was found.

    If no sound at all is accepted, only the report is written.

    Args:
        found: the sounds; their names tell them apart.
        out: an empty or new folder, or one that an interrupted run left; with `overwrite` also a finished
            dataset.
        options: how sounds are shaped.
        overwrite: replace the dataset in `out`.
        on_step: is told about the progress.

    Raises:
        CreativeMLError: `out` holds something else, or cannot be written.
    """
    try:
        claim_folder(out, overwrite=overwrite)
        journal = Journal(out, {**vars(options), "workers": 0, "format": 1})
        complete = False
        try:
            outcomes = _shape_all(found.sounds, out, options, journal, on_step)
            report = _assemble(found, outcomes, out, options, on_step)
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
    sounds: Sequence[SourceSound], out: Path, options: PrepareOptions, journal: Journal, on_step: OnStep
) -> list[dict[str, Any]]:
    """The outcome for each sound, in order; new ones go into the journal as they come."""
    outcomes: list[dict[str, Any]] = []

    def work(sound: SourceSound) -> tuple[str, dict[str, Any], bool]:
        key = key_of(sound)
        known = journal.get(key)
        return (key, known, False) if known is not None else (key, _shape_one(sound, out, options), True)

    with ThreadPoolExecutor(options.workers) as pool:
        for key, outcome, is_new in _in_order(pool, work, sounds, 4 * options.workers):
            if is_new:
                journal.add(key, outcome)
            outcomes.append(outcome)
            on_step("reading", len(outcomes), len(sounds))
    return outcomes


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[SourceSound], Any], sounds: Sequence[SourceSound], ahead: int
) -> Iterator[Any]:
    """Results in order, never more than `ahead` under way, so that an interruption loses little."""
    rest = iter(sounds)
    waiting = [pool.submit(work, sound) for sound in islice(rest, ahead)]
    try:
        while waiting:
            result = waiting.pop(0).result()
            waiting += [pool.submit(work, sound) for sound in islice(rest, 1)]
            yield result
    finally:
        for future in waiting:
            future.cancel()


def _shape_one(sound: SourceSound, out: Path, options: PrepareOptions) -> dict[str, Any]:
    """Read, shape and store one sound; {"reason", "remedy"} if it cannot be used."""
    try:
        samples, rate, encoding = _read(sound, options)
        lossy = encoding.split(" ")[0] in _LOSSY
        shaped = shape_sound(samples, rate, options.sample_rate, options.length_samples, lossy=lossy)
    except AudioTooLongError as error:
        remedy = "cut it into single hits, or raise --max-seconds"
        return {"reason": f"{error.reason} (--max-seconds)", "remedy": remedy}
    except AudioFileError as error:
        return {"reason": error.reason, "remedy": error.remedy}
    except NotASoundError as error:
        return {"reason": str(error), "remedy": error.remedy}
    except CreativeMLError as error:  # a recipe that cannot give its samples
        return {"reason": str(error), "remedy": "fetch the corpus again"}
    stored = stored_name(sound)
    data = flac_bytes(shaped.samples, options.sample_rate, path=sound.name)
    _store(out / stored, data)
    return {
        "stored": stored,
        "sha256": sha256_bytes(data),
        "duration_s": shaped.duration_s,
        "peak": shaped.peak,
        "loudness_lufs": max(shaped.loudness_lufs, -200.0),
        "rate": rate,
        "channels": int(samples.shape[0]),
        "encoding": encoding,
        "notes": list(shaped.notes),
    }


def _store(path: Path, data: bytes) -> None:
    # Whole or absent, but not flushed to the disk, which can take longer than all the rest: the hash in journal and
    # manifest tells if a power cut in these minutes has spoiled a file.
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(data)
    temporary.replace(path)


def _read(sound: SourceSound, options: PrepareOptions) -> tuple[np.ndarray, int, str]:
    """Samples (channels, n), rate in Hz and encoding."""
    if sound.samples is None or sound.sample_rate is None:
        audio = read_audio(sound.path, start_s=sound.start_s, end_s=sound.end_s, limits=options.limits())
        return audio.samples, audio.sample_rate, sound.encoding or f"{audio.format} {audio.subtype}"
    samples = np.atleast_2d(sound.samples() if callable(sound.samples) else sound.samples)
    seconds = samples.shape[1] / sound.sample_rate
    if seconds > options.max_seconds:
        reason = f"too long: {seconds:.1f} s, more than the {options.max_seconds:g} s allowed"
        raise AudioTooLongError(sound.path, reason, "")
    if samples.dtype == np.int16:
        samples = samples / np.float32(1 << 15)
    if not np.isfinite(samples).all():
        raise AudioFileError(sound.path, "holds NaN or infinite samples", "fetch it again")
    return samples, sound.sample_rate, sound.encoding


def stored_name(sound: SourceSound) -> str:
    """Path in the dataset: speaking, plain ASCII, and by its hash distinct and the same on every run."""
    stem = slug_of(Path(sound.name.partition("#")[0]).stem)
    return f"{AUDIO}/{sound.kind or UNLABELLED}/{stem}-{sha256(sound.name.encode()).hexdigest()[:8]}.flac"


def _assemble(
    found: Found, outcomes: list[dict[str, Any]], out: Path, options: PrepareOptions, on_step: OnStep
) -> Report:
    """Rows with duplicates and splits, and the report."""
    pairs = list(zip(found.sounds, outcomes, strict=True))
    refused = [Refused(s.name, o["reason"], o["remedy"]) for s, o in pairs if "reason" in o]
    accepted = [(s, o) for s, o in pairs if "stored" in o]
    repeats = _find_repeats(accepted, out, options, on_step)
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
    accepted: list[tuple[SourceSound, dict[str, Any]]], out: Path, options: PrepareOptions, on_step: OnStep
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

    classes = [accepted[index][0].kind or UNLABELLED for index in rest]
    near = find_duplicates(load, classes, range(len(rest)), options.sample_rate, options.length_samples, count)
    found = {rest[later]: rest[earlier] for later, earlier in near.items()}
    # A copy of a sound that turned out to repeat another repeats that one too.
    return {**found, **{index: found.get(kept, kept) for index, kept in repeats.items()}}


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
    """Threads that pay off: decoding and transforms run outside the interpreter lock, the rest does not."""
    return min(4, os.cpu_count() or 1)

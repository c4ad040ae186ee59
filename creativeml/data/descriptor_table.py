"""The descriptors of a dataset's sounds, measured once and kept beside the manifest in descriptors.csv.

A file of its own, not columns of the manifest: measuring takes longer than preparing and is not always wanted, and
manifests, of which training runs note the hash, stay as they are. A row belongs to the sound with its sha256, so it
survives moving, renaming and preparing again; it holds what `creativeml describe` says of the stored file.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from creativeml.audio.descriptors.registry import DESCRIPTORS, FORMAT, describe
from creativeml.data.crew import Crew, Died, Hired, OnNote, Piece, crew_for, in_order
from creativeml.data.one_shots import DatasetError, DatasetInfo, read_dataset, read_prepared
from creativeml.files import atomic_write_text, sha256_file

TABLE = "descriptors.csv"
_COLUMNS = ("sha256", "path", "format", *DESCRIPTORS)
_BATCH = 16
_SAVE_EVERY_S = 30.0
FEW_SOUNDS = 64
"""So many are described here before processes have loaded torch."""

OnStep = Callable[[str, int, int], object]
"""Called as (what is being done, how many are done, of how many)."""


@dataclass(frozen=True)
class Described:
    """Outcome of describing a dataset.

    Attributes:
        path: the table.
        new: sounds described now.
        known: sounds described before.
        refused: why a sound could not be described, a line each.
    """

    path: Path
    new: int
    known: int
    refused: tuple[str, ...]


def describe_dataset(
    root: str | os.PathLike[str],
    *,
    workers: int = 1,
    executor: Executor | Crew | None = None,
    on_step: OnStep = lambda what, done, total: None,
    on_note: OnNote = lambda line: None,
) -> Described:
    """Measure all descriptors, by their exact faces, of every sound that the table does not hold yet.

    Repeats of other sounds are left out. What is measured is saved every half minute and when the work is
    interrupted, so the next call goes on from there. Rows of sounds that the dataset no longer holds, and rows
    measured by earlier definitions, are dropped.

    Args:
        root: dataset folder.
        workers: processes that measure, one thread each; 1 measures here, with torch's own threads. They begin only
            where there are many sounds.
        executor: measures instead, as in `prepare_dataset`.
        on_step: is told about the progress.
        on_note: is told in one line of worker processes that died.

    Raises:
        DatasetError: not a dataset folder, its manifest has no sha256, or the table cannot be written.
    """
    info = read_dataset(root)
    wanted = _rows_by_hash(info)
    kept = read_table(info.root / TABLE)
    values = {key: kept[key] for key in wanted if key in kept}
    missing = [key for key in wanted if key not in values]
    known, refused, saved_at = len(values), [], time.monotonic()
    changed = kept.keys() != values.keys()
    parts = [{key: wanted[key] for key in missing[i : i + _BATCH]} for i in range(0, len(missing), _BATCH)]
    done = 0
    try:
        with _measuring(info, parts, workers, executor, on_note) as results:
            for measured, problems in results:
                values.update(measured)
                refused += problems
                done += len(measured) + len(problems)
                changed = changed or bool(measured)
                on_step("describing", done, len(missing))
                if changed and time.monotonic() - saved_at > _SAVE_EVERY_S:
                    _write_table(info.root / TABLE, wanted, values)
                    changed, saved_at = False, time.monotonic()
    finally:
        if changed:
            _write_table(info.root / TABLE, wanted, values)
    return Described(info.root / TABLE, len(values) - known, known, tuple(refused))


_Measured = tuple[dict[str, dict[str, float]], list[str]]


@contextlib.contextmanager
def _measuring(
    info: DatasetInfo,
    parts: Sequence[Mapping[str, str]],
    workers: int,
    executor: Executor | Crew | None,
    on_note: OnNote,
) -> Iterator[Iterator[_Measured]]:
    """What is measured of each part, or of each sound of a part that killed its worker."""
    # Without the rows: each piece of work names its own.
    about = replace(info, root=info.root.absolute(), rows=())
    if executor is None and (workers < 2 or len(parts) * _BATCH <= FEW_SOUNDS):
        yield (_measure(about, part) for part in parts)
        return
    if executor is None:
        hired: contextlib.AbstractContextManager[Crew] = crew_for(len(parts), workers, 0, on_note)
    else:
        hired = contextlib.nullcontext(Hired(executor, workers) if isinstance(executor, Executor) else executor)
    with hired as crew, contextlib.closing(_by_crew(crew, about, parts, on_note)) as results:
        yield results


def _by_crew(
    crew: Crew, about: DatasetInfo, parts: Sequence[Mapping[str, str]], on_note: OnNote
) -> Generator[_Measured, None, None]:
    pieces = (Piece(next(iter(part.values())), _measure, (about, part)) for part in parts)
    with contextlib.closing(in_order(crew, pieces, on_note)) as results:
        deadly = []
        for part, found in zip(parts, results, strict=True):
            if not isinstance(found, Died):
                yield found
            elif len(part) == 1:
                yield {}, [f"{about.root / next(iter(part.values()))}: cannot be described: {found.how}; remove it"]
            else:
                deadly += [{key: path} for key, path in part.items()]
    if deadly:
        yield from _by_crew(crew, about, deadly, on_note)


def read_descriptors(info: DatasetInfo, rows: Sequence[Mapping[str, str]], names: Sequence[str]) -> np.ndarray:
    """Values (sounds, names) float64 of some rows of a dataset's manifest.

    Raises:
        DatasetError: the dataset, or one of these sounds, has not been described.
    """
    table = read_table(info.root / TABLE)
    missing = [row["path"] for row in rows if row.get("sha256", "") not in table]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DatasetError(
            f"{info.root / TABLE} has no descriptors of {missing[0]}{more}; "
            f"run `creativeml describe --data {info.root}`"
        )
    return np.array([[table[row["sha256"]][name] for name in names] for row in rows], dtype=np.float64)


def _rows_by_hash(info: DatasetInfo) -> dict[str, str]:
    """sha256 -> path of every sound that repeats no other."""
    if info.rows and "sha256" not in info.rows[0]:
        raise DatasetError(f"{info.root / 'manifest.csv'} has no column sha256; run `creativeml prepare` again")
    return {row["sha256"]: row["path"] for row in info.rows if not row["duplicate_of"]}


def _measure(info: DatasetInfo, paths: Mapping[str, str]) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Values by sha256, and why others could not be measured."""
    sounds, keys, refused = [], [], []
    for key, path in paths.items():
        try:
            if (info.root / path).is_file() and sha256_file(info.root / path) != key:
                raise DatasetError(f"{info.root / path} is not the file that the manifest lists")
            content = read_prepared(info, path)
        except DatasetError as error:
            refused.append(f"{error}; run `creativeml prepare` again")
            continue
        sounds.append(np.pad(content, (0, info.length_samples - len(content))))
        keys.append(key)
    if not sounds:
        return {}, refused
    columns = describe(torch.from_numpy(np.stack(sounds)), info.sample_rate)
    measured = {key: {name: float(column[i]) for name, column in columns.items()} for i, key in enumerate(keys)}
    return measured, refused


def read_table(path: Path) -> dict[str, dict[str, float]]:
    """Rows measured by today's definitions; none if the table is absent, damaged or of other columns."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != _COLUMNS:
                return {}
            rows = [row for row in reader if row["format"] == str(FORMAT)]
            return {row["sha256"]: {name: float(row[name]) for name in DESCRIPTORS} for row in rows}
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, TypeError):
        # It holds nothing that cannot be measured again.
        return {}


def _write_table(path: Path, paths: Mapping[str, str], values: Mapping[str, Mapping[str, float]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for key, place in paths.items():
        if key in values:
            writer.writerow([key, place, FORMAT, *(f"{values[key][name]:.6g}" for name in DESCRIPTORS)])
    try:
        atomic_write_text(path, text.getvalue())
    except OSError as error:
        raise DatasetError(f"{path}: cannot be written ({error.strerror}); free space or make it writable") from error

"""The table of a dataset: one row per sound, in a fixed set of columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from creativeml.files import atomic_write_json, atomic_write_text
from creativeml.kinds import KINDS, UNLABELLED

FORMAT = 1


@dataclass(frozen=True)
class ManifestRow:
    """A sound of a dataset.

    Attributes:
        path: of the stored file, relative to the dataset, with forward slashes.
        kind: column `class`.
        group: never on two sides of a split.
        split: train, validation or test.
        source, licence, tier, credit: as in SourceSound.
        duration_s: content before the padding.
        peak: before any scaling.
        loudness_lufs: of the stored sound.
        sha256: of the stored file.
        duplicate_of: `path` of the sound that this one repeats; "" for almost all.
        original_path: name of the source and place in it.
        original_sample_rate: in Hz.
        original_channels: number.
        original_encoding: for instance "WAV PCM_16".
    """

    path: str
    kind: str
    group: str
    split: str
    source: str
    licence: str
    tier: str
    duration_s: float
    peak: float
    loudness_lufs: float
    sha256: str
    duplicate_of: str
    original_path: str
    original_sample_rate: int
    original_channels: int
    original_encoding: str
    credit: str


COLUMNS = tuple("class" if f.name == "kind" else f.name for f in fields(ManifestRow))


def write_manifest(path: Path, rows: Iterable[ManifestRow]) -> None:
    """Write the table, complete or not at all; equal rows make equal bytes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([_cell(name, value) for name, value in asdict(row).items()])
    atomic_write_text(path, text.getvalue())


def _cell(name: str, value: object) -> object:
    digits = {"duration_s": 6, "peak": 6, "loudness_lufs": 2}
    return f"{value:.{digits[name]}f}" if name in digits else value


def write_description(path: Path, sample_rate: int, length_samples: int, rows: Iterable[ManifestRow]) -> None:
    """Write dataset.json; the presence of this file says that the dataset is complete."""
    present, sources = set(), set()
    for row in rows:
        present.add(row.kind)
        sources.add(row.source)
    # The project's kinds in their own order, then the user's.
    kinds = [k for k in KINDS if k in present] + sorted(present - {*KINDS, UNLABELLED})
    description = {
        "format": FORMAT,
        "sample_rate": sample_rate,
        "length_samples": length_samples,
        "kinds": kinds,
        "sources": sorted(sources),
    }
    atomic_write_json(path, description)

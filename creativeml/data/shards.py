"""From a finished dataset folder to tar shards beside its sounds; no sound is decoded for it.

What is written is described in `data.shard_format`. Only sounds that a split uses get into shards: repeats and sounds
without a kind do not. Within a kind sounds are in the order of a hash, so that every shard is a fair part of it. A
journal remembers which shards are whole, so that an interrupted run goes on from there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from creativeml.data.classes import slug_of
from creativeml.data.dataset_folder import MANIFEST, SHARDS, delete_shards
from creativeml.data.descriptor_table import TABLE, read_table
from creativeml.data.journal import Journal
from creativeml.data.one_shots import DatasetError, DatasetInfo, read_dataset
from creativeml.data.shard_format import INDEX, MEMBER, Entry, Shard, parse_index, write_index, write_shard
from creativeml.data.splits import SPLITS
from creativeml.errors import CreativeMLError
from creativeml.files import sha256_bytes, sha256_file

SOUNDS_PER_SHARD = 512
MOST_SOUNDS_PER_SHARD = 100_000
SHARD_BYTES = 256 << 20
"""A shard of long sounds holds fewer: no more than so many bytes."""
_OUTCOME = {"name": str, "kind": str, "members": str, "bytes": int, "sounds": int}
_NUMBERS = ("duration_s", "peak", "loudness_lufs")
_TEXTS = ("class", "group", "sha256", "path", "original_path", "source", "licence", "tier", "credit")

Row = Mapping[str, str]
OnStep = Callable[[str, int, int], object]
"""Called as (what is being done, how many are done, of how many)."""


@dataclass(frozen=True)
class Sharded:
    """Outcome.

    Attributes:
        folder: of the shards.
        shards: how many there are.
        sounds: in them.
        kept: shards that an interrupted run had finished.
    """

    folder: Path
    shards: int
    sounds: int
    kept: int

    def __str__(self) -> str:
        earlier = f", {self.kept} of them made before the interruption" if self.kept else ""
        return f"{self.sounds} sounds in {self.shards} shards in {self.folder}{earlier}"

    def summary(self) -> dict[str, Any]:
        """The same as plain values."""
        return {"folder": str(self.folder), "shards": self.shards, "sounds": self.sounds, "kept": self.kept}


def has_shards(root: Path) -> bool:
    """Whether a dataset folder has shards that are complete and made from its manifest as it is now.

    Raises:
        DatasetError: their index is damaged.
    """
    index, manifest = root / SHARDS / INDEX, root / MANIFEST
    if not index.is_file():
        return False
    made_from = parse_index(index.read_bytes(), str(index)).manifest_sha256
    return not manifest.is_file() or made_from == sha256_file(manifest)


def write_shards(
    root: Path, sounds: int = SOUNDS_PER_SHARD, *, on_step: OnStep = lambda what, done, total: None
) -> Sharded:
    """Write the shards of a dataset folder; its other files stay as they are.

    Args:
        root: a finished dataset folder.
        sounds: per shard; the last of a kind has fewer.
        on_step: is told about the progress.

    Raises:
        CreativeMLError: not a dataset folder, a sound that is missing or not the one the manifest lists, or shards that
            cannot be written.
    """
    if not 1 <= sounds <= MOST_SOUNDS_PER_SHARD:
        raise CreativeMLError(f"--shard-sounds must lie between 1 and {MOST_SOUNDS_PER_SHARD}, not {sounds}")
    info = read_dataset(root)
    folder = root / SHARDS
    try:
        folder.mkdir(exist_ok=True)
        # Without an index nobody takes what lies there for complete.
        (folder / INDEX).unlink(missing_ok=True)
        journal = Journal(folder, {"format": 1}, _OUTCOME)
        try:
            outcome = _write_all(info, folder, sounds, journal, on_step)
        finally:
            journal.close(remove=False)
        journal.path.unlink()
    except OSError as error:
        where = error.filename or folder
        raise CreativeMLError(f"{where}: cannot be written ({error.strerror}); free space and try again") from error
    return outcome


def _write_all(info: DatasetInfo, folder: Path, sounds: int, journal: Journal, on_step: OnStep) -> Sharded:
    manifest = sha256_file(info.root / MANIFEST)
    descriptors = read_table(info.root / TABLE)
    plan = list(_planned(info, sounds))
    total, done, kept = sum(len(rows) for _, _, _, rows in plan), 0, 0
    written: dict[str, list[tuple[Shard, np.ndarray]]] = {}
    for name, split, kind, rows in plan:
        abouts = [_about(row, descriptors) for row in rows]
        key = sha256(json.dumps([name, kind, *abouts]).encode()).hexdigest()
        # Without checksums of the sounds nobody knows whether the shard still holds them.
        known = _known(journal.get(key), folder / name, kind, rows) if all(row.get("sha256") for row in rows) else None
        kept += known is not None
        if known is None:
            known = write_shard(folder / name, kind, _entries(info, rows, abouts))
            shard, members = known
            journal.add(key, {"stored": name, **asdict(shard), "members": members.tobytes().hex()})
        written.setdefault(split, []).append(known)
        done += len(rows)
        on_step("packing", done, total)
    if not written:
        raise DatasetError(f"{info.root} holds no sound that a split uses; add recordings and prepare it again")
    write_index(info.root, info.sample_rate, info.length_samples, info.kinds, written, manifest)
    splits = [f"{split}.index" for split in written]
    delete_shards(info.root, keep={INDEX, journal.path.name, *splits, *(name for name, *_ in plan)})
    return Sharded(folder, len(plan), total, kept)


def _known(
    outcome: Mapping[str, Any] | None, path: Path, kind: str, rows: Sequence[Row]
) -> tuple[Shard, np.ndarray] | None:
    """A shard as the journal of an earlier run tells of it; None if that is not the one that is planned."""
    if outcome is None or outcome.get("stored") != path.name:
        return None
    shard = Shard(**{field: outcome[field] for field in Shard.__dataclass_fields__})
    try:
        members = np.frombuffer(bytes.fromhex(outcome["members"]), dtype=MEMBER)
    except ValueError:
        return None
    planned = shard == Shard(path.name, path.stat().st_size, shard.sha256, kind, len(rows))
    inside = members["offset"] <= path.stat().st_size  # so that the sum below cannot overflow
    inside &= members["offset"] + members["size"] <= path.stat().st_size
    return (shard, members) if planned and len(members) == len(rows) and bool(inside.all()) else None


def _planned(info: DatasetInfo, sounds: int) -> Iterator[tuple[str, str, str, list[Row]]]:
    """(file name, split, kind, rows) of every shard."""
    members: dict[tuple[str, str], list[Row]] = {}
    for row in info.rows:
        if not row["duplicate_of"]:
            members.setdefault((row["split"], row["class"]), []).append(row)
    slugs = [slug_of(kind) for kind in info.kinds]
    for split in SPLITS:
        for label, kind in enumerate(info.kinds):
            # Two kinds of a manifest that was written by hand may look the same as file names.
            slug = slugs[label] if slugs.count(slugs[label]) == 1 else f"{slugs[label]}-{label}"
            rows = sorted(members.get((split, kind), ()), key=lambda row: sha256(row["path"].encode()).digest())
            for number, part in enumerate(_cut(info, rows, sounds)):
                yield f"{split}-{slug}-{number:06d}.tar", split, kind, part


def _cut(info: DatasetInfo, rows: Sequence[Row], sounds: int) -> Iterator[list[Row]]:
    part: list[Row] = []
    size = 0
    for row in rows:
        path = info.root / row["path"]
        if not path.is_file():
            raise DatasetError(f"{path} is missing; run `creativeml prepare` again")
        own = path.stat().st_size
        if part and (len(part) == sounds or size + own > SHARD_BYTES):
            yield part
            part, size = [], 0
        part.append(row)
        size += own
    if part:
        yield part


def _about(row: Row, descriptors: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    about: dict[str, Any] = {name: row[name] for name in _TEXTS if row.get(name)}
    about |= {name: float(row[name]) for name in _NUMBERS if row.get(name)}
    described = descriptors.get(row.get("sha256", ""))
    return about | ({"descriptors": dict(described)} if described else {})


def _entries(info: DatasetInfo, rows: Sequence[Row], abouts: Sequence[dict[str, Any]]) -> Iterator[Entry]:
    for place, (row, about) in enumerate(zip(rows, abouts, strict=True)):
        path = info.root / row["path"]
        flac = path.read_bytes()
        found = sha256_bytes(flac)
        if row.get("sha256", found) not in ("", found):
            raise DatasetError(f"{path} is not the file that the manifest lists; run `creativeml prepare` again")
        stem = re.sub(r"[^A-Za-z0-9_-]", "_", path.stem)[:80]
        # A key ends at its first dot, and is distinct within its shard by its number.
        yield Entry(f"{place:06d}-{stem}", flac, {**about, "sha256": found})

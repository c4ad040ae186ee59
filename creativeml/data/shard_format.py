"""Tar shards on disk: what is in them, how they are written, and the index that names them all.

DATA/shards/index.json            rate, length, kinds; name, kind, number, bytes and sha256 of every shard
DATA/shards/train.index           16 + 2 bytes a sound: where in its shard it lies, and its fingerprint
DATA/shards/train-kick-000000.tar KEY.flac and KEY.json of some hundred sounds of one kind

A shard is a plain WebDataset shard. The index is ours: with it a sound is read without walking through its tar, and a
million sounds are 18 MB of numbers, not a million rows of text.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from creativeml.data.dataset_folder import SHARDS
from creativeml.data.one_shots import DatasetError
from creativeml.data.splits import SPLITS
from creativeml.files import atomic_path, atomic_write_bytes, atomic_write_json, sha256_bytes, sha256_file

INDEX = "index.json"
FORMAT = 1
MEMBER = np.dtype([("offset", "<u8"), ("size", "<u4"), ("fingerprint", "u1", (6,))])
"""A sound in its shard: first byte and number of bytes of its FLAC, and the first bytes of its SHA-256."""
MAX_INDEX_BYTES = 64 << 20
MAX_SHARD_BYTES = 1 << 30
MAX_SOUND_BYTES = 64 << 20
_BLOCK = tarfile.BLOCKSIZE
_SHARD_NAME = re.compile(r"[a-z]+-[a-z0-9_-]{1,60}-\d{6}\.tar")
_SOUND_NAME = re.compile(r"[A-Za-z0-9_-]{1,90}\.flac")
_SHA256 = re.compile(r"[0-9a-f]{64}")
PREPARE_AGAIN = "run `creativeml prepare` with --shards again"


@dataclass(frozen=True)
class Stored:
    """A file beside the index.

    Attributes:
        name: of the file.
        bytes: its size.
        sha256: of its content.
    """

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Shard(Stored):
    """A tar file of sounds.

    Attributes:
        kind: of all its sounds.
        sounds: how many it holds.
    """

    kind: str
    sounds: int


@dataclass(frozen=True)
class SplitIndex:
    """The shards of one split, and the file with the places of their sounds, in the order of the shards."""

    members: Stored
    shards: tuple[Shard, ...]


@dataclass(frozen=True)
class ShardIndex:
    """What index.json says.

    Attributes:
        sample_rate: in Hz.
        length_samples: of every sound.
        kinds: in label order.
        manifest_sha256: of the manifest.csv that the shards were made from; "" if there was none.
        splits: split -> its shards; splits without sounds are left out.
    """

    sample_rate: int
    length_samples: int
    kinds: tuple[str, ...]
    manifest_sha256: str
    splits: dict[str, SplitIndex]


@dataclass(frozen=True)
class Entry:
    """A sound on its way into a shard.

    Attributes:
        key: names it in the tar: letters, digits, `-` and `_`.
        flac: its file.
        about: what KEY.json says.
    """

    key: str
    flac: bytes
    about: dict[str, Any]


def write_shard(path: Path, kind: str, entries: Iterable[Entry]) -> tuple[Shard, np.ndarray]:
    """Write a tar file, whole or not at all; equal entries make equal bytes.

    Returns:
        The shard, and a `MEMBER` for each sound.
    """
    members: list[tuple[int, int, list[int]]] = []
    with atomic_path(path) as temporary:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            for entry in entries:
                # The sound first: its place is the offset plus the header's block.
                members.append((tar.offset + _BLOCK, len(entry.flac), list(bytes.fromhex(_print_of(entry.flac)))))
                _add(tar, f"{entry.key}.flac", entry.flac)
                about = json.dumps(entry.about, ensure_ascii=False, sort_keys=True, allow_nan=False)
                _add(tar, f"{entry.key}.json", about.encode("utf-8"))
        size, digest = temporary.stat().st_size, sha256_file(temporary)
    return Shard(path.name, size, digest, kind, len(members)), np.array([tuple(m) for m in members], dtype=MEMBER)


def _print_of(flac: bytes) -> str:
    return sha256_bytes(flac)[:12]


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    # Every field that could differ from one machine or day to the next keeps its default: time 0, no owner.
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o644
    tar.addfile(member, BytesIO(data))


def write_index(
    root: Path,
    sample_rate: int,
    length_samples: int,
    kinds: Sequence[str],
    written: dict[str, list[tuple[Shard, np.ndarray]]],
    manifest_sha256: str = "",
) -> None:
    """Write the index of shards that are on disk; with it the shards are complete.

    Args:
        root: dataset folder.
        sample_rate: in Hz.
        length_samples: of every sound.
        kinds: in label order.
        written: split -> what `write_shard` returned.
        manifest_sha256: of the manifest that the shards were made from.
    """
    folder, splits = root / SHARDS, {}
    for split, parts in written.items():
        data = np.concatenate([members for _, members in parts]).astype(MEMBER).tobytes()
        members = Stored(f"{split}.index", len(data), sha256_bytes(data))
        atomic_write_bytes(folder / members.name, data)
        splits[split] = {"members": asdict(members), "shards": [asdict(shard) for shard, _ in parts]}
    about = {"format": FORMAT, "sample_rate": sample_rate, "length_samples": length_samples, "kinds": list(kinds)}
    atomic_write_json(folder / INDEX, {**about, "manifest_sha256": manifest_sha256, "splits": splits})


def parse_index(data: bytes, where: str) -> ShardIndex:
    """The index as it was read from a place that is not trusted.

    Raises:
        DatasetError: it is no index, or of another format.
    """
    try:
        found = json.loads(data)
        if found["format"] != FORMAT:
            raise DatasetError(f"{where} has format {found['format']!r}, here {FORMAT} is known; update creativeml")
        splits = {
            split: SplitIndex(_stored(about["members"], Stored), tuple(_stored(s, Shard) for s in about["shards"]))
            for split, about in found["splits"].items()
        }
        index = ShardIndex(
            int(found["sample_rate"]),
            int(found["length_samples"]),
            tuple(map(str, found["kinds"])),
            str(found["manifest_sha256"]),
            splits,
        )
        _check(index)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{where} is damaged ({type(error).__name__}: {error}); {PREPARE_AGAIN}") from error
    return index


def _stored(about: dict[str, Any], kind: Any) -> Any:
    stored = kind(**about)
    if type(stored.bytes) is not int or not _SHA256.fullmatch(stored.sha256):
        raise ValueError(f"'{stored.name}' has no size or no sha256")
    if kind is Shard and (type(stored.sounds) is not int or not _SHARD_NAME.fullmatch(stored.name)):
        raise ValueError(f"'{stored.name}' is no shard")
    return stored


def _check(index: ShardIndex) -> None:
    for split, part in index.splits.items():
        # Names become paths and addresses: none may leave the folder.
        if split not in SPLITS or part.members.name != f"{split}.index":
            raise ValueError(f"'{split}' is no split")
        if part.members.bytes != MEMBER.itemsize * sum(shard.sounds for shard in part.shards):
            raise ValueError(f"{part.members.name} has another number of sounds than its shards")
        for shard in part.shards:
            if shard.kind not in index.kinds or shard.sounds < 1 or not 0 < shard.bytes <= MAX_SHARD_BYTES:
                raise ValueError(f"{shard.name} is of no known kind, empty, or too large")


def read_members(data: bytes, part: SplitIndex, where: str) -> np.ndarray:
    """The places of a split's sounds, each within its shard.

    Raises:
        DatasetError: the data are not what the index promises.
    """
    if len(data) != part.members.bytes or sha256_bytes(data) != part.members.sha256:
        raise DatasetError(f"{where} is not the file that {INDEX} lists; {PREPARE_AGAIN}")
    members = np.frombuffer(data, dtype=MEMBER)
    room = np.repeat([shard.bytes for shard in part.shards], [shard.sounds for shard in part.shards]).astype(np.uint64)
    # Compared so that no sum can run over.
    fits = (members["offset"] >= _BLOCK) & (members["offset"] <= room)
    fits &= members["size"].astype(np.uint64) <= room - np.minimum(members["offset"], room)
    if not (fits & (members["size"] <= MAX_SOUND_BYTES)).all():
        raise DatasetError(f"{where} names sounds that lie outside their shards; {PREPARE_AGAIN}")
    return members


def read_sound(file: BinaryIO, offset: int, size: int, where: str) -> bytes:
    """The FLAC file of one sound out of an open shard.

    Raises:
        DatasetError: what lies there is not a plain file of that size with a name that we give.
    """
    file.seek(offset - _BLOCK)
    data = file.read(_BLOCK + size)
    try:
        header = tarfile.TarInfo.frombuf(data[:_BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise DatasetError(
            f"{where} is no tar file with a sound at byte {offset} ({error}); {PREPARE_AGAIN}"
        ) from error
    whole = len(data) == _BLOCK + size == _BLOCK + header.size
    if not (header.isreg() and whole and _SOUND_NAME.fullmatch(header.name)):
        raise DatasetError(f"{where} holds something else than a sound at byte {offset}; {PREPARE_AGAIN}")
    return data[_BLOCK:]

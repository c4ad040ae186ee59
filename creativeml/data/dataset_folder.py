"""The folder of a dataset: whether it may be written into, and what in it is ours to delete."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from creativeml.data.journal import JOURNAL, can_go_on
from creativeml.data.report import REPORT_JSON, REPORT_TEXT
from creativeml.data.shaping import AUDIO
from creativeml.errors import CreativeMLError

DESCRIPTION, MANIFEST = "dataset.json", "manifest.csv"
_STORED = re.compile(r".+-[0-9a-f]{8}(\.flac|(\.[0-9a-f]{8})?\.part)")
_HALF_WRITTEN = re.compile(r"\.(dataset|manifest|report|prepare-journal|descriptors)\.\w+\.tmp\.(json|jsonl|csv|txt)")
"""What `creativeml.files.atomic_path` leaves if the process is killed in it."""

SHARDS = "shards"
_TAR = r"[a-z]+-[a-z0-9_-]+-\d{6}"
_SHARD_FILE = re.compile(
    rf"index\.json|[a-z]+\.index|{_TAR}\.tar|\.(index|[a-z]+|prepare-journal|{_TAR})\.\w+\.tmp\.(json|jsonl|index|tar)"
)
"""Files of the shards, and what `creativeml.files.atomic_path` leaves of them if the process is killed in it."""


def claim_folder(out: Path, settings: Mapping[str, Any], *, overwrite: bool) -> None:
    """Make `out`, or make sure that it may be written into; with `overwrite` an old dataset in it is deleted.

    Also with `overwrite`, what an interrupted preparation with the same settings has done stays: it goes on.

    Args:
        out: the folder.
        settings: those of the journal.
        overwrite: whether a dataset may be deleted.

    Raises:
        CreativeMLError: it holds files that no preparation made, or a dataset and `overwrite` is False.
    """
    if out.exists() and not out.is_dir():
        raise CreativeMLError(f"{out}: is a file; choose a folder for --out")
    out.mkdir(parents=True, exist_ok=True)
    present = {path.name for path in out.iterdir()}
    half_written = {name for name in present if _HALF_WRITTEN.fullmatch(name)}
    present -= half_written
    if present and not _is_ours(out):
        example = sorted(present)[0]
        raise CreativeMLError(f"{out}: is not empty and no dataset (it holds '{example}'); choose another --out")
    for name in half_written:
        (out / name).unlink()
    if overwrite and (DESCRIPTION in present or not can_go_on(out, settings)):
        # The description goes first: without it nobody takes the rest for a dataset. The report goes last: by it the
        # folder is known as ours if this is interrupted.
        for name in (JOURNAL, DESCRIPTION, MANIFEST, REPORT_TEXT):
            (out / name).unlink(missing_ok=True)
        delete_audio(out, keep=set())
        delete_shards(out, keep=set())
        (out / REPORT_JSON).unlink(missing_ok=True)
    elif not overwrite and DESCRIPTION in present and JOURNAL not in present:
        raise CreativeMLError(f"{out}: already holds a dataset; add --overwrite to replace it, or choose another --out")


def _is_ours(out: Path) -> bool:
    """Whether a preparation made what is in `out`: other programs, too, write files of such names."""
    marks = ((DESCRIPTION, "length_samples"), (REPORT_JSON, "accepted_files"), (JOURNAL, "settings"))
    for name, key in marks:
        try:
            text = (out / name).read_text(encoding="utf-8")
            described = json.loads(text.partition("\n")[0] if name == JOURNAL else text)
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(described, dict) and key in described:
            return True
    return False


def delete_audio(out: Path, keep: set[Path]) -> None:
    """Delete stored sounds and what an interruption left half written, and folders that become empty."""
    for path in (out / AUDIO).glob("*/*"):
        if _STORED.fullmatch(path.name) and path not in keep:
            path.unlink()
    for folder in (out / AUDIO).glob("*"):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    if (out / AUDIO).is_dir() and not any((out / AUDIO).iterdir()):
        (out / AUDIO).rmdir()


def delete_shards(out: Path, keep: set[str]) -> None:
    """Delete what `data.shards` writes, but for files of the names in `keep`; the folder too if it becomes empty."""
    folder = out / SHARDS
    for path in folder.glob("*"):
        if path.name not in keep and (path.name == JOURNAL or _SHARD_FILE.fullmatch(path.name)):
            path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def is_finished(out: Path) -> bool:
    """Whether a folder holds a dataset, and no preparation of it was interrupted."""
    return (out / DESCRIPTION).is_file() and not (out / JOURNAL).exists()

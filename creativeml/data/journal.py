"""What an interrupted preparation has done, a line per sound or shard, so that the next run goes on from there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from creativeml.data.sources import SourceSound
from creativeml.errors import CreativeMLError
from creativeml.files import atomic_write_text, sha256_file

JOURNAL = "prepare-journal.jsonl"
Fields = Mapping[str, type | tuple[type, ...]]
"""Of an outcome that was stored: what else it tells, and of which types that is."""
_ALWAYS: Fields = {"stored": str, "sha256": str}


class Journal:
    """Outcomes by sound, on disk as soon as they are known.

    Args:
        folder: of the dataset.
        settings: whatever makes an outcome what it is; a journal with other settings is of no use.
        fields: what an outcome must tell besides the file that was stored and its SHA-256; a line without is dropped.

    Raises:
        CreativeMLError: the folder holds a journal of a run with other settings.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], fields: Fields) -> None:
        self.path, self.folder = folder / JOURNAL, folder
        self._fields = {**fields, **_ALWAYS}
        self._outcomes: dict[str, dict[str, Any]] = {}
        first = _first_line(settings)
        # The first line by which the folder is known as ours comes whole, as does what is left of a torn journal.
        text = self._read(first) if self.path.is_file() else f"{first}\n"
        if text:
            atomic_write_text(self.path, text)
        self._file = self.path.open("a", encoding="utf-8")

    def _read(self, first: str) -> str:
        """Take over the outcomes; the text that the file should have, "" if it has it."""
        lines = self.path.read_bytes().split(b"\n")
        if len(lines) == 1:
            return f"{first}\n"  # not even a first line: nothing was done
        if lines[0].decode("utf-8", "replace") != first:
            raise CreativeMLError(
                f"{self.folder}: holds a preparation with other settings that was not finished; "
                "add --overwrite to begin anew, or choose another folder"
            )
        whole = [first]
        for line in lines[1:-1]:
            entry = _entry(line, self._fields)
            if entry is None:
                continue  # a power cut may have spoiled it, or a hand: that sound is read again
            self._outcomes[entry[0]] = entry[1]
            whole.append(line.decode("utf-8"))
        # What follows the last line end was being written when the run was cut off.
        intact = not lines[-1] and len(whole) == len(lines) - 1
        return "" if intact else "".join(f"{line}\n" for line in whole)

    def _write(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()

    def get(self, key: str) -> dict[str, Any] | None:
        """The outcome of an earlier run, if its stored file is still as it was written."""
        outcome = self._outcomes.get(key)
        if outcome is None or "stored" not in outcome:
            return outcome
        stored = self.folder / outcome["stored"]
        return outcome if stored.is_file() and sha256_file(stored) == outcome["sha256"] else None

    def add(self, key: str, outcome: dict[str, Any]) -> None:
        """Remember the outcome for a sound."""
        if self._outcomes.get(key) == outcome:
            return
        self._outcomes[key] = outcome
        self._write(json.dumps({"key": key, "outcome": outcome}))

    def close(self, *, remove: bool) -> None:
        """Close the file, and delete it once the dataset is complete."""
        # What a full disk did not take is asked for again here.
        with contextlib.suppress(OSError):
            self._file.close()
        if remove:
            self.path.unlink(missing_ok=True)


def can_go_on(folder: Path, settings: Mapping[str, Any]) -> bool:
    """Whether the folder holds the journal of a run with these settings."""
    path = folder / JOURNAL
    return path.is_file() and path.read_bytes().startswith(f"{_first_line(settings)}\n".encode())


def _first_line(settings: Mapping[str, Any]) -> str:
    return json.dumps({"settings": dict(settings)}, sort_keys=True)


def _entry(line: bytes, fields: Fields) -> tuple[str, dict[str, Any]] | None:
    """Key and outcome of a line; None if it is not one that `Journal.add` wrote."""
    try:
        entry = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    key, outcome = (entry.get("key"), entry.get("outcome")) if isinstance(entry, dict) else (None, None)
    if not isinstance(key, str) or not isinstance(outcome, dict):
        return None
    if "stored" not in outcome:
        texts = [outcome.get("reason"), outcome.get("remedy")]
        return (key, outcome) if all(isinstance(text, str) for text in texts) else None
    told = [(outcome.get(name), types) for name, types in fields.items()]
    # For Python a truth value is a number, but nothing that is kept here is one.
    if any(isinstance(value, bool) or not isinstance(value, types) for value, types in told):
        return None
    inside = PurePosixPath(outcome["stored"])
    out = inside.is_absolute() or ".." in inside.parts or "\0" in outcome["stored"] or len(outcome["stored"]) > 200
    return None if out else (key, outcome)


def key_of(sound: SourceSound) -> str:
    """What tells a sound apart from all others and from itself after a change of its file."""
    try:
        status = sound.path.stat()
        version = f"{status.st_size}:{status.st_mtime_ns}"
    except OSError:
        version = "absent"
    return f"{sound.name}|{sound.kind}|{version}|{sound.start_s}|{sound.end_s}|{sound.sample_rate}"

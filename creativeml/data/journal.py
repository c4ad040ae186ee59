"""What an interrupted preparation has done, a line per sound, so that the next run goes on from there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from creativeml.data.sources import SourceSound
from creativeml.errors import CreativeMLError
from creativeml.files import sha256_file

JOURNAL = "prepare-journal.jsonl"


class Journal:
    """Outcomes by sound, on disk as soon as they are known.

    Args:
        folder: of the dataset.
        settings: whatever makes an outcome what it is; a journal with other settings is of no use.

    Raises:
        CreativeMLError: the folder holds a journal of a run with other settings.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.path, self.folder = folder / JOURNAL, folder
        self._outcomes: dict[str, dict[str, Any]] = {}
        first = json.dumps({"settings": settings}, sort_keys=True)
        if self.path.is_file():
            self._read(first)
        self._file = self.path.open("a", encoding="utf-8")
        if not self.path.stat().st_size:
            self._write(first)

    def _read(self, first: str) -> None:
        lines = self.path.read_text(encoding="utf-8").split("\n")
        if lines[0] and lines[0] != first:
            raise CreativeMLError(
                f"{self.folder}: holds a preparation with other settings that was not finished; "
                "add --overwrite to begin anew, or choose another folder"
            )
        # What follows the last line end was being written when the run was cut off.
        whole = [line for line in lines[:-1] if line]
        self.path.write_text("".join(f"{line}\n" for line in whole), encoding="utf-8")
        for line in whole[1:]:
            entry = json.loads(line)
            self._outcomes[entry["key"]] = entry["outcome"]

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
        self._outcomes[key] = outcome
        self._write(json.dumps({"key": key, "outcome": outcome}))

    def close(self, *, remove: bool) -> None:
        """Close the file, and delete it once the dataset is complete."""
        self._file.close()
        if remove:
            self.path.unlink(missing_ok=True)


def key_of(sound: SourceSound) -> str:
    """What tells a sound apart from all others and from itself after a change of its file."""
    try:
        status = sound.path.stat()
        version = f"{status.st_size}:{status.st_mtime_ns}"
    except OSError:
        version = "absent"
    return f"{sound.name}|{sound.kind}|{version}|{sound.start_s}|{sound.end_s}|{sound.sample_rate}"

"""Where projects are kept between two visits: a folder of small JSON files, and the recordings that they name."""

from __future__ import annotations

import contextlib
import json
import os
import re
from pathlib import Path
from typing import Any

from creativeml.config import to_dict
from creativeml.errors import CreativeMLError
from creativeml.files import atomic_write_bytes, atomic_write_json, sha256_bytes
from creativeml.kits.project import MOST_BYTES, Project, project_from

_NAME = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")
MOST_STORED = 2 << 30
"""Bytes of all recordings together; a drum has about 200 KiB."""


def default_store() -> Path:
    """$CREATIVEML_PROJECTS, else the user's data folder."""
    chosen = os.environ.get("CREATIVEML_PROJECTS")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "creativeml" / "projects"


class ProjectStore:
    """Projects by a name that only their page knows, each with the one before it: a damaged file costs one change.

    Args:
        folder: made if missing.

    Raises:
        CreativeMLError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            (folder / "recordings").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CreativeMLError(
                f"{folder}: projects cannot be kept there ({error.strerror}); set CREATIVEML_PROJECTS to another folder"
            ) from error
        self._bytes = sum(path.stat().st_size for path in (folder / "recordings").iterdir())

    def save(self, name: Any, project: Project) -> None:
        """Keep a project under a name of 32 hexadecimal digits; complete or not at all.

        Raises:
            CreativeMLError: not such a name, a recording that is not there, or a disk that is full or read-only.
        """
        path = self._path(name)
        values = to_dict(project)
        text = json.dumps(values, sort_keys=True, ensure_ascii=False)
        if len(text.encode()) > MOST_BYTES:
            raise CreativeMLError("the project has grown too large to be kept; remove some favourites")
        for wanted in project.recordings:
            self.recording(wanted)
        try:
            if path.is_file():
                path.replace(path.with_suffix(".before"))
            atomic_write_json(path, {"sha256": sha256_bytes(text.encode()), "project": values})
        except OSError as error:
            raise CreativeMLError(f"{self.folder}: cannot be written ({error.strerror}); make room there") from error

    def open(self, name: Any) -> tuple[Project, str] | None:
        """A kept project with a note on what had to be done, "" mostly; None if there is none of that name.

        Raises:
            CreativeMLError: not such a name, or both of its files are damaged.
        """
        path = self._path(name)
        found = [p for p in (path, path.with_suffix(".before")) if p.is_file()]
        for place, file in enumerate(found):
            with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError, CreativeMLError):
                values = json.loads(file.read_text(encoding="utf-8"))
                text = json.dumps(values["project"], sort_keys=True, ensure_ascii=False)
                if sha256_bytes(text.encode()) == values["sha256"]:
                    note = "the last change was lost: its file is damaged" if place or file != path else ""
                    return project_from(values["project"], where=file.name), note
        if found:
            raise CreativeMLError(f"{path}: damaged, and so is the file before it; begin a new kit")
        return None

    def keep(self, data: bytes) -> str:
        """Keep the wav of a recording; its hash.

        Raises:
            CreativeMLError: too many recordings, or a disk that is full or read-only.
        """
        name = sha256_bytes(data)
        path = self._recording(name)
        if path.is_file():
            return name
        if self._bytes + len(data) > MOST_STORED:
            raise CreativeMLError(
                f"{self.folder}: more than {MOST_STORED >> 30} GiB of recordings; remove old ones there"
            )
        try:
            atomic_write_bytes(path, data)
        except OSError as error:
            raise CreativeMLError(f"{self.folder}: cannot be written ({error.strerror}); make room there") from error
        self._bytes += len(data)
        return name

    def has(self, name: str) -> bool:
        """Whether there is a recording of that hash."""
        return bool(_HASH.fullmatch(name)) and self._recording(name).is_file()

    def recording(self, name: Any) -> bytes:
        """The wav of a kept recording.

        Raises:
            CreativeMLError: not a hash, or no recording of it.
        """
        if not isinstance(name, str) or not self.has(name):
            raise CreativeMLError("a recording of this kit is no longer there; put it on its pad again")
        return self._recording(name).read_bytes()

    def _recording(self, name: str) -> Path:
        return self.folder / "recordings" / f"{name}.wav"

    def _path(self, name: Any) -> Path:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise CreativeMLError("the page's name for its project is none; load the page again")
        return self.folder / f"{name}.json"

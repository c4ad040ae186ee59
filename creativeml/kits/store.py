"""Where projects are kept between two visits: a folder of small JSON files, and the recordings that they name."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

from creativeml.config import to_dict
from creativeml.errors import CreativeMLError, quoted
from creativeml.files import atomic_write_bytes, atomic_write_json, remove_unfinished, sha256_bytes
from creativeml.kits.project import MOST_BYTES, Project, project_from, without_missing

_NAME = re.compile(r"[0-9a-f]{32}")
_HASH = re.compile(r"[0-9a-f]{64}")
_NAMED = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
MOST_STORED = 2 << 30
"""Bytes of all recordings together; a drum has about 200 KiB."""
MOST_PROJECTS = 2000
OLD_PROJECT_S = 90 * 86400.0
"""Since its last change: only then may a project make room for others, and only where there are too many."""
OLD_RECORDING_S = 7 * 86400.0
"""A recording that no project names may still be in a page's undo, or on its way into a project."""
OLD_WRITER_S = 60.0
"""A file half written for so long is that of a process that was killed."""
ANY_REVISION = -1
_MOST_DAMAGED = 9


@dataclass(frozen=True)
class Kept:
    """What was found of a project.

    Attributes:
        project: None if none of its files could be read.
        revision: counts its changes; 0 if there is none.
        notes: a line for each thing that had to be done, mostly none.
    """

    project: Project | None
    revision: int = 0
    notes: tuple[str, ...] = ()


def default_store() -> Path:
    """$CREATIVEML_PROJECTS, else the user's data folder."""
    chosen = os.environ.get("CREATIVEML_PROJECTS")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "creativeml" / "projects"


class ProjectStore:
    """Projects by a name that only their page knows, each with the one before it: a damaged file costs one change.

    When it begins, recordings go that no project has named for a week; where there are more than `MOST_PROJECTS`, so do
    those that were changed least recently, if that is three months ago.

    Args:
        folder: made if missing.

    Raises:
        CreativeMLError: the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = RLock()
        try:
            (folder / "recordings").mkdir(parents=True, exist_ok=True)
            remove_unfinished(folder, OLD_WRITER_S)
            self._remove_old_projects(MOST_PROJECTS)
            self._remove_old_recordings()
            self._bytes = sum(path.stat().st_size for path in (folder / "recordings").iterdir())
        except OSError as error:
            raise CreativeMLError(
                f"{folder}: projects cannot be kept there ({error.strerror}); set CREATIVEML_PROJECTS to another folder"
            ) from error

    def save(self, name: Any, project: Project, revision: int = ANY_REVISION) -> int:
        """Keep a project under a name of 32 hexadecimal digits; complete or not at all.

        Recordings that are gone are left out where no pad plays them; see `project.without_missing`.

        Args:
            name: of the project.
            project: what to keep.
            revision: of the project that was changed, as `save` or `open` gave it; `ANY_REVISION` takes the place of
                whatever is there.

        Returns:
            The new revision.

        Raises:
            CreativeMLError: not such a name or number, a project that was changed elsewhere, a pad's recording that is
                not there, too many projects, or a disk that is full or read-only.
        """
        path = self._path(name)
        if isinstance(revision, bool) or not isinstance(revision, int) or revision < ANY_REVISION:
            raise CreativeMLError(f"revision must be a whole number, or {ANY_REVISION} for any, got {quoted(revision)}")
        if any(plan.own and not self.has(plan.own) for plan in project.pads):
            raise CreativeMLError("a recording of this kit is no longer there; put it on its pad again")
        values = to_dict(without_missing(project, self.has)[0])
        text = json.dumps(values, sort_keys=True, ensure_ascii=False)
        if len(text.encode()) > MOST_BYTES:
            raise CreativeMLError("the project has grown too large to be kept; remove some favourites")
        with self._lock:
            found, data, damaged = self._found(path)
            if found and found.project and revision not in (ANY_REVISION, found.revision):
                raise CreativeMLError(
                    "This kit was changed in another window; take over what is there, or save this one in its place"
                )
            try:
                for file in damaged:
                    _put_aside(file)
                if found is None:
                    self._make_room()
                elif data:
                    # Not moved: if the disk is full, what was there stays where it is.
                    atomic_write_bytes(path.with_suffix(".before"), data)
                new = 1 + (found.revision if found and found.project else max(0, revision))
                atomic_write_json(path, {"sha256": sha256_bytes(text.encode()), "revision": new, "project": values})
            except OSError as error:
                raise CreativeMLError(
                    f"{self.folder}: cannot be written ({error.strerror}); make room there"
                ) from error
            return new

    def open(self, name: Any) -> Kept | None:
        """A kept project; None if there is none of that name.

        Files that cannot be read are left as they are; `save` moves them aside, to `.damaged-1` and so on. Recordings
        that are gone are not missed here, see `project.without_missing`.

        Raises:
            CreativeMLError: not such a name.
        """
        path = self._path(name)
        with self._lock:
            return self._found(path)[0]

    def _found(self, path: Path) -> tuple[Kept | None, bytes, list[Path]]:
        """What there is of a project, the content of its newest file (b"" if damaged), and what is damaged."""
        reasons: list[str] = []
        damaged: list[Path] = []
        for file in (path, path.with_suffix(".before")):
            if not file.is_file():
                continue
            try:
                data = file.read_bytes()
                values = json.loads(data)
                text = json.dumps(values["project"], sort_keys=True, ensure_ascii=False)
                if sha256_bytes(text.encode()) != values["sha256"]:
                    raise ValueError("its content is not what was written")
                # Files of the first days have no revision.
                kept = Kept(project_from(values["project"], where=file.name), int(values.get("revision", 0)))
            except OSError as error:
                raise CreativeMLError(f"{file}: cannot be read ({error.strerror})") from error
            except (ValueError, KeyError, TypeError, RecursionError, CreativeMLError) as error:
                reasons.append(quoted(str(error)))
                damaged.append(file)
                continue
            if file == path:
                return kept, data, damaged
            note = "The last change was lost: its file is damaged." if reasons else "The last change was lost."
            return Kept(kept.project, kept.revision, (note,)), b"", damaged
        if not reasons:
            return None, b"", damaged
        note = f"This kit cannot be read ({reasons[0]}); its damaged files stay in {path.parent}."
        return Kept(None, 0, (note,)), b"", damaged

    def _make_room(self) -> None:
        """Before one more project is kept."""
        count = sum(1 for _ in self.folder.glob("*.json"))
        if count < MOST_PROJECTS or self._remove_old_projects(MOST_PROJECTS - 1):
            return
        raise CreativeMLError(f"{self.folder}: holds {count} kits, which is the most; remove some that nobody needs")

    def _remove_old_projects(self, most: int) -> int:
        """How many have gone, so that `most` are left if those beyond them are old."""
        changed = sorted((path.stat().st_mtime, path) for path in self.folder.glob("*.json"))
        beyond = changed[: max(0, len(changed) - most)]
        old = [path for when, path in beyond if when < time.time() - OLD_PROJECT_S and _NAME.fullmatch(path.stem)]
        for path in old:
            path.with_suffix(".before").unlink(missing_ok=True)
            path.unlink(missing_ok=True)
        return len(old)

    def _remove_old_recordings(self) -> None:
        """Those that no file of the folder names, damaged ones included, and that nobody put in lately."""
        before = time.time() - OLD_RECORDING_S
        old = [path for path in (self.folder / "recordings").glob("*.wav") if path.stat().st_mtime < before]
        if not old:
            return
        files = [path for path in self.folder.iterdir() if path.is_file()]
        named = {found.decode() for path in files for found in _NAMED.findall(path.read_bytes())}
        for path in old:
            if _HASH.fullmatch(path.stem) and path.stem not in named:
                path.unlink(missing_ok=True)

    def keep(self, data: bytes) -> str:
        """Keep the wav of a recording; its hash.

        Raises:
            CreativeMLError: too many recordings, or a disk that is full or read-only.
        """
        name = sha256_bytes(data)
        path = self._recording(name)
        with self._lock:
            try:
                if path.is_file():
                    os.utime(path)  # it is wanted again, see `OLD_RECORDING_S`
                    return name
                if self._bytes + len(data) > MOST_STORED:
                    raise CreativeMLError(
                        f"{self.folder}: more than {MOST_STORED >> 30} GiB of recordings; remove old ones there"
                    )
                atomic_write_bytes(path, data)
            except OSError as error:
                raise CreativeMLError(
                    f"{self.folder}: cannot be written ({error.strerror}); make room there"
                ) from error
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


def _put_aside(file: Path) -> None:
    for number in range(1, _MOST_DAMAGED + 1):
        aside = file.with_suffix(f".damaged-{number}")
        if not aside.exists() or number == _MOST_DAMAGED:
            file.replace(aside)
            return

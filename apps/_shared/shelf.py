"""Files on their way to a page, within bounds: a long session cannot fill the disk."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from pathlib import Path

from creativeml.files import sha256_bytes

MAX_BYTES = 256 << 20


class FileShelf:
    """The files that were used last stay. Those of a page that asks for them again are found by their names.

    Args:
        folder: made if missing.
        limit: files kept.
        max_bytes: of all of them together, though the newest always stays.
    """

    def __init__(self, folder: Path, limit: int, max_bytes: int = MAX_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._limit, self._max_bytes = limit, max_bytes
        self._sizes: OrderedDict[Path, int] = OrderedDict()
        self._newest: dict[str, Path] = {}
        self._bytes = 0
        self._lock = threading.RLock()

    def place(self, name: str, data: bytes) -> dict:
        """Write a file, as the newest, and give what an endpoint returns for it; the oldest beyond the bounds go."""
        # By its content: two people's files of one name do not meet.
        path = self.folder / sha256_bytes(data)[:16] / name
        with self._lock:
            if path not in self._sizes or not path.is_file():
                path.parent.mkdir(exist_ok=True)
                # Renamed into place, so that nobody reads half of it; not flushed to the disk, as it is temporary.
                part = path.with_suffix(".part")
                part.write_bytes(data)
                part.replace(path)
            self._bytes += len(data) - self._sizes.get(path, 0)
            self._sizes[path] = len(data)
            self._sizes.move_to_end(path)
            self._newest[name] = path
            while len(self._sizes) > 1 and (len(self._sizes) > self._limit or self._bytes > self._max_bytes):
                self._remove(next(iter(self._sizes)))
        return _as_answer(path)

    def find(self, name: str) -> dict | None:
        """The newest file of a name if it is still there, as the newest of all from now on."""
        with self._lock:
            path = self._newest.get(name)
            if path is None or not path.is_file():
                return None
            self._sizes.move_to_end(path)
        return _as_answer(path)

    def drop(self, name: str) -> None:
        """Remove the newest file of a name; one that is not there is no matter."""
        with self._lock:
            if name in self._newest:
                self._remove(self._newest[name])

    def _remove(self, path: Path) -> None:
        self._bytes -= self._sizes.pop(path)
        if self._newest.get(path.name) == path:
            del self._newest[path.name]
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # another name of the same content may lie there
            path.parent.rmdir()


def _as_answer(path: Path) -> dict:
    import gradio

    return dict(gradio.FileData(path=str(path), orig_name=path.name))

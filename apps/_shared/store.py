"""Files that a page comes back to by their names, within a bound of bytes: what is used stays longest."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path


class FileStore:
    """Unlike those of a `FileShelf`, its files can be asked for again.

    Args:
        folder: made if missing.
        limit: files kept.
        max_bytes: of all of them together, though the newest always stays.
    """

    def __init__(self, folder: Path, limit: int, max_bytes: int = 1 << 40) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._limit, self._max_bytes = limit, max_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def place(self, name: str, data: bytes) -> dict:
        """Write a file, as the newest, and give what an endpoint returns for it; the oldest beyond the bounds go."""
        path = self.folder / name
        # Renamed into place, as somebody may be reading the same file; not flushed to the disk, as it is temporary.
        part = path.with_suffix(".part")
        part.write_bytes(data)
        part.replace(path)
        with self._lock:
            self._sizes[name] = len(data)
            self._sizes.move_to_end(name)
            while len(self._sizes) > 1 and (len(self._sizes) > self._limit or self._bytes() > self._max_bytes):
                (self.folder / self._sizes.popitem(last=False)[0]).unlink(missing_ok=True)
        return self._as_answer(name)

    def find(self, name: str) -> dict | None:
        """A file that is still there, as the newest from now on."""
        with self._lock:
            if name not in self._sizes or not (self.folder / name).is_file():
                return None
            self._sizes.move_to_end(name)
        return self._as_answer(name)

    def drop(self, name: str) -> None:
        """Remove a file; one that is not there is no matter."""
        with self._lock:
            if self._sizes.pop(name, None) is not None:
                (self.folder / name).unlink(missing_ok=True)

    def _bytes(self) -> int:
        return sum(self._sizes.values())

    def _as_answer(self, name: str) -> dict:
        import gradio

        return dict(gradio.FileData(path=str(self.folder / name), orig_name=name))

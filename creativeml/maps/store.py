"""Features kept between runs in one SQLite file: by content, so that renamed, moved and copied files are known again.

A file whose size and time of change are as they were is not even opened. Every piece of work is committed as it is
done: what an interruption loses is what was under way.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from creativeml.data.folders import Refused, printable
from creativeml.errors import CreativeMLError
from creativeml.maps.features import Features

_TABLES = """
create table if not exists files (path blob primary key, size integer, changed integer, content text) without rowid;
create table if not exists sounds (content text primary key, seconds real, vectors blob, preview blob) without rowid;
create table if not exists refused (content text primary key, reason text, remedy text) without rowid;
create table if not exists layouts (hash text primary key, places blob) without rowid;
"""
_VECTORS = ("descriptors", "timbre", "heard", "chances", "prints")


class Store:
    """The file.

    Args:
        folder: where it lies; made if need be.
        version: of the features. Files of other versions are left alone.

    Raises:
        CreativeMLError: the folder cannot be written, or the file is damaged; so do all methods.
    """

    def __init__(self, folder: Path, version: str) -> None:
        self.path = folder / f"features-{version}.sqlite3"
        with self._told():
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path, timeout=30)
            # Power cuts may lose the last pieces, which are then measured again; the file stays whole.
            self._database.executescript("pragma journal_mode = wal; pragma synchronous = normal;" + _TABLES)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turns errors of the disk and of the database into one line."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise CreativeMLError(
                f"{printable(str(self.path))}: features cannot be kept ({error}); "
                "free space, delete it, or choose another --cache"
            ) from error

    def _row(self, query: str, *values: Any) -> Any:
        with self._told():
            return self._database.execute(query, values).fetchone()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def content_of(self, path: Path, size: int, changed_ns: int) -> str | None:
        """SHA-256 of a file that has not changed since it was last seen."""
        query = "select content from files where path = ? and size = ? and changed = ?"
        row = self._row(query, _key(path), size, changed_ns)
        return row[0] if row else None

    def remember(self, path: Path, size: int, changed_ns: int, content: str) -> None:
        """Note what a file holds; `commit` puts it on the disk."""
        with self._told():
            row = (_key(path), size, changed_ns, content)
            self._database.execute("insert or replace into files values (?, ?, ?, ?)", row)

    def sound(self, content: str, *, with_preview: bool) -> Features | None:
        """Features by content; None if they, or a preview that is wanted, are not there."""
        row = self._row("select seconds, vectors, preview from sounds where content = ?", content)
        if row is None or (with_preview and not row[2]):
            return None
        return Features(row[0], *_unpacked(row[1]), preview=row[2] if with_preview else b"")

    def refusal(self, content: str) -> tuple[str, str] | None:
        """Reason and remedy of content that is no sound."""
        return self._row("select reason, remedy from refused where content = ?", content)

    def add(self, found: Iterable[tuple[str, Features | Refused]]) -> None:
        """Keep what was found out about contents, on the disk."""
        with self._told(), self._database:
            for content, what in found:
                if isinstance(what, Refused):
                    row: tuple[Any, ...] = (content, what.reason, what.remedy)
                    self._database.execute("insert or replace into refused values (?, ?, ?)", row)
                else:
                    row = (content, what.seconds, _packed(what), what.preview)
                    self._database.execute("insert or replace into sounds values (?, ?, ?, ?)", row)

    def commit(self) -> None:
        """Put everything on the disk."""
        with self._told():
            self._database.commit()

    def layout(self, key: str) -> np.ndarray | None:
        """Places `(n, 2)` that were computed before."""
        row = self._row("select places from layouts where hash = ?", key)
        return np.frombuffer(row[0], np.float32).reshape(-1, 2) if row else None

    def add_layout(self, key: str, places: np.ndarray) -> None:
        """Keep places `(n, 2)`, on the disk."""
        with self._told(), self._database:
            row = (key, places.astype("<f4").tobytes())
            self._database.execute("insert or replace into layouts values (?, ?)", row)


def _key(path: Path) -> bytes:
    # As bytes, since a name need not be text.
    return os.fsencode(path.absolute())


def _packed(features: Features) -> bytes:
    arrays = [np.asarray(getattr(features, name), "<f4") for name in _VECTORS]
    shape = np.array([a.size for a in arrays], "<i4")
    return shape.tobytes() + b"".join(a.tobytes() for a in arrays)


def _unpacked(data: bytes) -> list[np.ndarray]:
    count = len(_VECTORS)
    sizes = np.frombuffer(data, "<i4", count)
    values = np.frombuffer(data, "<f4", offset=4 * count)
    arrays = np.split(values, np.cumsum(sizes)[:-1])
    return [*arrays[:-1], arrays[-1].reshape(2, -1)]

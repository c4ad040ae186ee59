"""Where shards lie: in a folder, or behind an http(s) address. Either way they are read from files on this machine.

Shards from the web are kept in a cache folder under the name of their SHA-256, and the ones that were not used for the
longest time are deleted when there are too many bytes.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from creativeml.data.dataset_folder import SHARDS
from creativeml.data.fetching import Patience, fetch, shown
from creativeml.data.one_shots import DatasetError
from creativeml.data.shard_format import INDEX, MAX_INDEX_BYTES, PREPARE_AGAIN, Shard, ShardIndex, Stored, parse_index
from creativeml.errors import CreativeMLError, quoted
from creativeml.files import atomic_write_bytes, sha256_bytes, sha256_file

_ABANDONED_S = 86_400.0
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")


@dataclass(frozen=True)
class Address:
    """A dataset on a web server.

    Attributes:
        url: of its folder.
        cache: folder for shards that have been fetched.
        cache_bytes: that it may hold.
        patience: None for the usual one.
    """

    url: str
    cache: Path
    cache_bytes: int = 8 << 30
    patience: Patience | None = None

    @property
    def name(self) -> str:
        """Of the folder."""
        return urlsplit(self.url).path.rstrip("/").rsplit("/", 1)[-1] or urlsplit(self.url).netloc

    def of(self, name: str) -> str:
        """Address of a file among the shards; a query (as signed addresses have) stays."""
        parts = urlsplit(self.url)
        return parts._replace(path=f"{parts.path.rstrip('/')}/{SHARDS}/{name}", fragment="").geturl()

    def __str__(self) -> str:
        return shown(self.url)


Location = Path | Address
"""Where a dataset is."""


def location_of(text: str, cache: Path, cache_bytes: int) -> Location:
    """A folder, or an address that begins with http:// or https://.

    Raises:
        CreativeMLError: another scheme, among them `pipe:`, by which WebDataset would run a command; or no host.
    """
    found = _SCHEME.match(text)
    scheme = found.group(1).lower() if found else ""
    if scheme in ("http", "https"):
        parts = urlsplit(text)
        if not parts.hostname or "@" in parts.netloc:
            raise CreativeMLError(f"--data {scheme}://...: needs a host after the slashes, and no password before it")
        return Address(text, cache, cache_bytes)
    if scheme == "pipe" or (scheme and not Path(text).exists()):
        raise CreativeMLError(f"--data {quoted(text)}: data are read from folders and from http(s) addresses only")
    return Path(text)


class ShardSource:
    """Shards that can be opened; each is checked against the index once, when it is first needed."""

    where: str
    """For errors."""
    room: int | None = None
    """Bytes of shards that can be had at the same time; None for all."""

    def index(self) -> bytes:
        """Content of index.json."""
        raise NotImplementedError

    def small(self, stored: Stored) -> bytes:
        """Content of a file beside it."""
        raise NotImplementedError

    def open(self, shard: Shard) -> BinaryIO:
        """The shard, as its checksum says that it should be.

        Raises:
            DatasetError: missing, damaged, or not to be had.
        """
        raise NotImplementedError

    def check(self, index: ShardIndex, split: str) -> None:
        """What can be seen of a split's shards without reading them."""

    def named(self, shard: Stored) -> str:
        """A shard as errors name it."""
        return f"{self.where}/{SHARDS}/{shard.name}"


class _Once:
    """Does something once for each name, however many threads ask for it at the same time."""

    def __init__(self) -> None:
        self._lock, self._locks = threading.Lock(), dict[str, threading.Lock]()
        self._done: set[str] = set()

    def do(self, name: str, work: Callable[[], object]) -> None:
        with self._lock:
            if name in self._done:
                return
            own = self._locks.setdefault(name, threading.Lock())
        with own:
            if name not in self._done:
                work()
                self._done.add(name)

    def forget(self, name: str) -> None:
        self._done.discard(name)


class FolderSource(ShardSource):
    """Shards in a dataset folder.

    Args:
        root: of the dataset.
    """

    def __init__(self, root: Path) -> None:
        self._folder, self.where = root / SHARDS, str(root)
        self._checked = _Once()

    def index(self) -> bytes:
        """Content of index.json."""
        return self._read(self._folder / INDEX, MAX_INDEX_BYTES)

    def small(self, stored: Stored) -> bytes:
        """Content of a file beside it."""
        return self._read(self._folder / stored.name, stored.bytes)

    def _read(self, path: Path, most: int) -> bytes:
        try:
            with path.open("rb") as file:
                return file.read(most + 1)
        except OSError as error:
            raise DatasetError(f"{path} cannot be read ({error.strerror}); {PREPARE_AGAIN}") from error

    def check(self, index: ShardIndex, split: str) -> None:
        """Raises DatasetError for a shard that is missing or of another size: better now than hours later."""
        for shard in index.splits[split].shards:
            path = self._folder / shard.name
            if not path.is_file():
                raise DatasetError(f"{path} is missing; {PREPARE_AGAIN}")
            if path.stat().st_size != shard.bytes:
                raise DatasetError(f"{path} has {path.stat().st_size} bytes instead of {shard.bytes}; {PREPARE_AGAIN}")

    def open(self, shard: Shard) -> BinaryIO:
        """The shard."""
        path = self._folder / shard.name
        try:
            self._checked.do(shard.name, lambda: _verify(path, shard))
            return path.open("rb")
        except OSError as error:
            raise DatasetError(f"{path} cannot be read ({error.strerror}); {PREPARE_AGAIN}") from error


def _verify(path: Path, shard: Shard) -> None:
    if sha256_file(path) != shard.sha256:
        raise DatasetError(f"{path} is damaged (wrong checksum); {PREPARE_AGAIN}")


class WebSource(ShardSource):
    """Shards on a web server, of which the ones in use are kept in a cache folder.

    Args:
        address: of the dataset.
    """

    def __init__(self, address: Address) -> None:
        self._address, self.where = address, str(address)
        self._folder, self.room = address.cache / SHARDS, address.cache_bytes
        self._here, self._lock = _Once(), threading.Lock()

    def index(self) -> bytes:
        """Content of index.json."""
        return fetch(self._address.of(INDEX), MAX_INDEX_BYTES, exactly=False, patience=self._address.patience)

    def small(self, stored: Stored) -> bytes:
        """Content of a file beside it."""
        return self._fetch(stored)

    def _fetch(self, stored: Stored) -> bytes:
        def right(data: bytes) -> bool:
            return sha256_bytes(data) == stored.sha256

        url = self._address.of(stored.name)
        return fetch(url, stored.bytes, exactly=True, accept=right, patience=self._address.patience)

    def open(self, shard: Shard) -> BinaryIO:
        """The shard, fetched if it is not in the cache."""
        path = self._folder / f"{shard.sha256}.tar"
        try:
            for _ in range(3):
                self._here.do(shard.sha256, lambda: self._get(path, shard))
                try:
                    return path.open("rb")
                except FileNotFoundError:  # this process, or another one, has made room in the meantime
                    self._here.forget(shard.sha256)
        except OSError as error:
            raise DatasetError(f"{error.filename or path}: cannot be kept ({error.strerror}); free space") from error
        raise DatasetError(f"{self._folder} is too small for the shards in use; give more with --cache-gb")

    def _get(self, path: Path, shard: Shard) -> None:
        if path.is_file() and sha256_file(path) == shard.sha256:
            # The time of change is that of last use; reading alone may not be written down by the system.
            os.utime(path)
            return
        data = self._fetch(shard)
        with self._lock:
            self._make_room(len(data))
            atomic_write_bytes(path, data)

    def _make_room(self, wanted: int) -> None:
        kept = [(p, p.stat()) for p in self._folder.glob("*.tar")] if self._folder.is_dir() else []
        used = sum(status.st_size for _, status in kept)
        for path, status in sorted(kept, key=lambda one: one[1].st_mtime):
            if used + wanted <= self._address.cache_bytes:
                return
            # What begins with a dot is being written by another process, or was when it was killed.
            if not path.name.startswith(".") or time.time() - status.st_mtime > _ABANDONED_S:
                path.unlink(missing_ok=True)
                self._here.forget(path.stem)
                used -= status.st_size


def source_of(location: Location) -> ShardSource:
    """The shards of a dataset."""
    return WebSource(location) if isinstance(location, Address) else FolderSource(location)


def read_index(source: ShardSource) -> ShardIndex:
    """What the index says.

    Raises:
        DatasetError: there is none, or it is damaged.
    """
    return parse_index(source.index(), f"{source.where}/{SHARDS}/{INDEX}")

"""Files that are either complete or absent, their hashes, and the folders that travel with the package."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from creativeml.errors import CreativeMLError

_UNFINISHED = ".tmp"


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success flush it to the disk and let it replace `path`.

    If the block raises, `path` is left as it was and the temporary file is removed.
    """
    target = Path(path)
    with _named(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        # The suffix is kept last because audio libraries choose the format by it.
        handle, name = tempfile.mkstemp(
            prefix=f".{target.stem}.", suffix=f"{_UNFINISHED}{target.suffix}", dir=target.parent
        )
    os.close(handle)
    temporary = Path(name)
    try:
        with _named(target):
            yield temporary
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(target)
            _sync_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _named(target: Path) -> Iterator[None]:
    """Errors name the file that was wanted: one of the disk names none, or the temporary one."""
    try:
        yield
    except OSError as error:
        if error.filename is None or Path(str(error.filename)).name.startswith(f".{target.stem}."):
            error.filename = str(target)
        raise


def check_writable(folder: Path) -> None:
    """Before minutes of work: make a folder if need be, and see that files can be made in it.

    Raises:
        OSError: they cannot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def remove_unfinished(folder: Path, older_than_s: float = 0.0) -> None:
    """Remove what writers of a folder and its subfolders left behind when they were killed.

    Args:
        folder: where they wrote.
        older_than_s: in seconds; younger files stay. 0 removes all: then no writer may be at work.
    """
    before = time.time() - older_than_s
    for path in folder.rglob(f".*{_UNFINISHED}*"):
        with contextlib.suppress(FileNotFoundError):  # its own process may remove it
            if path.is_file() and (not older_than_s or path.stat().st_mtime < before):
                path.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    # Without this the rename itself may be lost in a power cut. Windows cannot open folders.
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def atomic_write_bytes(path: str | Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old content or the new, never a part."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def atomic_write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically, with the line ends as given."""
    atomic_write_bytes(path, text.encode("utf-8"))


def atomic_write_json(path: str | Path, value: Any) -> None:
    """Write indented JSON atomically. NaN and infinity are refused, since JSON has no word for them."""
    atomic_write_text(path, json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def sha256_bytes(data: bytes) -> str:
    """Hexadecimal SHA-256 of `data`."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def project_folder(name: str) -> Path:
    """Folder of things that are not modules: "apps" or "datasets".

    In a checkout it stands beside the package; a wheel carries it inside the package as `_apps` or `_datasets`.

    Raises:
        CreativeMLError: if neither place has it.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / f"_{name}", package.parent / name):
        if folder.is_dir():
            return folder
    raise CreativeMLError(f"the folder '{name}' did not come with this installation; install creativeml again")

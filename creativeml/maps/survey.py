"""Features of all files of a library: what is kept is taken from the store, the rest is measured on all cores."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from creativeml.audio.io import AudioFileError
from creativeml.data.folders import Refused
from creativeml.files import sha256_file
from creativeml.maps import features as measured
from creativeml.maps.features import Features
from creativeml.maps.library import Library, LibraryFile
from creativeml.maps.store import Store
from creativeml.threads import threads

_PIECE = 16
"""Files that a thread takes at a time: fewer waste time on small operations, more need memory (250 MB a thread)."""

T = TypeVar("T")

OnStep = Callable[[str, int, int], object]
"""Called as (what is being done, how many are done, of how many)."""


@dataclass(frozen=True, eq=False)
class Sound:
    """A file that is on the map.

    Attributes:
        file: the file.
        content: SHA-256 of its bytes.
        features: what is known of it.
    """

    file: LibraryFile
    content: str
    features: Features


@dataclass(frozen=True)
class _Seen:
    """A file whose content is known."""

    file: LibraryFile
    content: str


def survey(
    library: Library,
    store: Store,
    *,
    previews: bool = True,
    workers: int | None = None,
    on_step: OnStep = lambda what, done, total: None,
) -> list[Sound]:
    """Measure the library's files; those that cannot be used are entered into `library.refused`.

    Args:
        library: the files.
        store: where features are kept; each piece of work is in it as soon as it is done.
        previews: whether sounds will be played.
        workers: threads; None = one per core that this process may use.
        on_step: is told about the progress.

    Returns:
        the sounds, in the order of the files.
    """
    workers = workers or available_cores()
    seen, refused = _contents(library.files, store, workers, on_step)
    wanted = list(dict.fromkeys(s.content for s in seen if _unknown(s.content, store, previews)))
    where = {s.content: s.file.path for s in reversed(seen)}
    known = len({s.content for s in seen}) - len(wanted)
    total, done = known + len(wanted), known
    with threads(1), ThreadPoolExecutor(workers) as pool:
        pieces = [wanted[i : i + _PIECE] for i in range(0, len(wanted), _PIECE)]
        jobs = (pool.submit(_measure_piece, [(c, where[c]) for c in piece], previews) for piece in pieces)
        try:
            for found in _ahead(jobs, 2 * workers):
                store.add(found)
                done += len(found)
                on_step("listening", done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    sounds: list[Sound] = []
    for item in seen:
        features = store.sound(item.content, with_preview=previews)
        if features is not None:
            sounds.append(Sound(item.file, item.content, features))
        elif refusal := store.refusal(item.content):
            refused.append(Refused(item.file.name, *refusal))
        else:
            refused.append(Refused(item.file.name, "was changed or deleted while it was read", "run the command again"))
    library.refused = sorted([*library.refused, *refused], key=lambda r: r.name)
    return sounds


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _unknown(content: str, store: Store, previews: bool) -> bool:
    return store.sound(content, with_preview=previews) is None and store.refusal(content) is None


def _contents(
    files: Sequence[LibraryFile], store: Store, workers: int, on_step: OnStep
) -> tuple[list[_Seen], list[Refused]]:
    """Content of every file, read only where it may have changed."""
    seen: list[_Seen] = []
    refused: list[Refused] = []
    known: list[tuple[LibraryFile, os.stat_result | None, str | None]] = []
    for file in files:
        try:
            status = file.path.stat()
            known.append((file, status, store.content_of(file.path, status.st_size, status.st_mtime_ns)))
        except OSError:
            known.append((file, None, None))
    with ThreadPoolExecutor(workers) as pool:
        jobs = (pool.submit(_hashed, *entry) for entry in known)
        for done, (entry, found) in enumerate(zip(known, _ahead(jobs, 8 * workers), strict=True), 1):
            file, status, old = entry
            if isinstance(found, Refused):
                refused.append(found)
            else:
                seen.append(_Seen(file, found))
                if old is None and status is not None:
                    store.remember(file.path, status.st_size, status.st_mtime_ns, found)
            on_step("looking", done, len(known))
    store.commit()
    return seen, refused


def _hashed(file: LibraryFile, status: os.stat_result | None, content: str | None) -> str | Refused:
    if content is not None:
        return content
    try:
        if status is not None and not file.path.is_file():
            # Opening a pipe would wait for ever.
            return Refused(file.name, "is a folder, device or pipe, not a file", "remove or rename it")
        return sha256_file(file.path)
    except OSError as error:
        if file.path.is_symlink() and not file.path.exists():
            return Refused(file.name, "is a link to nowhere", "mend or remove the link")
        reason = f"cannot be opened ({error.strerror or type(error).__name__})"
        return Refused(file.name, reason, "check that it exists and may be read")


def _measure_piece(piece: Sequence[tuple[str, Path]], previews: bool) -> list[tuple[str, Features | Refused]]:
    found: list[tuple[str, Features | Refused]] = []
    usable = []
    for content, path in piece:
        try:
            usable.append((content, measured.load(path)))
        except AudioFileError as error:
            # What was deleted or changed meanwhile says nothing of this content.
            if _holds(path, content):
                found.append((content, Refused("", error.reason, error.remedy)))
    if usable:
        contents, sounds = zip(*usable, strict=True)
        found += zip(contents, measured.measure(sounds, previews=previews), strict=True)
    return found


def _holds(path: Path, content: str) -> bool:
    try:
        return sha256_file(path) == content
    except OSError:
        return False


def _ahead(jobs: Iterator[Future[T]], count: int) -> Iterator[T]:
    """Results in order; at most `count` jobs are under way."""
    waiting: deque[Future[T]] = deque()
    for job in jobs:
        waiting.append(job)
        if len(waiting) >= count:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()

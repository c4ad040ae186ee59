"""Archives of kits: the same bytes for the same files, and a reader that trusts none of them.

Nothing is ever extracted to the disk. What is refused: paths that lead out of the archive, links, devices, files twice,
encryption, and more bytes than the limits allow, which are counted while they are unpacked, whatever the headers say.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from creativeml.errors import CreativeMLError

_BLOCK = 1 << 20
_GZIP, _ZIP = b"\x1f\x8b", b"PK"


@dataclass(frozen=True)
class ArchiveLimits:
    """What an archive may ask of this machine.

    Attributes:
        max_packed: bytes of the archive.
        max_bytes: of all its files together.
        max_files: in it, folders not counted.
        max_ratio: bytes that come out for each that went in, once that is more than `free_bytes`.
        free_bytes: that may come out at any ratio.
    """

    max_packed: int = 512 << 20
    max_bytes: int = 512 << 20
    max_files: int = 4096
    max_ratio: float = 200.0
    free_bytes: int = 16 << 20


DEFAULT_LIMITS = ArchiveLimits()


def zip_bytes(files: Mapping[str, bytes]) -> bytes:
    """Files by path as a zip archive, stored and undated: the bytes depend on nothing but the files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as bundle:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            bundle.writestr(entry, data)
    return archive.getvalue()


def tar_gz_bytes(files: Mapping[str, bytes]) -> bytes:
    """Files by path as a tar archive, compressed by gzip and undated."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as bundle:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(data), 0o644, 0
            bundle.addfile(entry, io.BytesIO(data))
    packed = io.BytesIO()
    # Quick: sounds hardly shrink. No name and no time in its header.
    with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=packed, mtime=0) as stream:
        stream.write(plain.getvalue())
    return packed.getvalue()


def read_archive(data: bytes, name: str = "kit", limits: ArchiveLimits = DEFAULT_LIMITS) -> dict[str, bytes]:
    """The files of a zip or a gzipped tar archive by path, in memory.

    Args:
        data: content of the archive.
        name: how errors name it.
        limits: what is refused as too much.

    Raises:
        CreativeMLError: damaged, of another kind, or refused.
    """
    if len(data) > limits.max_packed:
        raise CreativeMLError(f"{name}: larger than {limits.max_packed >> 20} MiB; it is refused")
    counted = _Counted(name, len(data), limits)
    try:
        if data[:2] == _ZIP:
            return _unzipped(data, counted)
        if data[:2] == _GZIP:
            return _untarred(data, counted)
    except (
        tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError,
        ValueError, OverflowError,
    ) as error:  # fmt: skip
        reason = str(error).split("\n")[0][:100] or type(error).__name__
        raise CreativeMLError(f"{name}: damaged, it cannot be unpacked ({reason}); copy it again") from error
    raise CreativeMLError(f"{name}: neither a zip nor a gzipped tar archive; give a kit in one of the known formats")


def read_folder(folder: Path, limits: ArchiveLimits = DEFAULT_LIMITS) -> dict[str, bytes]:
    """The files of a folder and of those in it by path; links are refused, hidden files left out.

    Raises:
        CreativeMLError: links, too many files or bytes, or a file that cannot be read.
    """
    files: dict[str, bytes] = {}
    counted = _Counted(str(folder), limits.max_bytes, limits)
    try:
        for path in sorted(_walk(folder, counted)):
            name = path.relative_to(folder).as_posix()
            if not stat.S_ISREG(path.lstat().st_mode):
                raise CreativeMLError(f"{path}: a link or device, which a kit has no use for; remove it")
            counted.begin(name, files)
            with path.open("rb") as stream:
                files[name] = counted.read(stream)
    except OSError as error:
        raise CreativeMLError(f"{error.filename or folder}: cannot be read ({error.strerror or error})") from error
    return files


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder, each complete or not at all."""
    from creativeml.files import atomic_write_bytes

    for name, data in files.items():
        atomic_write_bytes(folder.joinpath(*PurePosixPath(name).parts), data)


def _walk(folder: Path, counted: _Counted) -> list[Path]:
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        found += [Path(parent) / f for f in folders if (Path(parent) / f).is_symlink()]
        found += [Path(parent) / n for n in names if not n.startswith(".")]
        counted.check_files(len(found))
    return found


class _Counted:
    """What has come out of an archive so far."""

    def __init__(self, name: str, packed: int, limits: ArchiveLimits) -> None:
        self.name, self._packed, self._limits, self._bytes = name, packed, limits, 0

    def check_files(self, count: int) -> None:
        if count > self._limits.max_files:
            raise CreativeMLError(f"{self.name}: more than {self._limits.max_files} files; it is refused")

    def begin(self, path: str, known: Mapping[str, bytes]) -> None:
        """Refuse what a kit's file cannot be called."""
        inside = PurePosixPath(path)
        drive = ":" in path.split("/")[0]
        shown = repr(path[:80])
        if inside.is_absolute() or ".." in inside.parts or "\\" in path or "\x00" in path or drive or not inside.parts:
            raise CreativeMLError(f"{self.name}: holds {shown}, a path that leads out of it; it is refused")
        if inside.as_posix() in known:
            raise CreativeMLError(f"{self.name}: holds {shown} twice; it is refused")
        self.check_files(len(known) + 1)

    def read(self, stream: IO[bytes]) -> bytes:
        """All of a file, stopping as soon as it is too much."""
        blocks: list[bytes] = []
        while block := stream.read(_BLOCK):
            self.add(len(block))
            blocks.append(block)
        return b"".join(blocks)

    def add(self, count: int) -> None:
        """Count bytes that came out."""
        self._bytes += count
        if self._bytes > self._limits.max_bytes:
            raise CreativeMLError(
                f"{self.name}: its files are larger than {self._limits.max_bytes >> 20} MiB together; it is refused"
            )
        if self._bytes > max(self._limits.free_bytes, self._limits.max_ratio * self._packed):
            raise CreativeMLError(
                f"{self.name}: unpacks to more than {self._limits.max_ratio:g} times its size, as no sounds do; "
                "it is refused"
            )


def _unzipped(data: bytes, counted: _Counted) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    # Before millions of entries take memory; a sound may hold their mark by chance, but not often.
    counted.check_files(data.count(b"PK\x01\x02") // 2)
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        for entry in bundle.infolist():
            mode = entry.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise CreativeMLError(f"{counted.name}: holds a link or device, {entry.filename[:80]!r}; it is refused")
            counted.begin(entry.filename, files)
            if entry.is_dir():
                continue
            if entry.flag_bits & 1:
                raise CreativeMLError(f"{counted.name}: is encrypted; unpack it and pack it without a password")
            with bundle.open(entry) as stream:
                files[PurePosixPath(entry.filename).as_posix()] = counted.read(stream)
    return files


def _untarred(data: bytes, counted: _Counted) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    # As a stream: its headers are counted too, however many there are.
    metered = _Metered(gzip.GzipFile(fileobj=io.BytesIO(data)), counted)
    with tarfile.open(fileobj=metered) as bundle:
        for count, entry in enumerate(bundle):
            counted.check_files(count // 2)
            counted.begin(entry.name, files)
            if entry.isdir():
                continue
            content = bundle.extractfile(entry) if entry.isreg() else None
            if content is None or entry.issparse():
                raise CreativeMLError(f"{counted.name}: holds a link or device, {entry.name[:80]!r}; it is refused")
            files[PurePosixPath(entry.name).as_posix()] = content.read()
    # To the end: there is the checksum of everything.
    while metered.read(_BLOCK):
        pass
    return files


class _Metered(io.RawIOBase):
    """A gzip stream for `tarfile`, of which every byte that is unpacked is counted, once."""

    def __init__(self, stream: gzip.GzipFile, counted: _Counted) -> None:
        self._stream, self._counted, self._furthest = stream, counted, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence != 0:
            raise OSError("a kit's archive is read from its beginning")
        # By way of reading, so that what is passed over is counted.
        if offset > self._stream.tell():
            while self._stream.tell() < offset and self._read(min(_BLOCK, offset - self._stream.tell())):
                pass
            return self._stream.tell()
        return self._stream.seek(offset)

    def readinto(self, buffer: memoryview) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        block = self._read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def read(self, size: int = -1) -> bytes:
        blocks: list[bytes] = []
        while size < 0 or size > 0:
            block = self._read(min(_BLOCK, size) if size > 0 else _BLOCK)
            if not block:
                break
            blocks.append(block)
            size -= len(block) if size > 0 else 0
        return b"".join(blocks)

    def _read(self, size: int) -> bytes:
        block = self._stream.read(size)
        new = self._stream.tell() - self._furthest
        if new > 0:
            self._furthest += new
            self._counted.add(new)
        return block

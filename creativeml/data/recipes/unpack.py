"""Unpack archives of packages. Only plain files are written, and only inside the folder."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

from creativeml.errors import CreativeMLError

_AR_MAGIC = b"!<arch>\n"


def unpack(archive: Path, folder: Path) -> None:
    """Write the content of `archive` below `folder`, which is created.

    Raises:
        CreativeMLError: the archive is damaged, of an unknown kind, or wants to write outside the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if archive.suffix == ".deb":
            _unpack_deb(archive, folder)
        elif archive.suffix in (".whl", ".zip"):
            with zipfile.ZipFile(archive) as bundle:
                for name in bundle.namelist():
                    if not name.endswith("/"):
                        _write(folder, name, bundle.read(name))
        elif archive.name.endswith((".tgz", ".tar.gz")):
            with tarfile.open(archive, "r:*") as bundle:
                _unpack_tar(bundle, folder)
        else:
            raise CreativeMLError(
                f"{archive.name}: unknown kind of archive; expected .deb, .tgz, .tar.gz, .zip or .whl"
            )
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise CreativeMLError(f"{archive}: cannot be unpacked ({error}); delete it and fetch it again") from error


def _unpack_deb(archive: Path, folder: Path) -> None:
    if shutil.which("dpkg"):
        command = ["dpkg", "-x", str(archive), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or ["no message"])[0]
            raise CreativeMLError(f"{archive}: cannot be unpacked ({reason}); delete it and fetch it again")
        return
    name, data = _member_of_ar(archive, "data.tar")
    if name.endswith(".zst"):
        raise CreativeMLError(f"{archive}: compressed with zstd, which needs the program dpkg; install dpkg")
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as bundle:
        _unpack_tar(bundle, folder)


def _member_of_ar(archive: Path, prefix: str) -> tuple[str, bytes]:
    data = archive.read_bytes()
    if not data.startswith(_AR_MAGIC):
        raise CreativeMLError(f"{archive}: not a Debian package; delete it and fetch it again")
    position = len(_AR_MAGIC)
    while position + 60 <= len(data):
        name = data[position : position + 16].decode("ascii", "replace").strip().rstrip("/")
        size_text = data[position + 48 : position + 58].decode("ascii", "replace").strip()
        if not size_text.isdigit():
            break
        size = int(size_text)
        if name.startswith(prefix):
            return name, data[position + 60 : position + 60 + size]
        position += 60 + size + (size & 1)
    raise CreativeMLError(f"{archive}: damaged Debian package (no {prefix} inside); delete it and fetch it again")


def _unpack_tar(bundle: tarfile.TarFile, folder: Path) -> None:
    for member in bundle:
        content = bundle.extractfile(member) if member.isfile() else None
        if content is not None:
            _write(folder, member.name, content.read())


def _write(folder: Path, name: str, data: bytes) -> None:
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts or "\\" in name or ":" in name.split("/")[0]:
        raise CreativeMLError(f"the archive wants to write '{name}' outside its folder; it is refused")
    target = folder.joinpath(*inside.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)

"""Every format of a kit by its name: what writes it, what reads it, and which one a file is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from creativeml.errors import CreativeMLError, one_line, quoted
from creativeml.files import atomic_write_bytes
from creativeml.kits import decentsampler, hydrogen, sfz, wav_files
from creativeml.kits.archive import DEFAULT_LIMITS, ArchiveLimits, read_archive, read_folder, write_folder
from creativeml.kits.kit import Kit
from creativeml.kits.naming import safe_name
from creativeml.kits.provenance import KIT_FILE
from creativeml.kits.samples import Reading


class Format(NamedTuple):
    """A format of kits.

    Attributes:
        line: what it is, in a line.
        suffix: of its archive.
        files: kit → what lies in the kit's folder, by path.
        write: kit → the archive.
        read: files by path, a name for errors → the kit.
    """

    line: str
    suffix: str
    files: Callable[[Kit], dict[str, bytes]]
    write: Callable[[Kit], bytes]
    read: Callable[[Mapping[str, bytes], str], Reading]


FORMATS: dict[str, Format] = {
    "wav": Format("24-bit wavs and kit.json", ".zip", wav_files.files, wav_files.write, wav_files.read),
    "sfz": Format("SFZ and its samples", ".zip", sfz.files, sfz.write, sfz.read),
    "decentsampler": Format(
        "a library of DecentSampler", ".dslibrary", decentsampler.files, decentsampler.write, decentsampler.read
    ),
    "hydrogen": Format("a drum kit of Hydrogen", ".h2drumkit", hydrogen.files, hydrogen.write, hydrogen.read),
}
ARCHIVES = (".zip", ".dslibrary", ".h2drumkit", ".tgz", ".gz")
"""Endings of a path by which it is an archive, not a folder."""


def format_named(name: str) -> Format:
    """The format of that name; CreativeMLError with those that there are."""
    if name not in FORMATS:
        raise CreativeMLError(f"no format of kits is called {quoted(name)}; there are {', '.join(FORMATS)}")
    return FORMATS[name]


def write_kit(kit: Kit, form: str) -> bytes:
    """The kit as an archive of a format, the same bytes for the same kit."""
    return format_named(form).write(kit)


def archive_name(kit: Kit, form: str) -> str:
    """What the archive may be called: `My_Kit.h2drumkit`, or where the ending says little, `My_Kit_SFZ.zip`."""
    suffix = format_named(form).suffix
    return safe_name(kit.name) + (f"_{form.upper()}" if suffix == ".zip" else "") + suffix


def save_kit(kit: Kit, form: str, path: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write a kit to the disk.

    Args:
        kit: what is written.
        form: the format's name.
        path: an archive if its ending is that of one (`.zip`, `.dslibrary`, `.h2drumkit`), else a folder.
        overwrite: replace what is there.

    Returns:
        The archive, or the folder's files.

    Raises:
        CreativeMLError: something is there already, or it cannot be written.
    """
    path, chosen = Path(path), format_named(form)
    check_free(path, overwrite=overwrite)
    try:
        if path.suffix.lower() in ARCHIVES:
            atomic_write_bytes(path, chosen.write(kit))
            return [path]
        files = chosen.files(kit)
        write_folder(path, files)
        return [path.joinpath(*PurePosixPath(name).parts) for name in files]
    except OSError as error:
        raise CreativeMLError(f"{path}: cannot be written ({error.strerror or error}); choose another --out") from error


def check_free(path: Path, *, overwrite: bool = False) -> None:
    """Refuse a path where something is already; an empty folder is nothing, and `overwrite` allows all."""
    taken = path.exists() and (path.suffix.lower() in ARCHIVES or not path.is_dir() or any(path.iterdir()))
    if taken and not overwrite:
        raise CreativeMLError(f"{path}: is there already; give another --out, or --overwrite to replace it")


def read_kit(
    source: str | Path | bytes, name: str = "kit", form: str | None = None, limits: ArchiveLimits = DEFAULT_LIMITS
) -> Reading:
    """Read a kit in any of the formats. Nothing of an archive is written to the disk.

    Args:
        source: path of an archive, a folder, or a file in it such as `Kit.sfz`; or the content of an archive.
        name: how errors name content.
        form: the format, None = whichever it is.
        limits: what is refused as too much.

    Raises:
        CreativeMLError: nothing there, in no format that is known, or refused.
    """
    files, where = (read_archive(source, name, limits), name) if isinstance(source, bytes) else _files(source, limits)
    files = _inside(files)
    reader = format_named(form or format_of(files, where))
    try:
        return reader.read(files, where)
    except CreativeMLError as error:
        if str(error).startswith(one_line(where)):
            raise
        # A kit's own rules do not know which file breaks them.
        raise CreativeMLError(f"{where}: {error}") from error


def format_of(files: Mapping[str, bytes], where: str = "kit") -> str:
    """Name of the format that files, by path, are in; CreativeMLError if in none."""
    names = [PurePosixPath(path.lower()) for path in files]
    if any(path.name == hydrogen.DESCRIPTION for path in names):
        return "hydrogen"
    for form, suffix in (("decentsampler", decentsampler.SUFFIX), ("sfz", sfz.SUFFIX)):
        if any(path.suffix == suffix for path in names):
            return form
    if KIT_FILE in files:
        return "wav"
    raise CreativeMLError(
        f"{where}: not a kit that can be read; give one with {KIT_FILE}, an .sfz, a .dspreset or a drumkit.xml"
    )


def _files(source: str | Path, limits: ArchiveLimits) -> tuple[dict[str, bytes], str]:
    path = Path(source)
    if path.suffix.lower() in (sfz.SUFFIX, decentsampler.SUFFIX) or path.name in (KIT_FILE, hydrogen.DESCRIPTION):
        folder = path.parent
        found = read_folder(folder, limits)
        # Beside others of its format: the one that was named.
        rivals = [n for n in found if n.lower().endswith(path.suffix.lower()) and n != path.name]
        others = {*rivals} if path.suffix.lower() != ".json" else set()
        return {n: data for n, data in found.items() if n not in others}, str(path)
    if path.is_dir():
        return read_folder(path, limits), str(path)
    try:
        size = path.stat().st_size
        if size > limits.max_packed:
            raise CreativeMLError(f"{path}: larger than {limits.max_packed >> 20} MiB; it is refused")
        return read_archive(path.read_bytes(), str(path), limits), str(path)
    except OSError as error:
        raise CreativeMLError(f"{path}: cannot be read ({error.strerror or error}); check its name") from error


def _inside(files: dict[str, bytes]) -> dict[str, bytes]:
    """Without the folder in which all of them lie, and what systems leave in archives."""
    files = {p: d for p, d in files.items() if not p.startswith("__MACOSX/") and PurePosixPath(p).name != ".DS_Store"}
    tops = {path.split("/")[0] for path in files}
    while len(tops) == 1 and all("/" in path for path in files):
        files = {path.split("/", 1)[1]: data for path, data in files.items()}
        tops = {path.split("/")[0] for path in files}
    return files

"""A user's own folder of sounds: its files, what their names say, and what was left out and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from creativeml.data.folders import NamingRules, Refused, printable, scan_folder
from creativeml.errors import CreativeMLError
from creativeml.kinds import KINDS


@dataclass(frozen=True)
class LibraryFile:
    """A file that is, or claims to be, a sound.

    Attributes:
        path: where it is.
        name: below the library's folder, with `/` between folders, fit to be shown.
        kind: one of KINDS, where the file's or its folder's name speaks of one; else None.
    """

    path: Path
    name: str
    kind: str | None


@dataclass
class Library:
    """What a folder holds.

    Attributes:
        root: the folder.
        files: in order of name.
        refused: meant as sounds, but they cannot be used; grows while the files are measured.
        ignored: how many files are not meant as sounds (texts, pictures).
    """

    root: Path
    files: list[LibraryFile]
    refused: list[Refused] = field(default_factory=list)
    ignored: int = 0


def read_library(root: Path) -> Library:
    """Find the sounds below a folder; none is opened yet. Links to folders are not followed.

    Raises:
        CreativeMLError: there is no such folder, it cannot be read, or it holds no audio file.
    """
    root = root.expanduser()
    if not root.is_dir():
        reason = "is a file; give the folder that holds it" if root.exists() else "there is no such folder"
        raise CreativeMLError(f"{printable(str(root))}: {reason}")
    # Numbers at the end of names matter to groups of takes alone, and a map has none.
    found = scan_folder(root, "", NamingRules(numbers="sounds"))
    # A folder's own name is a kind of its own to `prepare`, where someone has sorted sounds for training; here
    # "Downloads" or "Vengeance Vol 2" would be one, so only names that speak of a drum count.
    files = [
        LibraryFile(sound.path, sound.name.lstrip("/"), sound.kind if sound.kind in KINDS else None)
        for sound in found.sounds
    ]
    refused = [Refused(r.name.lstrip("/"), r.reason, r.remedy) for r in found.rejected]
    if not files and not refused:
        raise CreativeMLError(f"{printable(str(root))}: no audio files in this folder; check the path")
    return Library(root, files, refused, len(found.ignored))

"""A folder of audio as a list of sounds: what is in it, of what kind, which files are of one drum."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from creativeml.audio.containers import identify
from creativeml.audio.io import AUDIO_SUFFIXES
from creativeml.data.classes import kind_of, kind_of_folder, slug_of, take_stem, words_of
from creativeml.data.sources import SourceSound
from creativeml.errors import CreativeMLError
from creativeml.kinds import UNLABELLED

KindsFrom = Literal["auto", "folder", "filename"]
Numbers = Literal["auto", "takes", "sounds"]

_MAC_COMPANION = "a macOS companion file (no sound in it)"


@dataclass(frozen=True)
class Refused:
    """A file that does not become a sound.

    Attributes:
        name: as the report calls it.
        reason: what is wrong with it.
        remedy: what the user can do; "" if nothing need be done.
    """

    name: str
    reason: str
    remedy: str = ""


@dataclass
class Found:
    """What one source offers.

    Attributes:
        sounds: to be prepared.
        rejected: meant as sounds, but they cannot be read.
        ignored: not meant as sounds (texts, pictures).
        notes: anything else the user should know, a line each.
    """

    sounds: list[SourceSound] = field(default_factory=list)
    rejected: list[Refused] = field(default_factory=list)
    ignored: list[Refused] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class NamingRules:
    """How names are read.

    Attributes:
        kinds_from: the kind comes from the folder, from the file name, or (auto) from whichever knows it.
        numbers: a bare number at the end of a file name counts takes of one drum, or different sounds; auto
            takes them for takes unless a single drum would then hold more than half of a kind.
        licence, tier: of every sound found, where the folder itself does not say.
    """

    kinds_from: KindsFrom = "auto"
    numbers: Numbers = "auto"
    licence: str = ""
    tier: str = ""


def printable(name: str) -> str:
    """A file name that can be written into any report: no control characters, no bytes that are no text."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def scan_folder(root: Path, label: str, rules: NamingRules) -> Found:
    """All sounds below `root`, with kind and group read from their names.

    Args:
        root: an existing folder. Links to folders inside it are not followed.
        label: what sources, groups and names of this folder begin with.
        rules: how names are read.

    Raises:
        CreativeMLError: the folder itself cannot be read.
    """
    found = Found()
    paths = list(_walk(root, label, found))
    kinds = _kinds(root, paths, rules.kinds_from)
    loose = _kinds_with_numbered_sounds(root, paths, kinds, rules.numbers)
    for kind in sorted(loose):
        found.notes.append(
            f"{label}: numbers at the end of the {kind} files are taken for different sounds, not for "
            "takes of one drum (--numbers takes would keep them in one split)"
        )
    for path, kind in zip(paths, kinds, strict=True):
        relative = path.relative_to(root)
        found.sounds.append(
            SourceSound(
                path=path,
                kind=kind,
                group=_group(label, relative, rules.numbers != "sounds" and (kind or UNLABELLED) not in loose),
                licence=rules.licence,
                tier=rules.tier,
                source=label,
                name=f"{label}/{printable(relative.as_posix())}",
            )
        )
    return found


def _walk(root: Path, label: str, found: Found) -> Iterator[Path]:
    """Paths that are sounds or claim to be, in order of name; the others are entered into `found`."""

    def refuse(error: OSError) -> None:
        where = Path(os.fsdecode(error.filename)) if error.filename else root
        if where == root:
            raise CreativeMLError(f"{root}: cannot be read ({error.strerror}); check its permissions")
        name = f"{label}/{printable(where.relative_to(root).as_posix())}"
        found.rejected.append(
            Refused(name, f"a folder that cannot be read ({error.strerror})", "check its permissions")
        )

    for folder, folders, files in os.walk(root, onerror=refuse):
        here = Path(folder)
        folders.sort()
        for name in list(folders):
            path = here / name
            shown = f"{label}/{printable(path.relative_to(root).as_posix())}"
            if path.is_symlink():
                found.ignored.append(Refused(shown, "a link to a folder", "give its target as a source of its own"))
            elif name == "__MACOSX" or name.startswith(".git"):
                folders.remove(name)
                found.ignored.append(Refused(shown, "a folder of some program's own"))
            elif path.suffix.lower() in AUDIO_SUFFIXES and not any(os.scandir(path)):
                found.rejected.append(Refused(shown, "is a folder, not a file", "rename it"))
        for name in sorted(files):
            path = here / name
            reason = _not_meant_as_sound(path)
            if reason is None:
                yield path
            else:
                shown = f"{label}/{printable(path.relative_to(root).as_posix())}"
                found.ignored.append(Refused(shown, reason))


def _not_meant_as_sound(path: Path) -> str | None:
    """Why a file is passed over without a complaint; None if it is a sound or claims to be one."""
    if path.name.startswith("._"):
        return _MAC_COMPANION
    if path.suffix.lower() in AUDIO_SUFFIXES:
        return None
    if not path.is_file():
        return "not a file"
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        return f"not an audio file by its ending, and unreadable ({error.strerror})"
    return None if identify(head) else "not an audio file"


def _kinds(root: Path, paths: list[Path], kinds_from: KindsFrom) -> list[str | None]:
    from_folders = [_folder_kind(root, path.parent) for path in paths]
    from_names = [kind_of(path.stem) for path in paths]
    if kinds_from == "filename":
        return list(from_names)
    # A folder is a kind of its own only if its name is all that is known of its files: a folder "TR-808" with
    # BD.wav and SD.wav is a drum machine.
    speaking = {p.parent for p, name in zip(paths, from_names, strict=True) if name} if kinds_from == "auto" else set()
    kinds: list[str | None] = []
    for path, folder_kind, name_kind in zip(paths, from_folders, from_names, strict=True):
        own = None if path.parent == root or path.parent in speaking else _own_kind(path.parent.name)
        if kinds_from == "folder":
            kinds.append(folder_kind or own)
        else:
            kinds.append(_agree(folder_kind, name_kind, path) or own)
    return kinds


def _own_kind(folder: str) -> str | None:
    slug = slug_of(folder)
    return None if slug == UNLABELLED else slug


def _folder_kind(root: Path, folder: Path) -> str | None:
    """What the nearest folder with a known kind says, the root's own name last."""
    while True:
        if slug_of(folder.name) == UNLABELLED:
            return None
        kind = kind_of_folder(folder.name)
        if kind is not None:
            # "Hats/Open", but also "Snare/Open"
            bare = set(words_of(folder.name)) <= {"open", "closed"}
            return kind_of_folder(f"{folder.parent.name} {folder.name}") if bare else kind
        if folder == root:
            return None
        folder = folder.parent


def _agree(folder_kind: str | None, name_kind: str | None, path: Path) -> str | None:
    """The folder wins, as someone sorted the files into it, unless its name is the vaguer of the two."""
    if folder_kind is None:
        return name_kind
    if folder_kind == "hat_closed" and name_kind == "hat_open" and "closed" not in words_of(path.parent.name):
        return name_kind
    vague = {"perc", "percs", "percussion", "percussions"} & set(words_of(path.parent.name))
    if folder_kind == "perc" and vague and name_kind is not None:
        return name_kind
    return folder_kind


def _group(label: str, relative: Path, numbers_are_takes: bool) -> str:
    stem = take_stem(relative.stem, numbers_are_takes=numbers_are_takes)
    folder = printable(relative.parent.as_posix())
    return "/".join(part for part in (label, folder, stem) if part not in ("", "."))


def _kinds_with_numbered_sounds(root: Path, paths: list[Path], kinds: list[str | None], numbers: Numbers) -> set[str]:
    """Kinds whose bare numbers cannot well be takes: one drum would hold more than half of the kind."""
    if numbers != "auto":
        return set()
    strict: dict[str, Counter[str]] = defaultdict(Counter)
    separate: dict[str, set[str]] = defaultdict(set)
    for path, kind in zip(paths, kinds, strict=True):
        relative, name = path.relative_to(root), kind or UNLABELLED
        strict[name][_group("", relative, True)] += 1
        separate[name].add(_group("", relative, False))
    loose = set()
    for name, groups in strict.items():
        largest = max(groups.values())
        if largest >= 4 and 2 * largest > groups.total() and len(separate[name]) > len(groups):
            loose.add(name)
    return loose


def with_distinct_names(sounds: list[SourceSound]) -> list[SourceSound]:
    """The same sounds; a name that occurs again gets a number, because names tell sounds apart."""
    seen: Counter[str] = Counter()
    result = []
    for sound in sounds:
        seen[sound.name] += 1
        count = seen[sound.name]
        result.append(sound if count == 1 else replace(sound, name=f"{sound.name}#{count}"))
    return result

"""A folder that describes itself: a `manifest.csv` names the files, their kinds, groups and licences."""

from __future__ import annotations

import csv
from pathlib import Path

from creativeml.audio.io import AUDIO_SUFFIXES
from creativeml.data.classes import kind_of, slug_of, take_stem
from creativeml.data.folders import Found, NamingRules, Refused, printable
from creativeml.data.sources import SourceSound
from creativeml.errors import CreativeMLError
from creativeml.kinds import KINDS, UNLABELLED

MANIFEST = "manifest.csv"
_BESIDE = ("", "oneshots", "audio")
"""Folders, seen from the manifest, that its paths may start in."""


def read_manifest(path: Path) -> list[dict[str, str]] | None:
    """Rows of a manifest, None if the file is a table of something else (it has no column "path").

    Raises:
        CreativeMLError: the file cannot be read as a table.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if "path" not in (reader.fieldnames or ()):
                return None
            return [{key: (text or "").strip() for key, text in row.items() if key is not None} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CreativeMLError(
            f"{path}: cannot be read as a table ({error}); mend it, or move it away to go by file names alone"
        ) from error


def scan_listed(root: Path, label: str, rows: list[dict[str, str]], rules: NamingRules) -> Found:
    """The sounds that a manifest lists.

    Columns used, all but the first optional: path, class, group, licence, tier, source, credit. Where a row
    does not say the class or the group, they are read from the file's name.

    Args:
        root: the folder with the manifest. Paths are relative to it or to `oneshots` or `audio` in it, and
            may not leave it.
        label: what the names of the sounds begin with.
        rows: the manifest.
        rules: licence and tier where the manifest is silent; how numbers in names are read.
    """
    found = Found()
    listed: set[Path] = set()
    for line, row in enumerate(rows, start=2):
        shown = f"{label}/{printable(row['path'])}"
        path = _find(root, row["path"])
        if path is None:
            reason = f"line {line} of {MANIFEST} names it, but it is not in the folder"
            found.rejected.append(Refused(shown, reason, f"add the file or remove the line from {MANIFEST}"))
            continue
        listed.add(path)
        found.sounds.append(_sound(path, row, label, shown, rules))
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() in AUDIO_SUFFIXES and path.resolve() not in listed:
            name = f"{label}/{printable(path.relative_to(root).as_posix())}"
            found.ignored.append(Refused(name, f"not listed in {MANIFEST}"))
    return found


def _find(root: Path, relative: str) -> Path | None:
    inside = root.resolve()
    for folder in _BESIDE:
        # Resolving first shows where a path full of ".." or a link would lead.
        path = (inside / folder / relative).resolve()
        if relative and path.is_relative_to(inside) and (path.is_file() or path.is_symlink()):
            return path
    return None


def _sound(path: Path, row: dict[str, str], label: str, shown: str, rules: NamingRules) -> SourceSound:
    kind: str | None
    if "class" in row:
        named = row["class"]
        kind = named if named in KINDS else slug_of(named) if named and named != UNLABELLED else None
    else:
        kind = kind_of(path.stem)
    source = row.get("source") or label
    stem = take_stem(path.stem, numbers_are_takes=rules.numbers != "sounds")
    return SourceSound(
        path=path,
        kind=kind,
        group=row.get("group") or f"{source}/{stem}",
        licence=row.get("licence") or rules.licence,
        tier=row.get("tier") or rules.tier,
        source=source,
        credit=row.get("credit", ""),
        name=shown,
    )

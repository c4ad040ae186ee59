"""What the words after `creativeml prepare` mean: recipes by name, folders by path."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from creativeml.data.folders import Found, NamingRules, printable, scan_folder, with_distinct_names
from creativeml.data.listed import MANIFEST, read_manifest, scan_listed
from creativeml.data.recipes.library import load_recipe, recipe_names
from creativeml.data.sources import Progress
from creativeml.errors import CreativeMLError
from creativeml.files import project_folder


def default_cache() -> Path:
    """Where recipes put what they download: $CREATIVEML_CACHE, else the user's cache folder."""
    chosen = os.environ.get("CREATIVEML_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "creativeml"


def gather(names: Sequence[str], rules: NamingRules, cache: Path, progress: Progress) -> Found:
    """The sounds of several sources together.

    Args:
        names: recipes or folders.
        rules: how the names in folders are read.
        cache: where recipes download to.
        progress: is told what goes on, a line at a time.

    Raises:
        CreativeMLError: a source that does not exist, cannot be had, or holds nothing that could be a sound.
    """
    everything = Found()
    labels: set[str] = set()
    for name in names:
        folder = folder_of(name)
        found = _fetch(name, cache, progress) if folder is None else _scan(folder, labels, rules, name)
        everything.sounds += found.sounds
        everything.rejected += found.rejected
        everything.ignored += found.ignored
        everything.notes += found.notes
    everything.sounds = with_distinct_names(everything.sounds)
    return everything


def folder_of(name: str) -> Path | None:
    """The folder that a source's name means; None if it names a recipe.

    Raises:
        CreativeMLError: it is neither, or could be both.
    """
    path = Path(name).expanduser()
    is_recipe = name in recipe_names()
    if path.is_dir():
        if is_recipe and path.resolve() != (project_folder("datasets") / name).resolve():
            raise CreativeMLError(f"'{name}' is a recipe and a folder here; write .{os.sep}{name} for the folder")
        return None if is_recipe else path
    if is_recipe:
        return None
    bundled = project_folder("datasets") / name
    if Path(name).name == name and (bundled / MANIFEST).is_file():
        return bundled
    if path.exists():
        raise CreativeMLError(f"{name}: is a file; give the folder that holds it")
    known = sorted({*recipe_names(), *(p.parent.name for p in project_folder("datasets").glob(f"*/{MANIFEST}"))})
    raise CreativeMLError(f"{name}: there is no such folder, and no recipe of that name; recipes: {', '.join(known)}")


def _fetch(name: str, cache: Path, progress: Progress) -> Found:
    recipe = load_recipe(name)
    progress(f"{recipe.NAME}: licence {recipe.LICENCE}")
    sounds = recipe.fetch(cache, progress)
    if not sounds:
        raise CreativeMLError(f"{name}: the recipe found no sounds; empty {cache} and try again")
    return Found([replace(s, name=f"{recipe.NAME}/{s.name or s.path.name}") for s in sounds])


def _scan(folder: Path, labels: set[str], rules: NamingRules, given: str) -> Found:
    label = _label(folder, labels)
    labels.add(label)
    manifest = folder / MANIFEST
    rows = read_manifest(manifest) if manifest.is_file() else None
    found = scan_folder(folder, label, rules) if rows is None else scan_listed(folder, label, rows, rules)
    if not found.sounds and not found.rejected:
        hint = f"; it lists none in its {MANIFEST}" if rows is not None else ""
        raise CreativeMLError(f"{given}: no audio files in this folder{hint}; check the path")
    return found


def _label(folder: Path, taken: set[str]) -> str:
    """The folder's own name, with a number if another source has it already."""
    name = printable(folder.resolve().name) or "root"
    label, number = name, 2
    while label in taken:
        label, number = f"{name}-{number}", number + 1
    return label

"""Find the recipes: files `datasets/<name>/prepare.py`, loaded by path because `datasets` is no package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import cast

from creativeml.data.sources import Recipe
from creativeml.errors import CreativeMLError
from creativeml.files import project_folder

_REQUIRED = ("NAME", "LICENCE", "fetch")


def recipe_names(folder: Path | None = None) -> tuple[str, ...]:
    """Names of all recipes, sorted.

    Args:
        folder: where recipes live; the project's `datasets` by default.
    """
    root = folder or project_folder("datasets")
    return tuple(sorted(path.parent.name for path in root.glob("*/prepare.py")))


def load_recipe(name: str, folder: Path | None = None) -> Recipe:
    """The recipe called `name`.

    Args:
        folder: where recipes live; the project's `datasets` by default.

    Raises:
        CreativeMLError: no such recipe, or its file is not a recipe.
    """
    root = folder or project_folder("datasets")
    path = root / name / "prepare.py"
    if Path(name).name != name or not path.is_file():
        raise CreativeMLError(f"there is no recipe '{name}'; there are: {', '.join(recipe_names(root))}")
    spec = importlib.util.spec_from_file_location(f"creativeml_recipe_{name}", path)
    if spec is None or spec.loader is None:
        raise CreativeMLError(f"{path}: cannot be loaded as a recipe")
    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pickling look their module up by name.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    missing = [attribute for attribute in _REQUIRED if not hasattr(module, attribute)]
    if missing:
        raise CreativeMLError(f"{path}: not a recipe (it lacks {', '.join(missing)})")
    return cast(Recipe, module)

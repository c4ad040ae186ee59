"""Errors meant for the person at the keyboard: the command line prints them as one line, without a traceback."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any


class CreativeMLError(Exception):
    """A mistake that the user can mend. The message says what is wrong, why, and what to do."""


class MissingExtra(CreativeMLError):
    """A part needs packages of an optional extra that is not installed."""


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional package.

    Args:
        module: dotted name of the module to import.
        extra: the extra of creativeml that installs it.

    Raises:
        MissingExtra: if the package is missing or cannot be loaded beside the installed torch.
    """
    try:
        return importlib.import_module(module)
    except (ImportError, OSError) as error:
        remedy = f"pip install 'creativeml[{extra}]'"
        raise MissingExtra(f"this needs the package '{module}' ({error}); install it with: {remedy}") from error


def quoted(value: Any) -> str:
    """A wrong value as an error shows it: cut short, as what came in over a network may be of any length."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

"""Errors meant for the person at the keyboard: the command line prints them as one line, without a traceback."""

from __future__ import annotations

import importlib
import reprlib
from types import ModuleType
from typing import Any


class CreativeMLError(Exception):
    """A mistake that the user can mend. The message says what is wrong, why, and what to do, in one line.

    What it quotes of a file may hold line ends, or what a terminal obeys: `one_line` takes the power from it.
    """

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*(one_line(value) if isinstance(value, str) else value for value in arguments))


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


def one_line(text: str) -> str:
    """A text without line ends; of others that are not printed, such as escapes, only their codes are left."""
    if text.isprintable():
        return text
    spaced = " ".join(line.strip() for line in text.splitlines() if line.strip()) or " "
    return "".join(c if c.isprintable() else " " if c == "\t" else ascii(c)[1:-1] for c in spaced)


class _Short(reprlib.Repr):
    """Values as `repr` shows them, of which neither the number nor the depth can exhaust this machine."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 4, 200, 200
        self.maxdict = self.maxlist = self.maxtuple = 40

    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if abs(x) < 1 << 256 else "a number of very many digits"


_SHORT = _Short()


def quoted(value: Any) -> str:
    """A wrong value as an error shows it: cut short, as what came in over a network may be of any length."""
    text = _SHORT.repr(value)
    return text if len(text) <= 60 else text[:57] + "..."

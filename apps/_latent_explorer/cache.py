"""What took long is kept in the cache folder: tables of numbers, complete or absent, never trusted to be whole."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from creativeml.files import atomic_path


def kept(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray] | None:
    """Tables by name; None if they are not there, damaged, or not of these shapes."""
    try:
        found = load_file(path)
        path.touch()
    except (OSError, SafetensorError):
        return None
    for name, shape in shapes.items():
        if name not in found or found[name].shape != shape or not np.isfinite(found[name]).all():
            return None
    return found


def put(path: Path, tables: Mapping[str, np.ndarray], *, newest: int | None = None) -> None:
    """Keep tables; in a folder that cannot be written they are made again the next time.

    Args:
        path: of the file.
        tables: by name.
        newest: so many files stay in the folder, the last used ones.
    """
    with contextlib.suppress(OSError):
        with atomic_path(path) as temporary:
            save_file({name: np.ascontiguousarray(table) for name, table in tables.items()}, temporary)
        if newest is not None:
            files = sorted(path.parent.glob("*.safetensors"), key=lambda file: file.stat().st_mtime, reverse=True)
            for file in files[newest:]:
                file.unlink(missing_ok=True)

"""Any network as an ONNX file: the general door for what has no entry of its own. ONNX holds no code.

The file says what it needs in its metadata (`metadata_props`), or a file beside it with `.json` appended to its name
does: `{"sample_rate": 48000}`, and a `name` if it shall be called otherwise than the file. It has one input, float32
sounds `(batch, samples)`, and its first output is float `(batch, dimensions)`. Either size of the input may be fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from creativeml.config import read_json
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.outside.front_end import pad_to

_LOWEST_RATE, _HIGHEST_RATE = 2000, 400_000


@dataclass(frozen=True)
class OpenedOnnx:
    """A network that is ready to hear.

    Attributes:
        name: what reports call it.
        rate: in Hz.
        dimensions: of its points.
        hear: `(b, samples)` at that rate → `(b, dimensions)`.
    """

    name: str
    rate: int
    dimensions: int
    hear: Callable[[Tensor], Tensor]


def open_onnx(path: Path) -> OpenedOnnx:
    """The network in an ONNX file.

    Raises:
        CreativeMLError: not an ONNX file of that form, no sample rate, or the package onnxruntime is missing.
    """
    runtime = require("onnxruntime", extra="judges")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4
    try:
        # From bytes, so that the file is all there is: nothing beside it is read, and its hash covers everything.
        session = runtime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common type
        reason = str(error).splitlines()[0][:160]
        raise CreativeMLError(f"{path}: not a complete ONNX file ({reason}); export it again, in one file") from error
    name, rate = _said(path, session.get_modelmeta().custom_metadata_map)
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(float)" or len(inputs[0].shape) != 2:
        found = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
        raise CreativeMLError(f"{path}: needs one input, float sounds (batch, samples), but has: {found}")
    hear = _hearing(path, session, inputs[0])
    return OpenedOnnx(name, rate, hear(torch.zeros(1, rate)).shape[1], hear)


def _said(path: Path, metadata: Mapping[str, str]) -> tuple[str, int]:
    """Name and sample rate."""
    sidecar = path.with_name(path.name + ".json")
    said: dict[str, Any] = dict(metadata)
    if sidecar.is_file():
        values = read_json(sidecar)
        if not isinstance(values, dict):
            raise CreativeMLError(f'{sidecar}: must hold an object such as {{"sample_rate": 48000}}')
        said |= values
    if "sample_rate" not in said:
        raise CreativeMLError(
            f"{path}: says no sample_rate; put it into the file's metadata or write {sidecar.name} beside it: "
            '{"sample_rate": 48000}'
        )
    try:
        rate = int(said["sample_rate"])
    except (TypeError, ValueError):
        rate = 0
    if not _LOWEST_RATE <= rate <= _HIGHEST_RATE:
        raise CreativeMLError(
            f"{path}: sample_rate must be {_LOWEST_RATE} to {_HIGHEST_RATE} Hz, not {said['sample_rate']!r}"
        )
    return str(said.get("name") or path.stem), rate


def _hearing(path: Path, session: Any, taken: Any) -> Callable[[Tensor], Tensor]:
    batch, samples = (size if isinstance(size, int) else None for size in taken.shape)
    made = session.get_outputs()[0].name

    def run(sounds: np.ndarray) -> np.ndarray:
        try:
            return session.run([made], {taken.name: np.ascontiguousarray(sounds)})[0]
        except Exception as error:
            reason = str(error).splitlines()[0][:160]
            raise CreativeMLError(f"{path}: fails on sounds of shape {sounds.shape} ({reason})") from error

    def hear(sounds: Tensor) -> Tensor:
        count, size = 1, sounds.shape[1]
        if samples is not None:
            count, size = max(1, -(-size // samples)), samples
        parts = pad_to(sounds, count * size).cpu().float().reshape(-1, size).numpy()
        step = batch or len(parts)
        short = -len(parts) % step
        filled = np.concatenate([parts, np.zeros((short, size), np.float32)])
        points = [run(filled[start : start + step]) for start in range(0, len(filled), step)]
        if any(p.ndim != 2 or len(p) != step or p.dtype.kind != "f" for p in points):
            raise CreativeMLError(f"{path}: its first output must be float (batch, dimensions), not {points[0].shape}")
        values = torch.from_numpy(np.concatenate(points)[: len(parts)]).float()
        return values.view(len(sounds), count, -1).mean(1)

    return hear

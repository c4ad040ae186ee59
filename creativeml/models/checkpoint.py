"""Models on disk: a folder with `model.safetensors` and `config.json`. Nothing is ever unpickled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from creativeml.config import ConfigError, from_dict, read_json, to_dict
from creativeml.errors import CreativeMLError, quoted
from creativeml.files import atomic_write_bytes, atomic_write_json, sha256_bytes, sha256_file
from creativeml.models import registry
from creativeml.models.outline import Shapes, TooMuch, check_numbers, misfit

FORMAT = 1
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
ENCODER = "encoder"
"""Folder within a generator's, of the encoder that was trained beside it."""
_LONGEST_HEADER = 16 << 20
"""Of a safetensors file; that of a model of 10,000 tensors has a tenth of it."""


def save_pretrained(
    model: nn.Module, folder: str | Path, *, dtype: torch.dtype | None = None, info: dict[str, Any] | None = None
) -> str:
    """Write weights and configuration of a registered model.

    Args:
        model: an instance of a class decorated with `registry.register`.
        folder: made if missing.
        dtype: storage type of floating-point weights, e.g. `torch.float16` to halve the file; None keeps them.
        info: plain JSON values kept beside the configuration (training data, licence, steps).

    Returns:
        SHA-256 of the weights file, which `config.json` carries too.
    """
    name = getattr(model, "registry_name", None)
    if name is None:
        raise CreativeMLError(f"{type(model).__name__} is not a registered model, so it could not be loaded again")
    tensors = {k: _stored(v, dtype) for k, v in model.state_dict().items()}
    data = save(tensors, metadata={"format": "pt"})
    digest = sha256_bytes(data)
    config = {"format": FORMAT, "model": name, "config": to_dict(model.config), "sha256": digest, "info": info or {}}
    json.dumps(config, allow_nan=False)
    # The configuration goes last: a new folder with a config.json is a complete one.
    atomic_write_bytes(Path(folder) / WEIGHTS, data)
    atomic_write_json(Path(folder) / CONFIG, config)
    return digest


def _stored(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    tensor = tensor.detach().cpu()
    if dtype is not None and tensor.is_floating_point():
        tensor = tensor.to(dtype)
    # A fresh copy: two names of one storage are refused by the format.
    return tensor.clone(memory_format=torch.contiguous_format)


def read_config(folder: str | Path) -> dict[str, Any]:
    """Content of a model folder's `config.json`, checked for its outer fields.

    Raises:
        CreativeMLError: not a model folder, or one of a newer format.
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise CreativeMLError(f"{folder}: not a model folder (it has no {CONFIG})")
    values = read_json(path)
    if not isinstance(values, dict) or "model" not in values or "config" not in values:
        raise ConfigError(f"{path}: not the configuration of a creativeml model")
    if values.get("format") != FORMAT:
        raise ConfigError(
            f"{path}: format {quoted(values.get('format'))}, this version reads {FORMAT}; update creativeml"
        )
    return values


def from_pretrained(folder: str | Path, *, device: str | torch.device = "cpu") -> nn.Module:
    """Model saved by `save_pretrained`, in evaluation mode, weights in float32.

    Args:
        folder: a folder with `model.safetensors` and `config.json`.
        device: where the model shall live.

    Raises:
        CreativeMLError: a file is missing, damaged (its hash differs, or it holds NaN), or does not fit the model
            exactly, which is known before the model is built.
    """
    folder = Path(folder)
    values = read_config(folder)
    name = values["model"]
    if not isinstance(name, str) or not isinstance(values["config"], dict):
        raise ConfigError(f"{folder / CONFIG}: not the configuration of a creativeml model")
    try:
        found = registry.entry(name)
    except CreativeMLError as error:
        reason = str(error).partition("; known")[0]
        raise CreativeMLError(
            f"{folder / CONFIG}: {reason}; update creativeml, or get a model of this version"
        ) from error
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise CreativeMLError(f"{folder}: {WEIGHTS} is missing; get the whole model folder again")
    if values.get("sha256") not in (None, sha256_file(weights)):
        raise CreativeMLError(f"{weights}: its hash is not the one in {CONFIG}; get the model folder again")
    shapes = shapes_in(weights)
    try:
        check_numbers(values["config"], shapes)
    except TooMuch as error:
        raise ConfigError(f"{folder / CONFIG}: {error}; get the model folder again") from error
    config = from_dict(found.config, values["config"], where=str(folder / CONFIG))
    problem = misfit(lambda: found.model(config), shapes)
    if problem:
        raise CreativeMLError(
            f"{weights}: does not fit the model '{name}' of this version ({problem}); get the model again"
        )
    model = found.model(config)
    state = model.state_dict()
    try:
        tensors = {k: v.to(state[k].dtype) for k, v in load_file(weights).items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise CreativeMLError(
            f"{weights}: not a readable safetensors file ({str(error)[:120]}); get it again"
        ) from error
    broken = next((k for k, v in tensors.items() if v.is_floating_point() and not v.isfinite().all()), None)
    if broken is not None:
        raise CreativeMLError(f"{weights}: '{broken}' holds NaN or infinity; get the model again")
    model.load_state_dict(tensors, strict=True)
    return model.to(device).eval().requires_grad_(False)


def shapes_in(path: Path) -> Shapes:
    """Names and shapes of the tensors of a safetensors file, from its header alone.

    Raises:
        CreativeMLError: no such file, or a damaged one.
    """
    try:
        with path.open("rb") as file:
            header = int.from_bytes(file.read(8), "little")
        if header > _LONGEST_HEADER:
            raise CreativeMLError(f"{path}: not a readable safetensors file (a header of {header} bytes); get it again")
        with safe_open(path, "pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, OverflowError) as error:
        raise CreativeMLError(f"{path}: not a readable safetensors file ({str(error)[:120]}); get it again") from error

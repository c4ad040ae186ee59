"""Weights of networks that others trained: converted once to safetensors, read strictly afterwards."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from creativeml.errors import CreativeMLError
from creativeml.evaluation.outside.checkpoint_files import read_checkpoint
from creativeml.evaluation.outside.registry import OUTSIDE, Outside
from creativeml.files import atomic_write_bytes, sha256_bytes, sha256_file

_MARK = "creativeml.embedding"
_SOURCE = "converted_from_sha256"
SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Converted:
    """What a conversion made.

    Attributes:
        path: of the file.
        sha256: of it.
        parameters: numbers in it.
    """

    path: Path
    sha256: str
    parameters: int


def known(name: str) -> Outside:
    """The entry of that name.

    Raises:
        CreativeMLError: there is none.
    """
    if name not in OUTSIDE:
        raise CreativeMLError(f"no embedding is called '{name}'; known: {', '.join(OUTSIDE)}")
    return OUTSIDE[name]


def home_of(entry: Outside) -> Any:
    """The module that knows the network."""
    return importlib.import_module(f"creativeml.evaluation.outside.{entry.home[0]}")


def new_network(entry: Outside) -> nn.Module:
    """The network without numbers: its tensors have shapes only, until weights are assigned."""
    with torch.device("meta"):
        return getattr(home_of(entry), str(entry.home[1]))()


def convert(name: str, source: Path, out: Path) -> Converted:
    """Turn a published checkpoint into safetensors that `name=out` can be given as. Nothing in it is executed.

    Args:
        name: of the network, in `OUTSIDE`.
        source: the file as its authors publish it.
        out: file to write, ending in `.safetensors`.

    Raises:
        CreativeMLError: not a file of that network, or one that is refused.
    """
    entry = known(name)
    if not entry.converted:
        raise CreativeMLError(f"the file of {name} is used as it is: --embedding {name}={source}")
    if out.suffix != SUFFIX or out.resolve() == source.resolve():
        raise CreativeMLError(f"{out}: must be a new file whose name ends in {SUFFIX}")
    checkpoint = read_checkpoint(source)
    try:
        tensors = home_of(entry).translate(checkpoint)
    except (KeyError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)[:80]
        raise CreativeMLError(
            f"{source}: does not hold the weights of {name} ({reason}); it needs {entry.where}"
        ) from error
    tensors = {key: _stored(value) for key, value in tensors.items()}
    assign(new_network(entry), tensors, f"{source}: does not hold the weights of {name}")
    bad = [key for key, value in tensors.items() if not bool(torch.isfinite(value).all())]
    if bad:
        raise CreativeMLError(f"{source}: {bad[0]} holds values that are not finite; get it again")
    data = save(tensors, metadata={"format": "pt", _MARK: name, _SOURCE: sha256_file(source)})
    atomic_write_bytes(out, data)
    return Converted(out, sha256_bytes(data), sum(value.numel() for value in tensors.values()))


def _stored(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    value = value.float() if value.is_floating_point() else value
    return value.clone(memory_format=torch.contiguous_format)


def assign(network: nn.Module, tensors: dict[str, Any], complaint: str) -> nn.Module:
    """The network with exactly these weights, fixed and in evaluation mode.

    Raises:
        CreativeMLError: a tensor is missing, too many, or of another shape; the message begins with `complaint`.
    """
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    given = {key: tuple(getattr(value, "shape", ("no tensor",))) for key, value in tensors.items()}
    reasons = [f"{key} is missing" for key in expected if key not in given]
    reasons += [f"{key} is too much" for key in given if key not in expected]
    for key, shape in expected.items():
        if given.get(key, shape) != shape:
            reasons.append(f"{key} has shape {given[key]}, not {shape}")
    if reasons:
        raise CreativeMLError(f"{complaint} ({reasons[0]}{f', and {len(reasons) - 1} more' if reasons[1:] else ''})")
    network.load_state_dict(tensors, strict=True, assign=True)
    return network.eval().requires_grad_(False)


def open_converted(name: str, path: Path) -> nn.Module:
    """The network `name` with the weights in a file that `convert` made.

    Raises:
        CreativeMLError: it is not such a file, or one of another network.
    """
    entry = known(name)
    remedy = f"convert {entry.where} once: creativeml embedding convert {name} FILE --out {name}{SUFFIX}"
    if path.suffix != SUFFIX:
        raise CreativeMLError(f"{path}: weights of {name} are read as safetensors only; {remedy}")
    try:
        with safe_open(path, framework="pt") as file:
            mark = (file.metadata() or {}).get(_MARK)
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (it is no dictionary)
    except (SafetensorError, OSError, ValueError) as error:
        raise CreativeMLError(f"{path}: not a readable safetensors file ({error}); {remedy}") from error
    if mark != name:
        raise CreativeMLError(f"{path}: holds {mark or 'weights that were not converted here'}, not {name}; {remedy}")
    return assign(new_network(entry), tensors, f"{path}: does not hold the weights of {name}; {remedy}")

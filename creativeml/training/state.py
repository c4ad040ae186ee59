"""The whole state of a run on disk, so that it continues exactly: weights, optimizers, counters.

Tensors go to a safetensors file, everything else to JSON beside it; both are replaced atomically and the JSON carries
the hash of the tensors, so a torn pair is noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from creativeml.config import check_range, read_json
from creativeml.errors import CreativeMLError
from creativeml.files import atomic_write_bytes, atomic_write_json, sha256_bytes, sha256_file
from creativeml.models.checkpoint import shapes_in
from creativeml.training.sharding import load_moments, load_whole, whole

KEPT = 2
_REMEDY = "remove that state to go back to the one before, or start without --resume"


@dataclass(frozen=True)
class RunValues:
    """The plain values in the state of a generator's run; see `run.save`."""

    probability: float
    sampler: Mapping[str, Any]
    sounds_seen: int
    seconds: float
    rate_factor: float = 1.0
    checkpoint: bool = False

    def __post_init__(self) -> None:
        check_range("probability", self.probability, 0.0, 1.0)
        check_range("sounds_seen", self.sounds_seen, 0)
        check_range("seconds", self.seconds, 0.0)
        check_range("rate_factor", self.rate_factor, 0.0, 1.0)


def save_state(
    folder: Path,
    step: int,
    modules: dict[str, nn.Module],
    optimizers: dict[str, torch.optim.Optimizer],
    values: dict[str, Any],
) -> Path:
    """Write the state after `step` steps and delete all but the last `KEPT` ones.

    Args:
        folder: of the states of one run.
        modules, optimizers: by name.
        values: plain JSON values (sampler position, adaptive probability, best checkpoint).

    Returns:
        Path of the state's JSON file.

    Raises:
        OSError: it could not be written; the states before are as they were.
    """
    return write_state(folder, step, state_tensors(modules, optimizers), values)


def state_tensors(
    modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
) -> dict[str, Tensor]:
    """What `write_state` takes, by name. Where processes share weights, all of them must ask for it."""
    tensors: dict[str, Tensor] = {}
    for name, module in modules.items():
        tensors |= {f"module/{name}/{k}": v for k, v in module.state_dict().items()}
    for name, optimizer in optimizers.items():
        for index, entries in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{name}/{index}/{k}": torch.as_tensor(v) for k, v in entries.items()}
    return {k: whole(v.detach()).cpu().clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}


def write_state(folder: Path, step: int, tensors: dict[str, Tensor], values: dict[str, Any]) -> Path:
    """As `save_state`, of tensors that are together."""
    data = save(tensors)
    stem = f"step-{step:08d}"
    atomic_write_bytes(folder / f"{stem}.safetensors", data)
    path = folder / f"{stem}.json"
    atomic_write_json(path, {"step": step, "sha256": sha256_bytes(data), "values": values})
    for old in sorted(folder.glob("step-*.json"))[:-KEPT]:
        old.unlink()
        old.with_suffix(".safetensors").unlink(missing_ok=True)
    for weights in folder.glob("step-*.safetensors"):
        # Of a process that was killed between its two files.
        if not weights.with_suffix(".json").exists():
            weights.unlink(missing_ok=True)
    return path


def latest_state(folder: Path) -> tuple[Path, list[str]]:
    """The newest undamaged state, and what was wrong with newer ones.

    Raises:
        CreativeMLError: there is none.
    """
    complaints = []
    for path in sorted(folder.glob("step-*.json"), reverse=True):
        try:
            state = read_json(path)
            if sha256_file(path.with_suffix(".safetensors")) == state["sha256"]:
                return path, complaints
            complaints.append(f"{path.with_suffix('.safetensors').name} is damaged")
        except (CreativeMLError, OSError, KeyError, TypeError, ValueError) as error:
            complaints.append(f"{path.name} cannot be used ({str(error).removeprefix(f'{path}: ')[:100]})")
    detail = f" ({'; '.join(complaints[:KEPT])})" if complaints else ""
    raise CreativeMLError(f"{folder}: no checkpoint to resume from{detail}; start without --resume")


def load_state(
    path: Path, modules: dict[str, nn.Module], optimizers: dict[str, torch.optim.Optimizer]
) -> tuple[int, dict[str, Any]]:
    """Put a saved state back in place.

    Random numbers are no part of it: those of a step follow from its number, see `training/parts.py`.

    Returns:
        The step after which it was saved, and the plain values.

    Raises:
        CreativeMLError: the file is damaged, or does not fit the modules or the optimizers.
    """
    state = read_json(path)
    fits = isinstance(state, dict) and isinstance(state.get("values"), dict) and isinstance(state.get("step"), int)
    if not fits or state["step"] < 0:
        raise CreativeMLError(f"{path}: not the state of a run; {_REMEDY}")
    weights = path.with_suffix(".safetensors")
    known = {f"module/{name}/{key}" for name, module in modules.items() for key in module.state_dict()}
    for key in shapes_in(weights):
        # Before anything is read of a file that has tens of thousands of them. States once held random numbers, too.
        if key not in known and not key.startswith(("optimizer/", "rng/")):
            raise CreativeMLError(f"{path}: '{key[:60]}' does not fit this run's configuration; {_REMEDY}")
    try:
        tensors = load_file(weights)
    except (SafetensorError, OSError, ValueError) as error:
        raise CreativeMLError(f"{path}: cannot be read ({str(error)[:120]}); {_REMEDY}") from error
    for name, module in modules.items():
        try:
            load_whole(module, _below(tensors, f"module/{name}/"))
        except RuntimeError as error:
            reason = str(error).splitlines()[-1].strip()[:120]
            raise CreativeMLError(f"{path}: '{name}' does not fit this run's configuration ({reason})") from error
    for name, optimizer in optimizers.items():
        entries = _optimizer_entries(path, name, optimizer, _below(tensors, f"optimizer/{name}/"))
        load_moments(optimizer, entries)
    return state["step"], state["values"]


def _optimizer_entries(
    path: Path, name: str, optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]
) -> dict[int, dict[str, Tensor]]:
    """What an optimizer kept of each parameter, by its number."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    entries: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, _, field = key.partition("/")
        known = number.isdecimal() and len(number) < 9 and int(number) < len(parameters)
        # Moments have their parameter's shape, counts have none.
        if not known or (value.ndim and value.shape != parameters[int(number)].shape):
            raise CreativeMLError(f"{path}: the optimizer of '{name}' does not fit this run ('{key[:60]}'); {_REMEDY}")
        entries.setdefault(int(number), {})[field] = value
    fields = {tuple(sorted(entry)) for entry in entries.values()}
    if len(fields) > 1:
        raise CreativeMLError(f"{path}: the optimizer of '{name}' lacks a part of what it kept; {_REMEDY}")
    return entries


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}

"""Training that starts from what another run, or a finished model, has learnt."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from creativeml.errors import CreativeMLError
from creativeml.models.checkpoint import CONFIG, ENCODER, from_pretrained, read_config
from creativeml.training.sharding import load_whole
from creativeml.training.state import latest_state

_MODES, _GAINS = "head.modes.", ".to_gain.weight"


def start_from(folder: Path, modules: dict[str, nn.Module]) -> list[str]:
    """Copy weights into fresh networks.

    Of a run's folder all networks are taken (generator, its average, critic, encoder), of a model's folder the
    generator and the encoder beside it, if there is one. The new networks may have more controls than the old ones: the
    weights of those start at 0, so that the new generator first makes the same sounds whatever is asked of it. It may
    have modes where the old one had none: they start as in a fresh generator. A critic of another shape starts anew.

    Args:
        folder: of a run or of a model.
        modules: of the new run, by name as in `training.gan.GAN.modules`.

    Returns:
        Names of the networks that were filled.

    Raises:
        CreativeMLError: no such folder, or networks of another shape.
    """
    known = _networks_of(folder)
    filled = []
    for name in sorted(known.keys() & modules.keys()):
        try:
            _fill(modules[name], known[name], f"{folder}: '{name}'")
        except CreativeMLError:
            # A critic soon learns what the sounds are like; a generator would have to begin again.
            if name != "critic":
                raise
        else:
            filled.append(name)
    return filled


def heard_by(folder: Path) -> list[str]:
    """Fingerprints of the recordings that the weights in a run's or a model's folder were trained on.

    Raises:
        CreativeMLError: no model there.
    """
    model = folder / "last" if is_run(folder) else folder
    info = read_config(model).get("info") or {}
    return sorted(map(str, info.get("trained_on_sha256", ())))


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, not a model."""
    # A run has a config.json too, that of its training.
    return (folder / "checkpoints").is_dir()


def _networks_of(folder: Path) -> dict[str, dict[str, Tensor]]:
    if not is_run(folder) and (folder / CONFIG).is_file():
        generator = from_pretrained(folder).state_dict()
        networks = {"generator": generator, "average": generator}
        if (folder / ENCODER / CONFIG).is_file():
            networks["encoder"] = from_pretrained(folder / ENCODER).state_dict()
        return networks
    if not is_run(folder):
        raise CreativeMLError(f"{folder}: neither a model nor the folder of a run; name one to start from")
    state, _ = latest_state(folder / "checkpoints")
    of_run: dict[str, dict[str, Tensor]] = {}
    for key, value in load_file(state.with_suffix(".safetensors")).items():
        if key.startswith("module/"):
            _, name, parameter = key.split("/", 2)
            of_run.setdefault(name, {})[parameter] = value
    return of_run


def _fill(module: nn.Module, weights: dict[str, Tensor], whose: str) -> None:
    own = module.state_dict()
    unknown = sorted(weights.keys() - own.keys())
    if unknown:
        raise CreativeMLError(f"{whose} has '{unknown[0]}', which the new network lacks; start from a like model")
    fitted = {
        name: _widened(_heightened(weights[name], value, name), value, f"{whose}, '{name}'")
        for name, value in own.items()
        if name in weights
    }
    # What the old network did not have (the usual controls, the modes' tuning) stays as it is in the new one.
    # (Past the fabric's wrapper, whose parameters have other names than its state.)
    trained = dict(getattr(module, "module", module).named_parameters())
    missing = [n for n in own if n not in weights and n in trained and not n.startswith(_MODES)]
    if missing:
        raise CreativeMLError(f"{whose} lacks '{missing[0]}', which the new network has; start from a like model")
    load_whole(module, {**own, **fitted})


def _heightened(weight: Tensor, like: Tensor, name: str) -> Tensor:
    """A gain layer's weight (outputs, ...) with further outputs of 0 at the end, where those of modes are."""
    more = len(like) - len(weight) if like.ndim else 0
    if more <= 0 or not name.endswith(_GAINS):
        return weight
    return torch.cat([weight, weight.new_zeros(more, *weight.shape[1:])])


def _widened(weight: Tensor, like: Tensor, whose: str) -> Tensor:
    """A dense layer's weight (outputs, inputs) with further inputs of no effect at the end."""
    if weight.shape == like.shape:
        return weight
    more = like.shape[-1] - weight.shape[-1]
    if weight.ndim != 2 or like.ndim != 2 or len(weight) != len(like) or more < 0:
        raise CreativeMLError(
            f"{whose} has shape {tuple(weight.shape)}, here {tuple(like.shape)}; kinds and preset must be the same"
        )
    # Layers divide by the root of the number of their inputs.
    return torch.nn.functional.pad(weight, (0, more)) * math.sqrt(like.shape[-1] / weight.shape[-1])

"""Names of the models and the frozen configuration that each takes."""

from __future__ import annotations

import builtins
import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import nn

from creativeml.config import ConfigError, from_dict
from creativeml.errors import CreativeMLError, quoted


@dataclass(frozen=True)
class Entry:
    """A model class and its configuration class."""

    model: type[nn.Module]
    config: type[Any]


# The modules that register models; they are imported on the first look-up so that importing the registry is cheap.
_MODULES: tuple[str, ...] = (
    "creativeml.models.autoencoders.autoencoder",
    "creativeml.models.autoencoders.conv_autoencoder",
    "creativeml.models.autoencoders.drum_vae",
    "creativeml.models.autoencoders.mel_vae",
    "creativeml.models.autoencoders.unet",
    "creativeml.models.autoencoders.vae",
    "creativeml.models.autoencoders.wave_vae",
    "creativeml.models.classifiers.alexnet",
    "creativeml.models.classifiers.drum_classifier",
    "creativeml.models.classifiers.hierarchical_attention",
    "creativeml.models.classifiers.lenet",
    "creativeml.models.classifiers.mlp",
    "creativeml.models.classifiers.recurrent",
    "creativeml.models.classifiers.resnet",
    "creativeml.models.classifiers.tcn",
    "creativeml.models.classifiers.transformer",
    "creativeml.models.classifiers.vgg",
    "creativeml.models.clustering.deep_cluster",
    "creativeml.models.embeddings.word2vec",
    "creativeml.models.flows.glow",
    "creativeml.models.flows.nice",
    "creativeml.models.gans.dcgan",
    "creativeml.models.gans.encoder",
    "creativeml.models.gans.pix2pix",
    "creativeml.models.gans.spectral_gan",
    "creativeml.models.gans.style_wavegan",
    "creativeml.models.gans.wavegan",
    "creativeml.models.separation.deep_clustering",
    "creativeml.models.transformers.transformer",
)
_ENTRIES: dict[str, Entry] = {}
M = TypeVar("M", bound=type[nn.Module])


def register(name: str, config: type[Any]) -> Callable[[M], M]:
    """Class decorator: makes a model known as `name`. The class takes one argument, an instance of `config`."""

    def add(model: M) -> M:
        if name in _ENTRIES and _ENTRIES[name].model.__qualname__ != model.__qualname__:
            raise ValueError(f"two models want the name '{name}'")
        _ENTRIES[name] = Entry(model, config)
        model.registry_name = name  # type: ignore[attr-defined]
        return model

    return add


def entry(name: str) -> Entry:
    """Model and configuration class registered as `name`.

    Raises:
        CreativeMLError: no such model; the message lists the nearest names.
    """
    _load()
    if name not in _ENTRIES:
        near = difflib.get_close_matches(name[:64], _ENTRIES, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(sorted(_ENTRIES))}"
        raise CreativeMLError(f"no model is called {quoted(name)}; {hint}")
    return _ENTRIES[name]


def list() -> builtins.list[str]:
    """Names of all models, sorted."""
    _load()
    return sorted(_ENTRIES)


def build(name: str, **overrides: Any) -> nn.Module:
    """A freshly initialised model.

    Args:
        name: one of `list()`.
        overrides: fields of its configuration that differ from the default.

    Raises:
        CreativeMLError: unknown model, unknown field or a value that does not fit.
    """
    found = entry(name)
    plain = {k: builtins.list(v) if isinstance(v, tuple) else v for k, v in overrides.items()}
    try:
        return found.model(from_dict(found.config, plain, where=name))
    except ValueError as error:
        raise ConfigError(f"{name}: {error}") from error


def _load() -> None:
    for module in _MODULES:
        importlib.import_module(module)

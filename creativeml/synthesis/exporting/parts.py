"""What can be exported: a network as plain inputs and outputs, and what its file says about it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from creativeml.errors import CreativeMLError
from creativeml.files import sha256_file
from creativeml.models.autoencoders.wave_vae import WaveVAE
from creativeml.models.checkpoint import ENCODER, WEIGHTS, from_pretrained
from creativeml.models.classifiers.drum_classifier import DrumClassifier
from creativeml.models.gans.style_wavegan import StyleWaveGAN
from creativeml.synthesis.catalog import ModelInfo, find_model
from creativeml.synthesis.exporting.card import classifier_card, encoder_card, generator_card
from creativeml.synthesis.generate import Instrument

Which = Literal["model", "encoder"]
Role = Literal["generator", "encoder", "classifier"]
EXAMPLES = 4
"""Sounds of the example by which a network is traced; the file takes any number."""


@dataclass(frozen=True)
class Part:
    """A network that is ready to be exported.

    Attributes:
        role: what it is.
        graph: takes the inputs in their order and returns the outputs in theirs.
        inputs: name → example `(EXAMPLES, ...)`; the first axis is the batch.
        outputs: names.
        card: plain JSON values that travel with the file (`creativeml.synthesis.exporting.card`).
    """

    role: Role
    graph: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    card: dict[str, Any]

    @torch.no_grad()
    def __call__(self, inputs: dict[str, Tensor]) -> list[Tensor]:
        """What the network itself makes of inputs by name."""
        made = self.graph(*(inputs[name] for name in self.inputs))
        return [made] if isinstance(made, Tensor) else list(made)


class GeneratorGraph(nn.Module):
    """A generator with all that is drawn as inputs.

    Args:
        model: a StyleWaveGAN, or a WaveVAE.
    """

    mean_latents: Tensor

    def __init__(self, model: StyleWaveGAN | WaveVAE) -> None:
        super().__init__()
        self.model = model
        self.shapes = model.noise_shapes()
        if isinstance(model, StyleWaveGAN):
            self.register_buffer("mean_latents", model.mean_latents())

    def forward(self, latent: Tensor, condition: Tensor, noise: Tensor, truncation: Tensor) -> Tensor:
        """Sounds as the model makes them, not yet finished.

        Args:
            latent: `(b, latent_dim)`, standard normal.
            condition: `(b, condition_dim)`.
            noise: `(b, n)`, standard normal: the noise inputs in their order, each flattened.
            truncation: `(b,)`.

        Returns:
            `(b, length_samples)`.
        """
        sizes = [math.prod(shape) for shape in self.shapes]
        parts = [part.unflatten(1, shape) for part, shape in zip(noise.split(sizes, 1), self.shapes, strict=True)]
        spread = truncation[:, None]
        model = self.model
        if isinstance(model, WaveVAE):
            return model.decode(model.place(latent, condition, spread), parts)
        style, average = model.map(latent, condition), model.average_style(condition, self.mean_latents)
        return model.synthesize(average + spread * (style - average), condition, parts)


class ClassifierGraph(nn.Module):
    """A classifier with its embedding as a second output."""

    def __init__(self, model: DrumClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, sound: Tensor) -> tuple[Tensor, Tensor]:
        """`(b, length_samples)` → scores `(b, kinds)` and embedding `(b, dimensions)`."""
        embedding = self.model.embed(sound)
        return self.model.classify_embedding(embedding), embedding


def find_part(name: str | Path, which: Which = "model") -> Part:
    """Look up what shall be exported.

    Args:
        name: a bundled name, a folder, or user/name on the hub, see `catalog.find_model`.
        which: the model itself, or the encoder that was trained beside it.

    Raises:
        CreativeMLError: nothing of that name, no encoder, or a model that is not exported.
    """
    info = find_model(name)
    model = from_pretrained(info.folder)
    if which == "encoder":
        return _encoder_part(info, model)
    if isinstance(model, (StyleWaveGAN, WaveVAE)):
        return generator_part(info, model)
    if isinstance(model, DrumClassifier):
        c = model.config
        sound = _heard(c.length_samples)
        card = classifier_card(info, c.members * c.embedding_dim)
        return Part("classifier", ClassifierGraph(model), {"sound": sound}, ("scores", "embedding"), card)
    known = "style_wavegan, wave_vae, sound_encoder and drum_classifier"
    raise CreativeMLError(
        f"{info.folder}: a network '{getattr(model, 'registry_name', '')}' is not exported by this command (it takes: "
        f"{known}); torch.onnx.export may take it as it is"
    )


def generator_part(info: ModelInfo, model: StyleWaveGAN | WaveVAE) -> Part:
    """A generator as a part; `model` is what `info` describes."""
    graph = GeneratorGraph(model).eval()
    return Part("generator", graph, drawn_inputs(model, EXAMPLES, 0), ("sound",), generator_card(info, model))


@torch.no_grad()
def drawn_inputs(model: StyleWaveGAN | WaveVAE, count: int, seed: int, truncation: float = 1.0) -> dict[str, Tensor]:
    """Inputs of a generator: its kinds one after the other, controls as they usually are, the rest drawn."""
    generator = torch.Generator().manual_seed(seed)
    kinds = model.config.kinds
    return {
        "latent": torch.randn(count, model.config.latent_dim, generator=generator),
        "condition": model.condition_for([kinds[i % len(kinds)] for i in range(count)]),
        "noise": torch.randn(count, sum(map(math.prod, model.noise_shapes())), generator=generator),
        "truncation": torch.full((count,), truncation),
    }


def _encoder_part(info: ModelInfo, model: nn.Module) -> Part:
    encoder = Instrument(model, info).encoder
    if encoder is None:
        raise CreativeMLError(f"the model '{info.name}' came without an encoder; export it with --part model")
    # A hash of its own: the encoder has other weights.
    own = replace(info, sha256=sha256_file(info.folder / ENCODER / WEIGHTS))
    inputs = {
        "sound": _heard(info.length_samples),
        "condition": torch.zeros(EXAMPLES, encoder.config.condition_dim),
    }
    card = encoder_card(own, encoder.config.latent_dim)
    return Part("encoder", encoder, inputs, ("mean", "log_variance"), card)


def _heard(samples: int) -> Tensor:
    """Sounds that try what hears, `(EXAMPLES, samples)`: steady noise, a fading burst, one that ends early, silence."""
    noise = torch.randn(3, samples, generator=torch.Generator().manual_seed(0))
    time = torch.linspace(0, 1, samples)
    levels = torch.stack([torch.full_like(time, 0.1), torch.exp(-20.0 * time), (time < 0.1).float()])
    return torch.cat([noise * levels, torch.zeros(1, samples)])

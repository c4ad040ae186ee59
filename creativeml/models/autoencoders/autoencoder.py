"""Fully connected autoencoders: plain, tied, sparse, denoising and stacked ones are this network.

A stack of pairs of layers: each pair encodes into fewer (or more) units and decodes back, and is an autoencoder of its
own of what the pair before it encodes (Hinton and Salakhutdinov 2006, doi 10.1126/science.1127647; Bengio et al. 2007,
"Greedy layer-wise training of deep networks"). Which kind of autoencoder it becomes is a matter of its training, see
`creativeml.training.autoencoders`: sparse by a penalty (Ng 2011, CS294A notes), denoising by noise on the input
(Vincent et al. 2008, doi 10.1145/1390156.1390294), stacked by training the pairs one after the other.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.layers.activations import activation as make_activation
from creativeml.layers.init import initialise_uniform
from creativeml.models.registry import register
from creativeml.models.sizes import check_last

CodeActivation = Literal["identity", "sigmoid", "tanh", "relu", "elu", "gelu"]
"""Those of `layers.activations` that look at each unit alone and learn nothing."""


@dataclass(frozen=True)
class AutoencoderConfig:
    """Shape of the autoencoder."""

    features: int = 64
    """Numbers of one input."""
    hidden: tuple[int, ...] = (32, 8)
    """Units of the encoder's layers; the last are the code. The decoder mirrors them."""
    activation: CodeActivation = "sigmoid"
    """Of the codes, and of what the inner pairs decode to."""
    output_activation: CodeActivation = "identity"
    """Of the reconstruction."""
    tied: bool = False
    """Whether each decoding layer's matrix is the transpose of the encoding one."""

    def __post_init__(self) -> None:
        check_range("features", self.features, 1)
        if not self.hidden or min(self.hidden) < 1:
            raise ValueError("hidden must name at least one layer of at least one unit")


@register("autoencoder", AutoencoderConfig)
class Autoencoder(nn.Module):
    """The autoencoder.

    Args:
        config: its shape.
    """

    def __init__(self, config: AutoencoderConfig) -> None:
        super().__init__()
        self.config = config
        inner: list[CodeActivation] = [config.activation] * (len(config.hidden) - 1)
        sizes = itertools.pairwise((config.features, *config.hidden))
        self.pairs = nn.ModuleList(
            LayerPair(inputs, units, config.activation, back, config.tied)
            for (inputs, units), back in zip(sizes, (config.output_activation, *inner), strict=True)
        )

    def encode(self, x: Tensor, *, depth: int | None = None) -> Tensor:
        """Codes: `(b, features)` → `(b, hidden[depth - 1])`, after all pairs if `depth` is None, as is if it is 0."""
        check_last(x, self.config.features, "features")
        for pair in self.pairs[:depth]:
            x = pair.encode(x)  # type: ignore[operator]
        return x

    def decode(self, code: Tensor) -> Tensor:
        """Reconstruction of codes: `(b, hidden[-1])` → `(b, features)`."""
        for pair in reversed(self.pairs):
            code = pair.decode(code)  # type: ignore[operator]
        return code

    def forward(self, x: Tensor) -> Tensor:
        """`(b, features)` → reconstruction `(b, features)`."""
        return self.decode(self.encode(x))


class LayerPair(nn.Module):
    """One encoding layer and the decoding layer that answers it: an autoencoder of one layer.

    Args:
        inputs: size of what is encoded.
        units: size of the code.
        activation: of the code.
        output: activation of what is decoded.
        tied: whether the decoding matrix is the transpose of the encoding one.
    """

    def __init__(
        self, inputs: int, units: int, activation: CodeActivation, output: CodeActivation, tied: bool = False
    ) -> None:
        super().__init__()
        self.encoder = nn.Linear(inputs, units)
        self.decoder = None if tied else nn.Linear(units, inputs)
        self.bias = nn.Parameter(torch.zeros(inputs)) if tied else None
        self.activation = activation
        self._code, self._output = make_activation(activation), make_activation(output)
        initialise_uniform(self.encoder)

    def encode(self, x: Tensor) -> Tensor:
        """`(b, inputs)` → `(b, units)`."""
        return self._code(self.encoder(x))

    def decode(self, code: Tensor) -> Tensor:
        """`(b, units)` → `(b, inputs)`."""
        raw = F.linear(code, self.encoder.weight.T, self.bias) if self.decoder is None else self.decoder(code)
        return self._output(raw)

    def forward(self, x: Tensor) -> Tensor:
        """`(b, inputs)` → reconstruction `(b, inputs)`."""
        return self.decode(self.encode(x))


@dataclass(frozen=True)
class CodeClassifierConfig:
    """An autoencoder's encoder with a layer of scores on top."""

    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    classes: int = 11

    def __post_init__(self) -> None:
        check_range("classes", self.classes, 2)


@register("code_classifier", CodeClassifierConfig)
class CodeClassifier(nn.Module):
    """Scores of classes from the code of an autoencoder, for fine-tuning with labels after training without.

    Args:
        config: its shape.
    """

    def __init__(self, config: CodeClassifierConfig) -> None:
        super().__init__()
        self.config = config
        shape = config.autoencoder
        sizes = itertools.pairwise((shape.features, *shape.hidden))
        self.layers = nn.ModuleList(nn.Linear(inputs, units) for inputs, units in sizes)
        self.score = nn.Linear(shape.hidden[-1], config.classes)
        self.code = make_activation(shape.activation)
        initialise_uniform(self.layers)

    @torch.no_grad()
    def take_encoder(self, autoencoder: Autoencoder) -> CodeClassifier:
        """Copy the encoder of an autoencoder of the configured shape; returns itself.

        Raises:
            ValueError: an autoencoder of another shape.
        """
        if autoencoder.config != self.config.autoencoder:
            raise ValueError("the autoencoder's configuration is not the one that the classifier was made for")
        for layer, pair in zip(self.layers, autoencoder.pairs, strict=True):
            layer.load_state_dict(pair.encoder.state_dict())  # type: ignore[union-attr]
        return self

    def forward(self, x: Tensor) -> Tensor:
        """`(b, features)` → scores `(b, classes)`, logits."""
        check_last(x, self.config.autoencoder.features, "features")
        for layer in self.layers:
            x = self.code(layer(x))
        return self.score(x)

"""Affine maps with an activation between them, as a part of networks; the classifier is `models.classifiers.mlp`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import nn

from creativeml.layers.activations import activation


def hidden_layers(sizes: Sequence[int], name: str = "relu", *, dropout: float | None = None) -> nn.Sequential:
    """Affine maps, each followed by an activation: `(b, sizes[0])` → `(b, sizes[-1])`.

    Args:
        sizes: of the input and of each layer; one alone makes the identity.
        name: of the activation, see `activation`.
        dropout: probability after each activation; None has no such layers.

    Raises:
        ValueError: no such activation.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), activation(name, outputs)]
        layers += [] if dropout is None else [nn.Dropout(dropout)]
    return nn.Sequential(*layers)


def perceptron(sizes: Sequence[int], name: str = "relu") -> nn.Sequential:
    """Hidden layers, and one affine map more without an activation: `(b, sizes[0])` → `(b, sizes[-1])`.

    Args:
        sizes: of the input, of each hidden layer and of the output.
        name: of the hidden layers' activation.

    Raises:
        ValueError: no such activation.
    """
    return nn.Sequential(*hidden_layers(sizes[:-1], name), nn.Linear(sizes[-2], sizes[-1]))

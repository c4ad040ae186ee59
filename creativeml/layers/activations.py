"""Activations by name, and the slope that each has for negative inputs."""

from __future__ import annotations

from typing import Literal

from torch import nn

Activation = Literal["identity", "sigmoid", "tanh", "relu", "leaky_relu", "prelu", "elu", "gelu", "softmax"]
LEAK = 0.2
"""Slope of the leaky rectifier (Maas et al. 2013) where its input is negative."""
PRELU_START = 0.25
"""What the slope of the parametric rectifier starts from (He et al. 2015, arXiv 1502.01852)."""


def activation(name: str, channels: int = 1) -> nn.Module:
    """An activation as a layer; the input's shape is kept.

    Args:
        name: one of `Activation`. softmax is over axis 1, the channels; elu is that of Clevert et al. (2016, arXiv
            1511.07289) with alpha 1.
        channels: of the input; prelu learns one slope for each.

    Raises:
        ValueError: no such activation.
    """
    match name:
        case "identity":
            return nn.Identity()
        case "sigmoid":
            return nn.Sigmoid()
        case "tanh":
            return nn.Tanh()
        case "relu":
            return nn.ReLU()
        case "leaky_relu":
            return nn.LeakyReLU(LEAK)
        case "prelu":
            return nn.PReLU(channels, PRELU_START)
        case "elu":
            return nn.ELU()
        case "gelu":
            return nn.GELU()
        case "softmax":
            return nn.Softmax(1)
    known = "identity, sigmoid, tanh, relu, leaky_relu, prelu, elu, gelu, softmax"
    raise ValueError(f"there is no activation '{name}' (known: {known})")

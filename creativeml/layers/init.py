"""Initial weights that keep the variance of what passes through, by the activation that follows.

Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (AISTATS 2010), for
activations that are odd about 0; He et al., "Delving deep into rectifiers" (2015, arXiv 1502.01852), for those that
silence or shrink one half of their inputs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from creativeml.layers.activations import LEAK, PRELU_START

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
_SLOPES = {"relu": 0.0, "leaky_relu": LEAK, "prelu": PRELU_START, "elu": 0.0, "gelu": 0.0}
_GAINS = {"identity": 1.0, "sigmoid": 1.0, "softmax": 1.0, "tanh": 5.0 / 3.0}


def xavier_(weight: Tensor, *, gain: float = 1.0) -> Tensor:
    """Fill in place with a Gaussian of variance `2 gain² / (fan_in + fan_out)` (Glorot and Bengio, equation 12)."""
    fan_in, fan_out = fans(weight)
    return weight.normal_(0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)))


def he_(weight: Tensor, *, slope: float = 0.0) -> Tensor:
    """Fill in place with a Gaussian of variance `2 / ((1 + slope²) fan_in)` (He et al., equation 14).

    Args:
        weight: `(outputs, inputs, *kernel)`.
        slope: of the rectifier where its input is negative.
    """
    return weight.normal_(0.0, math.sqrt(2.0 / ((1.0 + slope**2) * fans(weight)[0])))


def fans(weight: Tensor) -> tuple[int, int]:
    """Inputs of each output, and outputs of each input, of a weight `(outputs, inputs, *kernel)`.

    Raises:
        ValueError: fewer than two axes.
    """
    if weight.ndim < 2:
        raise ValueError(f"a weight has outputs and inputs, this one has the shape {tuple(weight.shape)}")
    return weight[0].numel(), weight[:, 0].numel()


@torch.no_grad()
def initialise(network: nn.Module, activation: str) -> nn.Module:
    """Fill the weights of all affine maps and convolutions in a network, and set their biases to 0.

    Args:
        network: changed in place.
        activation: the name of the one that follows the layers (see `creativeml.layers.activations`): He's rule for
            rectifiers, that of Glorot and Bengio for the others (with a gain of 5/3 for tanh, which shrinks).

    Returns:
        The network.

    Raises:
        ValueError: no such activation.
    """
    if activation not in _SLOPES and activation not in _GAINS:
        raise ValueError(f"there is no initialisation for '{activation}' (known: {', '.join((*_SLOPES, *_GAINS))})")
    for layer in network.modules():
        if not isinstance(layer, _WEIGHTED):
            continue
        # Transposed convolutions keep inputs first.
        transposed = isinstance(layer, (nn.ConvTranspose1d, nn.ConvTranspose2d))
        weight = layer.weight.transpose(0, 1) if transposed else layer.weight
        if activation in _SLOPES:
            he_(weight, slope=_SLOPES[activation])
        else:
            xavier_(weight, gain=_GAINS[activation])
        if layer.bias is not None:
            layer.bias.zero_()
    return network


@torch.no_grad()
def initialise_uniform(network: nn.Module) -> nn.Module:
    """Fill with uniform weights of the variance of `xavier_`, and biases of 0: once the default of most frameworks.

    Args:
        network: changed in place; its affine maps and convolutions are.

    Returns:
        The network.
    """
    for layer in network.modules():
        if isinstance(layer, _WEIGHTED):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                layer.bias.zero_()
    return network


@torch.no_grad()
def initialise_narrow(network: nn.Module, *, deviation: float = 0.02) -> nn.Module:
    """Fill as DCGAN does (Radford et al. 2016, arXiv 1511.06434), whatever the layers' sizes are.

    Args:
        network: changed in place: its convolutions, whose biases stay, and its batch normalisation, whose gains are
            drawn round 1 and whose biases become 0.
        deviation: of the weights and of those gains.

    Returns:
        The network.
    """
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            layer.weight.normal_(0.0, deviation)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.weight.normal_(1.0, deviation)
            layer.bias.zero_()
    return network

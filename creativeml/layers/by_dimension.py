"""Torch's layers by the number of axes that they run over: 1 for waveforms, 2 for spectrograms.

A network written with these has one implementation for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import nn

Dims = Literal[1, 2]


@dataclass(frozen=True)
class Layers:
    """The classes for one number of axes; an input is `(batch, channels, *axes)`."""

    dims: int
    conv: type[nn.Conv1d] | type[nn.Conv2d]
    conv_transpose: type[nn.ConvTranspose1d] | type[nn.ConvTranspose2d]
    batch_norm: type[nn.BatchNorm1d] | type[nn.BatchNorm2d]
    max_pool: type[nn.MaxPool1d] | type[nn.MaxPool2d]
    average_pool: type[nn.AvgPool1d] | type[nn.AvgPool2d]
    adaptive_average_pool: type[nn.AdaptiveAvgPool1d] | type[nn.AdaptiveAvgPool2d]
    channel_dropout: type[nn.Dropout1d] | type[nn.Dropout2d]


_LAYERS = {
    1: Layers(
        1,
        nn.Conv1d,
        nn.ConvTranspose1d,
        nn.BatchNorm1d,
        nn.MaxPool1d,
        nn.AvgPool1d,
        nn.AdaptiveAvgPool1d,
        nn.Dropout1d,
    ),
    2: Layers(
        2,
        nn.Conv2d,
        nn.ConvTranspose2d,
        nn.BatchNorm2d,
        nn.MaxPool2d,
        nn.AvgPool2d,
        nn.AdaptiveAvgPool2d,
        nn.Dropout2d,
    ),
}


def by_dimension(dims: int) -> Layers:
    """Layers over so many axes.

    Raises:
        ValueError: neither 1 nor 2.
    """
    if dims not in _LAYERS:
        raise ValueError(f"dims must be 1 (waveforms) or 2 (spectrograms), not {dims}")
    return _LAYERS[dims]

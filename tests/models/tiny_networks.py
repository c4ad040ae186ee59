"""A tiny real configuration of every classifier, Transformer and U-Net, and inputs for it by batch size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Inputs = Callable[[int], tuple[Tensor, ...]]


def pictures(bands: int, frames: int) -> Inputs:
    return lambda batch: (torch.randn(batch, 1, bands, frames),)


def waveforms(samples: int) -> Inputs:
    return lambda batch: (torch.randn(batch, 1, samples),)


def tokens(*shapes: tuple[int, ...]) -> Inputs:
    return lambda batch: tuple(torch.randint(1, 12, (batch, *shape)) for shape in shapes)


TINY: dict[str, tuple[dict[str, Any], Inputs]] = {
    "mlp": ({"classes": 3, "width": 8, "positions": 4}, pictures(9, 11)),
    "lenet": ({"classes": 3}, pictures(17, 22)),
    "alexnet": ({"classes": 3, "width": 4, "hidden": 8, "dropout": 0.0}, pictures(64, 70)),
    "vgg": ({"classes": 3, "width": 4, "hidden": 8, "stages": [1, 2], "dropout": 0.0}, pictures(17, 22)),
    "resnet": ({"classes": 3, "width": 4, "stages": [1, 1]}, pictures(33, 40)),
    "tcn": ({"classes": 3, "width": 4, "levels": 3}, waveforms(50)),
    "recurrent_classifier": ({"classes": 3, "width": 6, "bands": 8}, pictures(16, 9)),
    "hierarchical_attention": ({"classes": 3, "width": 6, "tokens": 12}, tokens((3, 8))),
    "transformer_classifier": (
        {"classes": 3, "width": 8, "heads": 2, "layers": 1, "hidden": 8, "bands": 8},
        pictures(16, 9),
    ),
    "transformer": (
        {
            "source_tokens": 12,
            "target_tokens": 12,
            "width": 8,
            "heads": 2,
            "encoder_layers": 1,
            "decoder_layers": 1,
            "hidden": 8,
        },
        tokens((7,), (5,)),
    ),
    "unet": ({"width": 4, "depth": 2}, pictures(13, 18)),
}

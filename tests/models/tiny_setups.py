"""Tiny real configurations of the GANs of pictures, for the contract tests over everything registered."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TINY: dict[str, tuple[dict, Callable[[int], tuple[Tensor, ...]]]] = {
    "dcgan": (
        {"height": 16, "width": 24, "latent_dim": 6, "channels": 4, "levels": 3},
        lambda b: (torch.randn(b, 6),),
    ),
    "pix2pix": ({"channels": 4, "depth": 3}, lambda b: (torch.randn(b, 1, 8, 16),)),
}

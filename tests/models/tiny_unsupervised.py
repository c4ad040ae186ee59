"""Tiny real configurations of the unsupervised models, for the contract tests over everything registered."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

TINY: dict[str, tuple[dict, Callable[[int], tuple[Tensor, ...]]]] = {
    "nice": ({"features": 8, "couplings": 2, "hidden": [8]}, lambda b: (torch.randn(b, 8),)),
    # The couplings start at identity by default: their first layers would get no gradient.
    "glow": (
        {"shape": [1, 8, 8], "levels": 2, "steps": 1, "hidden": 4, "output_spread": 0.05},
        lambda b: (torch.randn(b, 1, 8, 8),),
    ),
    "autoencoder": ({"features": 12, "hidden": [6, 3]}, lambda b: (torch.randn(b, 12),)),
    "code_classifier": (
        {"autoencoder": {"features": 12, "hidden": [6, 3]}, "classes": 3},
        lambda b: (torch.randn(b, 12),),
    ),
    "conv_autoencoder": (
        {"dims": 2, "channels": [4, 4], "code_channels": 2},
        lambda b: (torch.randn(b, 1, 8, 12),),
    ),
    "vae": (
        {"features": 12, "hidden": [8], "latent_dim": 3},
        lambda b: (torch.randn(b, 12), torch.randn(b, 3)),
    ),
}

"""A linear autoencoder with tied weights finds the subspace of principal component analysis, here of drum sounds.

    python examples/linear_autoencoder_is_pca.py [--out linear_autoencoder_is_pca.png]

Prints the principal angles between the rows of the trained matrix and the first components, which go to 0, and the
share of variance that both keep. The picture shows the angles in the course of training. A few seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import tyro

from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.models.autoencoders.autoencoder import Autoencoder, AutoencoderConfig
from creativeml.training.autoencoders import AutoencoderTrainingConfig, train_autoencoder
from creativeml.training.minibatches import LoopConfig

UNITS = 3


def main(*, out: Path = Path("linear_autoencoder_is_pca.png"), rounds: int = 16, steps: int = 100) -> int:
    """Train, compare, print, draw.

    Args:
        out: the picture.
        rounds: stretches of training between looks at the angles.
        steps: of each.
    """
    subspace_angles = require("scipy.linalg", extra="train").subspace_angles
    pictures = starter_sounds().pictures().flatten(1)
    x = 5.0 * (pictures - pictures.mean(0))
    _, values, components = np.linalg.svd(x.numpy(), full_matrices=False)
    torch.manual_seed(0)
    model = Autoencoder(AutoencoderConfig(x.shape[1], (UNITS,), "identity", tied=True))
    angles = []
    for n in range(rounds):
        rate = 1e-2 if n < rounds / 2 else 1e-3
        loop = LoopConfig(steps=steps, batch_size=len(x), learning_rate=rate, validate_every=steps)
        train_autoencoder(model, x, AutoencoderTrainingConfig(loop))
        rows = model.pairs[0].encoder.weight.detach().numpy()  # type: ignore[union-attr]
        angles.append(subspace_angles(rows.T, components[:UNITS].T))
    with torch.no_grad():
        kept = 1.0 - float((model(x) - x).square().sum() / x.square().sum())
    best = float((values[:UNITS] ** 2).sum() / (values**2).sum())
    print(f"principal angles to PCA's subspace: {', '.join(f'{a:.1e}' for a in angles[-1])} rad")
    print(f"variance kept by {UNITS} numbers a sound: autoencoder {100 * kept:.2f} %, PCA {100 * best:.2f} %")
    draw(np.array(angles), steps, out)
    return 0


def draw(angles: np.ndarray, steps: int, out: Path) -> None:
    """Angles over the steps of training."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    axis.semilogy(steps * np.arange(1, len(angles) + 1), angles)
    axis.set(xlabel="step", ylabel="principal angle / rad", title="tied linear autoencoder against PCA")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

"""A walk through the latent space of a VAE, from a kick to a closed hat (Kingma and Welling 2014).

    python examples/vae_walk.py [--steps-between 8] [--out vae_walk.png]

Trains a VAE on log-mel pictures of the starter pack, and goes in a straight line between the latents of two sounds.
Prints how far the pictures on the way are from the nearest recording, beside those of plain cross-fading: what is on
the way between latents is more like a sound that somebody recorded. The picture shows both ways. A few seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import tyro
from torch import Tensor

from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.models.autoencoders.vae import VAE, VAEConfig
from creativeml.training.likelihood import train_likelihood
from creativeml.training.minibatches import LoopConfig


def main(*, steps_between: int = 8, steps: int = 1000, pairs: int = 12, out: Path = Path("vae_walk.png")) -> int:
    """Train, walk, print, draw.

    Args:
        steps_between: pictures on the way.
        steps: of training.
        pairs: of a kick and a hat, over which distances are averaged.
        out: the picture.
    """
    pack = starter_sounds()
    x = 5.0 * pack.pictures().flatten(1)
    torch.manual_seed(0)
    model = VAE(VAEConfig(x.shape[1], (64,), 4))
    loop = LoopConfig(steps=steps, batch_size=64, learning_rate=3e-3, validate_every=100)
    history = train_likelihood(model, x, loop)
    kicks, hats = (x[pack.labels == pack.kinds.index(kind)][:pairs] for kind in ("kick", "hat_closed"))
    share = torch.linspace(0.0, 1.0, steps_between)[:, None, None]
    with torch.no_grad():
        ends = [model.encode(part)[0] for part in (kicks, hats)]
        walked = model.decode((1.0 - share) * ends[0] + share * ends[1])
        faded = (1.0 - share) * model.reconstruct(kicks) + share * model.reconstruct(hats)
    middle = slice(steps_between // 3, -(steps_between // 3))
    print(f"training: {history.training[0]:.2f} -> {history.training[-1]:.2f} nats a number")
    print(
        f"distance of what is on the way to the nearest recording: latents {nearest(walked[middle], x):.2f},", end=" "
    )
    print(f"cross-fading {nearest(faded[middle], x):.2f}")
    draw(walked[:, 0], faded[:, 0], out)
    return 0


def nearest(pictures: Tensor, recordings: Tensor) -> float:
    """Mean root of the squared distance to the nearest recording, for each number."""
    distances = torch.cdist(pictures.flatten(0, 1), recordings).amin(1)
    return float(distances.mean()) / recordings.shape[1] ** 0.5


def draw(walked: Tensor, faded: Tensor, out: Path) -> None:
    """The walk above, the cross-fade below."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(2, len(walked), figsize=(12, 4), layout="constrained")
    for line, row, name in zip(axes, (walked, faded), ("latents", "cross-fade"), strict=True):
        for axis, picture in zip(line, row.unflatten(1, (16, 8)), strict=True):
            axis.imshow(picture.numpy(), origin="lower", aspect="auto", vmin=0, vmax=5, cmap="magma")
            axis.set(xticks=[], yticks=[])
        line[0].set(ylabel=name)
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

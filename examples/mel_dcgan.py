"""Pictures of drums from noise: a DCGAN on log-mel spectrograms (Radford et al. 2016, arXiv 1511.06434).

    python examples/mel_dcgan.py [--kinds kick snare ...] [--out mel_dcgan.png]

The generator learns from part of the starter pack. Printed is how far its pictures are from those of source recordings
that it never saw, before, during and after training: the kernel distance of the flattened pictures (0 for samples of
one distribution), beside that of the known pictures themselves, which a generator that learnt all there is would reach,
and of noise with the known pictures' mean and deviation in every pixel. The last column is how far a drawn picture is
from the nearest known one, in the distance of a known picture to its nearest: far below 1 would be pictures learnt by
heart. Distances of pixels are coarse, as the noise shows, and go up and down in the course of the game. A picture is
not a sound: nothing here can be listened to, and some sixty sounds are few for a GAN. Some 20 s of one core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import tyro
from torch import Tensor

from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.distances import kernel_distance
from creativeml.evaluation.tables import table
from creativeml.files import atomic_path
from creativeml.models.gans.dcgan import DCGAN, DCGANConfig, DCGANDiscriminator
from creativeml.training.loop import LoopConfig
from creativeml.training.picture_gan import PictureGANConfig, train_dcgan

SIZE = 32
DRAWN = 200


def main(
    *,
    kinds: tuple[str, ...] = ("kick", "snare", "tom", "hat_closed"),
    out: Path = Path("mel_dcgan.png"),
    steps: int = 400,
    looks: int = 4,
    seed: int = 0,
) -> int:
    """Train, print the distances, draw a grid.

    Args:
        kinds: of drums.
        out: the picture.
        steps: of training.
        looks: at the distance, evenly over the training.
        seed: of split, weights and batches.
    """
    pack = starter_sounds(kinds)
    pictures = 2 * pack.pictures(bands=SIZE, frames=SIZE)[:, None] - 1
    known, unheard = (pictures[rows] for rows in pack.split(0.4, seed=seed))
    torch.manual_seed(seed)
    shape = DCGANConfig(SIZE, SIZE, latent_dim=16, channels=16, levels=3)
    generator, discriminator = DCGAN(shape), DCGANDiscriminator(shape)
    latents = torch.randn(DRAWN, shape.latent_dim)
    noise = known.mean(0) + known.std(0) * torch.randn(DRAWN, 1, SIZE, SIZE)
    rows = {"known pictures": known, "noise of their mean and deviation": noise.clamp(-1, 1)}
    rows["untrained generator"] = draw_pictures(generator, latents)
    for look in range(1, looks + 1):
        # The optimizers start afresh at every look; their moments are those of some tens of steps.
        loop = LoopConfig(steps=-(-steps // looks), batch_size=32, learning_rate=5e-4, seed=seed + look)
        train_dcgan(generator, discriminator, known, PictureGANConfig(loop))
        rows[f"after {look * loop.steps} steps"] = draw_pictures(generator, latents)
    print(f"{len(known)} pictures known, {len(unheard)} of other source recordings to be compared with")
    lines = [[name, f"{distance(unheard, found):.2f}", f"{novelty(known, found):.2f}"] for name, found in rows.items()]
    print(table(["pictures", "kernel distance", "to the nearest known"], lines))
    names = ("known pictures", "untrained generator", next(reversed(rows)))
    draw({name: rows[name][torch.randperm(len(rows[name]))] for name in names}, out)
    return 0


@torch.no_grad()
def draw_pictures(generator: DCGAN, latents: Tensor) -> Tensor:
    """`(n, latent_dim)` → `(n, 1, bands, frames)`, in evaluation mode."""
    return generator.eval()(latents)


def distance(reference: Tensor, pictures: Tensor) -> float:
    """Kernel distance of flattened pictures, not standardised: pixels that are always silent must not count."""
    return kernel_distance(reference.flatten(1).double(), pictures.flatten(1).double(), z_score=False)


def novelty(known: Tensor, pictures: Tensor) -> float:
    """Median distance to the nearest known picture, in that of known pictures to their nearest other."""
    among = torch.cdist(known.flatten(1), known.flatten(1)).fill_diagonal_(torch.inf).amin(1)
    if pictures is known:
        return 1.0
    return float(torch.cdist(pictures.flatten(1), known.flatten(1)).amin(1).median() / among.median())


def draw(rows: dict[str, Tensor], out: Path, *, lines: int = 2, columns: int = 10) -> None:
    """Grids of pictures, one below the other."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(len(rows), 1, figsize=(columns, 2.2 * len(rows)), layout="constrained")
    for axis, (name, pictures) in zip(axes, rows.items(), strict=True):
        shown = torch.nn.functional.pad(pictures[: lines * columns, 0], (1, 1, 1, 1), value=1.0)
        # Low bands first: each row of pictures is turned over, so that it stands upright.
        grid = shown.flip(1).unflatten(0, (lines, columns)).permute(0, 2, 1, 3).flatten(2).flatten(0, 1)
        axis.imshow(grid.numpy(), vmin=-1, vmax=1)
        axis.set(title=name, xticks=[], yticks=[])
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

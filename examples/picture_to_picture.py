"""How a drum rings on, drawn from how it begins: pix2pix from spectrogram to spectrogram (Isola et al. 2017).

    python examples/picture_to_picture.py [--out picture_to_picture.png]

The source is a log-mel picture of which only the first 46 ms are left, the wanted picture the whole 0.37 s. The
generator learns from sounds of the starter pack and is judged on source recordings that it never saw, by the mean
distance (L1) of what it had to draw, in dB. Beside it stand trivial answers: the source as it is (silence), its last
frame held, the mean of the known pictures, and the rest of the known sound that begins most alike. It shows that the
beginning tells much of the rest. The lead over the most alike known sound depends on the split (0.2 to 1 dB), and that
the discriminator makes better pictures is not shown: L1 rewards blurred ones. Some 20 s of one core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import tyro
from torch import Tensor

from creativeml.audio.log_mel import FLOOR_DB
from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.tables import table
from creativeml.files import atomic_path
from creativeml.models.gans.pix2pix import PatchDiscriminator, Pix2Pix, Pix2PixConfig
from creativeml.training.loop import LoopConfig
from creativeml.training.picture_gan import PictureGANConfig, train_pix2pix

SIZE, GIVEN = 32, 4
"""Bands and frames of a picture, and the frames that are given."""
SILENCE = -1.0


def main(*, out: Path = Path("picture_to_picture.png"), steps: int = 300, seed: int = 0) -> int:
    """Train, print the distances, draw.

    Args:
        out: the picture.
        steps: of training.
        seed: of split, weights and batches.
    """
    pack = starter_sounds()
    pictures = 2 * pack.pictures(bands=SIZE, frames=SIZE)[:, None] - 1
    known, unheard = pack.split(seed=seed)
    sources, wanted = beginnings(pictures), pictures[unheard]
    torch.manual_seed(seed)
    shape = Pix2PixConfig(channels=16, depth=5, patch_levels=2)
    generator = Pix2Pix(shape)
    loop = LoopConfig(steps=steps, batch_size=16, learning_rate=1e-3, schedule="cosine", seed=seed)
    data = (sources[known], pictures[known])
    train_pix2pix(generator, PatchDiscriminator(shape), data, PictureGANConfig(loop))
    with torch.no_grad():
        drawn = generator(sources[unheard])
    answers = {
        "silence (the source as it is)": sources[unheard],
        "the last frame held": wanted[..., GIVEN - 1 : GIVEN].expand_as(wanted),
        "mean of the known pictures": pictures[known].mean(0, keepdim=True).expand_as(wanted),
        "the known sound that begins most alike": pictures[known][nearest(sources[known], sources[unheard])],
        "pix2pix": drawn,
    }
    print(f"{len(unheard)} sounds of source recordings that were not learnt from; the {SIZE - GIVEN} frames to draw:")
    print(table(["answer", "L1 / dB"], [[name, f"{distance(a, wanted):.2f}"] for name, a in answers.items()]))
    draw({"source": sources[unheard], "pix2pix": drawn, "recording": wanted}, out)
    return 0


def beginnings(pictures: Tensor) -> Tensor:
    """Pictures `(n, 1, bands, frames)` with silence after the frames that are given."""
    sources = torch.full_like(pictures, SILENCE)
    sources[..., :GIVEN] = pictures[..., :GIVEN]
    return sources


def nearest(known: Tensor, asked: Tensor) -> Tensor:
    """Which of the known sources is nearest to each that is asked for: `(n,)`."""
    return torch.cdist(asked.flatten(1), known.flatten(1)).argmin(1)


def distance(answer: Tensor, wanted: Tensor) -> float:
    """Mean absolute difference of the frames that are not given, in dB."""
    return abs(FLOOR_DB) / 2 * (answer - wanted)[..., GIVEN:].abs().mean().item()


def draw(rows: dict[str, Tensor], out: Path, *, columns: int = 8) -> None:
    """Every sixth sound, one column each."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(len(rows), columns, figsize=(columns, len(rows) + 0.3), layout="constrained")
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        for axis, picture in zip(line, pictures[:: max(1, len(pictures) // columns)], strict=False):
            axis.imshow(picture[0].numpy(), origin="lower", aspect="auto", vmin=-1, vmax=1)
        for axis in line:
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name)
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

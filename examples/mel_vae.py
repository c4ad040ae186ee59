"""Train the autoencoder of mel spectrograms on a dataset, and keep it (Kingma and Welling 2014, arXiv 1312.6114).

    python examples/mel_vae.py DATA --out MODEL [--steps 2000]

DATA is a dataset folder made by `creativeml prepare`. Printed is how far the pictures of validation recordings are from
what the autoencoder makes of them (the mean square in units of log1p mel), beside that of the mean picture, and what a
latent costs. MODEL gets the weights, and a picture: recordings, what is made of them, and new ones. The bundled weights
`mel_vae` are those of the defaults.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import tyro
from torch import Tensor

from creativeml.audio.features import MelSpectrogram
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.memory import keep_large_blocks
from creativeml.models import save_pretrained
from creativeml.models.autoencoders.mel_vae import MelVAE, MelVAEConfig
from creativeml.training.likelihood import train_likelihood
from creativeml.training.loop import LoopConfig, holds_state
from creativeml.training.varied_sounds import vary


def main(
    data: tyro.conf.Positional[Path],
    *,
    out: Path,
    steps: int = 2000,
    varied: int = 2000,
    kl_weight: float = 4.0,
    seed: int = 0,
) -> int:
    """Train, print, draw.

    Args:
        data: dataset folder.
        out: folder of the model; a state to go on from lies in it while it is trained.
        steps: of training.
        varied: copies of the train recordings, each a little changed.
        kl_weight: of the latents' divergence from the prior.
        seed: of weights, copies and batches.
    """
    keep_large_blocks()
    mel = MelSpectrogram()
    train, held_out = OneShotDataset(data, "train"), OneShotDataset(data, "validation")
    copies = vary(
        train,
        lambda sounds: (mel(sounds),),
        number=varied,
        probability=0.3,
        layer_probability=0.0,
        generator=torch.Generator().manual_seed(seed),
    )
    pictures = copies.batch(torch.arange(len(copies.labels)))[0][0]
    validation = mel(held_out.batch(range(len(held_out)))[0])
    torch.manual_seed(seed)
    model = MelVAE(MelVAEConfig(frames=pictures.shape[2], kl_weight=kl_weight))
    loop = LoopConfig(
        steps=steps,
        batch_size=32,
        learning_rate=1e-2,
        validate_every=100,
        seed=seed,
        schedule="cosine",
        warm_up=min(20, steps - 1),
    )
    state = out / "state"
    history = train_likelihood(model, pictures, loop, validation=validation, folder=state, resume=holds_state(state))
    with torch.no_grad():
        again = model.reconstruct(validation)
        spread = model.encode(validation)[0].std(0)
    print(f"best after {history.best} steps: {min(history.validation):.3f} nats a number on the validation recordings")
    print(f"mean square from recordings: autoencoder {apart(again, validation):.3f}", end=", ")
    print(f"mean picture {apart(pictures.mean(0), validation):.3f}")
    print(f"latents in use: {int((spread > 0.3).sum())} of {len(spread)}")
    info = {"step": history.best, "trained_on_sha256": train.fingerprints(), "sample_rate": train.sample_rate}
    save_pretrained(model, out, info=info, dtype=torch.float16)
    shown = torch.linspace(0, len(validation) - 1, 8).long()
    draw([validation[shown], again[shown], model.sample(8, generator=torch.Generator().manual_seed(1))], out)
    return 0


def apart(a: Tensor, b: Tensor) -> float:
    """Mean square of a difference."""
    return float((a - b).square().mean())


def draw(rows: list[Tensor], out: Path) -> None:
    """Recordings, what was made of them, new ones: one row each."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(3, 8, figsize=(14, 5.5), layout="constrained")
    for line, pictures, name in zip(axes, rows, ("recorded", "made again", "new"), strict=True):
        for axis, picture in zip(line, pictures, strict=True):
            axis.imshow(picture.numpy(), origin="lower", aspect="auto", vmin=0, vmax=7, cmap="magma")
            axis.set(xticks=[], yticks=[])
        line[0].set(ylabel=name)
    with atomic_path(out / "pictures.png") as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

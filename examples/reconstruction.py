"""What autoencoders make of recordings that they never heard, beside what bounds them.

    python examples/reconstruction.py DATA [--out reconstruction.png]

DATA is a dataset folder made by `creativeml prepare`. Every row makes the test recordings again:

- the nearest train recording, which whoever makes nothing new would play;
- the bundled GAN `drums`, from what its encoder says of the recording;
- the autoencoder of mel spectrograms `mel_vae`, its phases found by Griffin-Lim;
- Griffin-Lim of the true mel spectrogram: the ceiling of all that draws mel spectrograms;
- the autoencoder of waveforms `drums_vae`.

Printed is the multi-resolution STFT distance from each recording (Yamamoto et al. 2020; median, and its 95 % interval
over groups of takes), the distance in dB of `losses.matching`, which does not count how noise happened to fall, and of
the whole set the kernel and the Frechet distance on log-mel statistics (0: as alike as two halves of one set; train
recordings are the floor). Last the milliseconds of a sound. The picture shows a sound of each kind. Two minutes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor

from creativeml.audio.features import MelSpectrogram
from creativeml.audio.log_mel import log_mel
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.distances import frechet_infinity, kernel_distance
from creativeml.evaluation.embeddings import embed
from creativeml.evaluation.tables import table
from creativeml.files import atomic_path
from creativeml.losses.matching import Match
from creativeml.losses.spectral import stft_distance
from creativeml.memory import keep_large_blocks
from creativeml.models import from_pretrained
from creativeml.synthesis.autoencoder_space import open_space
from creativeml.synthesis.catalog import bundled_models
from creativeml.synthesis.finish import finish
from creativeml.threads import threads

NEAREST, CEILING, TRAIN = "nearest train recording", "Griffin-Lim of the true mel", "train recordings (floor)"
RESAMPLES = 2000


def main(data: tyro.conf.Positional[Path], *, count: int = 0, out: Path = Path("reconstruction.png")) -> int:
    """Make again, compare, draw.

    Args:
        data: dataset folder.
        count: test recordings at most, spread over them; 0 for all.
        out: the picture.
    """
    keep_large_blocks()
    test, train = OneShotDataset(data, "test"), OneShotDataset(data, "train")
    chosen = np.unique(np.linspace(0, len(test) - 1, count or len(test)).astype(int)).tolist()
    recordings = finish(test.batch(chosen)[0], test.sample_rate)
    known = finish(train.batch(range(len(train)))[0], test.sample_rate)
    groups = [test.rows[row].get("group") or test.rows[row]["path"] for row in chosen]
    rate, floor = test.sample_rate, embed(known, test.sample_rate)
    reference = embed(recordings, rate)
    lines, made = [], {"recordings": recordings}
    for name, again in ways(recordings, known, rate).items():
        started = time.perf_counter()
        with torch.no_grad(), threads(1):
            sounds = finish(again(recordings), rate)
        spent = 1000.0 * (time.perf_counter() - started) / len(recordings)
        made[name] = sounds
        apart = torch.cat([stft_distance(a[None], b[None]) for a, b in zip(sounds, recordings, strict=True)])
        decibels = [float(Match(b, rate).distance(a[None])) for a, b in zip(sounds, recordings, strict=True)]
        low, high = median_interval(apart.numpy(), groups)
        points = embed(sounds, rate)
        lines.append(
            [
                name,
                f"{float(apart.median()):.2f} [{low:.2f}, {high:.2f}]",
                f"{np.median(decibels):.1f}",
                f"{kernel_distance(reference, points):.2f}",
                f"{frechet_infinity(reference, points):.2f}",
                "–" if name == NEAREST else f"{spent:.1f}",
            ]
        )
    ends = [f"{kernel_distance(reference, floor):.2f}", f"{frechet_infinity(reference, floor):.2f}"]
    lines.append([TRAIN, "–", "–", *ends, "–"])
    print(f"{len(recordings)} test recordings, {len(known)} train recordings")
    print(table(["made again by", "STFT distance", "dB", "kernel distance", "Frechet distance", "ms a sound"], lines))
    first = [next(n for n, row in enumerate(chosen) if test.labels[row] == k) for k in test.labels[chosen].unique()]
    draw({name: sounds[first] for name, sounds in made.items()}, rate, out)
    return 0


def ways(recordings: Tensor, known: Tensor, rate: int) -> dict[str, Callable[[Tensor], Tensor]]:
    """Name → recordings `(n, samples)` made again."""
    weights, samples = bundled_models(), recordings.shape[1]
    mel, mel_vae = MelSpectrogram(), from_pretrained(weights["mel_vae"]).eval()
    spaces = {name: open_space(name) for name in ("drums", "drums_vae")}

    def by_space(name: str) -> Callable[[Tensor], Tensor]:
        return lambda sounds: spaces[name].decode(spaces[name].encode(sounds))

    return {
        NEAREST: lambda sounds: torch.stack([nearest(sound, known, rate) for sound in sounds]),
        "drums (GAN), its encoder": by_space("drums"),
        "mel_vae + Griffin-Lim": lambda sounds: mel.to_sound(mel_vae.reconstruct(mel(sounds)).clamp(min=0.0), samples),
        CEILING: lambda sounds: mel.to_sound(mel(sounds), samples),
        "drums_vae": by_space("drums_vae"),
    }


def nearest(sound: Tensor, known: Tensor, rate: int) -> Tensor:
    """The known sound of the smallest STFT distance, among the 32 nearest by `losses.matching` of a rough grid."""
    rough = (_rough(known, rate) - _rough(sound[None], rate)).abs().mean(1)
    near = known[rough.topk(32, largest=False).indices]
    return near[stft_distance(near, sound[None]).argmin()]


def _rough(sounds: Tensor, rate: int) -> Tensor:
    levels = log_mel(sounds, rate, window_samples=2048, hop_samples=2048, bands=32)
    return levels.flatten(1)


def median_interval(values: np.ndarray, groups: list[str]) -> tuple[float, float]:
    """95 % interval of the median when groups are drawn again."""
    generator = np.random.default_rng(0)
    names, place = np.unique(groups, return_inverse=True)
    rows = [np.flatnonzero(place == n) for n in range(len(names))]
    draws = generator.integers(len(names), size=(RESAMPLES, len(names)))
    medians = [np.median(values[np.concatenate([rows[n] for n in draw])]) for draw in draws]
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)


def draw(rows: dict[str, Tensor], rate: int, out: Path) -> None:
    """Spectrograms: a column for each kind, a row for each way."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    columns = len(next(iter(rows.values())))
    figure, axes = plt.subplots(len(rows), columns, figsize=(1.6 * columns, 1.5 * len(rows)), layout="constrained")
    for line, (name, sounds) in zip(axes, rows.items(), strict=True):
        pictures = log_mel(sounds, rate, window_samples=1024, hop_samples=256, bands=96)
        for axis, picture in zip(line, pictures, strict=True):
            axis.imshow(picture.numpy(), origin="lower", aspect="auto", vmin=-80, vmax=0, cmap="magma")
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, fontsize=6)
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=90, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

"""Find the latent of the bundled generator whose sound is like a recording, without any gradient.

    python examples/evolve_latent.py [--kind snare] [--out evolve_latent.png]

The figure that is made small has no gradient to follow: the distance between spectra whose levels are rounded to
steps of 6 dB. A population of latents evolves (differential evolution, Storn and Price 1997). Prints the distance of
the best latent of the first generation and of the last, beside the best of as many latents at random. The picture
shows the spectra of the recording and of what was found. About half a minute on a core.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

import torch
import tyro
from torch import Tensor

import creativeml
from creativeml.audio.log_mel import log_mel
from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.synthesis.latent_search import LatentSearchConfig, search_latent

LENGTH = 16384


def main(
    *,
    kind: str = "snare",
    generations: int = 12,
    population: int = 16,
    seed: int = 0,
    out: Path = Path("evolve_latent.png"),
) -> int:
    """Search, print, draw.

    Args:
        kind: of drum.
        generations: of the search.
        population: latents alive at a time.
        seed: of the search, and of what it is compared with.
        out: the picture.
    """
    drums = creativeml.load("drums")
    model = cast(Any, drums.model)
    target = starter_sounds((kind,), length_samples=LENGTH).sounds[:1]
    noise = [torch.randn(1, *s, generator=torch.Generator().manual_seed(1)) for s in model.noise_shapes()]
    condition = model.condition_for([kind])

    @torch.no_grad()
    def sounds(latents: Tensor) -> Tensor:
        same = [n.expand(len(latents), *n.shape[1:]) for n in noise]
        made = model(latents, condition.expand(len(latents), -1), noise=same)[:, :LENGTH]
        return made / made.abs().amax(1, keepdim=True).clamp_min(1e-6)

    wanted = whole_decibels(target, drums.sample_rate)

    def distance(latents: Tensor) -> Tensor:
        return (whole_decibels(sounds(latents), drums.sample_rate) - wanted).abs().mean(1)

    config = LatentSearchConfig(generations, population, seed=seed)
    found = search_latent(distance, model.config.latent_dim, config)
    random = torch.Generator().manual_seed(seed + 1)
    tries = torch.randn(found.evaluations, model.config.latent_dim, generator=random)
    chance = torch.cat([distance(part) for part in tries.split(population)])
    print(f"a {kind} of the starter pack; mean distance of whole steps of 6 dB, {found.evaluations} latents tried")
    print(f"first generation {found.start:.3f}, evolved {found.distance:.3f}")
    print(f"as many at random: best {chance.min():.3f}, mean {chance.mean():.3f}")
    draw({"recording": target[0], "evolved": sounds(found.latent[None])[0]}, drums.sample_rate, out)
    return 0


def whole_decibels(sounds: Tensor, sample_rate: int) -> Tensor:
    """Log-mel levels of `(b, samples)` in whole steps of 6 dB: `(b, n)`, flat almost everywhere."""
    levels = log_mel(sounds, sample_rate, window_samples=1024, hop_samples=2048, bands=24)
    return torch.floor(levels / 6.0).flatten(1)


def draw(sounds: dict[str, Tensor], sample_rate: int, out: Path) -> None:
    """Log-mel spectrograms side by side."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(1, len(sounds), figsize=(9, 3), sharey=True, layout="constrained")
    for axis, (name, sound) in zip(axes, sounds.items(), strict=True):
        picture = log_mel(sound[None], sample_rate, window_samples=1024, hop_samples=256)[0]
        axis.imshow(picture.numpy(), origin="lower", aspect="auto", cmap="magma", vmin=-80, vmax=0)
        axis.set(title=name, xlabel="frame")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

"""Take two overlapping drum hits apart by grouping the bins of their spectrum (deep clustering, Hershey et al. 2016).

    python examples/separate_hits.py [--out separate_hits.png]

Trains on mixtures of a kick and a closed hat of the starter pack, separates mixtures of recordings from other sources,
and prints by how many dB the ratio of signal to distortion rises over that of the mixture, beside the most that masks
made from the true parts would give. The picture shows a mixture and the masks. About half a minute on a core.
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
from creativeml.losses.separation import si_sdr
from creativeml.models.separation.deep_clustering import DeepClustering, DeepClusteringConfig
from creativeml.synthesis.separation import separate
from creativeml.training.deep_clustering import DeepClusteringTrainingConfig, mix, train_deep_clustering
from creativeml.training.minibatches import LoopConfig

SAMPLE_RATE, SAMPLES = 22050, 4096


def main(*, out: Path = Path("separate_hits.png"), steps: int = 100) -> int:
    """Train, separate, print, draw.

    Args:
        out: the picture.
        steps: of training.
    """
    pack = starter_sounds(("kick", "hat_closed"), length_samples=SAMPLES, sample_rate=SAMPLE_RATE)
    known, unheard = pack.split(0.25)
    torch.manual_seed(0)
    model = DeepClustering(DeepClusteringConfig(SAMPLE_RATE, 256, 128, hidden=32, layers=1, dim=6))
    config = DeepClusteringTrainingConfig(LoopConfig(steps=steps, batch_size=8, learning_rate=5e-3), largest_delay=500)
    train_deep_clustering(model, pack.sounds[known], pack.labels[known], config)
    kicks, hats = (unheard[pack.labels[unheard] == kind] for kind in (0, 1))
    pairs = torch.cartesian_prod(kicks, hats)[:12]
    random = torch.Generator().manual_seed(1)
    mixtures, parts = mix(pack.sounds[pairs[:, 0]], pack.sounds[pairs[:, 1]], config, random)
    gains = torch.stack([gain(separate(model, m), m, p) for m, p in zip(mixtures, parts, strict=True)])
    best = torch.stack([gain(with_true_masks(model, m, p), m, p) for m, p in zip(mixtures, parts, strict=True)])
    print(f"{len(pairs)} mixtures of a kick and a closed hat that were not heard in training")
    print(f"SI-SDR gain: {gains.mean():.1f} dB on average ({gains.min():.1f} to {gains.max():.1f})")
    print(f"with masks made from the true parts: {best.mean():.1f} dB")
    draw(model, mixtures[0], parts[0], out)
    return 0


def gain(estimates: Tensor, mixture: Tensor, parts: Tensor) -> Tensor:
    """Mean rise of SI-SDR over the mixture's in dB, the estimates in the better of both orders."""
    ratios = si_sdr(estimates[:, None], parts[None])
    best = torch.maximum(ratios.diagonal().mean(), ratios.flip(0).diagonal().mean())
    return best - si_sdr(mixture, parts).mean()


def with_true_masks(model: DeepClustering, mixture: Tensor, parts: Tensor) -> Tensor:
    """What binary masks can give at best: every bin goes to the part that is louder there."""
    louder = model.spectrum(parts).abs().argmax(0)
    masks = torch.stack([louder == n for n in range(len(parts))])
    return model.sound(masks * model.spectrum(mixture[None]), len(mixture))


def draw(model: DeepClustering, mixture: Tensor, parts: Tensor, out: Path) -> None:
    """The spectra of a mixture, its true parts and what was found."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    shown = torch.cat([mixture[None], parts, separate(model, mixture)])
    names = ("mixture", "true kick", "true hat", "found 1", "found 2")
    figure, axes = plt.subplots(1, 5, figsize=(15, 3), sharey=True, layout="constrained")
    for axis, spectrum, name in zip(axes, model.spectrum(shown), names, strict=True):
        db = 20 * torch.log10(spectrum.abs().T + 1e-6)
        axis.imshow(db.numpy(), origin="lower", aspect="auto", vmin=-60, vmax=20, cmap="magma")
        axis.set(title=name, xlabel="frame")
    axes[0].set(ylabel="bin")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

"""Three autoencoders of drum sounds: a sparse one, a denoising one, and a stack trained layer by layer.

    python examples/autoencoders.py [--out autoencoders.png]

On log-mel pictures of the starter pack. Prints how often the sparse codes are active beside what was asked, by how much
the denoising one lowers the error of noisy sounds that it has not heard, and the accuracy that five labels a kind give
to five sigmoid layers with and without training them one by one, on all sounds, before, which makes little difference
here. The picture shows noisy, denoised and true sounds. About 20 seconds on a core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor

from creativeml.data.starter import StarterSounds, starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.models.autoencoders.autoencoder import Autoencoder, AutoencoderConfig
from creativeml.training.autoencoders import AutoencoderTrainingConfig, fine_tune, train_autoencoder, train_stacked
from creativeml.training.minibatches import LoopConfig

KINDS = ("kick", "snare", "hat_closed", "tom", "crash")
NOISE, LABELS = 0.2, 5


def main(*, out: Path = Path("autoencoders.png"), steps: int = 800, repeats: int = 4) -> int:
    """Train all three, print, draw.

    Args:
        out: the picture.
        steps: of training each network.
        repeats: choices of the labelled sounds.
    """
    pack = starter_sounds(KINDS)
    x = pack.pictures().flatten(1)
    for beta in (0.0, 0.1):
        mean = sparse_activity(x, beta, steps)
        print(f"sparsity: asked 0.10, weight {beta:.1f}: units are active {mean:.2f} of the time")
    known, unheard = pack.split()
    true, noisy, denoised = denoise(x[known], x[unheard], steps)
    before, after = F.mse_loss(noisy, true), F.mse_loss(denoised, true)
    print(f"denoising unheard sounds: squared error {before:.4f} -> {after:.4f}")
    stacked, fresh = few_labels(pack, (x - x.mean(0)) / x.std(0).clamp_min(0.05), steps, repeats)
    print(f"accuracy from {LABELS} labels a kind: {100 * fresh:.0f} % fresh, {100 * stacked:.0f} % after stacking")
    draw((noisy, denoised, true), out)
    return 0


def sparse_activity(x: Tensor, beta: float, steps: int) -> float:
    """Mean activation of the codes of an autoencoder trained with a sparsity penalty of weight beta."""
    torch.manual_seed(0)
    model = Autoencoder(AutoencoderConfig(x.shape[1], (40,), "sigmoid"))
    loop = LoopConfig(steps=steps, batch_size=len(x), learning_rate=5e-3)
    train_autoencoder(model, x, AutoencoderTrainingConfig(loop, sparsity_weight=beta, sparsity_target=0.1))
    return float(model.encode(x).detach().mean())


def denoise(known: Tensor, unheard: Tensor, steps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Train on known sounds; true, noisy and denoised pictures of the others."""
    torch.manual_seed(0)
    model = Autoencoder(AutoencoderConfig(known.shape[1], (64,), "tanh"))
    loop = LoopConfig(steps=steps, batch_size=64, learning_rate=3e-3)
    train_autoencoder(model, known, AutoencoderTrainingConfig(loop, noise=NOISE))
    noisy = unheard + NOISE * torch.randn(unheard.shape, generator=torch.Generator().manual_seed(1))
    return unheard, noisy, model(noisy).detach()


def few_labels(pack: StarterSounds, x: Tensor, steps: int, repeats: int) -> tuple[float, float]:
    """Accuracy on all sounds without a label, after greedy stacking (which sees no label) and from fresh weights."""
    config = AutoencoderConfig(x.shape[1], (64, 48, 40, 32, 24), "sigmoid")
    torch.manual_seed(0)
    stacked = Autoencoder(config)
    loop = LoopConfig(steps=steps, batch_size=64, learning_rate=3e-3)
    train_stacked(stacked, x, AutoencoderTrainingConfig(loop, noise=0.3))
    right: dict[bool, list[float]] = {True: [], False: []}
    for n in range(repeats):
        random = torch.Generator().manual_seed(n)
        order = torch.randperm(len(x), generator=random)
        few = torch.cat([order[pack.labels[order] == kind][:LABELS] for kind in range(len(KINDS))])
        rest = ~torch.isin(torch.arange(len(x)), few)
        torch.manual_seed(n)
        for start in (stacked, Autoencoder(config)):
            tuning = LoopConfig(steps=300, batch_size=100, learning_rate=3e-3, seed=n)
            tuned, _ = fine_tune(start, x[few], pack.labels[few], len(KINDS), tuning)
            found = tuned(x[rest]).argmax(1)
            right[start is stacked].append(float((found == pack.labels[rest]).float().mean()))
    return sum(right[True]) / repeats, sum(right[False]) / repeats


def draw(rows: tuple[Tensor, Tensor, Tensor], out: Path) -> None:
    """Eight unheard sounds: noisy, denoised, true."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(3, 8, figsize=(12, 5), layout="constrained")
    for line, row, name in zip(axes, rows, ("noisy", "denoised", "true"), strict=True):
        for axis, picture in zip(line, row[:8].unflatten(1, (16, 8)), strict=True):
            axis.imshow(picture.numpy(), origin="lower", aspect="auto", vmin=0, vmax=1, cmap="magma")
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

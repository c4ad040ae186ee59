"""Adversarial examples: a change of a spectrogram of under 1 dB misleads a classifier, and how it withstands.

    python examples/fgsm.py DATA [--out FOLDER]

DATA is a dataset folder made by `creativeml prepare`. Two equal classifiers learn the kinds of drum, one plainly, one
from sounds and attacks on them as well (Goodfellow et al. 2015, arXiv 1412.6572). Both are then attacked by the fast
gradient sign method on test recordings that they have not heard; 0.01 is 0.4 dB in every band and frame. Some 15 s of
one core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import tyro
from torch import Tensor, nn

from creativeml.audio.pictures import log_mel_pictures
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.tables import table
from creativeml.training.adversarial_examples import (
    AdversarialTrainingConfig,
    accuracy_under_attack,
    train_adversarially,
)
from creativeml.training.minibatches import LoopConfig
from creativeml.training.supervised import SupervisedConfig, train_supervised

EPSILONS = (0.0, 0.01, 0.02, 0.05, 0.1)
DB_PER_UNIT = 40.0


def main(data: tyro.conf.Positional[Path], *, out: Path | None = None, steps: int = 300, seed: int = 0) -> int:
    """Print the accuracy of both classifiers at each strength of the attack.

    Args:
        data: dataset folder.
        out: folder for fgsm.png.
        steps: of each training.
        seed: of weights and batches.
    """
    train = OneShotDataset(data, "train")
    test = OneShotDataset(data, "test", kinds=train.kinds)
    learnt, heard = (pictures(train), train.labels), (pictures(test), test.labels)
    loop = LoopConfig(steps=steps, batch_size=64, learning_rate=2e-3, seed=seed)
    found = {}
    for name in ("trained plainly", "trained on attacks"):
        torch.manual_seed(seed)
        model = network(len(train.kinds))
        if name == "trained plainly":
            train_supervised(model, learnt, SupervisedConfig(loop))
        else:
            train_adversarially(model, learnt, AdversarialTrainingConfig(loop, epsilon=0.05, low=-1.0, high=1.0))
        found[name] = [accuracy_under_attack(model, *heard, e, low=-1.0, high=1.0) for e in EPSILONS]
    columns = ["accuracy under attack", *(f"{DB_PER_UNIT * e:g} dB" for e in EPSILONS)]
    print(table(columns, [[name, *(f"{a:.3f}" for a in line)] for name, line in found.items()]))
    if out is not None:
        draw(out / "fgsm.png", found)
    return 0


def pictures(sounds: OneShotDataset) -> Tensor:
    """Log-mel pictures `(n, 1, 32, 32)` of all sounds, within ±1."""
    waves = sounds.batch(range(len(sounds)))[0]
    return log_mel_pictures(waves, sounds.sample_rate, bands=32, frames=32)


def network(outputs: int) -> nn.Sequential:
    """Pictures `(b, 1, 32, 32)` → `(b, outputs)`: three convolutions that halve both axes, one dense layer."""
    layers: list[nn.Module] = []
    for inputs, channels in ((1, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(inputs, channels, 3, stride=2, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 4 * 4, outputs))


def draw(path: Path, found: dict[str, list[float]]) -> None:
    """Accuracy over the strength of the attack."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axis = plt.subplots(figsize=(5, 3.5), layout="constrained")
    for name, line in found.items():
        axis.plot([DB_PER_UNIT * e for e in EPSILONS], line, marker="o", label=name)
    axis.set(xlabel="largest change / dB", ylabel="accuracy on test recordings", ylim=(0, 1))
    axis.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

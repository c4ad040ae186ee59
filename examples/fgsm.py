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

from creativeml.data.one_shots import OneShotDataset
from creativeml.data.pictures import dataset_pictures
from creativeml.errors import CreativeMLError
from creativeml.evaluation.tables import table
from creativeml.layers.conv import strided_network
from creativeml.training.adversarial_examples import (
    AdversarialTrainingConfig,
    accuracy_under_attack,
    train_adversarially,
)
from creativeml.training.curves import draw_accuracies
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
    learnt, heard = (dataset_pictures(train, side=32), train.labels), (dataset_pictures(test, side=32), test.labels)
    loop = LoopConfig(steps=steps, batch_size=64, learning_rate=2e-3, seed=seed)
    found = {}
    for name in ("trained plainly", "trained on attacks"):
        torch.manual_seed(seed)
        model = strided_network(len(train.kinds))
        if name == "trained plainly":
            train_supervised(model, learnt, SupervisedConfig(loop))
        else:
            train_adversarially(model, learnt, AdversarialTrainingConfig(loop, epsilon=0.05, low=-1.0, high=1.0))
        found[name] = [accuracy_under_attack(model, *heard, e, low=-1.0, high=1.0) for e in EPSILONS]
    columns = ["accuracy under attack", *(f"{DB_PER_UNIT * e:g} dB" for e in EPSILONS)]
    print(table(columns, [[name, *(f"{a:.3f}" for a in line)] for name, line in found.items()]))
    if out is not None:
        draw_accuracies(out / "fgsm.png", [DB_PER_UNIT * e for e in EPSILONS], found, xlabel="largest change / dB")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

"""Few labels: what a network learns from unlabelled sounds first saves labels afterwards.

    python examples/few_labels.py DATA [--out FOLDER]

DATA is a dataset folder made by `creativeml prepare`. An autoencoder learns to rebuild the pictures of all training
sounds, pair of layers by pair, without any label (Bengio et al. 2007). Then K labels of each kind are given, to a
classifier that starts from its encoder, and to the same classifier from random weights. Its three layers of sigmoids
are hard to train from the start, as networks were then; with two of tanh there was nothing to gain. Some 22 s of one
core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import tyro
from torch import Tensor

from creativeml.data.one_shots import OneShotDataset
from creativeml.data.pictures import dataset_pictures
from creativeml.errors import CreativeMLError
from creativeml.evaluation.tables import table
from creativeml.models.autoencoders.autoencoder import (
    Autoencoder,
    AutoencoderConfig,
    CodeClassifier,
    CodeClassifierConfig,
)
from creativeml.training.autoencoders import AutoencoderTrainingConfig, fine_tune, train_stacked
from creativeml.training.curves import draw_accuracies
from creativeml.training.minibatches import LoopConfig
from creativeml.training.supervised import SupervisedConfig, accuracy, train_supervised

SIDE = 16


def main(
    data: tyro.conf.Positional[Path],
    *,
    labels: tuple[int, ...] = (1, 2, 5, 10),
    draws: int = 3,
    out: Path | None = None,
    steps: int = 400,
    seed: int = 0,
) -> int:
    """Print the accuracy on test recordings at each number of labels.

    Args:
        data: dataset folder.
        labels: of each kind; kinds with fewer sounds give all they have.
        draws: of the labelled sounds, over which the mean is taken.
        out: folder for few_labels.png.
        steps: of each training.
        seed: of weights, batches and draws.
    """
    train = OneShotDataset(data, "train")
    test = OneShotDataset(data, "test", kinds=train.kinds)
    x, heard = dataset_pictures(train, side=SIDE).flatten(1), dataset_pictures(test, side=SIDE).flatten(1)
    mean, spread = x.mean(0), x.std(0).clamp_min(0.1)
    x, heard = (x - mean) / spread, (heard - mean) / spread
    config = AutoencoderConfig(SIDE * SIDE, (64, 32, 16), "sigmoid")
    loop = LoopConfig(steps=steps, batch_size=64, learning_rate=3e-3, seed=seed)
    torch.manual_seed(seed)
    encoder = Autoencoder(config)
    train_stacked(encoder, x, AutoencoderTrainingConfig(loop, noise=0.3))
    found: dict[str, list[float]] = {"from random weights": [], "from an autoencoder's": []}
    for count in labels:
        right = dict.fromkeys(found, 0.0)
        for draw_number in range(draws):
            few = chosen(train.labels, count, seed + draw_number)
            given = x[few], train.labels[few]
            torch.manual_seed(seed + draw_number)
            fresh = CodeClassifier(CodeClassifierConfig(config, len(train.kinds)))
            train_supervised(fresh, given, SupervisedConfig(loop))
            tuned, _ = fine_tune(encoder, *given, len(train.kinds), loop)
            for name, model in zip(found, (fresh, tuned), strict=True):
                right[name] += accuracy(model, heard, test.labels) / draws
        for name, value in right.items():
            found[name].append(value)
    columns = ["accuracy on test recordings", *(f"{k} labels a kind" for k in labels)]
    print(table(columns, [[name, *(f"{a:.3f}" for a in line)] for name, line in found.items()]))
    if out is not None:
        draw_accuracies(out / "few_labels.png", labels, found, xlabel="labels of each kind", as_given=True)
    return 0


def chosen(labels: Tensor, count: int, seed: int) -> Tensor:
    """Rows of so many random sounds of each kind."""
    random = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=random)
    return torch.cat([order[labels[order] == kind][:count] for kind in labels.unique()])


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

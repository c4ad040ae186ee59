"""Overfitting, and its cures: few sounds are learnt by heart, and what helps on recordings that were not heard.

    python examples/overfitting.py DATA [--sounds 60] [--out FOLDER]

DATA is a dataset folder made by `creativeml prepare`. One large network learns the kinds of drum from few sounds: as it
is, with weight decay, with dropout, stopped early by the validation recordings, and from all sounds. Some 15 s of one
core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import tyro
from torch import nn

from creativeml.data.one_shots import OneShotDataset
from creativeml.data.pictures import dataset_pictures
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.tables import table
from creativeml.files import atomic_path
from creativeml.training.loop import History
from creativeml.training.minibatches import LoopConfig
from creativeml.training.supervised import (
    SupervisedConfig,
    accuracy,
    logits_of,
    spread_over_kinds,
    train_supervised,
)


def main(
    data: tyro.conf.Positional[Path], *, sounds: int = 60, out: Path | None = None, steps: int = 300, seed: int = 0
) -> int:
    """Print what each cure does for sounds that were learnt and for those that were not heard.

    Args:
        data: dataset folder.
        sounds: how few are learnt, spread over the kinds.
        out: folder for overfitting.png.
        steps: of each training.
        seed: of weights and batches.
    """
    train = OneShotDataset(data, "train")
    held_out = [OneShotDataset(data, split, kinds=train.kinds) for split in ("validation", "test")]
    everything = dataset_pictures(train, side=32), train.labels
    few = spread_over_kinds(train.labels)[:sounds]
    small = everything[0][few], everything[1][few]
    validation, test = ((dataset_pictures(part, side=32), part.labels) for part in held_out)
    cures = {
        "none": (small, 0.0, 0.0, None),
        "weight decay": (small, 0.3, 0.0, None),
        "dropout": (small, 0.0, 0.5, None),
        "early stopping": (small, 0.0, 0.0, 5),
        f"{len(train)} sounds": (everything, 0.0, 0.0, None),
    }
    rows, histories = [], {}
    for name, (learnt, decay, dropout, patience) in cures.items():
        torch.manual_seed(seed)
        model = network(len(train.kinds), dropout)
        loop = LoopConfig(
            steps=steps,
            batch_size=32,
            weight_decay=decay,
            validate_every=10,
            patience=patience,
            keep_best=patience is not None,
            seed=seed,
        )
        histories[name] = train_supervised(model, learnt, SupervisedConfig(loop), validation=validation)
        loss = float(nn.functional.cross_entropy(logits_of(model, test[0]), test[1]))
        rows.append([name, f"{accuracy(model, *learnt):.3f}", f"{accuracy(model, *test):.3f}", f"{loss:.2f}"])
    print(table(["cure", "accuracy, learnt", "accuracy, not heard", "loss, not heard / nats"], rows))
    if out is not None:
        draw(out / "overfitting.png", histories)
    return 0


def network(outputs: int, dropout: float) -> nn.Sequential:
    """Pictures `(b, 1, 32, 32)` → logits, with far more weights than there are sounds."""
    return nn.Sequential(
        nn.Flatten(), nn.Linear(1024, 512), nn.ReLU(), nn.Dropout(dropout), nn.Linear(512, 512), nn.ReLU(),
        nn.Dropout(dropout), nn.Linear(512, outputs),
    )  # fmt: skip


def draw(path: Path, histories: dict[str, History]) -> None:
    """Training and validation loss of each cure."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(1, len(histories), figsize=(3 * len(histories), 3), sharey=True, layout="constrained")
    for axis, (name, history) in zip(axes, histories.items(), strict=True):
        axis.plot(history.steps, history.training, label="learnt")
        axis.plot(history.steps, history.validation, label="not heard")
        axis.set(title=name, xlabel="step", ylim=(0, 4))
    axes[0].set_ylabel("loss / nats")
    axes[0].legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=90, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

"""Transfer learning: a network that knows some kinds of drum learns others from few sounds.

    python examples/transfer_learning.py DATA [--out FOLDER]

DATA is a dataset folder made by `creativeml prepare`. A classifier learns half of the kinds. Then its last layer is
made anew for the other half, of which there are K sounds each: with the rest frozen (to the bit, which is checked),
with all of it learning on, and, for comparison, from random weights, which on the open drums are as good a start: five
kinds teach little that the others need. Some 35 s of one core.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path

import torch
import tyro
from torch import Tensor, nn

from creativeml.data.one_shots import OneShotDataset
from creativeml.data.pictures import dataset_pictures
from creativeml.errors import CreativeMLError
from creativeml.evaluation.tables import table
from creativeml.layers.conv import strided_network
from creativeml.training.curves import draw_accuracies
from creativeml.training.minibatches import LoopConfig
from creativeml.training.supervised import SupervisedConfig, accuracy, train_supervised
from creativeml.training.transfer import TransferConfig, train_transfer


def main(
    data: tyro.conf.Positional[Path],
    *,
    known: tuple[str, ...] = ("kick", "hat_closed", "tom", "crash", "perc"),
    shots: tuple[int, ...] = (1, 2, 5, 10),
    draws: int = 3,
    out: Path | None = None,
    steps: int = 150,
    seed: int = 0,
) -> int:
    """Print the accuracy on test recordings of the new kinds.

    Args:
        data: dataset folder.
        known: kinds that are learnt first; the others come afterwards.
        shots: sounds of each new kind.
        draws: of those sounds, over which the mean is taken.
        out: folder for transfer_learning.png.
        steps: of each training.
        seed: of weights, batches and draws.
    """
    every = OneShotDataset(data, "train").kinds
    first = OneShotDataset(data, "train", kinds=[kind for kind in every if kind in known])
    new = OneShotDataset(data, "train", kinds=[kind for kind in every if kind not in known])
    test = OneShotDataset(data, "test", kinds=new.kinds)
    config = SupervisedConfig(LoopConfig(steps=2 * steps, learning_rate=2e-3, seed=seed))
    torch.manual_seed(seed)
    taught = strided_network(len(first.kinds))
    train_supervised(taught, (dataset_pictures(first, side=32), first.labels), config)
    x, heard = dataset_pictures(new, side=32), (dataset_pictures(test, side=32), test.labels)
    found: dict[str, list[float]] = {"frozen": [], "fine-tuned": [], "from random weights": []}
    moved = 0
    for count in shots:
        right = dict.fromkeys(found, 0.0)
        for number in range(draws):
            few = chosen(new.labels, count, seed + number)
            few_shots = SupervisedConfig(LoopConfig(steps=steps, learning_rate=1e-3, seed=seed + number))
            for name in found:
                torch.manual_seed(seed + number)
                model = strided_network(len(first.kinds)) if name == "from random weights" else copy.deepcopy(taught)
                transfer = TransferConfig(few_shots, frozen=name == "frozen")
                train_transfer(model, (x[few], new.labels[few]), len(new.kinds), transfer)
                moved += changed(taught, model) if name == "frozen" else 0
                right[name] += accuracy(model, *heard) / draws
        for name, value in right.items():
            found[name].append(value)
    print(f"taught {', '.join(first.kinds)}; then {', '.join(new.kinds)}")
    columns = ["accuracy on test recordings", *(f"{k} sounds a kind" for k in shots)]
    print(table(columns, [[name, *(f"{a:.3f}" for a in line)] for name, line in found.items()]))
    print(f"frozen tensors that have changed: {moved}")
    if out is not None:
        draw_accuracies(out / "transfer_learning.png", shots, found, xlabel="sounds of each new kind")
    return 0


def changed(before: nn.Module, after: nn.Module) -> int:
    """Tensors, statistics included, that differ in a single bit; those of the last layer are not counted."""
    pairs = zip(before.state_dict().items(), after.state_dict().values(), strict=True)
    return sum(a.shape != b.shape or not torch.equal(a, b) for (name, a), b in pairs if not name.startswith("10."))


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

"""Domain adaptation: labels of acoustic drums alone, and electronic ones to be named.

    python examples/domain_adaptation.py DATA [--out FOLDER]

DATA is a dataset folder made by `creativeml prepare`; which kit a sound belongs to is told by its group in the
manifest. A network learns kick, snare and closed hat from acoustic kits: alone, or beside a second head that tells the
domain and whose gradient is turned round (DANN, Ganin et al. 2016, arXiv 1505.07818), so that the features do not tell
it. No label of an electronic sound is used in training. Some 30 s of one core.

On the open drums this does harm: electronic drums are named well without it, and worse with it. The kinds come in other
shares in the two domains, and features that do not tell the domains apart cannot keep both those shares and the kinds
(Zhao et al. 2019, arXiv 1901.09453). Where it helps is shown by tests/training/test_domain_adversarial.py.
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
from creativeml.layers.shared_trunk import DomainAdversarial
from creativeml.training.curves import draw_accuracies
from creativeml.training.domain_adversarial import DomainConfig, train_domain_adversarial
from creativeml.training.minibatches import LoopConfig
from creativeml.training.supervised import accuracy

ELECTRONIC = ("opl3/", *(f"sonic-pi/{name}_" for name in ("bd", "sn", "elec", "hat", "tbd")))
"""How groups of synthesised kits begin: an FM chip, and the electronic part of a library that holds both."""
STRENGTHS = (0.0, 0.1, 1.0)


def main(
    data: tyro.conf.Positional[Path],
    *,
    kinds: tuple[str, ...] = ("kick", "snare", "hat_closed"),
    out: Path | None = None,
    steps: int = 300,
    seeds: int = 2,
) -> int:
    """Print the accuracy in both domains for several strengths of the reversed gradient.

    Args:
        data: dataset folder.
        kinds: to tell apart.
        out: folder for domain_adaptation.png.
        steps: of each training.
        seeds: trainings, over which the mean is taken.
    """
    sounds = OneShotDataset(data, "all", kinds=kinds)
    away = torch.tensor([is_electronic(row["group"]) for row in sounds.rows])
    x, labels = dataset_pictures(sounds, side=32), sounds.labels
    if not (~away).any() or not away.any():
        raise CreativeMLError(f"{data}: needs acoustic and electronic sounds of {', '.join(kinds)}")
    found: dict[str, list[float]] = {"acoustic": [], "electronic": []}
    for strength in STRENGTHS:
        right = [0.0, 0.0]
        for seed in range(seeds):
            torch.manual_seed(seed)
            model = DomainAdversarial(strided_network(16), 16, len(kinds))
            loop = LoopConfig(steps=steps, batch_size=48, learning_rate=1e-3, seed=seed)
            config = DomainConfig(loop, strength)
            train_domain_adversarial(model, (x[~away], labels[~away]), x[away], config)
            for place, part in enumerate((~away, away)):
                right[place] += accuracy(model, x[part], labels[part]) / seeds
        for name, value in zip(found, right, strict=True):
            found[name].append(value)
    print(f"{int((~away).sum())} acoustic sounds with labels, {int(away.sum())} electronic ones without")
    columns = ["accuracy, strength of the reversed gradient", *(f"{s:g}" for s in STRENGTHS)]
    print(table(columns, [[name, *(f"{a:.3f}" for a in line)] for name, line in found.items()]))
    if out is not None:
        draw_accuracies(
            out / "domain_adaptation.png",
            STRENGTHS,
            found,
            xlabel="strength of the reversed gradient",
            ylabel="accuracy",
        )
    return 0


def is_electronic(group: str) -> bool:
    """Whether a source group belongs to a synthesised kit."""
    return group.startswith(ELECTRONIC)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

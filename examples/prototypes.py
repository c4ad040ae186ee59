"""Few-shot learning: kinds of drum that a network was never trained on, told from a handful of examples each.

    python examples/prototypes.py DATA [--unseen snare tom ride] [--out FOLDER]

DATA is a dataset folder made by `creativeml prepare`. A prototypical network (Snell et al. 2017, arXiv 1703.05175)
learns an embedding from the other kinds. Then sounds of the unseen ones are named by the nearest mean of K embedded
examples; no sound is example and query at once. Beside it the same with the pictures as they are, and with an untrained
network. Some 11 s of one core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import tyro
from torch import nn

from creativeml.data.one_shots import OneShotDataset
from creativeml.data.pictures import dataset_pictures
from creativeml.errors import CreativeMLError
from creativeml.evaluation.tables import table
from creativeml.layers.conv import strided_network
from creativeml.training.curves import draw_accuracies
from creativeml.training.episodic import EpisodicConfig, episode_accuracy, train_prototypical
from creativeml.training.minibatches import LoopConfig

EPISODES = 200


def main(
    data: tyro.conf.Positional[Path],
    *,
    unseen: tuple[str, ...] = ("snare", "tom", "ride"),
    shots: tuple[int, ...] = (1, 2, 5, 10),
    out: Path | None = None,
    steps: int = 300,
    seed: int = 0,
) -> int:
    """Print how many of the sounds of unseen kinds are named rightly.

    Args:
        data: dataset folder.
        unseen: kinds that are kept from the training.
        shots: examples of each kind.
        out: folder for prototypes.png.
        steps: of the training, an episode each.
        seed: of weights and episodes.
    """
    sounds = OneShotDataset(data, "train")
    missing = [kind for kind in unseen if kind not in sounds.kinds]
    if missing or len(unseen) < 2:
        wrong = ", ".join(missing or unseen)
        raise CreativeMLError(f"--unseen takes two or more of {', '.join(sounds.kinds)}, not {wrong}")
    x, labels = dataset_pictures(sounds, side=32), sounds.labels
    kept = torch.isin(labels, torch.tensor([sounds.kinds.index(kind) for kind in unseen]))
    torch.manual_seed(seed)
    untrained, trained = strided_network(32), strided_network(32)
    loop = LoopConfig(steps=steps, learning_rate=1e-3, seed=seed)
    config = EpisodicConfig(loop, ways=len(unseen), shots=5, queries=5)
    train_prototypical(trained, (x[~kept], labels[~kept]), config)
    embeddings = {"the pictures": nn.Flatten(), "an untrained network": untrained, "a prototypical network": trained}
    found = {}
    for name, embedding in embeddings.items():
        shapes = [EpisodicConfig(ways=len(unseen), shots=k, queries=5) for k in shots]
        found[name] = [episode_accuracy(embedding, x[kept], labels[kept], s, episodes=EPISODES) for s in shapes]
    print(f"never heard in training: {', '.join(unseen)}; a guess is right in {1 / len(unseen):.3f}")
    columns = ["nearest mean of", *(f"{k} examples" for k in shots)]
    print(table(columns, [[name, *(f"{a:.3f}" for a in line)] for name, line in found.items()]))
    if out is not None:
        draw_accuracies(
            out / "prototypes.png",
            shots,
            found,
            xlabel="examples of each unseen kind",
            ylabel="accuracy",
            guess=1 / len(unseen),
        )
    return 0


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

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
from torch import Tensor, nn

from creativeml.audio.pictures import log_mel_pictures
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.tables import table
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
    x, labels = pictures(sounds), sounds.labels
    kept = torch.isin(labels, torch.tensor([sounds.kinds.index(kind) for kind in unseen]))
    torch.manual_seed(seed)
    untrained, trained = network(32), network(32)
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
        draw(out / "prototypes.png", shots, found, 1 / len(unseen))
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


def draw(path: Path, shots: tuple[int, ...], found: dict[str, list[float]], chance: float) -> None:
    """Accuracy over the number of examples."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axis = plt.subplots(figsize=(5, 3.5), layout="constrained")
    for name, line in found.items():
        axis.plot(shots, line, marker="o", label=name)
    axis.axhline(chance, linestyle=":", color="grey", label="guess")
    axis.set(xlabel="examples of each unseen kind", ylabel="accuracy", ylim=(0, 1))
    axis.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

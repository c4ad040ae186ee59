"""Groups of drums without labels: DeepCluster (Caron et al. 2018) beside k-means of the spectrograms.

    python examples/deep_cluster.py [--out deep_cluster.png]

As many groups as there are kinds are made of the starter pack's sounds by k-means of the log-mel pictures, of their
principal components, of the features of DeepCluster's network before training, and of the same after its turns of
grouping and learning. Labels are only used to judge: purity is the share of sounds whose kind is the most frequent one
of their group. All is repeated with several seeds; the mean and the range are printed, and the purity of random groups
of the same number.

Each kind counts with equally many sounds, or the most frequent kind would set the figure. With some hundred sounds
DeepCluster's network learns to ignore shifts and levels, little more: what it is ahead of plain k-means is no more than
the range of the seeds, which also draw the sounds. Some 20 s of one core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor

from creativeml.data.starter import StarterSounds, starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.projections import cluster, project, purity
from creativeml.evaluation.tables import table
from creativeml.files import atomic_path
from creativeml.models.clustering.deep_cluster import DeepCluster, DeepClusterConfig
from creativeml.training.deep_cluster import DeepClusterTrainingConfig, coarse_groups, train_deep_cluster
from creativeml.training.loop import LoopConfig

COMPONENTS = 8


def main(
    *,
    kinds: tuple[str, ...] = ("kick", "snare", "tom", "hat_closed"),
    out: Path = Path("deep_cluster.png"),
    turns: int = 5,
    steps: int = 40,
    seeds: int = 5,
) -> int:
    """Group, train, print the purity, draw.

    Args:
        kinds: of drums.
        out: the picture.
        turns: of grouping and learning.
        steps: of each.
        seeds: repetitions.
    """
    if seeds < 1:
        raise CreativeMLError(f"--seeds must be at least 1, not {seeds}")
    pack = starter_sounds(kinds)
    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        rows = equally_many(pack, seed)
        pictures, labels = pack.pictures(bands=32, frames=16)[rows][:, None], pack.labels[rows].numpy()
        groups = groupings(pictures, len(kinds), turns, steps, seed)
        groups["random groups"] = np.random.default_rng(seed).integers(len(kinds), size=len(labels))
        for name, group in groups.items():
            found.setdefault(name, []).append(purity(group, labels))
    print(f"{len(rows)} sounds, as many of each of {', '.join(kinds)}, in {len(kinds)} groups; {seeds} seeds")
    lines = [[name, f"{np.mean(p):.3f}", f"{min(p):.3f}", f"{max(p):.3f}"] for name, p in found.items()]
    print(table(["k-means of", "purity", "lowest", "highest"], lines))
    draw(project(pictures.flatten(1).numpy()), labels, kinds, groups, out)
    return 0


def equally_many(pack: StarterSounds, seed: int) -> Tensor:
    """Rows of the pack in which all kinds are as frequent as the least frequent one."""
    generator = torch.Generator().manual_seed(seed)
    members = [(pack.labels == kind).nonzero()[:, 0] for kind in range(len(pack.kinds))]
    count = min(map(len, members))
    return torch.cat([m[torch.randperm(len(m), generator=generator)[:count]] for m in members])


def groupings(pictures: Tensor, count: int, turns: int, steps: int, seed: int) -> dict[str, np.ndarray]:
    """Groups of pictures `(n, 1, bands, frames)` by each method: numbers `(n,)`."""
    flat = pictures.flatten(1).numpy()
    torch.manual_seed(seed)
    model = DeepCluster(DeepClusterConfig())
    groups = {
        "log-mel pictures": cluster(flat, count=count, seed=seed),
        f"their {COMPONENTS} principal components": cluster(project(flat, dims=COMPONENTS), count=count, seed=seed),
        "DeepCluster's network, untrained": coarse_groups(model, pictures, count, seed=seed),
    }
    loop = LoopConfig(steps=steps, batch_size=64, learning_rate=3e-3, weight_decay=1e-4, seed=seed)
    train_deep_cluster(model, pictures, DeepClusterTrainingConfig(loop, turns=turns))
    groups["DeepCluster"] = coarse_groups(model, pictures, count, seed=seed)
    return groups


def draw(
    points: np.ndarray, labels: np.ndarray, kinds: tuple[str, ...], groups: dict[str, np.ndarray], out: Path
) -> None:
    """The sounds on the plane of the pictures' first components: by kind, and in the groups of each method."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    shown = {"kinds": labels} | {name: group for name, group in groups.items() if name != "random groups"}
    figure, axes = plt.subplots(1, len(shown), figsize=(3.2 * len(shown), 3.4), layout="constrained")
    for axis, (name, group) in zip(axes, shown.items(), strict=True):
        for number in np.unique(group):
            axis.scatter(*points[group == number].T, s=12, label=kinds[number] if name == "kinds" else None)
        axis.set(title=name, xticks=[], yticks=[])
    axes[0].legend(fontsize=7)
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

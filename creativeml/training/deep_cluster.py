"""DeepCluster's turns: group the features by k-means, learn to tell the groups, group again (arXiv 1807.05520)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor

from creativeml.config import check_range
from creativeml.evaluation.projections import cluster, project
from creativeml.models.clustering.deep_cluster import DeepCluster
from creativeml.training.loop import fabric_of, holds_state
from creativeml.training.minibatches import History, LoopConfig, train_minibatches
from creativeml.training.networks import on_device


@dataclass(frozen=True)
class DeepClusterTrainingConfig:
    """How long the turns are, and what counts as the same sound."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=40, learning_rate=3e-3, weight_decay=1e-4))
    """Of one turn."""
    turns: int = 5
    whitened_dim: int = 16
    """Principal components of the features that are grouped, whitened and brought to length 1, as in the paper."""
    shift_frames: int = 1
    """Largest shift in time of a picture that still counts as the same."""
    shift_bands: int = 1
    """Largest shift in frequency."""
    gain: float = 0.2
    """Largest change of level, in units of the pictures."""
    noise: float = 0.05
    """Standard deviation of the noise on pictures."""

    def __post_init__(self) -> None:
        for name in ("turns", "whitened_dim"):
            check_range(name, getattr(self, name), 1)
        for name in ("shift_frames", "shift_bands", "gain", "noise"):
            check_range(name, getattr(self, name), 0)


def train_deep_cluster(
    model: DeepCluster,
    pictures: Tensor,
    config: DeepClusterTrainingConfig,
    *,
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> list[History]:
    """Train on the groups that the network's own features form.

    Args:
        model: changed in place.
        pictures: `(n, 1, bands, frames)` log-mel spectrograms, about within 0 and 1; with `loop.overfit` the first so
            many.
        config: how.
        folder: its subfolders `turn-0`, `turn-1`, ... hold the states of each turn.
        resume: go on within the turn that was cut off; give the model with the weights that the run began with, since
            a turn that had not saved a state starts from where the one before it ended.
        fabric: see `training.minibatches`; the groups are those that the first process finds.

    Returns:
        What happened in each turn.
    """
    launched = fabric_of(fabric, model)
    (pictures,) = on_device(fabric, (pictures[: config.loop.overfit],))
    histories = []
    for turn in range(config.turns):
        own = None if folder is None else folder / f"turn-{turn}"
        begun = resume and holds_state(own)
        groups = launched.broadcast(pseudo_labels(model, pictures, config, seed=turn)).to(pictures.device)
        # Every group comes as often, however many are in it, or the network would find one large group (section 3.3).
        share = 1.0 / torch.bincount(groups, minlength=model.config.clusters).float().clamp_min(1.0)
        torch.manual_seed(config.loop.seed + turn)
        model.reset_head()
        loop = replace(config.loop, seed=config.loop.seed + turn)
        count = min(loop.batch_size, len(pictures))

        def loss(_: Tensor, groups: Tensor = groups, weights: Tensor = share[groups], count: int = count) -> Tensor:
            rows = torch.multinomial(weights, count, replacement=True)
            return F.cross_entropy(model(varied(pictures[rows], config)).float(), groups[rows])

        histories.append(train_minibatches(model, loss, (pictures,), loop, folder=own, resume=begun, fabric=fabric))
    return histories


@torch.no_grad()
def normalised_features(model: DeepCluster, pictures: Tensor, dims: int) -> np.ndarray:
    """Features as they are grouped: principal components, whitened, each point brought to length 1: `(n, dims)`."""
    model.eval()
    dims = min(dims, model.config.feature_dim, len(pictures) - 2)
    features = project(model.features(_beside(model, pictures)).cpu().numpy(), "pca", dims=dims)
    whitened = features / np.maximum(features.std(0), 1e-6)
    return whitened / np.maximum(np.linalg.norm(whitened, axis=1, keepdims=True), 1e-6)


def pseudo_labels(model: DeepCluster, pictures: Tensor, config: DeepClusterTrainingConfig, *, seed: int = 0) -> Tensor:
    """Group of each picture by k-means of its features: `(n,)`, on the CPU."""
    points = normalised_features(model, pictures, config.whitened_dim)
    return torch.from_numpy(cluster(points, "k-means", count=model.config.clusters, seed=seed)).long()


def varied(pictures: Tensor, config: DeepClusterTrainingConfig) -> Tensor:
    """Pictures shifted, louder or quieter, and noisy, each in its own way; `(b, 1, bands, frames)`."""
    batch, _, bands, frames = pictures.shape
    device = pictures.device
    up = torch.randint(-config.shift_bands, config.shift_bands + 1, (batch, 1), device=device)
    later = torch.randint(-config.shift_frames, config.shift_frames + 1, (batch, 1), device=device)
    rows = (torch.arange(bands, device=device) + up).clamp(0, bands - 1)
    columns = (torch.arange(frames, device=device) + later).clamp(0, frames - 1)
    each = torch.arange(batch, device=device)[:, None, None]
    moved = pictures[each, 0, rows[:, :, None], columns[:, None, :]][:, None]
    louder = config.gain * (2.0 * torch.rand(batch, 1, 1, 1, device=device) - 1.0)
    return moved + louder + config.noise * torch.randn_like(moved)


@torch.no_grad()
def coarse_groups(model: DeepCluster, pictures: Tensor, count: int, *, seed: int = 0) -> np.ndarray:
    """Divide pictures into fewer groups than the network was trained on.

    Grouped are the outputs of the convolutions, each brought to length 1: the last layers know too well which groups
    they were trained on (the paper, too, finds the inner layers the most useful).

    Returns:
        `(n,)` number of each picture's group.
    """
    model.eval()
    return cluster(
        F.normalize(model.trunk(_beside(model, pictures)).flatten(1), dim=1).cpu().numpy(),
        "k-means",
        count=count,
        seed=seed,
    )


def _beside(model: DeepCluster, pictures: Tensor) -> Tensor:
    """Pictures where the model is, which a training may have moved."""
    return pictures.to(model.head.weight.device)

"""Training of deep clustering on mixtures of two recordings of different kinds."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor

from creativeml.config import check_range
from creativeml.errors import CreativeMLError
from creativeml.losses.separation import affinity_loss
from creativeml.models.separation.deep_clustering import DeepClustering
from creativeml.training.minibatches import History, LoopConfig, small_set, train_minibatches
from creativeml.training.networks import on_device


@dataclass(frozen=True)
class DeepClusteringTrainingConfig:
    """How mixtures are made."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(steps=300, batch_size=8, learning_rate=2e-3))
    largest_delay: int = 2000
    """Samples by which the second hit may come later; short enough that hits overlap."""
    largest_difference_db: float = 6.0
    """Between the levels of the two."""

    def __post_init__(self) -> None:
        check_range("largest_delay", self.largest_delay, 0)
        check_range("largest_difference_db", self.largest_difference_db, 0.0)


def mix(
    first: Tensor, second: Tensor, config: DeepClusteringTrainingConfig, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Mixtures of pairs of sounds.

    Args:
        first, second: `(b, samples)`.
        config: how late and how loud the second is.
        generator: of the random numbers.

    Returns:
        Mixtures `(b, samples)` and what each is made of `(b, 2, samples)`.
    """
    batch, samples = second.shape
    device = second.device if generator is None else generator.device
    delay = torch.randint(config.largest_delay + 1, (batch, 1), generator=generator, device=device)
    places = (torch.arange(samples, device=device) - delay).to(second.device)
    later = second.gather(1, places.clamp_min(0)) * (places >= 0)
    place = torch.rand(batch, 1, generator=generator, device=device).to(second.device)
    difference = config.largest_difference_db * (2.0 * place - 1.0)
    # Equal energy first: a peak says little of how loud a hit is.
    parts = torch.stack([first, later], dim=1)
    parts = parts / parts.square().mean(2, keepdim=True).sqrt().clamp_min(1e-6)
    parts = 0.05 * parts * 10.0 ** (torch.stack([0.5 * difference, -0.5 * difference], dim=1) / 20.0)
    return parts.sum(1), parts


def mixture_loss(model: DeepClustering, mixtures: Tensor, parts: Tensor) -> Tensor:
    """Affinity loss of mixtures `(b, samples)` of known parts `(b, 2, samples)`: a bin belongs to the louder part.

    Bins count by their magnitude, and silent ones not at all.
    """
    spectrum = model.spectrum(mixtures)
    magnitudes = model.spectrum(parts.flatten(0, 1)).abs().unflatten(0, parts.shape[:2])
    members = F.one_hot(magnitudes.argmax(1), parts.shape[1]).flatten(1, 2)
    weights = (model.sounding(spectrum) * spectrum.abs().sqrt()).flatten(1)
    return affinity_loss(model(model.levels(spectrum)).float().flatten(1, 2), members, weights)


def train_deep_clustering(
    model: DeepClustering,
    sounds: Tensor,
    labels: Tensor,
    config: DeepClusteringTrainingConfig,
    *,
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """Train on mixtures of two sounds of different kinds, drawn afresh for every step.

    Args:
        model: changed in place.
        sounds: `(n, samples)` at the model's sample rate.
        labels: `(n,)` kind of each.
        config: how mixtures are made; with `loop.overfit` both sounds are of so many, spread over the kinds.
        folder, resume, fabric: see `training.minibatches`.

    Raises:
        CreativeMLError: sounds of one kind only.
    """
    sounds, labels = on_device(fabric, small_set((sounds, labels), config.loop.overfit))
    if len(labels.unique()) < 2:
        raise CreativeMLError("mixtures are made of sounds of two kinds; give recordings of at least two")

    def loss(first: Tensor, kinds: Tensor) -> Tensor:
        differs = labels[None] != kinds[:, None]
        second = sounds[torch.multinomial(differs.float(), 1)[:, 0]]
        return mixture_loss(model, *mix(first, second, config))

    return train_minibatches(model, loss, (sounds, labels), config.loop, folder=folder, resume=resume, fabric=fabric)

"""Few-shot learning by episodes: a prototypical network names kinds that it has never been trained on.

Snell, Swersky and Zemel, "Prototypical networks for few-shot learning" (2017, arXiv 1703.05175). An episode is a small
problem of its own: N kinds (ways) with K examples each (shots, the support) and other sounds of the same kinds to be
named (the queries), by the nearest mean of the embedded examples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.errors import CreativeMLError
from creativeml.training.loop import History, LoopConfig, evaluated
from creativeml.training.minibatches import small_set
from creativeml.training.networks import Networks

_LOOKED_AT = 20
"""Episodes of a look at the validation kinds."""


@dataclass(frozen=True)
class EpisodicConfig:
    """Shape of the episodes; `loop.batch_size` does not count, a step is one episode."""

    loop: LoopConfig = field(default_factory=LoopConfig)
    ways: int = 5
    shots: int = 5
    queries: int = 5
    """For each kind."""

    def __post_init__(self) -> None:
        check_range("ways", self.ways, 2)
        check_range("shots", self.shots, 1)
        check_range("queries", self.queries, 1)


@dataclass(frozen=True)
class Episode:
    """Rows of one small problem.

    Attributes:
        kinds: labels of its kinds `(ways,)`.
        support: rows `(ways, shots)`.
        queries: rows `(ways, queries)`, none of which is in the support.
    """

    kinds: Tensor
    support: Tensor
    queries: Tensor


def draw_episode(labels: Tensor, config: EpisodicConfig, random: torch.Generator) -> Episode:
    """Kinds and, of each, rows that are all different.

    Args:
        labels: `(n,)`; kinds with too few rows for support and queries are never drawn.
        config: shape of the episode.
        random: source of the draw.

    Raises:
        CreativeMLError: too few kinds have enough rows.
    """
    needed = config.shots + config.queries
    kinds, counts = labels.cpu().unique(return_counts=True)
    kinds = kinds[counts >= needed]
    if len(kinds) < config.ways:
        raise CreativeMLError(
            f"episodes of {config.ways} kinds with {needed} sounds each cannot be drawn: {len(kinds)} kinds have"
            " as many; ask for fewer ways, shots or queries"
        )
    chosen = kinds[torch.randperm(len(kinds), generator=random)[: config.ways]]
    rows = []
    for kind in chosen:
        members = torch.nonzero(labels.cpu() == kind).flatten()
        rows.append(members[torch.randperm(len(members), generator=random)[:needed]])
    drawn = torch.stack(rows)
    return Episode(chosen, drawn[:, : config.shots], drawn[:, config.shots :])


def prototypes(support: Tensor) -> Tensor:
    """Mean of the embedded examples of each kind: `(ways, shots, features)` → `(ways, features)`."""
    return support.mean(1)


def nearness(embedded: Tensor, centres: Tensor) -> Tensor:
    """Logits of kinds: minus the squared distance, `(b, features)` and `(ways, features)` → `(b, ways)`."""
    return -(embedded[:, None] - centres[None]).square().sum(-1)


def episode_logits(model: nn.Module, inputs: Tensor, episode: Episode) -> Tensor:
    """Of all queries of an episode: `(ways * queries, ways)`, the queries kind by kind."""
    ways, shots = episode.support.shape
    rows = torch.cat([episode.support.flatten(), episode.queries.flatten()]).to(inputs.device)
    embedded = model(inputs[rows]).float().flatten(1)
    support, queries = embedded.split([ways * shots, len(embedded) - ways * shots])
    return nearness(queries, prototypes(support.unflatten(0, (ways, shots))))


def train_prototypical(
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    config: EpisodicConfig,
    *,
    validation: tuple[Tensor, ...] = (),
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """Train an embedding in which kinds lie round their means.

    Args:
        model: `(b, ...)` → embeddings `(b, features)`; changed in place.
        data: inputs `(n, ...)` and labels `(n,)`; with `loop.overfit` so many rows, of as many kinds as
            have enough for an episode each, and validation rows are not looked at.
        config: shape of the episodes, and the loop.
        validation: inputs and labels, best of kinds that `data` does not have.
        folder, resume, fabric: see `training.minibatches`.

    Raises:
        CreativeMLError: too few kinds with enough rows, or fewer rows to overfit than an episode has; and as
            `run_loop`.
    """
    loop = config.loop
    networks = Networks({"model": model}, loop, fabric)
    inputs, labels = networks.on_device(_small_set(data, config))
    held_out = networks.on_device(validation)

    def loss(x: Tensor, y: Tensor, number: int) -> Tensor:
        episode = draw_episode(y, config, torch.Generator().manual_seed((loop.seed << 32) + number))
        with networks.fabric.autocast():
            logits = episode_logits(model, x, episode)
        return F.cross_entropy(logits, _query_labels(config, logits.device))

    def take(step: int) -> dict[str, float]:
        parts = networks.parts(step)
        return networks.update("model", ({"queries": loss(inputs, labels, number)} for number in parts))

    def look() -> float:
        x, y = held_out
        return float(torch.stack([loss(x, y, number) for number in range(_LOOKED_AT)]).mean())

    return networks.run(take, look=look if held_out and loop.overfit is None else None, folder=folder, resume=resume)


@torch.no_grad()
def episode_accuracy(
    model: nn.Module, inputs: Tensor, labels: Tensor, config: EpisodicConfig, *, episodes: int = 100, seed: int = 0
) -> float:
    """Share of queries that are named rightly, over many episodes; a guess is right in 1 of `ways`.

    Args:
        model: the embedding, used in evaluation mode.
        inputs, labels: of the kinds to be named, seldom those of the training.
        config: shape of the episodes.
        episodes: how many.
        seed: of their draw.

    Raises:
        CreativeMLError: too few kinds with enough rows.
    """
    random = torch.Generator().manual_seed(seed)
    right = []
    with evaluated(model):
        for _ in range(episodes):
            logits = episode_logits(model, inputs, draw_episode(labels, config, random))
            right.append(logits.argmax(1) == _query_labels(config, logits.device))
    return float(torch.cat(right).float().mean())


def _small_set(data: tuple[Tensor, Tensor], config: EpisodicConfig) -> tuple[Tensor, ...]:
    """What is learnt by heart: of so few kinds that each has what an episode needs of it."""
    overfit, needed = config.loop.overfit, config.shots + config.queries
    if overfit is None:
        return data
    if overfit < config.ways * needed:
        raise CreativeMLError(
            f"an episode of {config.ways} kinds with {needed} sounds each cannot be drawn from {overfit} sounds;"
            f" overfit {config.ways * needed}, or ask for fewer ways, shots or queries"
        )
    kinds, counts = data[1].unique(return_counts=True)
    chosen = torch.isin(data[1], kinds[counts >= needed][: overfit // needed])
    # None at all: the draw of the first episode says so.
    return small_set((data[0][chosen], data[1][chosen]), overfit)


def _query_labels(config: EpisodicConfig, device: torch.device) -> Tensor:
    return torch.arange(config.ways, device=device).repeat_interleave(config.queries)

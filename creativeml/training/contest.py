"""The critic's side of a game: what it is shown, its update, and the augmentation that adapts to its verdicts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor

from creativeml.audio.augment import DrumAugment
from creativeml.losses.adversarial import AdversarialLoss
from creativeml.training.parts import Part
from creativeml.training.replicas import average_over_replicas
from creativeml.training.updates import update


class Player(Protocol):
    """What plays against a critic."""

    @property
    def config(self) -> Any: ...

    fabric: Fabric
    critic: Any
    critic_optimizer: torch.optim.Optimizer
    loss: AdversarialLoss
    augment: DrumAugment
    step: int
    probability: float


@dataclass(frozen=True, eq=False)
class Contest:
    """What a critic is to tell apart.

    Attributes:
        real: `(b, samples)`.
        seen_fake: the critic's views of generated sounds, without gradient.
        condition, wanted: `(b, condition_dim)` of the real and of the generated sounds.
    """

    real: Tensor
    seen_fake: list[Tensor]
    condition: Tensor
    wanted: Tensor


def critic_step(
    gan: Player, parts: Sequence[Part], contest: Callable[[Part], Contest], phase: str = "critic"
) -> dict[str, float]:
    """Update the critic on real and generated sounds, and adapt the augmentation to its verdicts.

    Args:
        gan: changed in place.
        parts: of the step's batch that this process takes.
        contest: draws what the critic sees of a part.
        phase: whose random numbers augmentation and penalty take.

    Returns:
        The terms and verdicts by name.
    """
    verdicts: list[Tensor] = []

    def terms_of(part: Part) -> dict[str, Tensor]:
        shows = contest(part)
        seen_real = gan.critic.views(shown(gan, shows.real, part.begin(phase)))
        both = [torch.cat([r, f]) for r, f in zip(seen_real, shows.seen_fake, strict=True)]
        on_real, on_fake = gan.critic(both, torch.cat([shows.condition, shows.wanted])).chunk(2)
        terms = gan.loss.critic(on_real, on_fake)
        if gan.loss.penalty_is_due(gan.step):
            # Past the fabric's wrapper, whose hooks allow no derivative of a derivative.
            critic = getattr(gan.critic, "module", gan.critic)
            with gan.fabric.autocast():
                terms |= gan.loss.penalty(lambda v: critic(v, shows.condition), seen_real, shows.seen_fake)
        verdicts.append(torch.stack([x.detach().float().mean() for x in (on_real, on_fake, on_real.sign())]))
        return terms

    log = update(gan.fabric, gan.critic_optimizer, (terms_of(part) for part in parts), len(parts))
    real, fake, signs = torch.stack(verdicts).mean(0).tolist()
    signs = average_over_replicas(gan.fabric, [], [signs])[0]
    _adapt(gan, signs, sounds_per_update(gan.config))
    return log | {
        "verdict/real": real,
        "verdict/fake": fake,
        "verdict/sign": signs,
        "augment/probability": gan.probability,
    }


def shown(gan: Player, sounds: Tensor, random: torch.Generator) -> Tensor:
    """Sounds `(b, samples)` as the critic is shown them: augmented as often as adaptation has found right."""
    if gan.probability <= 0:
        return sounds
    return gan.augment(sounds.float(), generator=random, probability=gan.probability)


def _adapt(gan: Player, signs: float, sounds: int) -> None:
    """Move the augmentation's probability so that the critic stays as sure of training sounds as the target says."""
    a = gan.config.augmentation
    direction = math.copysign(1.0, signs - a.target)
    gan.probability = min(max(gan.probability + direction * sounds / a.adapt_over_sounds, 0.0), a.limit)


def sounds_per_update(config: Any) -> int:
    """Sounds of a step for one update of the critic, over all parts and processes."""
    return config.batch_size * config.parts

"""Adversarial terms and penalties, selectable by name.

Verdicts are `(batch, judges)`, higher is more real; every judge counts the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.config import check_range

Critic = Callable[[Sequence[Tensor]], Tensor]


@dataclass(frozen=True)
class AdversarialConfig:
    """Which game is played, and its penalties.

    Attributes:
        game: `non_saturating` (Goodfellow et al. 2014) or `wasserstein` (Arjovsky et al. 2017).
        penalty: `r1` (Mescheder et al. 2018), `lp` (WGAN-LP, Petzka et al. 2018: only slopes above 1 are
            punished) or `gp` (WGAN-GP, Gulrajani et al. 2017).
        penalty_weight: its weight; for r1 this is gamma / 2 at views of 4,096 elements (see `r1`).
        penalty_every: critic steps from one penalty to the next; the weight is multiplied accordingly.
        drift_weight: on the square of the verdicts on real sounds (keeps the critic's zero in place).
        overshoot_weight: on the part of a generated waveform beyond ±1.
    """

    game: Literal["non_saturating", "wasserstein"] = "non_saturating"
    penalty: Literal["r1", "lp", "gp"] = "r1"
    penalty_weight: float = 1.0
    penalty_every: int = 8
    drift_weight: float = 1e-3
    overshoot_weight: float = 1.0

    def __post_init__(self) -> None:
        for name in ("penalty_weight", "drift_weight", "overshoot_weight"):
            check_range(name, getattr(self, name), 0.0)
        check_range("penalty_every", self.penalty_every, 1)


class AdversarialLoss:
    """All adversarial mathematics of one game. Methods return terms by name, already weighted."""

    def __init__(self, config: AdversarialConfig) -> None:
        self.config = config

    def critic(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """Terms that the critic minimises, from verdicts on real and generated sounds."""
        if self.config.game == "non_saturating":
            terms = {"critic": F.softplus(-real).mean() + F.softplus(fake).mean()}
        else:
            terms = {"critic": fake.mean() - real.mean()}
        if self.config.drift_weight:
            terms["drift"] = self.config.drift_weight * real.square().mean()
        return terms

    def generator(self, fake: Tensor, sounds: Tensor) -> dict[str, Tensor]:
        """Terms that the generator minimises: to be taken for real, and to stay within ±1.

        Args:
            fake: verdicts on generated sounds.
            sounds: those sounds, `(b, samples)`.
        """
        if self.config.game == "non_saturating":
            terms = {"adversarial": F.softplus(-fake).mean()}
        else:
            terms = {"adversarial": -fake.mean()}
        if self.config.overshoot_weight:
            terms["overshoot"] = self.config.overshoot_weight * overshoot(sounds)
        return terms

    def penalty_is_due(self, step: int) -> bool:
        """Whether the critic's step number `step` (from 0) pays the gradient penalty."""
        return self.config.penalty_weight > 0 and step % self.config.penalty_every == 0

    def penalty(self, critic: Critic, real: Sequence[Tensor], fake: Sequence[Tensor]) -> dict[str, Tensor]:
        """Gradient penalty with respect to the critic's views.

        Args:
            critic: maps views to verdicts.
            real, fake: views of real and generated sounds, same shapes.
        """
        c = self.config
        if c.penalty == "r1":
            value = r1(critic, real)
        else:
            value = slope_penalty(critic, real, fake, one_sided=c.penalty == "lp")
        return {c.penalty: c.penalty_weight * c.penalty_every * value}


def overshoot(sounds: Tensor) -> Tensor:
    """Mean over sounds of the summed square of what lies beyond ±1, a soft wall instead of a clamp."""
    return (sounds.abs() - 1.0).clamp(min=0).square().sum(-1).mean()


def r1(critic: Critic, real: Sequence[Tensor]) -> Tensor:
    """Mean squared norm of the critic's gradient at real sounds.

    The verdicts of all judges are summed: each judge sees only its own view, so the gradients do not mix. Each view's
    squared norm is divided by the root of its number of elements over 64 (so it stands as it is at 4,096 elements):
    a sum over elements grows with the resolution, a mean vanishes with it.
    """
    views = [v.detach().requires_grad_(True) for v in real]
    gradients = _gradients(critic, views)
    return torch.stack([g.float().square().flatten(1).sum(1).mean() / _size(g) for g in gradients]).mean()


def _size(view: Tensor) -> float:
    return float(view[0].numel()) ** 0.5 / 64.0


def slope_penalty(critic: Critic, real: Sequence[Tensor], fake: Sequence[Tensor], *, one_sided: bool) -> Tensor:
    """Penalty on slopes that differ from 1 (two-sided) or exceed 1 (one-sided), between real and generated sounds."""
    share = torch.rand(real[0].shape[0], device=real[0].device)
    views = []
    for r, f in zip(real, fake, strict=True):
        mix = share.view(-1, *([1] * (r.dim() - 1)))
        views.append(torch.lerp(f.detach().float(), r.detach().float(), mix).requires_grad_(True))
    gradients = _gradients(critic, views)
    excess = [g.float().flatten(1).norm(dim=1) - 1.0 for g in gradients]
    if one_sided:
        excess = [e.clamp(min=0) for e in excess]
    return torch.stack([e.square().mean() for e in excess]).mean()


def _gradients(critic: Critic, views: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return torch.autograd.grad(critic(views).sum(), views, create_graph=True)

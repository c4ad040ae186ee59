"""Domain adaptation: labels of one domain, sounds of another, and features that do not tell the two apart.

Ganin et al., "Domain-adversarial training of neural networks" (DANN, 2016, arXiv 1505.07818).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor

from creativeml.config import check_range
from creativeml.layers.shared_trunk import DomainAdversarial
from creativeml.losses.likelihood import bernoulli_nll
from creativeml.training.loop import History, LoopConfig
from creativeml.training.minibatches import rows_of_part, small_set
from creativeml.training.networks import Networks


@dataclass(frozen=True)
class DomainConfig:
    """How domains are made alike; `loop.batch_size` rows are taken of each."""

    loop: LoopConfig = field(default_factory=LoopConfig)
    strength: float = 1.0
    """Of the reversed gradient at the end; 0 learns from the source domain alone, and never sees the target."""
    ramp: float = 10.0
    """How steeply the strength rises at the start, while the domain's head has yet to learn (gamma of the paper)."""

    def __post_init__(self) -> None:
        check_range("strength", self.strength, 0.0)
        if not self.ramp > 0:
            raise ValueError(f"ramp must be above 0, not {self.ramp}")


def reversal_strength(config: DomainConfig, step: int) -> float:
    """Strength at a step: from 0 towards `strength`, along a sigmoid (section 5.2.2 of the paper)."""
    return config.strength * (2.0 / (1.0 + math.exp(-config.ramp * step / config.loop.steps)) - 1.0)


def domain_terms(
    model: DomainAdversarial, source: tuple[Tensor, Tensor], target: Tensor, strength: float
) -> dict[str, Tensor]:
    """Loss terms of one batch: kinds in the source, and the domain of both.

    Args:
        model: trunk and heads.
        source: inputs `(b, ...)` and labels `(b,)`.
        target: inputs `(c, ...)` without labels.
        strength: of the reversed gradient.
    """
    x, labels = source
    # Together, so that normalisation over the batch sees both domains.
    logits, domain = model.with_domain(torch.cat([x, target]), strength)
    from_target = torch.cat([torch.zeros(len(x)), torch.ones(len(target))]).to(domain.device)
    return {
        "kinds": F.cross_entropy(logits[: len(x)].float(), labels),
        "domain": bernoulli_nll(domain.float(), from_target).mean(),
    }


def train_domain_adversarial(
    model: DomainAdversarial,
    source: tuple[Tensor, Tensor],
    target: Tensor,
    config: DomainConfig,
    *,
    validation: tuple[Tensor, ...] = (),
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """Train kinds from the labels of the source domain, in features that do not tell the domain.

    Args:
        model: changed in place.
        source: inputs `(n, ...)` and labels `(n,)`; with `loop.overfit` so many rows, spread over the kinds,
            and validation rows are not looked at.
        target: inputs `(m, ...)` of the other domain.
        config: how.
        validation: labelled inputs of the target domain, as few as there are, by which the best weights are picked;
            without them the last ones are kept. (The source domain is recognised best before any adaptation: it cannot
            pick.)
        folder, resume, fabric: see `training.minibatches`.

    Raises:
        CreativeMLError: as `run_loop`.
    """
    loop = config.loop
    networks = Networks({"model": model}, loop, fabric)
    rows = networks.on_device(small_set(source, loop.overfit))
    others, held_out = networks.on_device((target,)), networks.on_device(validation)
    # Another seed, so that the two orders have nothing to do with each other.
    other = replace(loop, seed=loop.seed + 1)

    def terms(step: int, number: int) -> dict[str, Tensor]:
        x, labels = rows_of_part(rows, loop, number)
        with networks.fabric.autocast():
            if config.strength:
                (away,) = rows_of_part(others, other, number)
                return domain_terms(model, (x, labels), away, reversal_strength(config, step))
            # Even without a reversed gradient, normalisation over the batch would let the target in.
            return {"kinds": F.cross_entropy(model(x).float(), labels)}

    def take(step: int) -> dict[str, float]:
        return networks.update("model", (terms(step, number) for number in networks.parts(step)))

    def look() -> float:
        with networks.fabric.autocast():
            return float(F.cross_entropy(model(held_out[0]).float(), held_out[1]))

    return networks.run(take, look=look if held_out and loop.overfit is None else None, folder=folder, resume=resume)

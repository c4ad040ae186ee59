"""A recording found in a space of sounds, whatever model lies behind it: the point whose sound is nearest.

    found = invert(space, recordings, cloud=Cloud(points))
    sounds = space.decode(torch.stack([one.point for one in found]))

An encoder proposes, and the gradient through the decoder refines (J.-Y. Zhu, P. Krähenbühl, E. Shechtman, A. Efros,
"Generative visual manipulation on the natural image manifold", 2016). The model stays as it is, so what is found can be
walked, mixed and placed on a map like any other point; `synthesis.resynthesis` comes nearer, and changes the model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from creativeml.config import check_range
from creativeml.errors import CreativeMLError
from creativeml.losses.matching import Match
from creativeml.synthesis.adaptation import schedule
from creativeml.synthesis.latent_cloud import Cloud
from creativeml.synthesis.latent_space import LatentSpace, check_sounds
from creativeml.threads import threads


@dataclass(frozen=True)
class InversionConfig:
    """How a point is refined."""

    steps: int = 30
    """Of Adam; 0 keeps what the encoder proposes."""
    rate: float = 0.2
    """Of Adam at its highest, in standard deviations of the cloud."""
    pull: float = 10.0
    """Decibels that a point costs which lies twice as far out as the cloud's edge; with the square of how far."""
    batch: int = 4
    """Recordings at a time."""

    def __post_init__(self) -> None:
        check_range("steps", self.steps, 0)
        check_range("pull", self.pull, 0.0)
        check_range("batch", self.batch, 1)
        if not self.rate > 0:
            raise ValueError(f"rate must be above 0, not {self.rate}")


@dataclass(frozen=True, eq=False)
class Inverted:
    """A recording's place in a space.

    Attributes:
        point: `(dim,)`.
        before: distance of the encoder's proposal from the recording in dB, as `losses.matching.Match` takes it.
        after: of the point's; never more than before.
        seconds: that it took, its share of the batch's.
    """

    point: Tensor
    before: float
    after: float
    seconds: float


def invert(
    space: LatentSpace,
    sounds: Tensor,
    kinds: Sequence[str] | None = None,
    cloud: Cloud | None = None,
    config: InversionConfig | None = None,
    on_step: Callable[[int, int], object] = lambda done, total: None,
) -> list[Inverted]:
    """The points whose sounds are nearest to recordings.

    Args:
        space: to find them in.
        sounds: recordings `(n, length_samples)` at the space's rate, as `recordings.read_recording` brings them.
        kinds: of the recordings; None lets the space name them.
        cloud: of known points, towards which points are pulled; None draws some of all kinds of the space.
        config: how long and how far.
        on_step: is told how many recordings of how many are done.

    Raises:
        CreativeMLError: sounds of another shape or not finite, an unknown kind, or a space that cannot encode.
    """
    check_sounds(space, sounds, kinds)
    config = config or InversionConfig()
    cloud = cloud or cloud_of(space)
    found: list[Inverted] = []
    for start in range(0, len(sounds), config.batch):
        part = slice(start, start + config.batch)
        found += _inverted(space, sounds[part].float(), None if kinds is None else kinds[part], cloud, config)
        on_step(len(found), len(sounds))
    return found


def cloud_of(space: LatentSpace, count: int = 30) -> Cloud:
    """The cloud of so many points of every kind of a space."""
    return Cloud(torch.cat([space.sample(kind, count) for kind in space.kinds]))


@torch.enable_grad()
def _inverted(
    space: LatentSpace, sounds: Tensor, kinds: Sequence[str] | None, cloud: Cloud, config: InversionConfig
) -> list[Inverted]:
    began = time.perf_counter()
    proposed = space.encode(sounds, kinds)
    match = Match(sounds, space.sample_rate)
    at = cloud.coordinates(proposed)
    # What the cloud does not do stays as the encoder has it.
    beside = proposed - cloud.points(at)
    moves = torch.zeros_like(at, requires_grad=True)
    optimizer = torch.optim.Adam([moves], lr=config.rate, betas=(0.9, 0.99))
    before = least = torch.full((len(sounds),), torch.inf)
    costs, best = torch.full_like(least, torch.inf), torch.zeros_like(at)
    with threads(1):
        for step in range(config.steps + 1):
            points = cloud.points(at + moves) + beside
            distances = match.distance(space.raw(points)).cpu()
            cost = distances + config.pull * cloud.excess(at + moves)
            with torch.no_grad():
                nearer = (cost < costs) & (distances <= before)
                costs, least = torch.where(nearer, cost, costs), torch.where(nearer, distances, least)
                best = torch.where(nearer[:, None], moves, best)
                before = distances.clone() if step == 0 else before
            if step < config.steps:
                optimizer.param_groups[0]["lr"] = config.rate * schedule(step, config.steps)
                optimizer.zero_grad()
                cost.sum().backward(inputs=[moves])
                assert moves.grad is not None
                moves.grad.nan_to_num_(0.0, 0.0, 0.0)
                optimizer.step()
    if not bool(torch.isfinite(least).all()):
        raise CreativeMLError(f"the model '{space.name}' gives a broken sound (not a number) near a recording")
    points = (cloud.points(at + best) + beside).detach()
    seconds = (time.perf_counter() - began) / len(sounds)
    rows = zip(points, before.tolist(), least.tolist(), strict=True)
    return [Inverted(point, start, end, seconds) for point, start, end in rows]

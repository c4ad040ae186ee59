"""A random walk through a space of sounds whose every step is heard as equally large.

    cloud = Cloud(space.sample("snare", 200))
    walk = random_walk(space, cloud, steps=16, size_db=1.5, seed=3)
    walk.sounds                                                      # (17, samples)

It stays where the known points are, and comes everywhere among them in the long run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError, quoted
from creativeml.synthesis.audible import heard
from creativeml.synthesis.catalog import LAST_SEED, is_number, is_whole
from creativeml.synthesis.latent_cloud import Cloud
from creativeml.synthesis.latent_space import LatentSpace

MOST, LARGEST_DB = 1024, 20.0
WITHIN = 0.1
"""By which share a step may miss its size."""
LISTENS, TRIES = 8, 4
"""How often it is listened to on the way to a size, and how many directions are tried if none is reached."""


@dataclass(frozen=True, eq=False)
class Walk:
    """Where a walk led.

    Attributes:
        points: `(steps + 1, dim)`, the start first.
        sizes: of the steps as heard, `(steps,)` in dB.
        sounds: of the points, `(steps + 1, length_samples)`.
    """

    points: Tensor
    sizes: Tensor
    sounds: Tensor


def random_walk(
    space: LatentSpace, cloud: Cloud, steps: int, size_db: float, seed: int = 0, start: Tensor | None = None
) -> Walk:
    """Steps of one size in directions that chance decides, within the edge of a cloud.

    A step goes some way along the arc from a point to a random one, in the cloud's coordinates. Walks of that kind
    have the cloud itself as where they are in the long run (Ornstein and Uhlenbeck 1930), so they neither drift away
    nor shrink to the mean. How far along the arc, is what is listened for.

    Args:
        space: of the points.
        cloud: of known points, e.g. of one kind.
        steps: 1 to 1,024.
        size_db: of every step, as `audible.heard` measures; 0.05 to 20. About 1 is just noticed.
        seed: the same seed gives the same walk.
        start: `(dim,)`; None starts at a random point of the cloud. A start beyond the cloud's edge is drawn in to it.
            What of it lies beside the cloud's axes stays beside them on the whole walk.

    Raises:
        CreativeMLError: a number out of its range, a start of another size, or steps larger than the cloud.
    """
    if not is_whole(steps) or not 1 <= steps <= MOST:
        raise CreativeMLError(f"steps must be a whole number from 1 to {MOST}, got {quoted(steps)}")
    if not is_number(size_db) or not 0.05 <= size_db <= LARGEST_DB:
        raise CreativeMLError(f"size_db must be from 0.05 to {LARGEST_DB:g} dB, got {quoted(size_db)}")
    if not is_whole(seed) or not 0 <= seed <= LAST_SEED:
        raise CreativeMLError(f"seed must be a whole number from 0 to {LAST_SEED}, got {quoted(seed)}")
    generator = torch.Generator().manual_seed(seed)
    if start is None:
        start = cloud.points(cloud.drawn_in(_random(cloud, generator)))[0]
    elif start.shape != (space.dim,):
        raise CreativeMLError(f"a point of '{space.name}' has shape ({space.dim},), not {tuple(start.shape)}")
    at = cloud.drawn_in(cloud.coordinates(start[None]))
    beside = start[None] - cloud.points(cloud.coordinates(start[None]))
    points = [cloud.points(at) + beside]
    sounds, sizes = [space.decode(points[0])], []
    for _ in range(steps):
        at, size = _step(space, cloud, at, beside, heard(sounds[-1], space.sample_rate), size_db, generator)
        points.append(cloud.points(at) + beside)
        sounds.append(space.decode(points[-1]))
        sizes.append(size)
    return Walk(torch.cat(points), torch.tensor(sizes), torch.cat(sounds))


def _step(
    space: LatentSpace,
    cloud: Cloud,
    at: Tensor,
    beside: Tensor,
    here: Tensor,
    size_db: float,
    generator: torch.Generator,
) -> tuple[Tensor, float]:
    farthest = 0.0
    for _ in range(TRIES):
        target = cloud.drawn_in(_random(cloud, generator))

        def there(angle: float, target: Tensor = target) -> Tensor:
            return cloud.drawn_in(math.cos(angle) * at + math.sin(angle) * target)

        def size_at(angle: float, there: Callable[[float], Tensor] = there) -> float:
            sound = space.decode(cloud.points(there(angle)) + beside)
            return float((heard(sound, space.sample_rate) - here).norm())

        angle, size = size_reached(size_at, size_db, first=0.2, most=math.pi / 2)
        if abs(size - size_db) <= WITHIN * size_db:
            return there(angle), size
        farthest = max(farthest, size)
    raise CreativeMLError(
        f"no step of {size_db:g} dB is found within these points (the farthest was {farthest:.2g} dB); ask for less, "
        "or give points that lie further apart"
    )


def _random(cloud: Cloud, generator: torch.Generator) -> Tensor:
    return torch.randn(1, len(cloud.axes), generator=generator)


def size_reached(size_at: Callable[[float], float], wanted: float, *, first: float, most: float) -> tuple[float, float]:
    """How far to go until what is heard has a size, and the size that is heard there.

    Sizes grow with the way, if not evenly: from `first` on the way is prolonged or cut until it lies between one too
    short and one too long, then between these by proportion.

    Returns:
        The way whose size comes nearest, at most `most`.
    """
    low, low_size, high, high_size = 0.0, 0.0, math.inf, math.inf
    way = min(first, most)
    best, best_size = 0.0, 0.0
    for _ in range(LISTENS):
        size = size_at(way)
        if abs(size - wanted) < abs(best_size - wanted):
            best, best_size = way, size
        if abs(size - wanted) <= 0.5 * WITHIN * wanted or (size < wanted and way >= most):
            break
        if size < wanted:
            low, low_size = way, size
        else:
            high, high_size = way, size
        if math.isinf(high):
            way = min(most, way * min(3.0, max(1.3, wanted / max(size, 1e-6))))
        else:
            # Kept off the ends: what is heard rises steeply first and slowly later.
            share = (wanted - low_size) / max(high_size - low_size, 1e-9)
            way = low + min(0.9, max(0.1, share)) * (high - low)
    return best, best_size

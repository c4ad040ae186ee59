"""Ways from one point of a latent space to another, and stops on them that are equally far apart for the ear.

    route = interpolate(space, kick, tom, count=16, how="geodesic")
    route.sounds                                                     # (16, samples)

- straight: the line between the points.
- spherical: around the mean of known points, on which normal latents keep their distance from it (K. Shoemake,
  "Animating rotation with quaternion curves", 1985).
- geodesic: the line bent until the way is shortest for the ear (G. Arvanitidis, L. K. Hansen, S. Hauberg, "Latent space
  oddity", 2018; H. Shao, A. Kumar, P. T. Fletcher, "The Riemannian geometry of deep generative models", 2018).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError, quoted
from creativeml.synthesis.audible import heard, steps_between
from creativeml.synthesis.catalog import is_whole
from creativeml.synthesis.latent_space import LatentSpace
from creativeml.threads import threads

WAYS = ("straight", "spherical", "geodesic")
MOST = 1024
"""Stops of a route."""
EVEN, ROUNDS = 1.5, 4
"""Longest step, in mean steps, at which a route is even enough; and how often its stops are moved for that."""

Curve = Callable[[Tensor], Tensor]
"""Shares of the way `(n,)` within 0 and 1 → points `(n, dim)`."""


@dataclass(frozen=True)
class GeodesicConfig:
    """How a shortest way is looked for."""

    stations: int = 8
    """Parts into which the way is cut while it is bent."""
    bends: int = 3
    """Half waves, 1 to so many, of which the bend is made."""
    steps: int = 12
    """Of gradient descent."""
    rate: float = 0.006
    """Of Adam, relative to the distance of the ends."""

    def __post_init__(self) -> None:
        if self.stations < 2 or self.bends < 1 or self.steps < 1 or not self.rate > 0:
            raise ValueError("a geodesic needs 2 stations or more, 1 bend or more, 1 step or more and a rate above 0")


@dataclass(frozen=True, eq=False)
class Route:
    """A way with its stops.

    Attributes:
        points: `(count, dim)`, the ends among them.
        shares: of the way, at which they lie on it, `(count,)` from 0 to 1.
        steps: from stop to stop as heard, `(count - 1,)` in dB.
        sounds: of the points, `(count, length_samples)`.
    """

    points: Tensor
    shares: Tensor
    steps: Tensor
    sounds: Tensor

    @property
    def length(self) -> float:
        """Of the whole way as heard, in dB."""
        return float(self.steps.sum())

    @property
    def unevenness(self) -> float:
        """The longest step relative to the mean one; 1 if nothing is heard on the way."""
        mean = float(self.steps.mean())
        return float(self.steps.max()) / mean if mean > 1e-3 else 1.0


def straight(start: Tensor, end: Tensor) -> Curve:
    """The line from a point `(dim,)` to another."""
    return lambda shares: torch.lerp(start, end, shares[:, None])


def spherical(start: Tensor, end: Tensor, mean: Tensor) -> Curve:
    """The arc around a mean `(dim,)`: the angle grows evenly, and the distance from the mean too.

    Of ends on one line with the mean it is the straight line: there is no arc, or any.
    """
    first, last = start - mean, end - mean
    near, far = first.norm(), last.norm()
    angle = torch.arccos((first @ last / (near * far).clamp_min(1e-12)).clamp(-1.0, 1.0))
    if min(float(near), float(far)) < 1e-6 or float(angle) < 1e-3 or float(angle) > math.pi - 1e-3:
        return straight(start, end)

    def curve(shares: Tensor) -> Tensor:
        shares = shares[:, None]
        turned = torch.sin((1.0 - shares) * angle) * first / near + torch.sin(shares * angle) * last / far
        points = mean + torch.lerp(near, far, shares) / torch.sin(angle) * turned
        # Exactly, where rounding would miss the ends.
        return torch.where(shares == 0, start, torch.where(shares == 1, end, points))

    return curve


@torch.enable_grad()
def geodesic(space: LatentSpace, start: Tensor, end: Tensor, config: GeodesicConfig | None = None) -> Curve:
    """The line from a point `(dim,)` to another, bent until the squares of what is heard from station to station sum
    to the least that is found; the straight line is among what is tried.

    Raises:
        CreativeMLError: the space gives broken sounds between the points.
    """
    config = config or GeodesicConfig()
    shares = torch.linspace(0.0, 1.0, config.stations + 1)
    bend = torch.zeros(config.bends, len(start), requires_grad=True)
    scale = float((end - start).norm()) / math.sqrt(len(start))
    optimizer = torch.optim.Adam([bend], lr=config.rate, betas=(0.8, 0.95))
    line, least, best = straight(start, end), math.inf, torch.zeros_like(bend)
    with threads(1):
        with torch.no_grad():
            ends = heard(torch.cat([space.raw(point[None]) for point in (start, end)]), space.sample_rate)
        for step in range(config.steps + 1):
            inner = line(shares[1:-1]) + scale * _waves(shares[1:-1], config.bends) @ bend
            places = heard(space.raw(inner), space.sample_rate)
            places = torch.cat([ends[:1], places, ends[1:]])
            energy = config.stations * (places[1:] - places[:-1]).square().sum()
            found = float(energy.detach())
            if not math.isfinite(found):
                break
            if found < least:
                least, best = found, bend.detach().clone()
            if step < config.steps:
                optimizer.zero_grad()
                energy.backward(inputs=[bend])
                assert bend.grad is not None
                bend.grad.nan_to_num_(0.0, 0.0, 0.0)
                optimizer.step()
    if not math.isfinite(least):
        raise CreativeMLError(f"the model '{space.name}' gives broken sounds between the points; take others")
    return lambda shares: line(shares) + scale * _waves(shares, config.bends) @ best


def _waves(shares: Tensor, count: int) -> Tensor:
    """Half waves `(n, count)` that are 0 at both ends; the more there are in one, the smaller it is."""
    numbers = torch.arange(1, count + 1)
    waves = torch.sin(math.pi * shares[:, None] * numbers) / numbers
    return torch.where((shares[:, None] == 0) | (shares[:, None] == 1), 0.0, waves)


def interpolate(
    space: LatentSpace,
    start: Tensor,
    end: Tensor,
    count: int = 16,
    how: str = "straight",
    *,
    mean: Tensor | None = None,
    even: bool = True,
    config: GeodesicConfig | None = None,
) -> Route:
    """Stops on a way between two points.

    Args:
        space: of the points.
        start, end: `(dim,)`; they are the first and the last stop.
        count: of stops, 2 to 1,024.
        how: "straight", "spherical" or "geodesic".
        mean: `(dim,)` of known points, for "spherical" only.
        even: move the stops along the way until the steps are equally heard; otherwise they are equal shares of it.
        config: of "geodesic".

    Raises:
        CreativeMLError: points of another size, another way, or a count out of its range.
    """
    start, end = (_one_point(space, point) for point in (start, end))
    if not is_whole(count) or not 2 <= count <= MOST:
        raise CreativeMLError(f"count must be a whole number of stops from 2 to {MOST}, got {quoted(count)}")
    if how not in WAYS:
        raise CreativeMLError(f"there is no way {quoted(how)}; choose from {', '.join(WAYS)}")
    if how == "spherical":
        if mean is None:
            raise CreativeMLError("a spherical way goes around a mean; give the mean of known points")
        curve = spherical(start, end, _one_point(space, mean))
    else:
        curve = straight(start, end) if how == "straight" else geodesic(space, start, end, config)
    return stops(space, curve, count, even=even)


def stops(space: LatentSpace, curve: Curve, count: int, *, even: bool = True) -> Route:
    """Stops on a curve, equally far apart for the ear or in equal shares of the way.

    The stops are moved to equal lengths of what was heard between them, and listened to again, until no step is longer
    than one and a half mean ones, four times at most; the evenest of all rounds is taken.
    """
    shares = torch.linspace(0.0, 1.0, count, dtype=torch.float64)
    best: Route | None = None
    for _ in range(ROUNDS if even and count > 2 else 1):
        points = curve(shares.float())
        sounds = space.decode(points)
        route = Route(points, shares, steps_between(heard(sounds, space.sample_rate)).double(), sounds)
        if best is None or route.unevenness < best.unevenness:
            best = route
        if route.unevenness <= EVEN:
            break
        shares = _equal_lengths(shares, route.steps)
    assert best is not None
    return best


def _equal_lengths(shares: Tensor, steps: Tensor) -> Tensor:
    """Shares at which the lengths passed are equal, between the given shares by linear interpolation."""
    # A little of the even spacing, so that stretches where nothing is heard do not fall together into one stop.
    lengths = torch.cat([torch.zeros(1).to(steps), (steps + 0.02 * steps.mean()).cumsum(0)])
    wanted = torch.linspace(0.0, float(lengths[-1]), len(shares), dtype=torch.float64)
    after = torch.searchsorted(lengths, wanted, right=True).clamp(1, len(shares) - 1)
    low, high = lengths[after - 1], lengths[after]
    moved = torch.lerp(shares[after - 1], shares[after], (wanted - low) / (high - low))
    moved[0], moved[-1] = 0.0, 1.0
    return moved


def _one_point(space: LatentSpace, point: Tensor) -> Tensor:
    if point.shape != (space.dim,) or not bool(torch.isfinite(point).all()):
        raise CreativeMLError(
            f"a point of '{space.name}' has shape ({space.dim},) and finite numbers; got shape {tuple(point.shape)}"
        )
    return point.detach().float().cpu()

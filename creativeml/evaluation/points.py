"""Sets of embedded sounds, their strata and groups, and how they are drawn from again and again.

Strata are kinds of drum: they count in equal shares however many sounds each has. Groups are takes of one drum: they,
and not the single sounds, are what is independent, so they are drawn as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Points:
    """A set of embedded sounds.

    Args:
        values: (n, dimensions).
        strata: (n,) whole numbers, e.g. the kind of each sound; None puts all into one.
        groups: (n,) whole numbers, e.g. the drum each take was recorded from; None makes every sound
            independent.
    """

    values: Tensor
    strata: Tensor = field(default=None)  # type: ignore[assignment]
    groups: Tensor = field(default=None)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.values.ndim != 2:
            raise ValueError(f"points must be (n, dimensions), got {tuple(self.values.shape)}")
        n = len(self.values)
        object.__setattr__(self, "values", self.values.double())
        object.__setattr__(self, "strata", torch.zeros(n).long() if self.strata is None else self.strata.long())
        object.__setattr__(self, "groups", torch.arange(n) if self.groups is None else self.groups.long())
        if len(self.strata) != n or len(self.groups) != n:
            raise ValueError(f"{n} points, but {len(self.strata)} strata and {len(self.groups)} groups")

    def __len__(self) -> int:
        return len(self.values)

    def select(self, chosen: Tensor) -> Points:
        """The points at the given indices or where the given mask is true."""
        return Points(self.values[chosen], self.strata[chosen], self.groups[chosen])


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float

    def around(self, value: float) -> Interval:
        """An interval of the same extent around another value."""
        return Interval(value, value + self.low - self.value, value + self.high - self.value)


@dataclass(frozen=True)
class Redrawn:
    """A figure, and what it becomes when what it rests on is drawn anew, time and again.

    Figures that were redrawn with the same seed, of sets with the same strata and groups, correspond draw by draw:
    their differences have intervals of their own (`minus`).
    """

    value: float
    draws: tuple[float, ...]

    @property
    def interval(self) -> Interval:
        """The figure with its 95 % interval."""
        return interval_around(self.value, self.draws)

    def minus(self, other: Redrawn) -> Interval:
        """The difference of two figures with its 95 % interval.

        What both rest on, the recordings they are compared with, is drawn alike for both and drops out. Two intervals
        of single figures overlap much longer.

        Raises:
            ValueError: they were not redrawn equally often.
        """
        if len(self.draws) != len(other.draws):
            raise ValueError(f"{len(self.draws)} draws cannot be paired with {len(other.draws)}")
        pairs = zip(self.draws, other.draws, strict=True)
        return interval_around(self.value - other.value, [a - b for a, b in pairs])


def to_points(values: Points | Tensor) -> Points:
    """Points as they are, or a plain tensor (n, dimensions) as one stratum of independent points."""
    return values if isinstance(values, Points) else Points(values)


def standardise(reference: Points, evaluated: Points) -> tuple[Points, Points]:
    """Both sets with each dimension z-scored by the reference set; dimensions constant there are dropped."""
    if len(reference) < 2:
        raise ValueError("a reference set needs at least two points")
    mean, deviation = reference.values.mean(0), reference.values.std(0)
    keep = deviation > 1e-9 * deviation.max()
    scaled = [(p.values - mean)[:, keep] / deviation[keep] for p in (reference, evaluated)]
    return replace(reference, values=scaled[0]), replace(evaluated, values=scaled[1])


def shared_strata(reference: Points, evaluated: Points) -> Tensor:
    """The strata of both sets (k,); ValueError if they differ or one has fewer than two points."""
    known = [p.strata.unique() for p in (reference, evaluated)]
    if known[0].tolist() != known[1].tolist():
        raise ValueError(f"the sets have different strata: {known[0].tolist()} and {known[1].tolist()}")
    for points in (reference, evaluated):
        if int(torch.bincount(points.strata)[known[0]].min()) < 2:
            raise ValueError("a distance needs at least two points in every stratum of both sets")
    return known[0]


def equal_shares(points: Points) -> Tensor:
    """Weights (n,) with which every stratum weighs 1."""
    counts = torch.bincount(points.strata).double()
    return 1.0 / counts[points.strata]


def halves(points: Points, repeats: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Random divisions of a set into two halves that share no group, as pairs of masks (n,).

    Half of the groups of every stratum go each way; a draw decides where the odd one goes. The draw takes no notice of
    how large groups are: evening the halves out would part large groups, and their halves would be too much alike.

    Raises:
        ValueError: a stratum has only one group.
    """
    generator = np.random.default_rng([seed, 2])
    units = Units(points)
    if min(map(len, units.members)) < 2:
        raise ValueError("two halves without a common group need at least two groups in every stratum")
    masks = [units.halved(generator).counts() > 0 for _ in range(repeats)]
    return [(mask, ~mask) for mask in masks]


class Units:
    """The groups of each stratum, which are drawn as a whole.

    Attributes:
        unit_of_point: (n,) number of the unit (group within a stratum) that each point belongs to.
        strata: (n,) stratum of each point.
        members: the units of each stratum, in the order of the strata.
    """

    def __init__(self, points: Points) -> None:
        pairs = torch.stack([points.strata, points.groups], 1)
        units, unit_of_point = torch.unique(pairs, dim=0, return_inverse=True)
        self.unit_of_point = unit_of_point.numpy()
        self.strata = points.strata.numpy()
        self.members = [np.flatnonzero(units[:, 0].numpy() == s) for s in points.strata.unique().tolist()]

    def everything(self) -> Draw:
        """Each group once."""
        return Draw(self, self.members)

    def resampled(self, generator: np.random.Generator) -> Draw:
        """As many groups as there are, drawn with replacement within each stratum."""
        return Draw(self, [units[generator.integers(len(units), size=len(units))] for units in self.members])

    def halved(self, generator: np.random.Generator) -> Draw:
        """Half of the groups of each stratum without replacement; a draw decides how an odd number is rounded."""
        drawn = []
        for units in self.members:
            half = max(1, int(len(units) / 2 + generator.integers(2) / 2))
            drawn.append(generator.permutation(units)[:half])
        return Draw(self, drawn)


@dataclass(frozen=True)
class Draw:
    """Some groups of each stratum, possibly several times."""

    source: Units
    units: list[np.ndarray]

    def counts(self) -> Tensor:
        """How often each point was drawn."""
        return self._counts(self.units)

    def weights(self, fraction: float, generator: np.random.Generator) -> Tensor:
        """Weights of the points, equal shares for the strata, when only a fraction of the draw is taken."""
        taken = [
            units[generator.permutation(len(units))[: max(2, round(fraction * len(units)))]] if fraction < 1 else units
            for units in self.units
        ]
        counts = self._counts(taken).numpy()
        totals = np.bincount(self.source.strata, weights=counts)
        return torch.from_numpy(counts / totals[self.source.strata])

    def thinness(self, weights: Tensor) -> float:
        """One over the number of groups of equal weight that weights `(n,)` of the points are worth (Kish 1965).

        The bias of a distance between samples grows in proportion to it. Where a stratum has too few groups to be
        thinned, it says by how much less than asked the whole was.
        """
        shares = np.bincount(self.source.unit_of_point, weights=(weights / weights.sum()).numpy())
        return float(np.square(shares).sum())

    def singles(self, sizes: Sequence[int], generator: np.random.Generator) -> Tensor:
        """Indices of points: of so many groups of each stratum, at most, one point each; no group twice."""
        order = generator.permutation(len(self.source.unit_of_point))
        # Of the points in random order the first of each unit is a random one.
        units, first = np.unique(self.source.unit_of_point[order], return_index=True)
        point_of_unit = dict(zip(units.tolist(), order[first].tolist(), strict=True))
        taken = [
            point_of_unit[unit]
            for units, size in zip(self.units, sizes, strict=True)
            for unit in generator.permutation(np.unique(units))[:size].tolist()
        ]
        return torch.tensor(taken)

    def _counts(self, units: list[np.ndarray]) -> Tensor:
        times = np.bincount(np.concatenate(units), minlength=self.source.unit_of_point.max() + 1)
        return torch.from_numpy(times[self.source.unit_of_point].astype(np.float64))


def interval_around(value: float, draws: Sequence[float]) -> Interval:
    """95 % interval: the spread of the redrawn figures, laid around the value itself.

    Redrawing adds a bias of its own (it repeats points, or leaves half of them out); centring the spread on the value
    takes that bias away.
    """
    spread = torch.tensor(draws).double()
    spread = spread[torch.isfinite(spread)]
    if len(spread) < 2:
        return Interval(value, math.nan, math.nan)
    low, middle, high = torch.quantile(spread, torch.tensor([0.025, 0.5, 0.975]).double()).tolist()
    return Interval(value, value + low - middle, value + high - middle)

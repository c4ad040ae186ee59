"""Which descriptor values occur among the sounds of a kind: each for itself, and together.

For each kind the training sounds give the distribution of every descriptor, and the correlation of the descriptors
after each was transformed to a normal distribution by its ranks (a Gaussian copula: R. B. Nelsen, "An Introduction to
Copulas", 2006). So skewed and bounded scales need no care of their own, and "feasible" is a region with a plain
meaning: the ellipsoid that holds 98 % of the sounds. Correlations of few sounds are drawn towards none.
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from creativeml.audio.descriptors.registry import chosen
from creativeml.data.descriptor_table import read_descriptors
from creativeml.data.one_shots import read_dataset, select_rows
from creativeml.errors import CreativeMLError

SHOWN_LEVELS = (0.05, 0.2, 0.5, 0.8, 0.95)
"""Of the ranges that are shown: half of what lies between the outer ones lies between the next."""
COVERAGE = 0.98
SINGLE_COVERAGE = 0.99
ORDERED = (("decay_time_20", "decay_time_60"),)
"""Descriptors of which the second is never smaller than the first."""
LEAST_SOUNDS = 10
"""Kinds with fewer sounds are judged by the sounds of all kinds."""
_LEVELS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995)
_SCORES = np.array([NormalDist().inv_cdf(level) for level in _LEVELS])
_LEAST_SPREAD = 1e-6
_MANY = 200
"""Sounds from which on 0.5 % of them are more than one."""


class Feasible(NamedTuple):
    """The nearest values that occur, and what was changed; an empty message if nothing was."""

    values: dict[str, float]
    message: str


@dataclass(frozen=True)
class KindRanges:
    """Distribution of the descriptors among the sounds of one kind.

    Attributes:
        kind: its name.
        sounds: number of sounds that were measured.
        quantiles: one row per descriptor, its values at the 15 levels from 0.5 % to 99.5 %.
        correlation: of the descriptors' normal scores, a row per descriptor, regularised.
        stretch: what the squared radius of the ellipsoid is multiplied by, so that it does hold 98 % of these sounds,
            whose scores are not quite normal together.
    """

    kind: str
    sounds: int
    quantiles: tuple[tuple[float, ...], ...]
    correlation: tuple[tuple[float, ...], ...]
    stretch: float = 1.0


@dataclass(frozen=True)
class DescriptorRanges:
    """What occurs in a dataset; plain data for `creativeml.config.save_json`.

    Attributes:
        descriptors: names, in the order of the rows of each kind.
        kinds: the kinds, each for itself.
        overall: all of them together.
    """

    descriptors: tuple[str, ...]
    kinds: tuple[KindRanges, ...]
    overall: KindRanges

    def of(self, kind: str) -> KindRanges:
        """The distribution of a kind. Raises CreativeMLError if the data have no such kind."""
        for ranges in self.kinds:
            if ranges.kind == kind:
                return ranges
        known = [ranges.kind for ranges in self.kinds]
        near = difflib.get_close_matches(kind, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
        raise CreativeMLError(f"no descriptor ranges of the kind '{kind}'; {hint}")

    def shown(self, kind: str) -> dict[str, tuple[float, ...]]:
        """Descriptor -> its values at 5, 20, 50, 80 and 95 % of the kind's sounds."""
        places = [_LEVELS.index(level) for level in SHOWN_LEVELS]
        rows = zip(self.descriptors, self.of(kind).quantiles, strict=True)
        return {name: tuple(row[place] for place in places) for name, row in rows}

    def feasible(self, kind: str, values: Mapping[str, float]) -> Feasible:
        """The nearest values that occur among sounds of a kind.

        First each value is brought into the range of 99 % of the sounds, then all together into the ellipsoid that
        holds 98 % of them; near is what is near in normal scores, that is, relative to how much the kind varies. What
        is not asked for is free.

        Args:
            kind: whose sounds count; of kinds with fewer than 10 sounds, those of all kinds.
            values: wanted, by descriptor.

        Returns:
            The values, as asked for wherever that is feasible, and one line that says what does not exist.

        Raises:
            CreativeMLError: an unknown kind or descriptor, or a value that is not finite.
        """
        own, judged = self.of(kind), self._judged(kind)
        names = [self._known(name, value) for name, value in values.items()]
        if not names:
            return Feasible({}, "")
        places = [self.descriptors.index(name) for name in names]
        rows = [judged.quantiles[place] for place in places]
        asked = np.array([_score(row, values[name]) for name, row in zip(names, rows, strict=True)])
        most = NormalDist().inv_cdf(0.5 + SINGLE_COVERAGE / 2)
        single = asked.clip(-most, most)
        correlation = np.array(judged.correlation)[np.ix_(places, places)]
        joint = _into_ellipsoid(single, correlation, judged.stretch * _chi_square(len(places)))
        joint = joint.clip(-most, most)
        result = {
            name: float(values[name]) if score == wanted else _value(row, score)
            for name, row, score, wanted in zip(names, rows, joint, asked, strict=True)
        }
        result = _in_order(result, fixed=())
        changed = [f"{name} {result[name]:.4g}" for name in names if result[name] != values[name]]
        if not changed:
            return Feasible(result, "")
        # What is out of range by itself is to blame; if nothing is, it is all of it together.
        alone = [name for name, score, kept in zip(names, asked, single, strict=True) if score != kept]
        blamed = [f"{name} {values[name]:.4g}" for name in alone or names]
        return Feasible(result, _message(own, judged, blamed, changed, alone=bool(alone)))

    def complete(
        self, kind: str, values: Mapping[str, float], random: np.random.Generator | None = None, spread: float = 1.0
    ) -> dict[str, float]:
        """Values of all descriptors: those that are given, and for the others what goes with them in the data.

        Under the copula the normal scores of the free descriptors, given those of the fixed ones, are normal too: with
        the conditional mean, around which they are drawn.

        Args:
            kind: whose sounds count; of kinds with fewer than 10 sounds, those of all kinds.
            values: fixed ones, by descriptor; mostly `feasible` ones.
            random: to draw the free ones with; None takes their conditional medians.
            spread: how far from the medians, in parts of the conditional standard deviation.

        Raises:
            CreativeMLError: an unknown kind or descriptor, or a value that is not finite.
        """
        judged = self._judged(kind)
        fixed = [self.descriptors.index(self._known(name, value)) for name, value in values.items()]
        free = [place for place in range(len(self.descriptors)) if place not in fixed]
        correlation = np.array(judged.correlation)
        most = NormalDist().inv_cdf(0.5 + COVERAGE / 2)
        given = np.array([_score(judged.quantiles[self.descriptors.index(n)], v) for n, v in values.items()])
        given = given.clip(-most, most)
        between = correlation[np.ix_(free, fixed)]
        pull = np.linalg.lstsq(correlation[np.ix_(fixed, fixed)], between.T, rcond=None)[0].T if fixed else between
        scores = pull @ given
        if random is not None:
            rest = correlation[np.ix_(free, free)] - pull @ between.T
            axes, directions = np.linalg.eigh(rest)
            scores = scores + spread * directions @ (np.sqrt(axes.clip(min=0)) * random.standard_normal(len(free)))
        scores = scores.clip(-most, most)
        found = {self.descriptors[p]: _value(judged.quantiles[p], s) for p, s in zip(free, scores, strict=True)}
        whole = {name: float(values[name]) if name in values else found[name] for name in self.descriptors}
        return _in_order(whole, fixed=values)

    def _judged(self, kind: str) -> KindRanges:
        own = self.of(kind)
        return own if own.sounds >= LEAST_SOUNDS else self.overall

    def _known(self, name: str, value: float) -> str:
        if name not in self.descriptors:
            near = difflib.get_close_matches(name, self.descriptors, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(self.descriptors)}"
            raise CreativeMLError(f"no ranges of a descriptor '{name}'; {hint}")
        if not math.isfinite(value):
            raise CreativeMLError(f"{name} must be a finite number, not {value}")
        return name


def measure_ranges(
    root: str | os.PathLike[str], names: Sequence[str] | None = None, *, split: str = "train"
) -> DescriptorRanges:
    """The ranges of a dataset that has been described.

    Args:
        root: dataset folder with descriptors.csv (see `descriptor_table.describe_dataset`).
        names: which descriptors; None = all.
        split: train, validation, test or all.

    Raises:
        DatasetError: no dataset, an empty split, or sounds without descriptors.
        CreativeMLError: an unknown descriptor.
    """
    wanted = [d.name for d in chosen(names)]
    info = read_dataset(root)
    present, rows = select_rows(info, split, None)
    values = read_descriptors(info, rows, wanted)
    labels = np.array([row["class"] for row in rows])
    return ranges_of(wanted, values, labels, present)


def ranges_of(names: Sequence[str], values: np.ndarray, labels: np.ndarray, kinds: Sequence[str]) -> DescriptorRanges:
    """The ranges of sounds that have been measured.

    Args:
        names: of the descriptors.
        values: (sounds, descriptors).
        labels: (sounds,) names of their kinds.
        kinds: in the order wanted; those without sounds are left out.
    """
    found = tuple(_ranges_of(kind, values[labels == kind]) for kind in kinds if (labels == kind).any())
    return DescriptorRanges(tuple(names), found, _ranges_of("all", values))


def _ranges_of(kind: str, values: np.ndarray) -> KindRanges:
    """Distribution of values (sounds, descriptors)."""
    count, width = values.shape
    quantiles = np.quantile(values, _LEVELS, axis=0).T
    if count < _MANY:
        # Of few sounds, the outermost are as far out as the outermost levels are meant to be.
        quantiles[:, 0], quantiles[:, -1] = values.min(0), values.max(0)
    scores = np.stack([_normal_scores(column) for column in values.T], axis=1)
    # Columns that do not vary, and a single sound, correlate with nothing.
    spread = np.maximum(np.sqrt(np.square(scores).mean(0)), _LEAST_SPREAD)
    correlation = (scores / spread).T @ (scores / spread) / count
    np.fill_diagonal(correlation, 1.0)
    kept = count / (count + width)
    correlation = kept * correlation + (1 - kept) * np.eye(width)
    rows = _plain(quantiles)
    placed = np.array([[_score(row, value) for row, value in zip(rows, sound, strict=True)] for sound in values])
    most = NormalDist().inv_cdf(0.5 + SINGLE_COVERAGE / 2)
    squared = np.einsum("sd,sd->s", placed.clip(-most, most) @ np.linalg.pinv(correlation), placed.clip(-most, most))
    stretch = max(1.0, float(np.quantile(squared, COVERAGE)) / _chi_square(width))
    return KindRanges(kind, count, rows, _plain(correlation), float(f"{stretch:.4g}"))


def _in_order(values: dict[str, float], fixed: Container[str]) -> dict[str, float]:
    """Values in which no later one of `ORDERED` is smaller; of two, the one that is not fixed gives way."""
    for first, second in ORDERED:
        if first in values and second in values and values[second] < values[first]:
            changed, other = (first, second) if second in fixed and first not in fixed else (second, first)
            values = {**values, changed: values[other]}
    return values


def _plain(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(f"{value:.6g}") for value in row) for row in matrix)


def _normal_scores(values: np.ndarray) -> np.ndarray:
    """Ranks as quantiles of the normal distribution; equal values share their mean rank."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    levels = (ranks - 0.5) / len(values)
    return np.array([NormalDist().inv_cdf(level) for level in levels])[place]


def _score(quantiles: Sequence[float], value: float) -> float:
    """Normal score of a value; beyond the outermost quantiles it goes on with the slope between them."""
    row = np.array(quantiles)
    scale = max(row[-1] - row[0], _LEAST_SPREAD * max(1.0, abs(row[0])))
    per_score = scale / (_SCORES[-1] - _SCORES[0])
    if value < row[0]:
        return float(_SCORES[0] + (value - row[0]) / per_score)
    if value > row[-1]:
        return float(_SCORES[-1] + (value - row[-1]) / per_score)
    # A value that many sounds share (0, mostly) stands for the middle of their ranks.
    first, last = np.searchsorted(row, value, "left"), np.searchsorted(row, value, "right")
    if last > first:
        return float((_SCORES[first] + _SCORES[last - 1]) / 2)
    return float(np.interp(value, row, _SCORES))


def _value(quantiles: Sequence[float], score: float) -> float:
    return float(np.interp(score, _SCORES, quantiles))


def _into_ellipsoid(scores: np.ndarray, correlation: np.ndarray, most: float) -> np.ndarray:
    """The point nearest to `scores` whose squared Mahalanobis distance is at most `most`."""
    axes, directions = np.linalg.eigh(correlation)
    axes = np.maximum(axes, _LEAST_SPREAD)
    along = directions.T @ scores
    if (along**2 / axes).sum() <= most:
        return scores

    def point(pull: float) -> np.ndarray:
        return along * axes / (axes + pull)

    # The nearest point is (1 + pull / axes)^-1 of the given one, nearer to the middle the larger the pull.
    low, high = 0.0, 1.0
    while (point(high) ** 2 / axes).sum() > most:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (point(middle) ** 2 / axes).sum() > most else (low, middle)
    return directions @ point(high)


def _chi_square(freedom: int) -> float:
    """Quantile `COVERAGE` of the chi-square distribution, to 2 % (E. B. Wilson and M. M. Hilferty 1931)."""
    part = 2 / (9 * freedom)
    return freedom * (1 - part + NormalDist().inv_cdf(COVERAGE) * math.sqrt(part)) ** 3


def _message(own: KindRanges, judged: KindRanges, wanted: Sequence[str], given: Sequence[str], *, alone: bool) -> str:
    """One line on what does not exist in the data."""
    whose = own.kind if judged is own else f"sound of any kind (there are only {own.sounds} of {own.kind})"
    together = "" if alone or len(wanted) == 1 else " together"
    return f"no {whose} in the data has {' and '.join(wanted)}{together}; the nearest is {', '.join(given)}"

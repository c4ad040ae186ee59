"""Which descriptor values occur among the sounds of a kind: each for itself, and together.

For each kind the training sounds give the distribution of every descriptor, and the correlation of the descriptors
after each was transformed to a normal distribution by its ranks (a Gaussian copula: R. B. Nelsen, "An Introduction to
Copulas", 2006). So skewed and bounded scales need no care of their own, and "feasible" is a region with a plain
meaning: the ellipsoid that holds 98 % of the sounds. Correlations of few sounds are drawn towards none.

Between kinds there are no recordings to ask. For a mixture the distributions are mixed by its shares: at each level the
values of the kinds, averaged where differences are heard alike (the mean of distributions that optimal transport gives
for each descriptor: M. Agueh and G. Carlier 2011), and their correlations. So a mixture is a kind in between, with
values in between, not now one kind and now the other; it is also how a model's condition moves between kinds.

Nothing here needs torch; `descriptor_ranges` measures the distributions of a dataset.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from creativeml.audio.descriptors.scales import SCALES
from creativeml.errors import CreativeMLError
from creativeml.kinds import Kind, shares_of

SHOWN_LEVELS = (0.05, 0.2, 0.5, 0.8, 0.95)
"""Of the ranges that are shown: half of what lies between the outer ones lies between the next."""
COVERAGE = 0.98
SINGLE_COVERAGE = 0.99
ORDERED = (("decay_time_20", "decay_time_60"),)
"""Descriptors of which the second is never smaller than the first."""
LEAST_SOUNDS = 10
"""Kinds with fewer sounds are judged by the sounds of all kinds."""
LEVELS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995)
"""Of the quantiles that are kept; the outermost bound what can be asked for (`SINGLE_COVERAGE`)."""
_SCORES = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
_MOST_ASKED = NormalDist().inv_cdf(0.5 + SINGLE_COVERAGE / 2)
_MOST_DRAWN = NormalDist().inv_cdf(0.5 + COVERAGE / 2)
_LEAST_SPREAD = 1e-6
_TOLERANCE = 1e-3
"""What is out by less counts as feasible, so that rounded values of what was found feasible are."""


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

    def __post_init__(self) -> None:
        rows, correlation = np.array(self.quantiles), np.array(self.correlation)
        if rows.shape != (len(self.correlation), len(LEVELS)) or (np.diff(rows) < 0).any():
            raise ValueError(f"quantiles of {self.kind} must be {len(LEVELS)} ascending values for each descriptor")
        try:
            np.linalg.cholesky(correlation)
        except np.linalg.LinAlgError as error:
            raise ValueError(f"the correlation of {self.kind} is none: it is not square or not positive") from error


@dataclass(frozen=True)
class DescriptorRanges:
    """What occurs in a dataset; plain data for `creativeml.config.save_json`.

    Wherever a kind is asked for, a mixture of kinds will do (see `creativeml.kinds.Kind`, and above what it means).

    Attributes:
        descriptors: names, in the order of the rows of each kind.
        kinds: the kinds, each for itself.
        overall: all of them together.
    """

    descriptors: tuple[str, ...]
    kinds: tuple[KindRanges, ...]
    overall: KindRanges

    def of(self, kind: Kind) -> KindRanges:
        """The distribution of a kind or mixture. Raises CreativeMLError if the data have no such kind."""
        shares = self._shares(kind)
        return self._mixture(shares, [self._own(name) for name in shares])

    def judged(self, kind: Kind) -> KindRanges:
        """The distribution that decides what can be asked for: that of all sounds in place of kinds with few.

        Raises:
            CreativeMLError: a kind that the data do not have.
        """
        shares = self._shares(kind)
        own = [self._own(name) for name in shares]
        return self._mixture(shares, [k if k.sounds >= LEAST_SOUNDS else self.overall for k in own])

    def shown(self, kind: Kind) -> dict[str, tuple[float, ...]]:
        """Descriptor -> its values at 5, 20, 50, 80 and 95 % of the kind's sounds."""
        places = [LEVELS.index(level) for level in SHOWN_LEVELS]
        rows = zip(self.descriptors, self.of(kind).quantiles, strict=True)
        return {name: tuple(row[place] for place in places) for name, row in rows}

    def ends(self, kind: Kind) -> dict[str, tuple[float, float, float]]:
        """Descriptor -> the lowest value that is feasible by itself, the median, and the highest."""
        rows = zip(self.descriptors, self.judged(kind).quantiles, strict=True)
        found = {}
        for name, row in rows:
            low, high = (self.feasible(kind, {name: end}).values[name] for end in (row[0], row[-1]))
            found[name] = (low, row[LEVELS.index(0.5)], high)
        return found

    def feasible(self, kind: Kind, values: Mapping[str, float]) -> Feasible:
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
        judged = self.judged(kind)
        names = [self._known(name, value) for name, value in values.items()]
        if not names:
            return Feasible({}, "")
        places = [self.descriptors.index(name) for name in names]
        rows = [judged.quantiles[place] for place in places]
        asked = np.array([score_of(row, values[name]) for name, row in zip(names, rows, strict=True)])
        single = np.where(np.abs(asked) < _MOST_ASKED + _TOLERANCE, asked, asked.clip(-_MOST_ASKED, _MOST_ASKED))
        correlation = np.array(judged.correlation)[np.ix_(places, places)]
        joint = _into_ellipsoid(single, correlation, judged.stretch * chi_square(len(places)))
        joint = np.where(joint == single, single, joint.clip(-_MOST_ASKED, _MOST_ASKED))
        result = {
            name: float(values[name]) if score == wanted else _value(row, score)
            for name, row, score, wanted in zip(names, rows, joint, asked, strict=True)
        }
        result = _in_order(result, fixed=())
        changed = [SCALES[name].said(result[name]) for name in names if result[name] != values[name]]
        if not changed:
            return Feasible(result, "")
        # What is out of range by itself is to blame; if nothing is, it is all of it together.
        alone = [name for name, score, kept in zip(names, asked, single, strict=True) if score != kept]
        blamed = " and ".join(SCALES[name].said(values[name]) for name in alone or names)
        together = "" if alone or len(names) == 1 else " together"
        return Feasible(result, f"no {self._whose(kind)} has {blamed}{together}; the nearest is {', '.join(changed)}")

    def complete(
        self, kind: Kind, values: Mapping[str, float], random: np.random.Generator | None = None, spread: float = 1.0
    ) -> dict[str, float]:
        """Values of all descriptors: those that are given, and for the others what goes with them in the data.

        Under the copula the normal scores of the free descriptors, given those of the fixed ones, are normal too: with
        the conditional mean, around which they are drawn. The draw is one of all descriptors together, of which the
        fixed ones' part is exchanged for what was given (conditioning by kriging: A. G. Journel and C. J. Huijbregts,
        "Mining Geostatistics", 1978). So with the same random numbers each free one stays at the same quantile of its
        conditional distribution wherever the fixed ones are moved, and fixing one where it was drawn moves none.

        Args:
            kind: whose sounds count; of kinds with fewer than 10 sounds, those of all kinds.
            values: fixed ones, by descriptor; mostly `feasible` ones.
            random: to draw the free ones with; None takes their conditional medians. However many are free, as many
                numbers are taken as there are descriptors.
            spread: how far from the medians, in parts of the conditional standard deviation.

        Returns:
            Of `feasible` values a whole that is feasible again.

        Raises:
            CreativeMLError: an unknown kind or descriptor, or a value that is not finite.
        """
        judged = self.judged(kind)
        fixed = [self.descriptors.index(self._known(name, value)) for name, value in values.items()]
        free = [place for place in range(len(self.descriptors)) if place not in fixed]
        correlation = np.array(judged.correlation)
        largest = judged.stretch * chi_square(len(self.descriptors))
        drawn = np.zeros(len(self.descriptors))
        if random is not None:
            # By Cholesky's factor, which is unique: eigenvectors are not, and would depend on the machine.
            drawn = spread * np.linalg.cholesky(correlation) @ random.standard_normal(len(drawn))
            drawn = drawn.clip(-_MOST_DRAWN, _MOST_DRAWN)
            drawn = drawn * _kept(0.0, _squared(drawn, correlation), largest)
        given = np.array([_score_near(judged.quantiles[p], values[self.descriptors[p]], drawn[p]) for p in fixed])
        given = given.clip(-_MOST_ASKED, _MOST_ASKED)
        of_fixed, between = correlation[np.ix_(fixed, fixed)], correlation[np.ix_(fixed, free)]
        pull = np.linalg.solve(of_fixed, between).T
        rest = drawn[free] - pull @ drawn[fixed]
        unexplained = correlation[np.ix_(free, free)] - pull @ between
        rest = rest * _kept(_squared(given, of_fixed), _squared(rest, unexplained), largest)
        scores = (pull @ given + rest).clip(-_MOST_ASKED, _MOST_ASKED)
        found = {self.descriptors[p]: _value(judged.quantiles[p], s) for p, s in zip(free, scores, strict=True)}
        whole = {name: float(values[name]) if name in values else found[name] for name in self.descriptors}
        return _in_order(whole, fixed=values)

    def _shares(self, kind: Kind) -> dict[str, float]:
        return shares_of(kind, [ranges.kind for ranges in self.kinds])

    def _own(self, name: str) -> KindRanges:
        return next(ranges for ranges in self.kinds if ranges.kind == name)

    def _mixture(self, shares: Mapping[str, float], parts: Sequence[KindRanges]) -> KindRanges:
        if len(parts) == 1:
            return parts[0]
        weights = list(shares.values())
        quantiles = [
            [_between(name, values, weights) for values in zip(*rows, strict=True)]
            for name, rows in zip(self.descriptors, zip(*(p.quantiles for p in parts), strict=True), strict=True)
        ]
        correlation = np.einsum("k,kij->ij", weights, np.array([p.correlation for p in parts]))
        stretch = sum(w * p.stretch for w, p in zip(weights, parts, strict=True))
        sounds = min(p.sounds for p in parts)
        return KindRanges(_mix_words(shares), sounds, _rows(quantiles), _rows(correlation), stretch)

    def _whose(self, kind: Kind) -> str:
        shares = self._shares(kind)
        few = [f"{self._own(name).sounds} of {name}" for name in shares if self._own(name).sounds < LEAST_SOUNDS]
        only = f" (there are only {' and '.join(few)})" if few else ""
        if len(shares) > 1:
            return _mix_words(shares) + only
        return f"sound of any kind{only} in the data" if few else f"{next(iter(shares))} in the data"

    def _known(self, name: str, value: float) -> str:
        if name not in self.descriptors:
            near = difflib.get_close_matches(name, self.descriptors, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(self.descriptors)}"
            raise CreativeMLError(f"no ranges of a descriptor '{name}'; {hint}")
        if not math.isfinite(value):
            raise CreativeMLError(f"{name} must be a finite number, not {value}")
        return name


def _mix_words(shares: Mapping[str, float]) -> str:
    return "mix of " + " and ".join(f"{100 * share:.3g} % {name}" for name, share in shares.items())


def _between(name: str, values: Sequence[float], weights: Sequence[float]) -> float:
    """Mean of values of a descriptor where its differences are heard alike."""
    scale = SCALES[name]
    return scale.value_at(sum(w * scale.place(value) for w, value in zip(weights, values, strict=True)))


def _rows(matrix: Iterable[Iterable[float]]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(float, row)) for row in matrix)


def _squared(scores: np.ndarray, correlation: np.ndarray) -> float:
    """Squared Mahalanobis distance of scores from the middle."""
    return float(scores @ np.linalg.solve(correlation, scores)) if len(scores) else 0.0


def _kept(taken: float, squared: float, largest: float) -> float:
    """What to multiply scores of squared length `squared` by so that with `taken` it does not exceed `largest`."""
    left = max(largest - taken, 0.0) * (1 - _LEAST_SPREAD)
    return 1.0 if squared <= left else math.sqrt(left / squared)


def _in_order(values: dict[str, float], fixed: Container[str]) -> dict[str, float]:
    """Values in which no later one of `ORDERED` is smaller; of two, the one that is not fixed gives way."""
    for first, second in ORDERED:
        if first in values and second in values and values[second] < values[first]:
            changed, other = (first, second) if second in fixed and first not in fixed else (second, first)
            values = {**values, changed: values[other]}
    return values


def score_of(quantiles: Sequence[float], value: float) -> float:
    """Normal score of a value; beyond the outermost quantiles it goes on with the slope between them.

    A value that many sounds share (0, mostly) stands for the middle of their ranks.
    """
    lowest, highest = _scores_of(quantiles, value)
    return (lowest + highest) / 2


def _score_near(quantiles: Sequence[float], value: float, drawn: float) -> float:
    """Of the normal scores of a value the one nearest to what was drawn."""
    lowest, highest = _scores_of(quantiles, value)
    return min(max(drawn, lowest), highest)


def _scores_of(quantiles: Sequence[float], value: float) -> tuple[float, float]:
    row = np.array(quantiles)
    scale = max(row[-1] - row[0], _LEAST_SPREAD * max(1.0, abs(row[0])))
    per_score = scale / (_SCORES[-1] - _SCORES[0])
    if value < row[0]:
        score = _SCORES[0] + (value - row[0]) / per_score
    elif value > row[-1]:
        score = _SCORES[-1] + (value - row[-1]) / per_score
    else:
        first, last = np.searchsorted(row, value, "left"), np.searchsorted(row, value, "right")
        if last > first:
            return float(_SCORES[first]), float(_SCORES[last - 1])
        score = np.interp(value, row, _SCORES)
    return float(score), float(score)


def _value(quantiles: Sequence[float], score: float) -> float:
    return float(np.interp(score, _SCORES, quantiles))


def _into_ellipsoid(scores: np.ndarray, correlation: np.ndarray, most: float) -> np.ndarray:
    """The point nearest to `scores` whose squared Mahalanobis distance is at most `most`."""
    axes, directions = np.linalg.eigh(correlation)
    axes = np.maximum(axes, _LEAST_SPREAD)
    along = directions.T @ scores
    if (along**2 / axes).sum() <= most * (1 + _TOLERANCE):
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


def chi_square(freedom: int) -> float:
    """Quantile `COVERAGE` of the chi-square distribution, to 2 % (E. B. Wilson and M. M. Hilferty 1931)."""
    part = 2 / (9 * freedom)
    return freedom * (1 - part + NormalDist().inv_cdf(COVERAGE) * math.sqrt(part)) ** 3

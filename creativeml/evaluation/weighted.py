"""Statistics of answers that count more or less: one result for every row of weights, the first being the value.

The other rows are bootstrap draws; `interval` makes value and 95 % interval of them.
"""

from __future__ import annotations

import math

import numpy as np


def resampled_times(unit: np.ndarray, stratum: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """How often each answer counts (1 + resamples, n): once in the first row, which gives the value itself; in the
    others as its unit was drawn within its stratum."""
    generator = np.random.default_rng(seed)
    times = np.ones((1 + resamples, len(unit)))
    for number in np.unique(stratum):
        own = stratum == number
        units, place = np.unique(unit[own], return_inverse=True)
        draws = generator.multinomial(len(units), np.full(len(units), 1 / len(units)), resamples)
        times[1:, own] = draws[:, place]
    return times


def equal_shares(times: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Weights (draws, n) in which every kind that was drawn counts the same."""
    shares = np.zeros_like(times)
    for number in np.unique(kind):
        own = kind == number
        total = times[:, own].sum(1, keepdims=True)
        shares[:, own] = np.divide(times[:, own], total, out=np.zeros((len(times), own.sum())), where=total > 0)
    return shares


def weighted_quantile(values: np.ndarray, weights: np.ndarray, share: float) -> np.ndarray:
    """The smallest value up to which a share of the weight lies: (draws,)."""
    order = np.argsort(values, kind="stable")
    reached = weights[:, order].cumsum(1)
    return values[order][(reached >= share * reached[:, -1:] * (1 - 1e-12)).argmax(1)]


def ranks_within(values: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Ranks within the kind, equal values sharing theirs, centred and relative to the number of values."""
    result = np.zeros(len(values))
    for number in np.unique(kind):
        own = kind == number
        _, place, counts = np.unique(values[own].round(9), return_inverse=True, return_counts=True)
        ranks = np.cumsum(counts) - (counts - 1) / 2
        result[own] = (ranks[place] - (own.sum() + 1) / 2) / own.sum()
    return result


def interval(draws: np.ndarray, least: float = -math.inf, most: float = math.inf) -> dict[str, float | None]:
    """The value, which comes first, and the 95 % interval around it, within what can be."""
    low, high = around(draws)
    ends = np.clip([draws[0], low, high], least, most)
    return dict(zip(("value", "low", "high"), map(finite, ends), strict=True))


def around(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the spread of all draws but the first, laid around the first: resampling repeats sounds, which shifts
    figures by a bias of its own."""
    if len(draws) < 2:
        return draws[0], draws[0]
    low, middle, high = np.quantile(draws[1:], [0.025, 0.5, 0.975], axis=0)
    return draws[0] + low - middle, draws[0] + high - middle


def finite(value: float) -> float | None:
    """The value without what is only rounding, for a report; None if it is not finite."""
    # Adding 0 makes the minus of a negative zero go.
    return round(float(value), 9) + 0.0 if math.isfinite(value) else None

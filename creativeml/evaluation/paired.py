"""Models compared with each other: did a change help, harm, or make no difference that can be told?

Every figure is redrawn (see `points.Redrawn`) with the same recordings for all models, so that the interval of a
difference does not hold the luck of the recordings, which all share. What it does not hold either is the luck of
training: the same settings with another seed give another model. So a change is compared with several runs of the
unchanged settings, and counts only if it differs from each of them beyond the interval, and by more than they differ
among themselves.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from creativeml.evaluation.descriptor_values import in_jnds
from creativeml.evaluation.distances import kernel_distance_redrawn
from creativeml.evaluation.judge import Judge
from creativeml.evaluation.manifold import manifold_redrawn
from creativeml.evaluation.measure import JUDGE, Measured, as_points
from creativeml.evaluation.points import Redrawn
from creativeml.evaluation.report import LOG_MEL
from creativeml.evaluation.weighted import equal_shares, resampled_times

Verdict = Literal["better", "worse", "same"]
DIRECTIONS = {"kad_log_mel": -1, "kad_judge": -1, "coverage": 1, "recognised": 1, "control_error": -1}
"""Figures that are compared, and whether more of them is good (1) or bad (-1)."""


def figures(
    judge: Judge,
    reference: Measured,
    made: Measured,
    kinds: tuple[str, ...],
    *,
    sizes: Sequence[int] | None = None,
    resamples: int = 200,
    seed: int = 0,
) -> dict[str, Redrawn]:
    """Realism, coverage and recognition of a set of sounds, as `creativeml evaluate` gives them for all kinds together.

    Args:
        judge: of the kinds.
        reference: recordings that the model has not heard.
        made: sounds of the model.
        kinds: those that both have (`measure.comparable_kinds`).
        sizes: for the coverage, see `manifold`.
        resamples: of the bootstrap; of the coverage half as many.
        seed: of everything random.

    Returns:
        `kad_log_mel`, `kad_judge`, `coverage` (log-mel) and `recognised`.
    """
    sets = {name: [as_points(m, name, kinds) for m in (reference, made)] for name in (LOG_MEL, JUDGE)}
    found = {f"kad_{n}": kernel_distance_redrawn(*pair, resamples=resamples, seed=seed) for n, pair in sets.items()}
    manifold = manifold_redrawn(*sets[LOG_MEL], sizes=sizes, resamples=resamples // 2, seed=seed)
    recognised = _recognised(judge, made)
    return {**found, "coverage": manifold["coverage"], "recognised": _mean(*recognised, resamples, seed)}


def control_error(
    asked: Tensor,
    got: Tensor,
    kinds: Sequence[str],
    groups: Sequence[str],
    names: Sequence[str],
    *,
    resamples: int = 200,
) -> Redrawn:
    """Mean absolute error of joint requests, over all descriptors, in just-noticeable differences; kinds count alike.

    Args:
        asked: (questions, descriptors) in units.
        got: (questions, count, descriptors) what was measured in the answers.
        kinds, groups: kind of each question, and the source of the recording it was taken from: groups are resampled.
        names: of the descriptors.
        resamples: of the bootstrap.
    """
    errors = (in_jnds(got.double(), names) - in_jnds(asked.double(), names)[:, None]).abs().mean((1, 2)).numpy()
    return _mean(errors, _numbers(list(zip(kinds, groups, strict=True))), _numbers(kinds), resamples, 0)


def _numbers(labels: Sequence[Hashable]) -> np.ndarray:
    """Equal labels get the same number."""
    number = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    return np.array([number[label] for label in labels])


@torch.no_grad()
def _recognised(judge: Judge, made: Measured) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether each sound of a kind that the judge knows is recognised; its number, for redrawing; its kind."""
    known = judge.model.config.kinds
    rows = [i for i, kind in enumerate(made.kinds) if kind in known]
    truth = np.array([known.index(made.kinds[i]) for i in rows])
    heard = judge.model.classify_embedding(made.points[JUDGE][rows]).argmax(1).numpy()
    return (heard == truth).astype(float), np.arange(len(rows)), truth


def _mean(values: np.ndarray, units: np.ndarray, strata: np.ndarray, resamples: int, seed: int) -> Redrawn:
    """Mean in which strata count alike, redrawn by units within them."""
    weights = equal_shares(resampled_times(units, strata, resamples, seed), strata)
    means = weights @ values / weights.sum(1)
    return Redrawn(float(means[0]), tuple(means[1:].tolist()))


def compare(own: Redrawn, unchanged: Sequence[Redrawn], direction: int) -> Verdict:
    """Whether a figure is better or worse than that of every run of the unchanged settings.

    Args:
        own: of the changed settings.
        unchanged: of the runs of the unchanged ones, two at least for an idea of the luck of training.
        direction: 1 if more is better, -1 if less is.
    """
    spread = max(base.value for base in unchanged) - min(base.value for base in unchanged)
    differences = [own.minus(base) for base in unchanged]
    if all(direction * d.value > spread and min(direction * d.low, direction * d.high) > 0 for d in differences):
        return "better"
    if all(-direction * d.value > spread and min(-direction * d.low, -direction * d.high) > 0 for d in differences):
        return "worse"
    return "same"


def verdict(verdicts: Mapping[str, Verdict]) -> str:
    """What the comparisons of all figures say together: helps, harms, mixed or no difference."""
    found = set(verdicts.values()) - {"same"}
    words = {frozenset(): "no difference", frozenset({"better"}): "helps", frozenset({"worse"}): "harms"}
    return words.get(frozenset(found), "mixed")

"""How well what was asked of an instrument's controls was answered, in figures with intervals.

Errors are differences between what was measured and what was *asked*, never what the instrument made of the request.
They are given in the unit of the descriptor; of logarithmic ones, and of several descriptors of different units
together, in just-noticeable differences. Kinds count in equal shares. Intervals are bootstrap 95 % intervals, laid
around the value: of sweeps, all that was made of a kind from the same random numbers is resampled together, kinds
included; of joint questions, the sources within each kind.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.descriptors.registry import DESCRIPTORS
from creativeml.errors import CreativeMLError
from creativeml.evaluation.control import LEVELS, Examination
from creativeml.evaluation.descriptor_values import in_jnds
from creativeml.evaluation.weighted import (
    around,
    equal_shares,
    finite,
    interval,
    ranks_within,
    resampled_times,
    weighted_quantile,
)

FORMAT = 1
ORDER = {"E1": (0, 2), "E2": (0, 1), "E3": (1, 2)}
"""Pairs of levels (of low, middle, high) whose answers must be in the order asked: the three tests of NeuroDrum."""
BINS = 5
"""Of the response curve of joint questions."""
_AUDIBLE = 1.0 + 1e-9
_ROWS_PER_CONTROL = 3


@dataclass(frozen=True)
class _Answers:
    """All answers, a row for every sound; scaled so that 1 is a just-noticeable difference unless said otherwise.

    Attributes:
        asked, got: (n, descriptors); asked is NaN for what was free.
        in_units: (n, descriptors) got, in units.
        asked_place, got_place: (n, descriptors) places in the kind's range, 0 its low end and 1 its high end.
        kind: (n,) number of the kind.
        unit: (n,) number of what is resampled together.
        chain: (n,) number of the sweep, through all levels from the same random numbers, that an answer belongs to.
        level: (n,) place of a sweep; NaN in joint questions.
        swept: (n,) column that is swept; -1 in joint questions.
    """

    asked: np.ndarray
    got: np.ndarray
    in_units: np.ndarray
    asked_place: np.ndarray
    got_place: np.ndarray
    kind: np.ndarray
    unit: np.ndarray
    chain: np.ndarray
    level: np.ndarray
    swept: np.ndarray

    def where(self, mask: np.ndarray) -> _Answers:
        return _Answers(**{name: values[mask] for name, values in vars(self).items()})


# A resample may leave out every question about a descriptor: what follows from it is no number, and null in the end.
@np.errstate(invalid="ignore", divide="ignore")
def obedience(examination: Examination, answers: Tensor, *, resamples: int = 200, seed: int = 0) -> dict[str, Any]:
    """Figures of an examination.

    Args:
        examination: what was asked.
        answers: (questions, count, descriptors) measured values in units, as `control.answer`, `search` and `draw`
            give them.
        resamples: bootstrap draws.
        seed: of the bootstrap.

    Returns:
        plain values with the keys `format`, `descriptors`, `sounds`, `left_out`, and under each of `sweeps` and
        `joint` (null if nothing of the sort was asked):

        - `per_descriptor.<name>` and `overall`: `mean_absolute_error`, `median_absolute_error`, `bias` (mean of
          measured minus asked), `within_jnd` (share of errors up to one just-noticeable difference, 5 points),
          `spearman` (rank correlation of asked and measured within kinds; 0 if nothing varies), each
          `{value, low, high}`, and `unit` of the first three. Sweeps have `order` too: shares of answer pairs in the
          order asked, E1 high above low, E2 middle above low, E3 high above middle.
        - `per_descriptor.<name>.curve`: points `{asked, median, p10, p90}` as places in the kinds' ranges.
        - `per_kind.<kind>.<name>`: `{mean_absolute_error, within_jnd}`, and in sweeps `{asked, median}` in units.
        - `cross_talk`: see `_cross_talk`.

    Raises:
        CreativeMLError: answers of another shape, or that are not finite.
    """
    wanted = (len(examination.questions), len(examination.names))
    if answers.ndim != 3 or (answers.shape[0], answers.shape[2]) != wanted or not answers.shape[1]:
        raise CreativeMLError(f"answers must be of shape (questions, count, descriptors), not {tuple(answers.shape)}")
    if not bool(answers.isfinite().all()):
        raise CreativeMLError("an answer was measured as not finite; its sound cannot be judged")
    sections: dict[str, Any] = {"sweeps": None, "joint": None}
    if examination.questions:
        table = _table(examination, answers)
        for name, chosen in (("sweeps", table.swept >= 0), ("joint", table.swept < 0)):
            if chosen.any():
                sections[name] = _section(examination, table.where(chosen), resamples, seed)
    return {
        "format": FORMAT,
        "descriptors": list(examination.names),
        "sounds": int(answers.shape[0] * answers.shape[1]),
        "left_out": list(examination.left_out),
        **sections,
    }


def _table(examination: Examination, answers: Tensor) -> _Answers:
    names, questions, kinds = examination.names, examination.questions, examination.kinds
    count, width = answers.shape[1:]
    targets = torch.tensor([[q.targets.get(name, math.nan) for name in names] for q in questions]).double()
    asked, got = in_jnds(targets, names).numpy(), in_jnds(answers.double(), names).numpy()
    ends = {kind: in_jnds(pair.double().T, names).numpy() for kind, pair in examination.ranges.items()}
    low = np.stack([ends[q.kind][0] for q in questions])
    # A range narrower than can be heard is no scale.
    span = np.maximum(np.stack([ends[q.kind][1] for q in questions]) - low, 1.0)
    units: list[Hashable] = []
    chains: list[Hashable] = []
    for number, question in enumerate(questions):
        source = ("source", question.group or number)
        units += [("kind", question.kind, c) if question.swept else source for c in range(count)]
        chains += [(question.kind, question.swept, c) for c in range(count)]
    return _Answers(
        asked=np.repeat(asked, count, 0),
        got=got.reshape(-1, width),
        in_units=answers.double().numpy().reshape(-1, width),
        asked_place=np.repeat((asked - low) / span, count, 0),
        got_place=((got - low[:, None]) / span[:, None]).reshape(-1, width),
        kind=np.repeat([kinds.index(q.kind) for q in questions], count),
        unit=_numbers(units),
        chain=_numbers(chains),
        level=np.repeat([q.level for q in questions], count),
        swept=np.repeat([names.index(q.swept) if q.swept else -1 for q in questions], count),
    )


def _numbers(labels: Sequence[Hashable]) -> np.ndarray:
    number = {label: i for i, label in enumerate(dict.fromkeys(labels))}
    return np.array([number[label] for label in labels])


# --- one section: sweeps, or joint questions


def _section(examination: Examination, answers: _Answers, resamples: int, seed: int) -> dict[str, Any]:
    names = examination.names
    swept = bool(answers.swept[0] >= 0)
    # Few sounds are made for a sweep, so that kinds are drawn too; recordings have more sources, drawn within kinds.
    times = resampled_times(answers.unit, np.zeros_like(answers.kind) if swept else answers.kind, resamples, seed)
    judged = np.isin(answers.level, LEVELS) if swept else np.ones(len(answers.kind), bool)
    cells = {}
    for column, name in enumerate(names):
        rows = np.flatnonzero(judged & (answers.swept == column)) if swept else np.arange(len(answers.kind))
        if len(rows):
            cells[name] = _Cells.of(answers, rows, column, times, swept)
    return {
        "per_descriptor": {
            name: {**own.figures(_scale([name])), "curve": _curve(answers, names.index(name), swept)}
            for name, own in cells.items()
        },
        "overall": _Cells.together(list(cells.values())).figures(_scale(list(cells))),
        "per_kind": {
            kind: _of_kind(examination, answers.where(answers.kind == number), judged[answers.kind == number], swept)
            for number, kind in enumerate(examination.kinds)
            if (answers.kind == number).any()
        },
        "cross_talk": _cross_talk(names, answers, times, judged, swept),
    }


def _scale(names: Sequence[str]) -> tuple[str, float]:
    """The unit in which errors are given, and how many of it make a just-noticeable difference."""
    scales = {("JND", 1.0) if DESCRIPTORS[n].logarithmic else (DESCRIPTORS[n].unit, DESCRIPTORS[n].jnd) for n in names}
    return scales.pop() if len(scales) == 1 else ("JND", 1.0)


@dataclass(frozen=True)
class _Cells:
    """Pairs of asked and measured values that one set of figures is about.

    Attributes:
        error: (n,) measured minus asked.
        ranks: (2, n) of asked and measured, centred, within what can be compared.
        weights: (1 + resamples, n).
        ordered: (chains, 3) whether E1, E2, E3 hold; none in joint questions.
        chain_weights: (1 + resamples, chains).
    """

    error: np.ndarray
    ranks: np.ndarray
    weights: np.ndarray
    ordered: np.ndarray
    chain_weights: np.ndarray

    @staticmethod
    def of(answers: _Answers, rows: np.ndarray, column: int, times: np.ndarray, swept: bool) -> _Cells:
        asked, got, kind = answers.asked[rows, column], answers.got[rows, column], answers.kind[rows]
        weights = equal_shares(times[:, rows], kind)
        ranks = np.stack([ranks_within(values, kind) for values in (asked, got)])
        ordered, first = np.zeros((0, len(ORDER)), bool), np.zeros(0, int)
        if swept:
            chains, first = np.unique(answers.chain[rows], return_index=True)
            at = {(c, level): g for c, level, g in zip(answers.chain[rows], answers.level[rows], got, strict=True)}
            levels = np.array([[at[chain, level] for level in LEVELS] for chain in chains])
            ordered = np.stack([levels[:, high] > levels[:, low] for low, high in ORDER.values()], 1)
        return _Cells(got - asked, ranks, weights, ordered, weights[:, first])

    @staticmethod
    def together(parts: Sequence[_Cells]) -> _Cells:
        """The cells of several descriptors as one set."""
        joined = {f.name: [getattr(part, f.name) for part in parts] for f in fields(_Cells)}
        axis = {"ordered": 0}
        return _Cells(**{name: np.concatenate(values, axis.get(name, -1)) for name, values in joined.items()})

    def figures(self, scale: tuple[str, float]) -> dict[str, Any]:
        unit, per_jnd = scale
        w, size = self.weights, np.abs(self.error)
        total = w.sum(1)
        (cross, asked, got) = (w @ (a * b) for a, b in ((self.ranks[0], self.ranks[1]), *((r, r) for r in self.ranks)))
        spread = np.sqrt(asked * got)
        result = {
            "unit": unit,
            "mean_absolute_error": interval(per_jnd * (w @ size) / total, 0.0),
            "median_absolute_error": interval(per_jnd * weighted_quantile(size, w, 0.5), 0.0),
            "bias": interval(per_jnd * (w @ self.error) / total),
            "within_jnd": interval(w @ (size <= _AUDIBLE) / total, 0.0, 1.0),
            "spearman": interval(np.divide(cross, spread, out=np.zeros_like(cross), where=spread > 0), -1.0, 1.0),
        }
        if len(self.ordered):
            shares = self.chain_weights @ self.ordered / self.chain_weights.sum(1, keepdims=True)
            result["order"] = {name: interval(shares[:, i], 0.0, 1.0) for i, name in enumerate(ORDER)}
        return result


def _of_kind(examination: Examination, answers: _Answers, judged: np.ndarray, swept: bool) -> dict[str, Any]:
    result = {}
    for column, name in enumerate(examination.names):
        own = (answers.swept == column) if swept else np.ones(len(judged), bool)
        error = np.abs(answers.got - answers.asked)[own & judged, column]
        if not len(error):
            continue
        figures: dict[str, Any] = {
            "mean_absolute_error": _scale([name])[1] * float(error.mean()),
            "within_jnd": float((error <= _AUDIBLE).mean()),
        }
        if swept:
            levels = np.unique(answers.level[own]).tolist()
            kind = examination.kinds[int(answers.kind[0])]
            asked = {q.level: q.targets[name] for q in examination.questions if q.kind == kind and q.swept == name}
            figures["asked"] = [asked[level] for level in levels]
            medians = (np.median(answers.in_units[own & (answers.level == level), column]) for level in levels)
            figures["median"] = [float(m) for m in medians]
        result[name] = figures
    return result


def _curve(answers: _Answers, column: int, swept: bool) -> list[dict[str, float]]:
    """What was measured against what was asked, as places in the kinds' ranges."""
    rows = np.flatnonzero(answers.swept == column) if swept else np.arange(len(answers.kind))
    asked, got = answers.asked_place[rows, column], answers.got_place[rows, column]
    weights = equal_shares(np.ones((1, len(rows))), answers.kind[rows])
    if swept:
        bins = np.unique(answers.level[rows], return_inverse=True)[1]
    else:
        edges = np.unique(np.quantile(asked, np.linspace(0, 1, BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, asked, "right")
    points = []
    for own in (bins == b for b in np.unique(bins)):
        w = weights[:, own]
        low, middle, high = (float(weighted_quantile(got[own], w, q)[0]) for q in (0.1, 0.5, 0.9))
        points.append(
            {"asked": float(weighted_quantile(asked[own], w, 0.5)[0]), "median": middle, "p10": low, "p90": high}
        )
    return points


def _cross_talk(
    names: Sequence[str], answers: _Answers, times: np.ndarray, judged: np.ndarray, swept: bool
) -> dict[str, Any] | None:
    """How much every descriptor moves (column) with what is asked of another (row).

    In sweeps it is the slope over the levels while everything else is free to follow; descriptors that go together in
    recordings go together there too, which the same matrix of a search in recordings shows. In joint questions it is
    the coefficient of a regression of what was measured on all that was asked, so with everything else held.

    Returns:
        `descriptors` (rows and columns), `normalised` with `low` and `high` (change of the measured place in a kind's
        range per change of the asked place: 1 on the diagonal and 0 elsewhere if all is obeyed), `jnds` (what moves, in
        just-noticeable differences, while the asked one goes from 20 to 80 %), `worst` off the diagonal and
        `mean_jnds` there. None if there are too few joint questions.
    """
    if swept:
        slopes = [_sweep_slopes(answers, column, times, judged) for column in range(len(names))]
        places, sizes = (np.stack([slope[i] for slope in slopes], 1) for i in (0, 1))
    else:
        if len(np.unique(answers.unit)) < _ROWS_PER_CONTROL * len(names):
            return None
        weights = equal_shares(times, answers.kind)
        asked, place, size = (
            _centred(v, weights, answers.kind) for v in (answers.asked_place, answers.got_place, answers.got)
        )
        places, sizes = (_regression(asked, values, weights) for values in (place, size))
    low, high = around(places)
    jnds = (LEVELS[-1] - LEVELS[0]) * sizes[0]
    apart = np.where(np.eye(len(names), dtype=bool), np.nan, np.abs(jnds))
    worst = None
    if np.isfinite(apart).any():
        row, column = divmod(int(np.nanargmax(apart)), len(names))
        worst = {"asked": names[row], "measured": names[column], "jnds": float(jnds[row, column])}
    matrices = {"normalised": places[0], "low": low, "high": high, "jnds": jnds}
    return {
        "descriptors": list(names),
        **{key: [[finite(v) for v in row] for row in matrix] for key, matrix in matrices.items()},
        "worst": worst,
        "mean_jnds": float(np.nanmean(apart)) if worst else None,
    }


def _sweep_slopes(
    answers: _Answers, column: int, times: np.ndarray, judged: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Change of every descriptor, as place and in JNDs, per change of the level: (1 + resamples, descriptors) each."""
    rows = np.flatnonzero(judged & (answers.swept == column))
    if not len(rows):
        nothing = np.full((len(times), answers.got.shape[1]), np.nan)
        return nothing, nothing
    # All levels of a chain weigh the same, so a slope over them needs no further centring.
    level = answers.level[rows] - np.mean(LEVELS)
    weights = equal_shares(times[:, rows], answers.kind[rows])
    power = (weights @ level**2)[:, None]
    place, size = (weights @ (level[:, None] * v[rows]) / power for v in (answers.got_place, answers.got))
    return place, size


def _centred(values: np.ndarray, weights: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Values (n, columns) minus their weighted mean within the kind: (1 + resamples, n, columns)."""
    result = np.repeat(values[None], len(weights), 0)
    for number in np.unique(kind):
        own = kind == number
        w = weights[:, own]
        mean = (w @ values[own]) / np.maximum(w.sum(1, keepdims=True), 1e-12)
        result[:, own] -= mean[:, None]
    return result


def _regression(asked: np.ndarray, got: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Coefficients of got on asked: (1 + resamples, asked, got)."""
    weighted = asked * weights[..., None]
    squares = weighted.transpose(0, 2, 1) @ asked
    return np.linalg.pinv(squares, hermitian=True) @ (weighted.transpose(0, 2, 1) @ got)

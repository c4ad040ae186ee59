"""The evaluation of a model as a record: `report.json`, and from it tables for a model card and a spreadsheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from creativeml.data.one_shots import fingerprint
from creativeml.evaluation.craft import UNITS
from creativeml.evaluation.judge import Judge
from creativeml.evaluation.manifold import equal_sizes, manifold, variety
from creativeml.evaluation.measure import (
    POOLED,
    Measured,
    as_points,
    comparable_kinds,
    craft_summary,
    realism,
    recognition,
    rulers,
    share_heard,
)
from creativeml.evaluation.novelty import Novelty, Read, novelty
from creativeml.evaluation.points import Interval, standardise
from creativeml.evaluation.tables import comma_separated, markdown
from creativeml.evaluation.transients import ONSET
from creativeml.files import atomic_write_json, atomic_write_text
from creativeml.kinds import UNLABELLED

FORMAT = 2
LOG_MEL = "log_mel"
SECTIONS = ("realism", "obedience", "diversity", "novelty", "craft", "cost")
"""Sections of a report, each with the same form for every row."""


@dataclass(frozen=True)
class Contest:
    """All that is compared in one evaluation.

    Attributes:
        reference: held-out recordings, the target.
        floor: other recordings (the train split), as if they were a model: what the best model could reach.
        ceiling: shaped noise: what needs no model at all.
        contestants: the models or folders, the one in question first.
        left_out: held-out recordings that are not in the reference, since a contestant was trained on them.
        controls: name → what `creativeml.evaluation.obedience` found of each row that was examined.
        costs: name → figures of `creativeml.evaluation.cost` of each row.
        trained_on: name → fingerprints of the recordings that a model has heard.
        unused_files: name → audio files of a folder that belong to none of the kinds.
    """

    reference: Measured
    floor: Measured
    ceiling: Measured
    contestants: tuple[Measured, ...]
    left_out: int = 0
    controls: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    costs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    trained_on: Mapping[str, AbstractSet[str]] = field(default_factory=dict)
    unused_files: Mapping[str, int] = field(default_factory=dict)

    def rows(self) -> tuple[Measured, ...]:
        """Everything that is compared with the reference, from floor to ceiling."""
        named = {m.name: m for m in (self.floor, *self.contestants, self.ceiling)}
        return tuple(named.values())

    def comparable(self) -> Contest:
        """The same sets, all without kinds if one of them has none: only then are they compared alike."""
        if all(UNLABELLED not in row.kinds for row in self.rows()):
            return self

        def pooled(m: Measured) -> Measured:
            return replace(m, kinds=(UNLABELLED,) * len(m))

        others = tuple(map(pooled, self.contestants))
        return replace(
            self,
            reference=pooled(self.reference),
            floor=pooled(self.floor),
            ceiling=pooled(self.ceiling),
            contestants=others,
        )


@dataclass(frozen=True)
class Built:
    """A report, and what of it has to be heard.

    Attributes:
        report: plain values, see `build_report`.
        novelty: of the first contestant, with the pairs that are played side by side; None if all training recordings
            are of one source, which says nothing about how near different drums come.
    """

    report: dict[str, Any]
    novelty: Novelty | None


def build_report(
    contest: Contest,
    judge: Judge,
    about: Mapping[str, Any],
    *,
    resamples: int,
    seed: int,
    read: Mapping[str, Read] | None = None,
    progress: Callable[[str], object] = lambda name: None,
) -> Built:
    """Plain values of the whole evaluation.

    Args:
        contest: what is compared.
        judge: of the kinds.
        about: facts on how the sounds came about (data, seed, counts), copied into the record.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        read: name → how to have whole sounds of a row again, for what is compared of the closest pairs alone.
        progress: told the name of each row when its figures are done.

    Returns:
        top keys `format`, `about`, the six `SECTIONS` of the first contestant, and `against`: the same six of every
        other row, by name. Figures of `realism`, `diversity` and `novelty` are `{value, low, high, floor, ceiling}`,
        under `[kind or "pooled"][embedding][figure]` (`novelty`: `[embedding]["share"]`). What could not be computed
        is null.
    """
    alike = contest.comparable()
    kinds = comparable_kinds(alike.reference, alike.rows())
    figures: dict[str, Any] = {}
    found: dict[str, Novelty] = {}
    for row in alike.rows():
        figures[row.name] = {
            "realism": realism(alike.reference, alike.floor, row, kinds, resamples=resamples, seed=seed),
            "diversity": _diversity(alike, row, kinds, resamples=resamples, seed=seed),
        }
        both = (read[row.name], read[contest.floor.name]) if read else None
        if len(set(alike.floor.groups)) > 1:
            found[row.name] = novelty(alike.floor, row, held_out=alike.reference, read=both)
        progress(row.name)
    limits = (figures[contest.floor.name], figures[contest.ceiling.name])
    heard = recognition(judge, contest.reference, unheard_only=True)
    sections = {}
    for row in contest.rows():
        own = figures[row.name]
        known = recognition(judge, row, unheard_only=row is contest.floor)
        # Of a kind that the judge does not know, or of none, nothing can be recognised.
        known["sounds"] = sum(map(sum, known["confusion"]))
        known |= {"floor": heard["balanced_accuracy"], "ceiling": _of_ceiling(judge, contest)}
        sections[row.name] = {
            **{key: _limited(own[key], *(limit[key] for limit in limits)) for key in ("realism", "diversity")},
            "obedience": {"kind": known, "controls": _beside(contest, row.name)},
            "novelty": _novelty(
                found[row.name], found[contest.ceiling.name], _covered(contest, row), floor=row is contest.floor
            )
            if found
            else {},
            "craft": _craft(row, contest),
            "cost": contest.costs.get(row.name),
        }
    first = contest.contestants[0].name
    report = {
        "format": FORMAT,
        "about": {
            **_about(contest, judge, about, kinds, heard),
            "rulers": rulers(alike.reference, alike.floor, kinds),
            "bootstrap": {"resamples": resamples, "seed": seed, "level": 0.95},
        },
        **{key: sections[first][key] for key in SECTIONS},
        "against": {name: {key: own[key] for key in SECTIONS} for name, own in sections.items() if name != first},
    }
    return Built(_plain(report), found.get(first))


def _about(
    contest: Contest,
    judge: Judge,
    about: Mapping[str, Any],
    kinds: Sequence[str],
    heard: Mapping[str, Any],
) -> dict[str, Any]:
    reference, floor = contest.reference, contest.floor
    return {
        **about,
        "name": contest.contestants[0].name,
        "floor": floor.name,
        "ceiling": contest.ceiling.name,
        "kinds": [kind for kind in reference.counts() if kind in kinds or UNLABELLED in kinds],
        "kinds_left_out": [kind for kind in reference.counts() if kind not in kinds and UNLABELLED not in kinds],
        "without_kinds": [row.name for row in contest.rows() if UNLABELLED in row.kinds],
        "unused_files": dict(contest.unused_files),
        "sounds": {row.name: len(row) for row in contest.rows()},
        "reference": {"name": reference.name, "sounds": reference.counts(), "left_out": contest.left_out},
        "embeddings": list(reference.points),
        "share_heard": {
            name: share_heard(reference, floor, tuple(reference.counts()), heard_by)
            for name, heard_by in contest.trained_on.items()
        },
        "judge": {
            "sha256": judge.sha256,
            "on_reference": heard,
            "cross_validation": judge.info.get("cross_validation"),
            "share_of_floor_heard": sum(map(judge.was_trained_on, floor.sha256)) / len(floor),
        },
        "reference_craft": craft_summary(reference),
        "units": {"kad": "100 x squared MMD", "fad_inf": "squared z-score", **UNITS},
    }


def _diversity(
    contest: Contest, row: Measured, kinds: tuple[str, ...], *, resamples: int, seed: int
) -> dict[str, dict[str, dict[str, Interval]]]:
    """Figures of `manifold` and `variety`, pooled; variety alone, without intervals, by kind.

    All rows are thinned to the same sizes, so that their figures can be compared.
    """
    result: dict[str, dict[str, dict[str, Interval]]] = {}
    for embedding in contest.reference.points:
        if embedding == ONSET:
            continue
        sets = {m.name: as_points(m, embedding, kinds) for m in (contest.reference, *contest.rows())}
        real, made = standardise(sets[contest.reference.name], sets[row.name])
        sizes = equal_sizes(*sets.values())
        options = {"z_score": False, "resamples": resamples // 2, "seed": seed}
        pooled = manifold(real, made, sizes=sizes, **options) if sum(sizes) >= 3 else {}
        result.setdefault(POOLED, {})[embedding] = pooled | variety(real, made, sizes=sizes, **options)
        for stratum, kind in enumerate(kinds if len(kinds) > 1 else ()):
            pair = [points.select(points.strata == stratum) for points in (real, made)]
            options = {"z_score": False, "resamples": 0, "seed": seed}
            result.setdefault(kind, {})[embedding] = variety(*pair, sizes=[sizes[stratum]], **options)
    return result


def _beside(contest: Contest, name: str) -> Any:
    """Figures of a row's controls, each with that of the floor and the ceiling beside it."""
    known = contest.controls
    limits = {"floor": known.get(contest.floor.name), "ceiling": known.get(contest.ceiling.name)}
    return _with_limits(known.get(name), limits)


def _with_limits(own: Any, limits: Mapping[str, Any]) -> Any:
    if not isinstance(own, Mapping):
        return own
    if {"value", "low", "high"} <= own.keys():
        return {**own, **{key: limit.get("value") if limit else None for key, limit in limits.items()}}
    within = {
        key: {name: limit.get(key) if isinstance(limit, Mapping) else None for name, limit in limits.items()}
        for key in own
    }
    return {key: _with_limits(value, within[key]) for key, value in own.items()}


def _of_ceiling(judge: Judge, contest: Contest) -> float:
    return recognition(judge, contest.ceiling)["balanced_accuracy"]


def _limited(
    figures: Mapping[str, Mapping[str, Mapping[str, Interval | float]]],
    floor: Mapping[str, Mapping[str, Mapping[str, Interval | float]]],
    ceiling: Mapping[str, Mapping[str, Mapping[str, Interval | float]]],
) -> dict[str, Any]:
    return {
        kind: {
            embedding: {
                key: {
                    **_figure(value),
                    "floor": _figure(floor[kind][embedding][key])["value"],
                    "ceiling": _figure(ceiling[kind][embedding][key])["value"],
                }
                for key, value in by_key.items()
            }
            for embedding, by_key in by_embedding.items()
        }
        for kind, by_embedding in figures.items()
    }


def _figure(value: Interval | float) -> dict[str, float | None]:
    if isinstance(value, Interval):
        return {"value": value.value, "low": value.low, "high": value.high}
    return {"value": value, "low": None, "high": None}


def _covered(contest: Contest, row: Measured) -> float | None:
    """Share of what a row was trained on that novelty compares it with; None if that is not known."""
    heard = contest.trained_on.get(row.name)
    if not heard:
        return None
    compared = set(map(fingerprint, contest.floor.sha256))
    return len(heard & compared) / len(heard)


def _novelty(found: Novelty, ceiling: Novelty, covered: float | None, *, floor: bool) -> dict[str, Any]:
    return {
        found.embedding: {
            "share": {**_figure(found.share), "floor": found.floor, "ceiling": ceiling.share.value},
            "copies": {**_figure(found.copies), "floor": found.copies_floor, "ceiling": ceiling.copies},
            # Training recordings are compared with each other; they are nobody's copies.
            "verdict": None if floor else found.verdict,
            "covered": covered,
            "threshold": found.threshold,
            "closest": [
                {
                    "sound": p.evaluated,
                    "training": p.training,
                    "distance": p.distance,
                    "correlation": list(p.correlation),
                }
                for p in found.closest
            ],
        }
    }


def _craft(row: Measured, contest: Contest) -> dict[str, Any]:
    """Summary of the row with the medians of floor and ceiling beside it, where they have that kind."""
    limits = {"floor": craft_summary(contest.floor), "ceiling": craft_summary(contest.ceiling)}
    return {
        kind: {
            figure: {**v, **{key: known.get(kind, {}).get(figure, {}).get("median") for key, known in limits.items()}}
            for figure, v in figures.items()
        }
        for kind, figures in craft_summary(row).items()
    }


def _plain(value: Any) -> Any:
    """JSON values only: NaN and infinity become null."""
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_report(report: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Write `report.json`, `report.md` and `report.csv` into a folder, and return their paths."""
    paths = [Path(folder) / f"report.{suffix}" for suffix in ("json", "md", "csv")]
    atomic_write_json(paths[0], report)
    atomic_write_text(paths[1], markdown(report))
    atomic_write_text(paths[2], comma_separated(report))
    return paths

"""The evaluation of a model as a record (`report.json`) and as tables for a model card."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from creativeml.evaluation.craft import UNITS
from creativeml.evaluation.distances import Interval
from creativeml.evaluation.judge import Judge
from creativeml.evaluation.measure import (
    JUDGE,
    MIN_REAL_PER_KIND,
    POOLED,
    Measured,
    comparable_kinds,
    craft_summary,
    diversity,
    realism,
    recognition,
)
from creativeml.files import atomic_write_json, atomic_write_text

FORMAT = 1
LOG_MEL = "log_mel"
EMBEDDINGS = {LOG_MEL: "log-mel", JUDGE: "judge"}
"""Embeddings by key, and what tables call them."""
FIGURES = {"kad": "KAD", "fad_inf": "FAD∞"}


@dataclass(frozen=True)
class Contest:
    """All that is compared in one evaluation.

    Attributes:
        reference: held-out recordings, the target.
        floor: other recordings (the train split), as if they were a model: what the best model could reach.
        ceiling: shaped noise: what needs no model at all.
        contestants: the models or folders, the one in question first.
    """

    reference: Measured
    floor: Measured
    ceiling: Measured
    contestants: tuple[Measured, ...]
    left_out: int = 0
    """Held-out recordings that are not in the reference, since a contestant was trained on them."""

    def rows(self) -> tuple[Measured, ...]:
        """Everything that is compared with the reference, from floor to ceiling."""
        named = {m.name: m for m in (self.floor, *self.contestants, self.ceiling)}
        return tuple(named.values())


def build_report(
    contest: Contest, judge: Judge, about: Mapping[str, Any], *, resamples: int, seed: int
) -> dict[str, Any]:
    """Plain values of the whole evaluation.

    Args:
        contest: what is compared.
        judge: of the kinds.
        about: facts on how the sounds came about (data, seed, counts), copied into the record.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        top keys `about`, `realism`, `obedience`, `diversity`, `craft` (of the first contestant), and
        `against`: the same four of every other row, by name. Figures of `realism` are `{value, low, high,
        floor, ceiling}` under `[kind or "pooled"]["log_mel" or "judge"]["kad" or "fad_inf"]`. What could not
        be computed is null.
    """
    kinds = comparable_kinds(contest.reference, contest.rows())
    distances = {
        m.name: realism(contest.reference, contest.floor, m, kinds, resamples=resamples, seed=seed)
        for m in contest.rows()
    }
    spread = diversity(contest.reference, contest.floor, kinds)
    sections = {
        m.name: {
            "realism": _with_limits(distances[m.name], distances[contest.floor.name], distances[contest.ceiling.name]),
            "obedience": {"kind": recognition(judge, m, unheard_only=m is contest.floor)},
            "diversity": _relative(diversity(contest.reference, m, kinds), spread),
            "craft": craft_summary(m),
        }
        for m in contest.rows()
    }
    first = contest.contestants[0].name
    left_out = [kind for kind in contest.reference.counts() if kind not in kinds]
    return _plain(
        {
            "format": FORMAT,
            "about": {
                **about,
                "name": first,
                "floor": contest.floor.name,
                "ceiling": contest.ceiling.name,
                "kinds": list(kinds),
                "kinds_left_out": left_out,
                "reference": {
                    "name": contest.reference.name,
                    "sounds": contest.reference.counts(),
                    "left_out": contest.left_out,
                },
                "judge": {
                    "sha256": judge.sha256,
                    "on_reference": recognition(judge, contest.reference, unheard_only=True),
                    "cross_validation": judge.info.get("cross_validation"),
                    "share_of_floor_heard": sum(map(judge.was_trained_on, contest.floor.sha256)) / len(contest.floor),
                },
                "reference_craft": craft_summary(contest.reference),
                "bootstrap": {"resamples": resamples, "seed": seed, "level": 0.95},
                "units": {"kad": "100 x squared MMD", "fad_inf": "squared z-score", **UNITS},
            },
            **sections[first],
            "against": {m.name: sections[m.name] for m in contest.rows() if m.name != first},
        }
    )


def _with_limits(
    figures: Mapping[str, Mapping[str, Mapping[str, Interval]]],
    floor: Mapping[str, Mapping[str, Mapping[str, Interval]]],
    ceiling: Mapping[str, Mapping[str, Mapping[str, Interval]]],
) -> dict[str, Any]:
    return {
        kind: {
            embedding: {
                key: {
                    "value": interval.value,
                    "low": interval.low,
                    "high": interval.high,
                    "floor": floor[kind][embedding][key].value,
                    "ceiling": ceiling[kind][embedding][key].value,
                }
                for key, interval in by_key.items()
            }
            for embedding, by_key in by_embedding.items()
        }
        for kind, by_embedding in figures.items()
    }


def _relative(own: Mapping[str, Mapping[str, float]], real: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    return {
        kind: {
            embedding: {"value": value, "relative_to_floor": value / real[kind][embedding]}
            for embedding, value in by_embedding.items()
        }
        for kind, by_embedding in own.items()
    }


def _plain(value: Any) -> Any:
    """JSON values only: NaN and infinity become null."""
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def sections_of(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Name → sections of every row of a report: floor, model, the others, ceiling."""
    about = report["about"]
    named = {about["name"]: report, **report["against"]}
    between = [name for name in named if name not in (about["floor"], about["ceiling"])]
    return {name: named[name] for name in (about["floor"], *between, about["ceiling"])}


def write_report(report: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Write `report.json`, `report.md` and `report.csv` into a folder, and return their paths."""
    paths = [Path(folder) / f"report.{suffix}" for suffix in ("json", "md", "csv")]
    atomic_write_json(paths[0], report)
    atomic_write_text(paths[1], markdown(report))
    atomic_write_text(paths[2], comma_separated(report))
    return paths


def markdown(report: Mapping[str, Any]) -> str:
    """The report as tables."""
    about = report["about"]
    parts = [
        f"# Evaluation of {about['name']}",
        _introduction(about),
        "## Realism and diversity",
        _pooled_table(report),
        "## Distance by kind (KAD, log-mel / judge)",
        _kind_distances(report),
        "## Kinds recognised by the judge (%)",
        _recognition_table(report),
        "## Craft (median by kind, real test recordings in brackets)",
        _craft_table(report),
    ]
    return "\n\n".join(parts) + "\n"


def _introduction(about: Mapping[str, Any]) -> str:
    reference = about["reference"]
    sounds = sum(reference["sounds"].values())
    balanced = about["judge"]["on_reference"]["balanced_accuracy"]
    left_out = about["kinds_left_out"]
    lines = [
        f"Distance to {sounds} held-out recordings ({reference['name']}), kinds in equal shares; lower is "
        f"nearer. `{about['floor']}` are other recordings from the same sources (what a perfect model would "
        f"reach), `{about['ceiling']}` is filtered noise with the envelope of each kind (what needs no "
        "model). Brackets: bootstrap 95 % interval over sources.",
        "KAD: 100 x unbiased MMD², Gaussian kernel, bandwidth the median distance of the reference. FAD∞: "
        "Fréchet distance on the leading principal axes, extrapolated to endless samples. Dimensions are "
        "z-scored by the reference. Variety: mean distance between two sounds of a kind, relative to the "
        "recordings' own.",
        f"The judge recognises {_percent(balanced)} % of the held-out recordings that it was not trained on "
        "(balanced over kinds).",
    ]
    if reference["left_out"]:
        lines.insert(
            1,
            f"{reference['left_out']} further recordings are no part of the reference, because something in the tables"
            " was trained on them.",
        )
    crossed = about["judge"]["cross_validation"]
    if crossed:
        lines[-1] += (
            f" Judges trained with the same settings recognise {_percent(crossed['balanced_accuracy'])} % of all"
            " recordings in cross-validation over sources."
        )
    if about["judge"]["share_of_floor_heard"] > 0:
        lines.append(
            f"The judge was trained on {_percent(about['judge']['share_of_floor_heard'])} % of"
            f" `{about['floor']}`: measured by its embedding that row is no honest floor, by log-mel it is."
        )
    if left_out:
        lines.append(f"Too few real sounds to compare, left out: {', '.join(left_out)}.")
    return "\n\n".join(lines)


def _pooled_table(report: Mapping[str, Any]) -> str:
    columns = [f"{FIGURES[f]} {EMBEDDINGS[e]}" for e in EMBEDDINGS for f in FIGURES]
    head = ["", *columns, "recognised %", "variety log-mel", "variety judge"]
    rows = []
    for name, section in sections_of(report).items():
        pooled = section["realism"][POOLED]
        rows.append(
            [
                name,
                *(_bracketed(pooled[e][f]) for e in EMBEDDINGS for f in FIGURES),
                _percent(section["obedience"]["kind"]["balanced_accuracy"]),
                *(_number(section["diversity"][POOLED][e]["relative_to_floor"]) for e in EMBEDDINGS),
            ]
        )
    return table(head, rows)


def _kind_distances(report: Mapping[str, Any]) -> str:
    kinds = [kind for kind in report["realism"] if kind != POOLED]
    if not kinds:
        return f"No kind has {MIN_REAL_PER_KIND} held-out recordings."
    rows = []
    for name, section in sections_of(report).items():
        pairs = ([section["realism"][kind][e]["kad"]["value"] for e in EMBEDDINGS] for kind in kinds)
        rows.append([name, *(" / ".join(map(_number, pair)) for pair in pairs)])
    return table(["", *kinds], rows)


def _recognition_table(report: Mapping[str, Any]) -> str:
    named = {f"{report['about']['reference']['name']} recordings": report["about"]["judge"]["on_reference"]}
    for name, section in sections_of(report).items():
        # The floor is left out: it holds what the judge was trained on.
        if name != report["about"]["floor"]:
            named[name] = section["obedience"]["kind"]
    kinds = report["about"]["kinds"]
    rows = [
        [
            name,
            _percent(found["balanced_accuracy"]),
            *(_percent(found["per_kind"].get(kind)) for kind in kinds),
        ]
        for name, found in named.items()
    ]
    return table(["", "balanced", *kinds], rows)


def _craft_table(report: Mapping[str, Any]) -> str:
    own, real = report["craft"], report["about"]["reference_craft"]
    head = ["", *(f"{figure.replace('_', ' ')} ({unit})" for figure, unit in UNITS.items())]
    rows = []
    for kind in report["about"]["kinds"]:
        cells = (f"{own[kind][f]['median']:.0f} ({real[kind][f]['median']:.0f})" for f in UNITS)
        rows.append([kind, *cells])
    return table(head, rows)


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table, its columns padded so that it reads well as plain text too."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([text[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *text[1:]])


def comma_separated(report: Mapping[str, Any]) -> str:
    """Every figure on a line of its own: name, section, kind, embedding, figure, value, low, high."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["name", "section", "kind", "embedding", "figure", "value", "low", "high"])
    for name, section in sections_of(report).items():
        for kind, by_embedding in section["realism"].items():
            for embedding, figures in by_embedding.items():
                for figure, v in figures.items():
                    writer.writerow([name, "realism", kind, embedding, figure, v["value"], v["low"], v["high"]])
        for kind, share in section["obedience"]["kind"]["per_kind"].items():
            writer.writerow([name, "obedience", kind, "judge", "recognised", share, "", ""])
        for kind, by_embedding in section["diversity"].items():
            for embedding, v in by_embedding.items():
                writer.writerow([name, "diversity", kind, embedding, "spread", v["value"], "", ""])
        for kind, figures in section["craft"].items():
            for figure, v in figures.items():
                writer.writerow([name, "craft", kind, "", figure, v["median"], v["p10"], v["p90"]])
    return file.getvalue()


def _bracketed(figure: Mapping[str, Any]) -> str:
    return f"{_number(figure['value'])} [{_number(figure['low'])}, {_number(figure['high'])}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def _percent(value: float | None) -> str:
    return "–" if value is None or math.isnan(value) else f"{100 * value:.0f}"

"""The table of an ablation: what every change cost and did, and whether that can be told from chance."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from creativeml.evaluation.paired import DIRECTIONS, Verdict, compare, verdict
from creativeml.evaluation.points import Redrawn
from creativeml.evaluation.tables import bracketed, table

TITLES = {
    "kad_log_mel": "KAD log-mel",
    "kad_judge": "KAD judge",
    "coverage": "coverage",
    "recognised": "recognised",
    "control_error": "control error (JND)",
}
_MARKS = {"better": " +", "worse": " −", "same": ""}


@dataclass(frozen=True)
class Row:
    """One variant, or a set of sounds that stands beside them.

    Attributes:
        name: of the variant.
        change: what is different, in words.
        settings: as for `creativeml train --set`.
        steps: of its run, after the start.
        sounds: training sounds that it saw in them.
        relative_cost: of a step.
        figures: those of `paired.DIRECTIONS` that were measured.
        failure: why there are none.
        unchanged: whether the others are compared with it.
        compared: whether it is a variant; otherwise it only stands beside.
    """

    name: str
    change: str
    settings: tuple[str, ...] = ()
    steps: int = 0
    sounds: int = 0
    relative_cost: float = 1.0
    figures: Mapping[str, Redrawn] = field(default_factory=dict)
    failure: str = ""
    unchanged: bool = False
    compared: bool = True


def verdicts(row: Row, rows: Sequence[Row]) -> dict[str, Verdict]:
    """Figure → comparison of a variant with all unchanged runs, of the figures that all of them have."""
    unchanged = [other.figures for other in rows if other.unchanged and other.figures]
    shared = [name for name in DIRECTIONS if all(name in figures for figures in (row.figures, *unchanged))]
    return {name: compare(row.figures[name], [f[name] for f in unchanged], DIRECTIONS[name]) for name in shared}


def _judged(row: Row, rows: Sequence[Row]) -> tuple[str, dict[str, Verdict]]:
    """The last column, and what it rests on."""
    runs = sum(other.unchanged and bool(other.figures) for other in rows)
    if row.failure:
        return f"failed: {row.failure}", {}
    if row.unchanged:
        return "compared with", {}
    if not row.compared:
        return "", {}
    if runs < 2:
        return "two unchanged runs needed", {}
    found = verdicts(row, rows)
    return verdict(found), found


def markdown(rows: Sequence[Row], about: str) -> str:
    """The table, with what it shows above it.

    Args:
        rows: unchanged runs among them.
        about: where the figures come from.
    """
    lines = []
    for row in rows:
        word, found = _judged(row, rows)
        cells = (bracketed(_limits(row.figures.get(n))) + _MARKS[found.get(n, "same")] for n in TITLES)
        counts = [f"{row.relative_cost:.2f}", f"{row.sounds:,}"] if row.compared else ["", ""]
        lines.append([row.name, row.change, *counts, *cells, word])
    text = (
        f"{about}\n\nFigures with 95 % intervals; less is better of KAD and control error, more of coverage and"
        " recognised. + (better) and − (worse) stand where a figure differs from that of every unchanged run, beyond"
        " the interval of the difference (which is narrower than those shown, since all are compared with the same"
        " recordings) and by more than the unchanged runs differ among themselves. Of so many comparisons one or two"
        " will be marked by chance."
    )
    head = ["", "changed", "cost of a step", "sounds seen", *TITLES.values(), "verdict"]
    return f"{text}\n\n{table(head, lines)}\n"


def _limits(figure: Redrawn | None) -> Mapping[str, float] | None:
    if figure is None:
        return None
    interval = figure.interval
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def comma_separated(rows: Sequence[Row]) -> str:
    """A line for each variant and figure: with its interval, and its difference from each unchanged run."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    unchanged = [row for row in rows if row.unchanged and row.figures]
    differences = [f"{part} minus {row.name}" for row in unchanged for part in ("value", "low", "high")]
    head = ["name", "change", "settings", "relative_cost", "steps", "sounds", "verdict", "figure"]
    writer.writerow([*head, "value", "low", "high", "compared", *differences])
    for row in rows:
        word, found = _judged(row, rows)
        start = [row.name, row.change, " ".join(row.settings), row.relative_cost, row.steps, row.sounds, word]
        for name, figure in row.figures.items():
            apart = [figure.minus(u.figures[name]) for u in unchanged if name in u.figures] if row.compared else []
            ends = [end for d in (figure.interval, *apart) for end in (d.value, d.low, d.high)]
            writer.writerow([*start, name, *ends[:3], found.get(name, ""), *ends[3:]])
        if not row.figures:
            writer.writerow(start)
    return file.getvalue()

"""Craft and cost: how well sounds are made, and what making them takes."""

from __future__ import annotations

from creativeml.evaluation.craft import UNITS
from creativeml.evaluation.page.charts import Span, bars
from creativeml.evaluation.page.markup import Html, el, table
from creativeml.evaluation.page.sections import Report, role_of
from creativeml.evaluation.tables import number, sections_of, size

CRAFT = {
    "peak": "highest level",
    "offset": "constant offset (DC): should be inaudibly small",
    "onset": "silence before the hit: felt as delay",
    "centroid": "where the spectrum's weight lies: dull or bright",
    "decay": "time from the peak until 40 dB below it",
    "tail": "level of the last 50 ms: a loud one is cut off",
    "end_step": "level of the very last sample: a loud one clicks",
    "clicks": "jumps within the sound that are heard as clicks",
    "noise_floor": "level of the quietest tenth before the sound ends: hiss, or an early cut",
    "bandwidth": "highest frequency that the sound reaches: a low one is muffled",
}


COST = {
    "parameters": "parameters",
    "macs": "multiplications",
    "one_p50_ms": "ms for a sound, median",
    "one_p95_ms": "95 %",
    "times_real_time": "× real time",
    "peak_memory_mb": "memory (MB)",
    "idle_memory_mb": "of it Python and torch",
}


def craft(report: Report) -> Html:
    """Ranges of the plain figures, model above recordings."""
    figures = next(iter(report["craft"].values()), {})
    return el(
        "section",
        el("h2", "Craft: are they well made?"),
        el(
            "p",
            "Medians by kind: the model, held-out recordings, other recordings (floor), shaped noise (ceiling). In each"
            " picture the upper bar is the model and the lower one held-out recordings, from the 10th to the 90th "
            "percentile, the dot the median. The model should lie where recordings lie.",
        ),
        (_craft_figure(report, figure, opened=figure == "decay") for figure in figures),
        id="craft",
    )


def _craft_figure(report: Report, figure: str, *, opened: bool) -> Html:
    unit, real = UNITS.get(figure, ""), report["about"]["reference_craft"]
    sets = {
        kind: {"model": own[figure], "floor": real.get(kind, {}).get(figure)} for kind, own in report["craft"].items()
    }
    known = [v[key] for both in sets.values() for v in both.values() if v for key in ("p10", "median", "p90")]
    span = Span(known, logarithmic=unit in ("Hz", "ms"))
    rows = []
    for kind, both in sets.items():
        values = {role: (v["p10"], v["median"], v["p90"]) for role, v in both.items() if v}
        recorded = number(both["floor"]["median"]) if both["floor"] else "–"
        limits = (number(report["craft"][kind][figure].get(limit)) for limit in ("floor", "ceiling"))
        picture = bars(values, span, title=f"{figure} of {kind}", unit=unit)
        rows.append([kind, number(both["model"]["median"]), recorded, *limits, picture])
    heading = el("strong", f"{figure.replace('_', ' ')}{f' ({unit})' if unit else ''}")
    meaning = f": {CRAFT[figure]}" if figure in CRAFT else None
    content = table(["", "model", "held-out", "floor", "ceiling", "10 – 90 %"], rows, cls="craft")
    return el("details", el("summary", heading, meaning), content, open=opened)


def cost(report: Report) -> Html:
    """Size and speed of every row that makes its sounds itself."""
    rows, marks = [], []
    for name, own in sections_of(report).items():
        figures = own["cost"] or {}
        if any(value is not None for value in figures.values()):
            rows.append([name, *(size(figures.get(figure)) for figure in COST)])
            marks.append(role_of(report, name))
    return el(
        "section",
        el("h2", "Cost: what does a sound take?"),
        el(
            "p",
            "Measured on the machine that made this report, in turns; recordings and folders of sounds cost nothing.",
        ),
        table(["", *COST.values()], rows, marks=marks)
        if rows
        else el("p", "Nothing here makes its sounds itself.", cls="soft"),
        id="cost",
    )

"""The overview: the most telling figure of each section between its floor and its ceiling."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from creativeml.evaluation.page.charts import Mark, scale
from creativeml.evaluation.page.markup import Html, Part, el, join, table
from creativeml.evaluation.page.sections import MEANINGS, Report, key
from creativeml.evaluation.tables import POOLED, number, percent, title_of


def overview(report: Report) -> Html:
    """The most telling figure of each section between its floor and its ceiling."""
    rows = [_overview_row(*line) for line in _headlines(report)]
    head = ("", "what it says", report["about"]["name"], "", "floor", "ceiling")
    return el(
        "section",
        el("h2", "At a glance"),
        el(
            "p",
            "The floor is what other real recordings reach, the ceiling what noise with the envelope and spectrum of"
            " each kind reaches without any model. A good model lies at the floor.",
            cls="lead",
        ),
        key(report),
        table(head, rows, cls="overview", caption=""),
        id="overview",
    )


def _headlines(report: Report) -> Iterable[tuple[str, str, Mapping[str, Any], bool, bool]]:
    """(section, sentence, figure, whether linear, whether a share) of what the overview shows."""
    realism = report["realism"][POOLED]
    for embedding in realism:
        sentence = f"Distance to held-out recordings by {title_of(embedding, '').strip()}; lower is nearer."
        yield "Realism", sentence, realism[embedding]["kad"], False, False
    kind = report["obedience"]["kind"]
    if kind["sounds"]:
        values = {"value": kind["balanced_accuracy"], "floor": kind["floor"], "ceiling": kind["ceiling"]}
        yield (
            "Obedience",
            "Sounds that a classifier trained on recordings takes for the kind asked for.",
            values,
            True,
            True,
        )
    first = next(iter(report["diversity"][POOLED]), None)
    for figure in ("recall", "coverage"):
        if first is not None and figure in report["diversity"][POOLED][first]:
            yield "Diversity", MEANINGS[figure], report["diversity"][POOLED][first][figure], True, True
    for found in report["novelty"].values():
        sentence = "Sounds suspiciously near to a training recording; about 1 % is what chance gives."
        yield "Novelty", sentence, found["share"], True, True


def _overview_row(
    section: str, sentence: str, values: Mapping[str, Any], linear: bool, share: bool
) -> tuple[Part, ...]:
    def written(value: float | None) -> str:
        return f"{percent(value)} %" if share and value is not None else number(value)

    low, high = values.get("low"), values.get("high")
    mark = Mark(sentence, "model", values["value"], low, high)
    picture = scale(mark, values["floor"], values["ceiling"], linear=linear)
    interval = el("span", f" [{written(low)}, {written(high)}]", cls="range") if low is not None else None
    link = el("a", section, href=f"#{section.lower()}")
    figure = join(written(values["value"]), interval)
    return link, sentence, figure, picture, written(values["floor"]), written(values["ceiling"])

"""Which kinds are recognised, and what is taken for what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creativeml.evaluation.page.markup import Html, el, join, table
from creativeml.evaluation.page.sections import Report, heat, role_of
from creativeml.evaluation.tables import percent, recognitions, sections_of


def recognised(report: Report) -> Html:
    """Which kinds are recognised, and what is taken for what."""
    kinds = report["about"]["kinds"]
    found = recognitions(report)
    rows = [
        [name, f"{percent(r['balanced_accuracy'])} %", *(percent(r["per_kind"].get(kind)) for kind in kinds)]
        for name, r in found.items()
    ]
    marks = [role_of(report, name) if name in sections_of(report) else "floor" for name in found]
    own = report["about"]["name"]
    shown = [name for name in (own, next(iter(found))) if name in found]
    return join(
        el("h3", "Kinds recognised"),
        el(
            "p",
            "A classifier trained on real recordings alone names the kind of every sound; in percent, kinds in equal "
            "shares. The first row is what it makes of recordings that it has not heard: the floor.",
        ),
        table(["", "all", *kinds], rows, caption="Sounds recognised as the kind asked for (%)", marks=marks),
        el("h3", "What is taken for what"),
        el("p", "Rows: the kind asked for. Columns: the kind recognised. Percent of each row.", cls="soft"),
        el("div", (el("div", el("h4", name), _confusion(found[name])) for name in shown), cls="charts"),
        [
            el("details", el("summary", f"the same of {name}"), _confusion(r))
            for name, r in found.items()
            if name not in shown
        ],
    )


def _confusion(found: Mapping[str, Any]) -> Html:
    totals = [sum(row) for row in found["confusion"]]
    pairs = zip(found["kinds"], found["confusion"], totals, strict=True)
    rows = [[kind, *(count / total for count in row)] for kind, row, total in pairs if total]
    return heat(["", *found["kinds"]], rows, caption="Asked for (rows) and recognised (columns), %", share=True)

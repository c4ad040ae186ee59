"""How well asked descriptor values are met: tables, response curves and cross-talk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from creativeml.evaluation.page.charts import Curve, curves
from creativeml.evaluation.page.markup import Html, Part, el, join, table
from creativeml.evaluation.page.sections import Report, cell, heat, key, role_of
from creativeml.evaluation.tables import CONTROL_FIGURES, sections_of

MODES = {
    "sweeps": "One descriptor asked for at a time, at 20, 50 and 80 % of the kind's range",
    "joint": "All descriptors of a held-out recording asked for at once",
}


def controls(report: Report) -> Html:
    """Tables and pictures of the model and of every other row that was examined."""
    known = {name: own["obedience"]["controls"] for name, own in sections_of(report).items()}
    examined = {name: found for name, found in known.items() if found}
    if not examined:
        reason = report["about"].get("controls_left_out")
        text = f"Descriptor controls were not examined{': ' + reason if reason else ''}."
        return join(el("h3", "Descriptors asked for"), el("p", text, cls="soft"))
    parts: list[Part] = [
        el("h3", "Descriptors asked for"),
        el(
            "p",
            "Errors are taken against the values asked for; an error of 5 points, one just-noticeable difference, is "
            "hardly heard. A model without controls answers by search: the nearest of its sounds. So do the "
            "recordings, which is what browsing a library reaches.",
        ),
    ]
    for mode, title in MODES.items():
        having = {name: found[mode] for name, found in examined.items() if found.get(mode)}
        if having:
            parts += [el("h3", title), _errors(report, having), _pictures(report, mode, having)]
    return join(parts)


def _errors(report: Report, having: Mapping[str, Any]) -> Html:
    names = list(next(iter(having.values()))["per_descriptor"])
    rows, marks = [], []
    for name, found in having.items():
        for figure, title in CONTROL_FIGURES.items():
            scopes = [found["overall"], *(found["per_descriptor"].get(n, {}) for n in names)]
            heading = join(name, el("small", f" {title}", cls="soft"))
            rows.append([heading, *(cell(scope.get(figure)) for scope in scopes)])
            marks.append(role_of(report, name))
    units = (next(iter(having.values()))["per_descriptor"][n].get("unit", "") for n in names)
    overall = next(iter(having.values()))["overall"]
    heads = (join(n, el("span", f" {unit}", cls="range")) for n, unit in zip(names, units, strict=True))
    head = ["", join("all", el("span", f" {overall['unit']}", cls="range")), *heads]
    caption = "Inaudible errors: share within one just-noticeable difference (5 points)"
    return table(head, rows, caption=caption, marks=marks, cls="stacked")


def _pictures(report: Report, mode: str, having: Mapping[str, Any]) -> Html:
    charts = []
    names = list(next(iter(having.values()))["per_descriptor"])
    for name in names:
        lines = []
        for row, found in having.items():
            points = found["per_descriptor"].get(name, {}).get("curve") or ()
            spots = [(p["asked"], p["median"]) for p in points if p["asked"] is not None and p["median"] is not None]
            if spots:
                lines.append(Curve(row, role_of(report, row), spots))
        if lines:
            picture = curves(lines, title=f"{name}: asked and measured")
            charts.append(el("div", el("h4", name), picture))
    talk = [
        el(
            "details",
            el("summary", f"cross-talk of {row}: what moves (columns) when one is asked for (rows)"),
            _talk(found),
        )
        for row, found in having.items()
        if found.get("cross_talk")
    ]
    told = (
        "Response: asked (across) and measured (up), as places in the kind's range. On the dashed line what is asked "
        "is had; a flat end is saturation."
    )
    return join(el("p", told, cls="soft"), key(report), el("div", charts, cls="small-charts"), talk)


def _talk(found: Mapping[str, Any]) -> Html:
    cross = found["cross_talk"]
    names = cross["descriptors"]
    rows = [[name, *row] for name, row in zip(names, cross["normalised"], strict=True)]
    return heat(["", *names], rows, caption="1 on the diagonal and 0 elsewhere if all is obeyed", share=False)

"""The parts of the page that come from the report: what each figure means in a sentence, tables and charts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from creativeml.evaluation.page.charts import Mark, dots, grouped_dots
from creativeml.evaluation.page.markup import Html, Part, el, join, table
from creativeml.evaluation.tables import (
    POOLED,
    columns_of,
    introduction,
    number,
    percent,
    sections_of,
    title_of,
)

Report = Mapping[str, Any]

MEANINGS = {
    "kad": "Kernel distance: how far all sounds together lie from recordings. 0 means no difference can be shown.",
    "fad_inf": "Fréchet distance: how far mean and spread of the sounds lie from those of recordings.",
    "spread": "Variety: how much two sounds of a kind differ, relative to recordings (1).",
    "nearest": "Nearest other: how far a sound is from the one most like it; 1 for recordings, 0 for repeats.",
    "precision": "Precision: share of sounds that lie where recordings lie.",
    "recall": "Recall: share of recordings that lie where sounds lie; low when the model repeats itself.",
    "density": "Density: how thickly recordings surround the sounds; about 1 for other recordings.",
    "coverage": "Coverage: share of recordings with a sound nearby; low when the model leaves kinds of sound out.",
}
RULERS = {
    "log_mel": "spectrum over time in 168 numbers, fixed by formula: no trained network can be blamed for it",
    "judge": "what the classifier of kinds makes of the sound before it decides: learned from recordings",
    "onset": "the first 5 to 50 ms from the onset: the attack alone",
}


def role_of(report: Report, name: str) -> str:
    """Class of a row by its name: floor, model, ceiling, or other with a number."""
    about = report["about"]
    fixed = {about["floor"]: "floor", about["ceiling"]: "ceiling", about["name"]: "model"}
    others = [other for other in sections_of(report) if other not in fixed]
    return fixed.get(name) or f"other o{min(4, others.index(name) + 1) if name in others else 4}"


def _marks(report: Report, section: str, kind: str, embedding: str, figure: str) -> list[Mark]:
    marks = []
    for name, own in sections_of(report).items():
        values = own[section].get(kind, {}).get(embedding, {}).get(figure)
        if values is not None:
            marks.append(Mark(name, role_of(report, name), values["value"], values["low"], values["high"]))
    return marks


def key(report: Report) -> Html:
    """What colours and shapes stand for."""
    words = {"floor": "floor: real recordings", "model": "the model", "ceiling": "ceiling: shaped noise"}
    items = []
    for name in sections_of(report):
        role = role_of(report, name)
        shape = {
            "floor": el("path", d="M2 7L7 2L12 7L7 12Z", cls="dot"),
            "ceiling": el("path", d="M3 3L11 11M3 11L11 3", cls="dot"),
        }.get(role, el("circle", cx=7, cy=7, r=5, cls="dot"))
        told = f"{name} ({words[role]})" if role in words else name
        picture = el("svg", el("g", shape, cls=f"mark {role}"), viewBox="0 0 14 14", aria_hidden="true")
        items.append(el("li", picture, told))
    return el("ul", items, cls="key")


def cell(values: Mapping[str, Any] | None) -> Html:
    """A figure with its interval in small print."""
    if values is None or values["value"] is None:
        return Html("–")
    if values.get("low") is None or values.get("high") is None:
        return join(number(values["value"]))
    return join(
        number(values["value"]), " ", el("span", f"[{number(values['low'])}, {number(values['high'])}]", cls="range")
    )


def figures_table(report: Report, section: str, caption: str) -> Html:
    columns = columns_of(report[section])
    rows, marks = [], []
    for name, own in sections_of(report).items():
        known = own[section].get(POOLED, {})
        rows.append([who(report, name), *(cell(known.get(e, {}).get(f)) for e, f in columns)])
        marks.append(role_of(report, name))
    return table(["", *(title_of(e, f) for e, f in columns)], rows, caption=caption, marks=marks)


def who(report: Report, name: str) -> Html:
    word = {"floor": " floor", "ceiling": " ceiling"}.get(role_of(report, name))
    return join(name, el("small", word, cls="soft") if word else None)


def _panels(report: Report, section: str, figures: Sequence[str], *, linear: bool) -> Html:
    panels = []
    for embedding, figure in columns_of(report[section]):
        if figure in figures:
            marks = _marks(report, section, POOLED, embedding, figure)
            title = title_of(embedding, figure)
            panels.append(el("div", el("h4", title), dots(marks, title=title, linear=linear)))
    return el("div", panels, cls="charts")


def realism(report: Report) -> Html:
    """Distances to recordings, pooled and by kind."""
    told = (
        el("li", el("strong", name), f": {RULERS.get(name, 'a network that others trained on other sounds')}")
        for name in report["realism"][POOLED]
    )
    return el(
        "section",
        el("h2", "Realism: do they sound like recordings?"),
        *(el("p", MEANINGS[f]) for f in ("kad", "fad_inf")),
        el("p", "Every distance is taken by several rulers, since each is deaf to something:"),
        el("ul", told),
        el(
            "p",
            "Lines are 95 % intervals. Rows whose intervals do not overlap differ; rows whose intervals do may differ "
            "all the same.",
            cls="lead",
        ),
        _panels(report, "realism", ("kad", "fad_inf"), linear=False),
        figures_table(report, "realism", "Distance to held-out recordings, all kinds in equal shares"),
        _by_kind(report),
        id="realism",
    )


def _by_kind(report: Report) -> Html:
    kinds = [kind for kind in report["realism"] if kind != POOLED]
    if not kinds:
        text = "No kind has enough recordings for a distance of its own (20 of 6 sources)."
        return join(el("h3", "By kind"), el("p", text, cls="soft"))
    charts = []
    for embedding, figures in report["realism"][kinds[0]].items():
        for figure in figures:
            groups = {kind: _marks(report, "realism", kind, embedding, figure) for kind in kinds}
            title = title_of(embedding, figure)
            names = sections_of(report)
            rows = [
                [kind, *(cell(own["realism"].get(kind, {}).get(embedding, {}).get(figure)) for own in names.values())]
                for kind in kinds
            ]
            numbers = table(["", *(who(report, name) for name in names)], rows, caption=title)
            charts.append(
                (
                    figure,
                    el(
                        "div",
                        el("h4", title),
                        grouped_dots(groups, title=f"{title} by kind"),
                        more("in numbers", numbers),
                    ),
                )
            )
    return join(
        el("h3", "By kind"),
        el(
            "p",
            "A kind has too few held-out recordings, so these distances are to halves of all its recordings, those that"
            " a model was trained on among them: a model that copies looks good here, see Novelty. The floor is the"
            " distance between such halves.",
        ),
        key(report),
        el("div", (chart for figure, chart in charts if figure == "kad"), cls="charts"),
        more(
            "the same by Fréchet distance",
            el("div", (chart for figure, chart in charts if figure != "kad"), cls="charts"),
        ),
    )


def more(title: str, *content: Part) -> Html:
    return el("details", el("summary", title), *content)


def heat(head: Sequence[str], rows: Sequence[Sequence[Any]], *, caption: str, share: bool, most: float = 1.0) -> Html:
    """A table whose cells are coloured by their size: shares in percent, or numbers with two decimals."""

    def coloured(value: float | None) -> Html:
        if value is None:
            return el("td", "–", style="--v:0")
        size = min(1.0, abs(value) / most)
        text = (percent(value) if value else "") if share else f"{value:.2f}"
        hue = ";--heat:var(--ceiling)" if value < 0 else ""
        return el("td", text, cls="strong" if size > 0.6 else None, style=f"--v:{size:.2f}{hue}")

    body = (el("tr", el("th", first, scope="row"), map(coloured, rest)) for first, *rest in rows)
    columns = el("tr", (el("th", el("span", name), scope="col") for name in head))
    content = el("table", el("caption", caption), el("thead", columns), el("tbody", body), cls="heat")
    return el("div", content, cls="scroll", tabindex="0", role="region", aria_label=caption)


def diversity(report: Report) -> Html:
    """Precision, recall, density, coverage, variety."""
    figures = ("recall", "coverage", "precision", "density", "spread", "nearest")
    present = {figure for _, figure in columns_of(report["diversity"])}
    return el(
        "section",
        el("h2", "Diversity: does it repeat itself?"),
        (el("p", MEANINGS[f]) for f in figures if f in present),
        _panels(report, "diversity", ("recall", "coverage", "spread", "nearest"), linear=True),
        figures_table(report, "diversity", "All kinds in equal shares; compare with the floor, not with 1"),
        id="diversity",
    )


def about(report: Report) -> Html:
    """How the figures came about."""
    facts = report["about"]
    counts = ", ".join(f"{kind} {n}" for kind, n in facts["reference"]["sounds"].items())
    rows = [
        ("data", facts.get("data")),
        ("held-out recordings", f"{facts['reference']['name']}: {counts}"),
        ("sounds", ", ".join(f"{name} {n}" for name, n in facts["sounds"].items())),
        ("seed", facts.get("seed")),
        ("intervals", f"95 %, {facts['bootstrap']['resamples']} draws over sources"),
        ("judge", facts["judge"]["sha256"][:12]),
        ("version", facts.get("version")),
    ]
    rulers = [
        [embedding, f"{ruler['bandwidth']:.3f}", ruler["dimensions"], ruler["recordings"], ruler["groups"]]
        for embedding, ruler in facts["rulers"][POOLED].items()
    ]
    columns = ["", "kernel bandwidth", "axes of the Fréchet distance", "recordings", "sources"]
    return el(
        "section",
        el("h2", "How this was measured"),
        (el("p", text.replace("`", "")) for text in introduction(facts)),
        table(["", ""], [(name, value) for name, value in rows if value is not None], cls="facts"),
        table(columns, rulers, caption="Rulers, fixed by the held-out recordings"),
        id="about",
    )

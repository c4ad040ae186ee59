"""A report as Markdown for model cards, and as comma-separated values for spreadsheets."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from creativeml.evaluation.craft import UNITS

POOLED = "pooled"
FIGURES = {
    "kad": "KAD",
    "fad_inf": "FAD∞",
    "spread": "variety",
    "nearest": "nearest other",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
}
"""What tables call the figures; others go by their key."""
EMBEDDINGS = {"log_mel": "log-mel"}
"""What tables call embeddings; others go by their key."""


def sections_of(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Name → sections of every row of a report: floor, model, the others, ceiling."""
    about = report["about"]
    named = {about["name"]: report, **report["against"]}
    between = [name for name in named if name not in (about["floor"], about["ceiling"])]
    return {name: named[name] for name in (about["floor"], *between, about["ceiling"])}


def columns_of(section: Mapping[str, Any], kind: str = POOLED) -> list[tuple[str, str]]:
    """(embedding, figure) of every figure that a section (realism, diversity) of a report has for a kind."""
    return [(embedding, figure) for embedding, figures in section.get(kind, {}).items() for figure in figures]


def title_of(embedding: str, figure: str) -> str:
    """Heading of a column."""
    return f"{FIGURES.get(figure, figure.replace('_', ' '))} {EMBEDDINGS.get(embedding, embedding)}"


def markdown(report: Mapping[str, Any]) -> str:
    """The report as tables."""
    parts = [
        f"# Evaluation of {report['about']['name']}",
        "\n\n".join(introduction(report["about"])),
        "## Realism: distance to recordings",
        _figures(report, "realism"),
        "## Distance by kind (KAD)",
        _kind_distances(report),
        "## Obedience: kinds recognised by the judge (%)",
        _recognition(report),
        *_controls(report),
        "## Diversity",
        _figures(report, "diversity"),
        "## Novelty",
        _novelty(report),
        "## Craft (median by kind, real test recordings in brackets)",
        _craft(report),
        *_cost(report),
    ]
    return "\n\n".join(parts) + "\n"


def introduction(about: Mapping[str, Any]) -> list[str]:
    """What was compared with what, and what the words mean: paragraphs."""
    reference = about["reference"]
    # Where sounds without kinds take part everything is compared, otherwise the kinds that every row has.
    used = set(reference["sounds"]) if about["without_kinds"] else set(about["kinds"])
    sounds = sum(count for kind, count in reference["sounds"].items() if kind in used)
    balanced = about["judge"]["on_reference"]["balanced_accuracy"]
    lines = [
        f"Distance to {sounds} held-out recordings ({reference['name']}), kinds in equal shares; lower is "
        f"nearer. `{about['floor']}` are other recordings from the same sources (what a perfect model would "
        f"reach), `{about['ceiling']}` is filtered noise with the envelope of each kind (what needs no "
        "model). Brackets: 95 % interval, by resampling groups of takes of one drum. Rows whose intervals do not "
        "overlap differ; rows whose intervals do may differ all the same.",
        "KAD: 100 x unbiased MMD², Gaussian kernel, bandwidth the median distance of the reference. FAD∞: "
        "Fréchet distance on the leading principal axes, extrapolated to endless samples. Dimensions are "
        "z-scored by the reference.",
        f"The judge recognises {percent(balanced)} % of held-out recordings that it was not trained on "
        "(balanced over kinds).",
    ]
    crossed = about["judge"]["cross_validation"]
    if crossed:
        lines[-1] += (
            f" Judges trained with the same settings recognise {percent(crossed['balanced_accuracy'])} % of all"
            " recordings in cross-validation over groups of takes."
        )
    if reference["left_out"]:
        lines.insert(
            1,
            f"{reference['left_out']} further recordings are no part of the reference, because something in the tables"
            " was trained on them.",
        )
    if about["judge"]["share_of_floor_heard"] > 0:
        lines.append(
            f"The judge was trained on {percent(about['judge']['share_of_floor_heard'])} % of"
            f" `{about['floor']}`: measured by its embedding that row is no honest floor, by log-mel it is."
        )
    if about["without_kinds"]:
        lines.append(
            f"{', '.join(about['without_kinds'])}: sounds without kinds. Distances and diversity are therefore taken"
            " over all sounds at once, for every row."
        )
    if about["kinds_left_out"]:
        lines.append(
            "Only kinds of which every row has two sounds are compared. Left out: "
            f"{', '.join(about['kinds_left_out'])}."
        )
    lines += [f"{name}: {files} audio files in no folder of a kind were left out." for name, files in _unused(about)]
    return lines


def _unused(about: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    return ((name, files) for name, files in about["unused_files"].items() if files)


def _figures(report: Mapping[str, Any], section: str) -> str:
    columns = columns_of(report[section])
    rows = [
        [name, *(bracketed(own[section][POOLED].get(e, {}).get(f)) for e, f in columns)]
        for name, own in sections_of(report).items()
    ]
    return table(["", *(title_of(e, f) for e, f in columns)], rows)


def _kind_distances(report: Mapping[str, Any]) -> str:
    kinds = [kind for kind in report["realism"] if kind != POOLED]
    if not kinds:
        if report["about"]["without_kinds"]:
            return "There are sounds without kinds, so no kind has a distance of its own."
        return "No kind has enough recordings for a distance of its own."
    embeddings = [e for e, f in columns_of(report["realism"]) if f == "kad"]
    rows = []
    for name, own in sections_of(report).items():
        for embedding in embeddings:
            cells = (own["realism"][kind].get(embedding, {}).get("kad") for kind in kinds)
            rows.append([name, EMBEDDINGS.get(embedding, embedding), *map(bracketed, cells)])
    return by_kind_note(report["about"]) + "\n\n" + table(["", "by", *kinds], rows)


def by_kind_note(about: Mapping[str, Any]) -> str:
    """What the distances by kind are distances to, which is not what the pooled ones are."""
    text = (
        "To random halves of all recordings of a kind, those that models were trained on included, since few kinds "
        "have enough held-out ones; so these figures flatter who has heard more."
    )
    for name, shares in about["share_heard"].items():
        known = [share for kind, share in shares.items() if kind != POOLED]
        if known:
            text += f" {name} has heard {percent(min(known))} to {percent(max(known))} % of them."
    return text


def recognitions(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Name → what the judge made of the sounds: held-out recordings, then every row but the floor, which it heard."""
    about = report["about"]
    named = {f"{about['reference']['name']} recordings": about["judge"]["on_reference"]}
    for name, own in sections_of(report).items():
        if name != about["floor"] and own["obedience"]["kind"]["sounds"]:
            named[name] = own["obedience"]["kind"]
    return named


def _recognition(report: Mapping[str, Any]) -> str:
    kinds = report["about"]["kinds"]
    rows = [
        [name, percent(found["balanced_accuracy"]), *(percent(found["per_kind"].get(kind)) for kind in kinds)]
        for name, found in recognitions(report).items()
    ]
    return table(["", "balanced", *kinds], rows)


CONTROL_MODES = {"sweeps": "one descriptor at a time", "joint": "all of a held-out recording at once"}
CONTROL_FIGURES = {
    "mean_absolute_error": "mean error",
    "within_jnd": "inaudible errors",
    "spearman": "rank order",
}
"""What tables call the figures of `creativeml.evaluation.obedience`."""


def _controls(report: Mapping[str, Any]) -> list[str]:
    rows, unit = [], ""
    for name, own in sections_of(report).items():
        for mode, title in CONTROL_MODES.items():
            found = (own["obedience"]["controls"] or {}).get(mode)
            if found:
                unit = found["overall"]["unit"]
                how = own["obedience"]["controls"].get("answered", "")
                figures = (bracketed(found["overall"][figure]) for figure in CONTROL_FIGURES)
                rows.append([name, how, title, *figures])
    if not rows:
        return []
    text = (
        f"Errors against the values asked for, in {unit}; inaudible is one up to 5 points, what is just heard. "
        "A model with controls is asked (and its sound brought nearer by gradient steps, where it says tuned); other "
        "rows are searched for the nearest of their sounds, at most 32 of a "
        "kind, and recordings for the nearest of all training recordings of another drum: what browsing reaches."
    )
    return ["## Descriptors asked for", text, table(["", "how", "for what", *CONTROL_FIGURES.values()], rows)]


def _novelty(report: Mapping[str, Any]) -> str:
    if not report["novelty"]:
        return "All training recordings are of one source: how near different drums come cannot be said."
    rows = []
    for name, own in sections_of(report).items():
        for found in own["novelty"].values():
            share = found["share"]
            interval = f"{percent(share['value'])} [{percent(share['low'])}, {percent(share['high'])}]"
            verdict = found["verdict"] or "–"
            rows.append([name, interval, percent(found["copies"]["value"]), verdict, percent(found["covered"])])
    near, repeated = (next(iter(report["novelty"].values()))[key]["floor"] for key in ("share", "copies"))
    text = (
        f"Of held-out recordings {percent(near)} % are suspiciously near to a training recording (nearer than 99 % of "
        f"training recordings are to other drums), {percent(repeated)} % repeat the waveform of one."
    )
    text += " A verdict counts only as far as what a row was trained on is among the recordings compared (last column)."
    head = ["", "near (%)", "waveform repeated (%)", "verdict", "of its training compared (%)"]
    return text + "\n\n" + table(head, rows)


def _craft(report: Mapping[str, Any]) -> str:
    own, real = report["craft"], report["about"]["reference_craft"]
    rows = []
    for kind, figures in own.items():
        known = real.get(kind, {})
        cells = (
            f"{figures[f]['median']:.0f}" + (f" ({known[f]['median']:.0f})" if f in known else "")
            for f in UNITS
            if f in figures
        )
        rows.append([kind, *cells])
    first = next(iter(own.values()), {})
    head = ["", *(f"{figure.replace('_', ' ')} ({UNITS[figure]})" for figure in UNITS if figure in first)]
    return table(head, rows)


def _cost(report: Mapping[str, Any]) -> list[str]:
    known = {name: own["cost"] for name, own in sections_of(report).items() if own["cost"]}
    known = {name: figures for name, figures in known.items() if any(v is not None for v in figures.values())}
    if not known:
        return []
    figures = next(iter(known.values()))
    rows = [[name, *(size(own[figure]) for figure in figures)] for name, own in known.items()]
    return ["## Cost", table(["", *(figure.replace("_", " ") for figure in figures)], rows)]


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table, its columns padded so that it reads well as plain text too."""
    lines = [[cell.replace("|", "\\|") for cell in line] for line in (head, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    text = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([text[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *text[1:]])


def comma_separated(report: Mapping[str, Any]) -> str:
    """Every figure on a line of its own: name, section, kind, embedding, figure, value, low, high, floor, ceiling."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    columns = ("value", "low", "high", "floor", "ceiling")
    writer.writerow(["name", "section", "kind", "embedding", "figure", *columns])
    for name, own in sections_of(report).items():
        for row in _rows_of(own):
            *place, values = row
            writer.writerow([name, *place, *("" if values.get(c) is None else values[c] for c in columns)])
    return file.getvalue()


def _rows_of(own: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str, Mapping[str, Any]]]:
    for section in ("realism", "diversity"):
        for kind, by_embedding in own[section].items():
            for embedding, figures in by_embedding.items():
                for figure, values in figures.items():
                    yield section, kind, embedding, figure, values
    for embedding, found in own["novelty"].items():
        for figure in ("share", "copies"):
            yield "novelty", POOLED, embedding, figure, found[figure]
    for figure, value in (own["cost"] or {}).items():
        yield "cost", "", "", figure, {"value": value}
    for kind, share in own["obedience"]["kind"]["per_kind"].items():
        yield "obedience", kind, "judge", "recognised", {"value": share}
    for kind, figures in own["craft"].items():
        for figure, v in figures.items():
            yield "craft", kind, "", figure, {"value": v["median"], "low": v["p10"], "high": v["p90"]}


def bracketed(figure: Mapping[str, Any] | None) -> str:
    """A figure with its interval."""
    if figure is None:
        return "–"
    if figure.get("low") is None or figure.get("high") is None:
        return number(figure["value"])
    return f"{number(figure['value'])} [{number(figure['low'])}, {number(figure['high'])}]"


def number(value: float | None) -> str:
    """Two decimals, none from 100 on; a dash for what could not be had."""
    if value is None or math.isnan(value):
        return "–"
    return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"


def size(value: float | None) -> str:
    """A count or measure in three digits, with M and G for millions and thousands of them."""
    if value is None or math.isnan(value):
        return "–"
    for limit, unit in ((1e9, " G"), (1e6, " M")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percent(value: float | None) -> str:
    """A share as whole percent, without the sign."""
    return "–" if value is None or math.isnan(value) else f"{100 * value:.0f}"

"""Charts as SVG within the page: they take its colours, light or dark, and need no drawing library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from creativeml.evaluation.page.markup import Html, Part, el, join
from creativeml.evaluation.tables import number

WIDTH = 560.0
LABEL, RIGHT = 138.0, 14.0


@dataclass(frozen=True)
class Mark:
    """A figure with its interval in a chart.

    Attributes:
        label: row name.
        role: floor, model, other or ceiling: colour and shape.
        value, low, high: the figure and its interval; None where it could not be had.
    """

    label: str
    role: str
    value: float | None
    low: float | None = None
    high: float | None = None


class Axis:
    """A horizontal axis: linear, or linear about zero and logarithmic beyond (asinh), for distances.

    Args:
        values: what must fit.
        linear: whether the axis is linear.
    """

    def __init__(self, values: Sequence[float], *, linear: bool, left: float = LABEL, width: float = WIDTH) -> None:
        self.left, self.right = left, width - RIGHT
        low, high = min([0.0, *values]), max([1e-9, *values])
        self.unit = math.inf if linear else max(high, -low) / 12
        self.ends = (self._bend(low), self._bend(high))
        spare = 0.04 * (self.ends[1] - self.ends[0])
        self.ends = (self.ends[0] - (spare if low < 0 else 0), self.ends[1] + spare)
        self.low, self.high = low, high

    def _bend(self, value: float) -> float:
        return value if math.isinf(self.unit) else math.asinh(value / self.unit)

    def at(self, value: float) -> float:
        """Place of a value, in picture units."""
        share = (self._bend(value) - self.ends[0]) / (self.ends[1] - self.ends[0])
        return self.left + share * (self.right - self.left)

    def ticks(self) -> list[float]:
        """Round values at least 40 units apart, zero among them."""
        if math.isinf(self.unit):
            step = 10.0 ** math.floor(math.log10(max(self.high - self.low, 1e-9) / 2))
            step *= next((m for m in (1, 2, 5) if (self.high - self.low) / (step * m) <= 6), 10)
            wanted = [step * n for n in range(math.ceil(self.low / step), math.floor(self.high / step) + 1)]
        else:
            largest = math.floor(math.log10(max(self.high, -self.low)))
            sizes = [m * 10.0**e for m in (1, 5, 2) for e in range(largest, largest - 3, -1)]
            wanted = [v for s in sizes for v in (s, -s) if self.low <= v <= self.high]
        kept = [0.0]
        for value in wanted:
            if all(abs(self.at(value) - self.at(other)) >= 40 for other in kept):
                kept.append(value)
        return kept

    def drawn(self, height: float, *, percent: bool = False) -> Html:
        """Grid and labels for a plot of this height."""
        return join(
            (
                el("line", x1=self.at(v), x2=self.at(v), y1=0.0, y2=height, cls="zero" if v == 0 else "grid"),
                el(
                    "text",
                    f"{100 * v:g} %" if percent else f"{v:g}",
                    x=self.at(v),
                    y=height + 14,
                    text_anchor="middle",
                    cls="tick",
                ),
            )
            for v in self.ticks()
        )


def svg(width: float, height: float, *parts: Part, title: str) -> Html:
    """A picture of its natural size at most, named for screen readers."""
    style = f"max-width:{width:g}px"
    return el("svg", *parts, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=title, style=style)


def dots(
    marks: Sequence[Mark],
    *,
    title: str,
    linear: bool = False,
    percent: bool = False,
    limits: tuple[float | None, float | None] = (None, None),
) -> Html:
    """One row for each mark: its value and interval on a common axis, floor and ceiling as upright lines."""
    known = [v for m in marks for v in (m.value, m.low, m.high) if v is not None]
    known += [v for v in limits if v is not None]
    axis = Axis(known, linear=linear)
    height = 24.0 * len(marks) + 6
    body = [_limit(axis, v, role, height) for v, role in zip(limits, ("floor", "ceiling"), strict=True)]
    for row, mark in enumerate(marks):
        y = 24.0 * row + 16
        body += [el("text", _short(mark.label), el("title", mark.label), x=0, y=y + 4, cls=f"label {mark.role}")]
        body += [_dot(axis, mark, y)]
    return svg(WIDTH, height + 20, axis.drawn(height, percent=percent), body, title=title)


def grouped_dots(groups: Mapping[str, Sequence[Mark]], *, title: str, linear: bool = False) -> Html:
    """As `dots`, with several marks under one another in each named row (a kind, and everybody's figure of it)."""
    marks = [m for group in groups.values() for m in group]
    axis = Axis([v for m in marks for v in (m.value, m.low, m.high) if v is not None], linear=linear)
    body: list[Part] = []
    y = 0.0
    for label, group in groups.items():
        size = 11.0 * len(group) + 12
        body.append(el("text", _short(label), x=0, y=y + size / 2 + 4, cls="label"))
        body.append(el("line", x1=0.0, x2=WIDTH, y1=y + size, y2=y + size, cls="rule"))
        body += [_dot(axis, mark, y + 11 + 11.0 * place, named=True) for place, mark in enumerate(group)]
        y += size
    return svg(WIDTH, y + 20, axis.drawn(y), body, title=title)


def _limit(axis: Axis, value: float | None, role: str, height: float) -> Html | None:
    if value is None:
        return None
    return el("line", x1=axis.at(value), x2=axis.at(value), y1=0.0, y2=height, cls=f"limit {role}")


def _dot(axis: Axis, mark: Mark, y: float, *, named: bool = False) -> Html | None:
    if mark.value is None:
        return el("text", "no figure", x=axis.left + 4, y=y + 4, cls="tick")
    x = axis.at(mark.value)
    interval = f" [{number(mark.low)}, {number(mark.high)}]" if mark.low is not None and mark.high is not None else ""
    told = el("title", f"{mark.label}: {number(mark.value)}{interval}")
    bar = None
    if mark.low is not None and mark.high is not None:
        bar = el("line", x1=axis.at(mark.low), x2=axis.at(mark.high), y1=y, y2=y, cls="interval")
    size = 3.6 if named else 5.0
    shapes = {
        "floor": f"M{x - size:.1f} {y:.1f}L{x:.1f} {y - size:.1f}L{x + size:.1f} {y:.1f}L{x:.1f} {y + size:.1f}Z",
        "ceiling": f"M{x - size:.1f} {y - size:.1f}L{x + size:.1f} {y + size:.1f}"
        f"M{x - size:.1f} {y + size:.1f}L{x + size:.1f} {y - size:.1f}",
    }
    if mark.role in shapes:
        dot = el("path", d=shapes[mark.role], cls="dot")
    else:
        dot = el("circle", cx=x, cy=y, r=size, cls="dot")
    return el("g", told, bar, dot, cls=f"mark {mark.role}")


def scale(mark: Mark, floor: float | None, ceiling: float | None, *, linear: bool) -> Html:
    """A small scale for the overview: the figure between its floor and its ceiling."""
    known = [v for v in (mark.value, mark.low, mark.high, floor, ceiling) if v is not None]
    axis = Axis(known, linear=linear, left=10.0, width=260.0)
    marks = [
        _dot(axis, Mark("floor", "floor", floor), 11.0) if floor is not None else None,
        _dot(axis, Mark("ceiling", "ceiling", ceiling), 11.0) if ceiling is not None else None,
        _dot(axis, mark, 11.0),
    ]
    line = el("line", x1=axis.left, x2=axis.right, y1=11.0, y2=11.0, cls="grid")
    return svg(260, 22, line, marks, title=f"{mark.label} between floor and ceiling")


@dataclass(frozen=True)
class Curve:
    """A line through points, both of whose values are places in a range: 0 its low end, 1 its high end.

    Attributes:
        label: row name.
        role: as in `Mark`.
        points: (asked, measured).
    """

    label: str
    role: str
    points: Sequence[tuple[float, float]]


def curves(lines: Sequence[Curve], *, title: str) -> Html:
    """What was measured (up) by what was asked (across), with the diagonal on which they are equal."""
    width, height, left, bottom = 300.0, 220.0, 46.0, 34.0
    values = [v for line in lines for point in line.points for v in point]
    # A sound far out of its kind's range must not flatten the others; its line leaves the picture.
    low, high = max(-0.6, min([0.0, *values])) - 0.05, min(1.6, max([1.0, *values])) + 0.05

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = ((min(max(v, low), high) - low) / (high - low) for v in (x, y))
        return left + across * (width - left - 8), (height - bottom) - up * (height - bottom - 8)

    body: list[Part] = []
    (x1, y1), (x2, y2) = place(low, low), place(high, high)
    body.append(el("line", x1=x1, y1=y1, x2=x2, y2=y2, cls="limit"))
    for value in (0.0, 0.5, 1.0):
        x, y = place(value, value)
        body.append(el("line", x1=left, x2=width - 8, y1=y, y2=y, cls="grid"))
        body.append(el("text", f"{100 * value:g} %", x=x, y=height - bottom + 14, text_anchor="middle", cls="tick"))
        body.append(el("text", f"{100 * value:g} %", x=left - 5, y=y + 4, text_anchor="end", cls="tick"))
    for line in lines:
        spots = [place(x, y) for x, y in sorted(line.points)]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)
        circles = (el("circle", cx=x, cy=y, r=3.2, cls="dot") for x, y in spots)
        body.append(el("g", el("title", line.label), el("path", d=path, cls="curve"), circles, cls=f"mark {line.role}"))
    body.append(el("text", "asked", x=width / 2 + 20, y=height - 4, text_anchor="middle", cls="tick"))
    return svg(width, height, body, title=title)


class Span:
    """What the bars of several pictures have in common: a linear or logarithmic scale from the least to the most.

    Args:
        values: what must fit.
        logarithmic: for figures that are never negative.
    """

    def __init__(self, values: Sequence[float], *, logarithmic: bool) -> None:
        known = [v for v in values if v > 0] or [1.0]
        # Zero has no logarithm: it stands a little before the least of the others.
        self._least = 0.7 * min(known) if logarithmic else None
        self._low, self._high = (self._bend(v) for v in (min(values), max(values)))

    def _bend(self, value: float) -> float:
        return value if self._least is None else math.log10(max(value, self._least))

    def share(self, value: float) -> float:
        """Place of a value between 0 and 1."""
        return (self._bend(value) - self._low) / ((self._high - self._low) or 1.0)


def bars(values: Mapping[str, tuple[float, float, float]], span: Span, *, title: str, unit: str) -> Html:
    """10th percentile, median and 90th percentile of each named set as a bar with a dot: keys are roles."""
    width = 380.0

    def at(value: float) -> float:
        return 8 + span.share(value) * (width - 16)

    body: list[Part] = []
    for row, (role, (tenth, median, ninetieth)) in enumerate(values.items()):
        y = 7.0 + 11 * row
        told = el("title", f"{role}: median {number(median)} {unit}, {number(tenth)} to {number(ninetieth)}")
        bar = el("line", x1=at(tenth), x2=at(ninetieth), y1=y, y2=y, cls="interval wide")
        body.append(el("g", told, bar, el("circle", cx=at(median), cy=y, r=4.0, cls="dot"), cls=f"mark {role}"))
    return svg(width, 11.0 * len(values) + 3, body, title=title)


def _short(text: str, most: int = 20) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"

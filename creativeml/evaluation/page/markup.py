"""HTML built from parts: whatever is not already markup is escaped, so no name of a file can become markup."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

VOID = {"br", "col", "hr", "img", "meta"}


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Part = str | float | None | Iterable["Part"]


def el(tag: str, *parts: Part, **attributes: str | float | bool | None) -> Html:
    """An element.

    Args:
        tag: its name.
        parts: content; strings that are not `Html` are escaped, iterables are joined, None is left out.
        attributes: `cls` stands for class, `_` for `-` (`data_sound`); True writes the name alone, False and None
            nothing.
    """
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(*parts)}</{tag}>")


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = "class" if name == "cls" else name.rstrip("_").replace("_", "-") if name != "viewBox" else name
    if value is True:
        return f" {name}"
    text = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    return f' {name}="{html.escape(text)}"'


def join(*parts: Part) -> Html:
    """Parts one after the other, escaped where they are plain text."""
    written = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, Html):
            written.append(str(part))
        elif isinstance(part, str):
            written.append(html.escape(part))
        elif isinstance(part, (int, float)):
            written.append(str(part))
        else:
            written.append(join(*part))
    return Html("".join(written))


def table(
    head: Iterable[Part], rows: Iterable[Iterable[Part]], *, caption: str = "", cls: str = "", marks: Sequence[str] = ()
) -> Html:
    """A table that can be scrolled sideways by keyboard; the first cell of each row is its heading.

    Args:
        head: headings of the columns.
        rows: cells.
        caption: what the table shows, read out by screen readers.
        cls: class of the table.
        marks: class of each row.
    """
    body = [[el("th", first, scope="row"), *(el("td", cell) for cell in rest)] for first, *rest in map(list, rows)]
    classes = [*marks, *[""] * (len(body) - len(marks))]
    return el(
        "div",
        el(
            "table",
            el("caption", caption) if caption else None,
            el("thead", el("tr", (el("th", cell, scope="col") for cell in head))),
            el("tbody", (el("tr", cells, cls=mark or None) for cells, mark in zip(body, classes, strict=True))),
            cls=cls or None,
        ),
        cls="scroll",
        tabindex="0",
        role="region",
        aria_label=caption or "table",
    )

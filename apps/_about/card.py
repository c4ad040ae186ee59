"""A model card as HTML that is safe to show: raw HTML stays text, nothing is loaded, links lead to the web alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creativeml.errors import require

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_WEB = re.compile(r"https?://[^\s]+\Z", re.IGNORECASE)
_LIMITS = re.compile(r"weakness|limit|caveat", re.IGNORECASE)


@dataclass(frozen=True)
class Section:
    """A stretch of a card below one heading.

    Attributes:
        title: plain text of the heading, "" for what stands before the first one.
        level: of the heading, 1 to 6; 0 before the first one.
        html: what follows it, up to the next heading.
    """

    title: str
    level: int
    html: str

    @property
    def limits(self) -> bool:
        """Whether it says what the model cannot do."""
        return bool(_LIMITS.search(self.title))


def sections(text: str) -> list[Section]:
    """The sections of a card in Markdown, tables included.

    Raises:
        CreativeMLError: the package markdown-it-py is missing.
    """
    markdown = require("markdown_it", extra="apps").MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(text)
    starts = [n for n, token in enumerate(tokens) if token.type == "heading_open" and token.level == 0]
    ends = [*starts, len(tokens)]
    found = [Section("", 0, _html(markdown, tokens[: ends[0]]))]
    for start, end in zip(starts, ends[1:], strict=True):
        # A heading is three tokens: opened, its words, closed.
        title = "".join(child.content for child in tokens[start + 1].children or ())
        html = _html(markdown, tokens[start + 3 : end])
        found.append(Section(" ".join(title.split()), int(tokens[start].tag[1:]), html))
    return [section for section in found if section.title or section.html]


def _html(markdown: MarkdownIt, tokens: Sequence[Token]) -> str:
    tokens = list(tokens)
    for token in tokens:
        if token.children:
            token.children = _plain_links(token.children)
    html = markdown.renderer.render(tokens, markdown.options, {}).strip()
    # What is wide scrolls by itself, by keys too. An empty cell is no header.
    html = html.replace("<pre>", '<pre tabindex="0">')
    html = html.replace("<table>", '<div class="ab-wide" tabindex="0"><table>').replace("</table>", "</table></div>")
    return html.replace("<th></th>", "<td></td>").replace("<th>", '<th scope="col">')


def _plain_links(children: Sequence[Token]) -> list[Token]:
    """Links to files beside the card become their words, pictures what they are called: neither is here."""
    kept: list[Token] = []
    open_links: list[bool] = []
    for child in children:
        if child.type == "link_open":
            open_links.append(bool(_WEB.match(str(child.attrGet("href") or ""))))
            if not open_links[-1]:
                continue
            child.attrs = {"href": child.attrs["href"], "rel": "noopener noreferrer", "target": "_blank"}
        elif child.type == "link_close" and not open_links.pop():
            continue
        elif child.type == "image":
            child.type, child.tag, child.nesting, child.children = "text", "", 0, None
        kept.append(child)
    return kept

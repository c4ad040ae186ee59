"""XML in and out: deterministic bytes, and a reader that refuses whatever a document type could do."""

from __future__ import annotations

import math
import re
from typing import NoReturn
from xml.etree import ElementTree
from xml.parsers import expat

from creativeml.errors import CreativeMLError

_LARGEST = 8 << 20
_DEEPEST = 32
_MOST_ELEMENTS = 200_000
_NUMBER = re.compile(r"[+-]?(\d{1,9}(\.\d{0,24})?|\.\d{1,24})([eE][+-]?\d{1,2})?")


def xml_bytes(root: ElementTree.Element, *, comment: str = "") -> bytes:
    """A document in UTF-8, indented, the same for the same elements."""
    ElementTree.indent(root)
    # Two hyphens would end the comment.
    about = f"<!-- {re.sub(r'-(?=-)|-$', '- ', comment)} -->\n" if comment else ""
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{about}{text}\n'.encode()


def parsed(data: bytes, where: str) -> ElementTree.Element:
    """The root of a document, its names freed of namespaces.

    Raises:
        CreativeMLError: no XML, too large or too deep, or with a document type: entities, of which ten lines can stand
            for gigabytes or name a file of this machine, cannot be defined without one.
    """
    if len(data) > _LARGEST:
        raise CreativeMLError(f"{where}: too large to be a kit's description")
    builder, depth, count = ElementTree.TreeBuilder(), 0, 0
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > _DEEPEST or count > _MOST_ELEMENTS:
            raise CreativeMLError(f"{where}: more elements, or deeper ones, than a kit has; it is refused")
        builder.start(name.split(":")[-1], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name.split(":")[-1])

    def refuse(*_: object) -> NoReturn:
        raise CreativeMLError(f"{where}: defines a document type, which a kit has no use for; it is refused")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(data, True)
        return builder.close()
    except expat.ExpatError as error:
        raise CreativeMLError(f"{where}: not readable as XML ({error})") from error
    except (LookupError, UnicodeError, ValueError) as error:
        raise CreativeMLError(f"{where}: not readable as XML ({str(error)[:80]})") from error


def child(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    """The first child of that name."""
    return next((found for found in element if found.tag == name), None)


def text_of(element: ElementTree.Element, name: str) -> str | None:
    """Text of the first child of that name, without spaces around it; None if there is no such child."""
    found = child(element, name)
    return None if found is None else (found.text or "").strip()


def number(text: str | None, otherwise: float) -> float:
    """A finite number, `otherwise` if the text is none."""
    text = (text or "").strip()
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    return value if math.isfinite(value) else otherwise

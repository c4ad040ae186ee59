"""The map as one HTML file: points, previews, style and script, under a policy that forbids everything else."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from creativeml.audio.descriptors.scales import SCALES
from creativeml.data.folders import printable
from creativeml.evaluation.page.markup import Html, el, join
from creativeml.files import atomic_write_text
from creativeml.kinds import KINDS
from creativeml.maps import component
from creativeml.maps.features import NAMES
from creativeml.maps.layout import UNSURE, Named, label_places
from creativeml.maps.library import Library
from creativeml.maps.repeats import Repeat
from creativeml.maps.survey import Sound

HERE = Path(__file__).resolve().parent
_BLOCK = 1 << 20
"""Characters of previews in one element, decoded together no earlier than one of them is wanted."""
_TITLES = {"hat_closed": "Closed hat", "hat_open": "Open hat", UNSURE: "Not sure"}


@dataclass(frozen=True)
class MapContent:
    """What the page shows; sequences run along the sounds.

    Attributes:
        library: the folder, and what of it could not be read.
        sounds: on the map.
        kinds: of each.
        places: `(n, 2)`, x to the right, y upwards.
        groups: name of each sound's group.
        repeats: index of a sound → the one that it repeats.
        most_bytes: the page may take; previews that find no room are left out.
    """

    library: Library
    sounds: Sequence[Sound]
    kinds: Sequence[Named]
    places: np.ndarray
    groups: Sequence[str]
    repeats: Mapping[int, Repeat]
    most_bytes: int


@dataclass(frozen=True)
class Written:
    """A page on the disk.

    Attributes:
        path: where.
        bytes: how large.
        without_preview: sounds whose previews found no room; none if no previews were wanted.
    """

    path: Path
    bytes: int
    without_preview: int


def write_page(content: MapContent, path: Path) -> Written:
    """Write the map; an existing file is replaced.

    Names of files are escaped; whatever they hold cannot run either, since the policy admits one script, by its hash.
    """
    data = page_data(content, path)
    # The page with no preview but the longest numbers of them, at least as long as "null".
    bare = _document(data | {"sound": [max(1000, len(content.sounds))] * len(content.sounds), "previews": []}, [])
    previews, left_out = _previews(content, content.most_bytes - len(bare.encode("utf-8")))
    text = _document(data | {"sound": previews.of_sound, "previews": previews.places}, previews.blocks)
    atomic_write_text(path, text)
    return Written(path, len(text.encode("utf-8")), left_out)


def _document(data: Mapping[str, Any], blocks: Sequence[str]) -> str:
    style = component.style() + (HERE / "page.css").read_text(encoding="utf-8")
    parts = (HERE / name for name in ("player.js", "page.js"))
    script = component.script() + "\n".join(part.read_text(encoding="utf-8") for part in parts)
    policy = (
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
        "media-src 'self' file:; base-uri 'none'; form-action 'none'"
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", f"Map of {data['title']}"),
        el("style", Html(style)),
    )
    body = el(
        "body",
        Html((HERE / "page.html").read_text(encoding="utf-8")),
        (_block(i, text) for i, text in enumerate(blocks)),
        el("script", Html(_json(data)), type="application/json", id="data"),
        el("script", Html(script)),
    )
    return join(Html("<!DOCTYPE html>\n"), el("html", head, body, lang="en")) + "\n"


def _block(number: int, text: str) -> Html:
    return el("script", Html(text), type="text/plain", id=f"sounds-{number}")


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _json(value: Any) -> str:
    # "<" would let a name end the element early; as an escape it means the same in JSON.
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def page_data(content: MapContent, path: Path) -> dict[str, Any]:
    """Everything but the sounds, in columns."""
    sounds, root = content.sounds, _whole(content.library.root)
    kinds = [k for k in (*KINDS, UNSURE) if k in {named.kind for named in content.kinds}]
    groups = list(dict.fromkeys(content.groups))
    values = np.array([s.features.descriptors for s in sounds], dtype=np.float64).reshape(len(sounds), len(NAMES))
    return {
        "title": printable(root.name or str(root)),
        "base": _base(root, path),
        "addresses": _addresses(sounds, content.library.root),
        "names": [s.file.name for s in sounds],
        "x": [round(float(x), 4) for x in content.places[:, 0]],
        "y": [round(float(y), 4) for y in content.places[:, 1]],
        "kinds": kinds,
        "kind": [kinds.index(named.kind) for named in content.kinds],
        "byName": [int(named.by == "name") for named in content.kinds],
        "chance": [round(named.chance, 2) for named in content.kinds],
        "order": list(KINDS),
        "unsure": UNSURE,
        "titles": {k: _TITLES.get(k, k.capitalize()) for k in (*KINDS, UNSURE)},
        "groups": groups,
        "group": [groups.index(g) for g in content.groups],
        "labels": [[name, round(x, 4), round(y, 4)] for name, x, y in label_places(content.places, content.groups)],
        "seconds": [round(s.features.seconds, 3) for s in sounds],
        "descriptors": list(NAMES),
        "values": [[_short(v) for v in column] for column in values.T],
        "ranks": [_ranks(column) for column in values.T],
        "scales": {name: _scale(name) for name in NAMES},
        "repeats": {i: [r.of, int(r.identical)] for i, r in content.repeats.items()},
        "refused": [[r.name, r.reason, r.remedy] for r in content.library.refused],
        "about": _about(content),
    }


def _about(content: MapContent) -> str:
    ignored = content.library.ignored
    others = f" {ignored} other files in the folder are not sounds." if ignored else ""
    return (
        "Near on the map: alike in spectrum, envelope, what a classifier of drums hears, and descriptors. All are "
        f"taken from the first 1.5 s after the onset. Hollow marks: duplicates.{others}"
    )


def _scale(name: str) -> dict[str, Any]:
    scale = SCALES[name]
    title = name.replace("_", " ").capitalize()
    return {"title": title, "unit": scale.unit, "logarithmic": scale.logarithmic, "doc": scale.doc}


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def _ranks(column: np.ndarray) -> list[float]:
    """Share of the sounds that have less."""
    order = np.searchsorted(np.sort(column), column, side="left")
    return [round(float(r), 2) for r in order / max(1, len(column) - 1)]


def _whole(path: Path) -> Path:
    """The path from the top. Links stay as the user named them: that is where the page and its reader find them."""
    return path.resolve() if ".." in path.parts else path.absolute()


def _base(root: Path, path: Path) -> str | None:
    """Address of the library's folder as seen from the page; None where there is no relative way (another drive)."""
    try:
        relative = os.path.relpath(root, _whole(path).parent)
    except ValueError:
        return None
    # "./" keeps a folder called "javascript:..." or "C:" from being taken for a scheme.
    return "./" + "".join(f"{quote(os.fsencode(part))}/" for part in Path(relative).parts if part != ".")


def _addresses(sounds: Sequence[Sound], root: Path) -> dict[int, str]:
    """Addresses below the folder of files whose shown names are not their true ones."""
    found = {}
    for i, sound in enumerate(sounds):
        true = sound.file.path.relative_to(root).as_posix()
        if true != sound.file.name:
            found[i] = quote(os.fsencode(true))
    return found


@dataclass(frozen=True)
class _Previews:
    """Previews in base64.

    Attributes:
        blocks: text of many.
        places: block, first and last character of each.
        of_sound: number of each sound's preview; None where there is none.
    """

    blocks: list[str]
    places: list[tuple[int, int, int]]
    of_sound: list[int | None]


def _previews(content: MapContent, room: int) -> tuple[_Previews, int]:
    """As many previews as there are bytes of room for; sounds of equal content share one. Also, how many found none."""
    blocks: list[list[str]] = []
    filled, left_out = 0, 0
    numbers: dict[str, int] = {}
    places: list[tuple[int, int, int]] = []
    of_sound: list[int | None] = []
    for sound in content.sounds:
        if sound.content not in numbers and sound.features.preview:
            text = base64.b64encode(sound.features.preview).decode()
            opens = not blocks or filled + len(text) > _BLOCK
            first = 0 if opens else filled
            place = (len(blocks) - (not opens), first, first + len(text))
            # Base64 is a byte a letter; the place has a comma behind it.
            bytes_ = len(text) + len(_json(place)) + 1 + (len(_block(len(blocks), "")) if opens else 0)
            if bytes_ > room:
                left_out += 1
                of_sound.append(None)
                continue
            room -= bytes_
            if opens:
                blocks.append([])
            blocks[-1].append(text)
            numbers[sound.content] = len(places)
            places.append(place)
            filled = place[2]
        of_sound.append(numbers.get(sound.content))
    return _Previews(["".join(block) for block in blocks], places, of_sound), left_out

"""Read kits of the drum machine Hydrogen: samples, and a `drumkit.xml` that says what plays them.

The format is described in Hydrogen's own manual (hydrogen-music.org): instruments hold layers, in newer files
inside `instrumentComponent`, and each layer names a file of the kit's folder.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from creativeml.data.recipes.kits import join_by_parts
from creativeml.data.recipes.naming import drum_of_file, kind_of_name
from creativeml.data.sources import SourceSound
from creativeml.errors import CreativeMLError

_AUDIO = frozenset({".wav", ".flac", ".aiff", ".aif", ".ogg"})
_LARGEST_XML_BYTES = 16 << 20


@dataclass(frozen=True)
class Kit:
    """What a recipe knows of a kit beyond its `drumkit.xml`.

    Attributes:
        folder: name of the kit's folder.
        licence, tier, credit: as in SourceSound.
        kinds: kind by file stem where the kit's names mislead; None = the kind is unknown.
        by_instrument: the instrument's name tells the kind better than the file's.
        rest_unlabelled: the kit's names are not to be trusted beyond `kinds`.
        left_out: file stems that are no single drum hits.
        drum: regular expression for the part of a file stem that names the drum; "" = all but layer or
            number.
    """

    folder: str
    licence: str
    tier: str
    credit: str
    kinds: Mapping[str, str | None] = field(default_factory=dict)
    by_instrument: bool = False
    rest_unlabelled: bool = False
    left_out: frozenset[str] = frozenset()
    drum: str = ""


def read_drumkit(folder: Path) -> dict[str, list[str]]:
    """Instruments that play each file of a kit: file name -> instrument names, in the order of `drumkit.xml`.

    Raises:
        CreativeMLError: no `drumkit.xml`, or it is not the XML of a kit.
    """
    path = folder / "drumkit.xml"
    try:
        if path.stat().st_size > _LARGEST_XML_BYTES:
            raise CreativeMLError(f"{path}: too large to be a drum kit's description")
        text = path.read_text(encoding="utf-8", errors="replace")
        if "<!ENTITY" in text:
            raise CreativeMLError(f"{path}: defines XML entities, which a drum kit has no use for; it is refused")
        root = ElementTree.fromstring(re.sub(r'\sxmlns="[^"]*"', "", text))
    except OSError as error:
        raise CreativeMLError(f"{folder}: not a Hydrogen kit ({error})") from error
    except ElementTree.ParseError as error:
        raise CreativeMLError(f"{path}: not readable as XML ({error})") from error
    players: dict[str, list[str]] = {}
    for instrument in root.iter("instrument"):
        name = (instrument.findtext("name") or "").strip()
        for element in instrument.iter("filename"):
            if element.text:
                players.setdefault(Path(element.text.strip()).name, []).append(name)
    return players


def kit_files(folder: Path, kit: Kit, source: str) -> list[SourceSound]:
    """Sounds of a Hydrogen kit, with kind and group.

    The kind is what the file's name tells, else the instrument's name (a kit may put half-open hats under
    "closed"), or the other way round. A drum is an instrument together with every instrument that shares its
    files or its file names.

    Args:
        folder: the kit's folder.
        source: name of the source, which begins the groups.
    """
    players = read_drumkit(folder)
    chosen: list[tuple[Path, str | None]] = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in _AUDIO or path.stem in kit.left_out:
            continue
        known, kind = _kind(path, players.get(path.name, []), kit)
        if known:
            chosen.append((path, kind))
    parts = [_parts(path, kind, players.get(path.name, []), kit) for path, kind in chosen]
    groups = join_by_parts(parts)
    return [
        SourceSound(
            path=path,
            kind=kind,
            group=f"{source}/{group}",
            licence=kit.licence,
            tier=kit.tier,
            source=source,
            credit=kit.credit,
            name=f"{source}/{path.name}",
        )
        for (path, kind), group in zip(chosen, groups, strict=True)
    ]


def _kind(path: Path, instruments: list[str], kit: Kit) -> tuple[bool, str | None]:
    if path.stem in kit.kinds:
        return True, kit.kinds[path.stem]
    if kit.rest_unlabelled:
        return True, None
    names = [*instruments, path.stem] if kit.by_instrument else [path.stem, *instruments]
    kinds = [kind for kind in map(kind_of_name, names) if kind]
    return bool(kinds), kinds[0] if kinds else None


def _parts(path: Path, kind: str | None, instruments: list[str], kit: Kit) -> list[str]:
    found = re.search(kit.drum, path.stem) if kit.drum else None
    own = f"{found.group() if found else drum_of_file(path.stem)}|{kind or 'unlabelled'}"
    return [own] if kit.rest_unlabelled else [own, *(f"~{name}|{kind}" for name in instruments)]

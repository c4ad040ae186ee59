"""`kit.json`, which lies in every export: the whole kit in words, and how each of its sounds was made.

Hosts pass it over. The readers take from it what a format has no place for (kinds, the model, how a sound was made),
as far as the sounds beside it are still those it tells of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from creativeml.config import ConfigError, from_dict, to_dict
from creativeml.errors import CreativeMLError
from creativeml.files import sha256_bytes
from creativeml.kits.kit import Kit, Layer, Pad, Shaping, Take
from creativeml.kits.naming import sample_names
from creativeml.kits.wave import BIT_DEPTH
from creativeml.synthesis.export import ModelRecord, SoundRecord, plain_record

KIT_FILE = "kit.json"
LICENCE_FILE = "LICENSE.txt"
FORMAT = 1
_LARGEST = 16 << 20


@dataclass(frozen=True)
class TakeEntry:
    """A take of `kit.json`; `sha256` is that of the file as it lies there."""

    file: str
    sha256: str
    name: str
    record: SoundRecord | None = None
    own: str = ""
    shaping: Shaping = field(default_factory=Shaping)


@dataclass(frozen=True)
class LayerEntry:
    """A layer of `kit.json`."""

    low: int
    high: int
    takes: tuple[TakeEntry, ...]


@dataclass(frozen=True)
class PadEntry:
    """A pad of `kit.json`."""

    note: int
    name: str
    kind: str
    layers: tuple[LayerEntry, ...]
    gain_db: float = 0.0
    pan: float = 0.0
    choke: int = 0


@dataclass(frozen=True)
class KitEntry:
    """Content of `kit.json`."""

    name: str
    sample_rate: int
    pads: tuple[PadEntry, ...]
    author: str = ""
    info: str = ""
    licence: str = ""
    model: ModelRecord | None = None
    version: str = ""
    format: int = FORMAT
    made_by: str = "creativeml kit"
    bit_depth: int = BIT_DEPTH
    takes: Mapping[str, TakeEntry] = field(default_factory=dict, init=False, compare=False)

    def __post_init__(self) -> None:
        takes = {take.file: take for pad in self.pads for layer in pad.layers for take in layer.takes}
        object.__setattr__(self, "takes", takes)


def kit_json(kit: Kit, files: Mapping[str, bytes], folder: str = "") -> bytes:
    """`kit.json` of an export.

    Args:
        kit: what is exported.
        files: the samples as they are written, by path.
        folder: where they lie in the export, e.g. "Samples/".
    """
    names = sample_names(kit)

    def take(pad: Pad, i: int, k: int, found: Take) -> dict[str, Any]:
        file = folder + names[pad.note, i, k]
        entry: dict[str, Any] = {"file": file, "sha256": sha256_bytes(files[file]), "name": found.name}
        if found.record is not None:
            entry["record"] = plain_record(to_dict(found.record))
        if found.own:
            entry["own"] = found.own
        if found.shaping != Shaping():
            entry["shaping"] = to_dict(found.shaping)
        return entry

    def layer(pad: Pad, i: int, found: Layer) -> dict[str, Any]:
        takes = [take(pad, i, k, t) for k, t in enumerate(found.takes)]
        return {"low": found.low, "high": found.high, "takes": takes}

    pads = [
        {
            "note": pad.note,
            "name": pad.name,
            "kind": pad.kind,
            "gain_db": pad.gain_db,
            "pan": pad.pan,
            "choke": pad.choke,
            "layers": [layer(pad, i, found) for i, found in enumerate(pad.layers)],
        }
        for pad in kit.pads
    ]
    values = {
        "format": FORMAT,
        "made_by": "creativeml kit",
        "version": kit.version,
        "name": kit.name,
        "author": kit.author,
        "info": kit.info,
        "licence": kit.licence,
        "model": to_dict(kit.model) if kit.model else None,
        "sample_rate": kit.sample_rate,
        "bit_depth": BIT_DEPTH,
        "pads": pads,
    }
    return (json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_kit_json(data: bytes, where: str = KIT_FILE) -> KitEntry:
    """Read a `kit.json` strictly; its texts are not yet checked as those of a `Kit` are.

    Raises:
        ConfigError: no JSON, not of a kit, or fields that do not fit.
    """
    try:
        if len(data) > _LARGEST:
            raise ConfigError(f"{where}: too large to be the description of a kit")
        values = json.loads(data.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where}: not JSON ({str(error)[:80]})") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT or "pads" not in values:
        raise ConfigError(f"{where}: not the description of a kit by creativeml (format {FORMAT})")
    return from_dict(KitEntry, values, where=where)


def licence_text(kit: Kit) -> bytes:
    """`LICENSE.txt` of an export: whose the sounds are, and how they were made."""
    takes = [take for pad in kit.pads for take in pad.takes]
    own = [take for take in takes if take.record is None]
    lines = [f"{kit.name}", f"by {kit.author}" if kit.author else "", ""]
    lines += ["Licence of the sounds: " + (kit.licence or "not stated"), ""]
    if len(own) < len(takes):
        lines.append(f"{len(takes) - len(own)} of its {len(takes)} sounds were made with creativeml {kit.version}")
        if kit.model is not None:
            about = f" ({kit.model.licence}; that licence is about the weights)" if kit.model.licence else ""
            lines.append(f"by the model '{kit.model.name}'{about}, weights sha256 {kit.model.sha256}.")
        lines.append(f"{KIT_FILE} tells what each was asked for by; with the same model it can be made again.")
    if own:
        lines.append(f"{len(own)} of its {len(takes)} sounds are recordings that were brought by whoever made the kit:")
        lines += sorted({f"  {take.own or take.name}" for take in own})
    lines += ["", kit.info] if kit.info else []
    return ("\n".join(lines).strip() + "\n").encode()


def _no_number(word: str) -> Any:
    raise CreativeMLError(f"{KIT_FILE}: {word} is not a number that JSON knows")

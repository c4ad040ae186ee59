"""DecentSampler: a `.dspreset`, XML that names samples, in a folder with them or zipped as a `.dslibrary`.

A pad is a `<group>` in the one `<groups>`; velocity layers are `loVel`/`hiVel`, takes in turn `seqMode`/`seqPosition`,
choke groups `tags` that the group's own strokes silence (`silencedByTags`). The velocity decides the level in full
(`ampVelTrack=1`).

Read: the same of files by others. Effects, user interfaces and modulation are left out; what DTDs and entities could
do is refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from xml.etree import ElementTree

from creativeml.errors import CreativeMLError
from creativeml.kits import wav_files
from creativeml.kits.archive import zip_bytes
from creativeml.kits.kit import LOUDEST, Kit, Layer, Pad
from creativeml.kits.naming import clean_name, safe_name, sample_names
from creativeml.kits.samples import Reading, Samples, Struck
from creativeml.kits.xml_text import child, number, parsed, xml_bytes

SAMPLES = "Samples/"
SUFFIX = ".dspreset"
_CHOKE = "choke"
# No attack, no decay, and a release so long that the end of a note does not cut a stroke short.
_ENVELOPE = {"attack": "0", "decay": "0", "sustain": "1", "release": "60"}


def files(kit: Kit) -> dict[str, bytes]:
    """What lies in the kit's folder, by path."""
    sounds = wav_files.samples(kit, SAMPLES)
    preset = {f"{safe_name(kit.name)}{SUFFIX}": preset_xml(kit)}
    return {**preset, **wav_files.with_papers(kit, sounds, SAMPLES)}


def write(kit: Kit) -> bytes:
    """A `.dslibrary`: a zip archive with the preset at its top."""
    return zip_bytes(files(kit))


def preset_xml(kit: Kit) -> bytes:
    """The kit as a `.dspreset`."""
    root = ElementTree.Element("DecentSampler", {"minVersion": "1.0.0"})
    groups = ElementTree.SubElement(root, "groups", _ENVELOPE)
    names = sample_names(kit)
    for pad in kit.pads:
        group = ElementTree.SubElement(groups, "group", _group(pad))
        for i, layer in enumerate(pad.layers):
            for k in range(len(layer.takes)):
                place = {"path": SAMPLES + names[pad.note, i, k], **_key(pad), **_velocities(layer)}
                turn = {"seqMode": "round_robin", "seqLength": str(len(layer.takes)), "seqPosition": str(k + 1)}
                ElementTree.SubElement(group, "sample", {**place, **(turn if len(layer.takes) > 1 else {})})
    about = f"{kit.name}. Author: {kit.author or 'not stated'}. Licence: {kit.licence or 'not stated'}."
    return xml_bytes(root, comment=about)


def read(files: Mapping[str, bytes], where: str = "kit") -> Reading:
    """Read the kit of a `.dspreset` and its samples.

    Args:
        files: by path; one of them ends with .dspreset.
        where: how errors name the kit.

    Raises:
        CreativeMLError: no preset or several, no XML, XML that defines entities, or a sample that is not there.
    """
    found = [path for path in files if path.lower().endswith(SUFFIX)]
    if len(found) != 1:
        raise CreativeMLError(f"{where}: holds {len(found) or 'no'} .dspreset files; give a kit with one")
    path = PurePosixPath(found[0])
    root = parsed(files[found[0]], f"{where}: {path}")
    samples = Samples(files, where)
    groups = child(root, "groups")
    by_note: dict[int, list[tuple[dict[str, str], dict[str, str]]]] = {}
    for group in groups.iter("group") if groups is not None else ():
        for sample in group.iter("sample"):
            own, above = dict(sample.attrib), {**(groups.attrib if groups is not None else {}), **group.attrib}
            note = _note_of({**above, **own}, samples)
            if note is not None:
                by_note.setdefault(note, []).append((own, above))
    tags: dict[str, int] = {}
    pads = [_pad(note, found, path.parent, samples, tags) for note, found in sorted(by_note.items())]
    return samples.reading(pads, path.stem)


def _group(pad: Pad) -> dict[str, str]:
    about = {"name": pad.name, "volume": f"{pad.gain_db:g}dB", "pan": f"{100 * pad.pan:.6g}", "ampVelTrack": "1"}
    if pad.choke:
        tag = f"{_CHOKE}{pad.choke}"
        about |= {"tags": tag, "silencedByTags": tag, "silencingMode": "fast"}
    return about


def _key(pad: Pad) -> dict[str, str]:
    return {"rootNote": str(pad.note), "loNote": str(pad.note), "hiNote": str(pad.note)}


def _velocities(layer: Layer) -> dict[str, str]:
    return {"loVel": str(layer.low), "hiVel": str(layer.high)}


def _pad(
    note: int,
    found: list[tuple[dict[str, str], dict[str, str]]],
    folder: PurePosixPath,
    samples: Samples,
    tags: dict[str, int],
) -> Pad:
    struck = []
    for own, above in found:
        both = {**above, **own}
        low, high = (int(min(LOUDEST, max(1, number(both.get(k), o)))) for k, o in (("loVel", 1), ("hiVel", LOUDEST)))
        take = samples.take(str(folder / own.get("path", "")))
        # Volumes of a group and of its samples add up; those of all groups are the kit's.
        gain = _decibels(above.get("volume")) + _decibels(own.get("volume"))
        struck.append(Struck(min(low, high), high, take, number(both.get("seqPosition"), 0.0), gain))
    own, above = found[-1]
    both = {**above, **own}
    name = clean_name(above.get("name", ""), struck[-1].take.name)
    gain = max(s.gain_db for s in struck)
    kept = min(6.0, max(-60.0, gain))
    if kept != gain:
        samples.note(f"note {note}: its volume of {gain:g} dB became {kept:g} dB")
    return Pad(
        note,
        name,
        samples.kind(note, [name, *(s.take.name for s in struck)]),
        samples.layers(note, struck),
        kept,
        round(min(1.0, max(-1.0, number(both.get("pan"), 0.0) / 100)), 3),
        _choke(both, tags),
    )


def _choke(both: Mapping[str, str], tags: dict[str, int]) -> int:
    """A number for the tag by which a group silences itself and others; ours say theirs."""
    own = {tag.strip() for tag in both.get("tags", "").split(",")}
    silencing = [tag.strip() for tag in both.get("silencedByTags", "").split(",") if tag.strip()]
    tag = next((tag for tag in silencing if tag in own), silencing[0] if silencing else "")
    if not tag:
        return 0
    ours = re.fullmatch(rf"{_CHOKE}(\d{{1,3}})", tag)
    if ours and 1 <= int(ours.group(1)) <= LOUDEST:
        return int(ours.group(1))
    return min(LOUDEST, tags.setdefault(tag, len(tags) + 1))


def _note_of(both: Mapping[str, str], samples: Samples) -> int | None:
    low, high, root = (round(number(both.get(key), o)) for key, o in (("loNote", -1), ("hiNote", -1), ("rootNote", -1)))
    low, high = (root if low < 0 else low), (root if high < 0 else high)
    note = root if low <= root <= high else low
    if not 0 <= note <= LOUDEST:
        samples.note(f"{both.get('path', 'a sample')[:60]}: is played on no note, it is left out")
        return None
    if low != high:
        samples.note(f"{both.get('path', 'a sample')[:60]}: was played on notes {low} to {high}, now on {note}")
    return note


def _decibels(text: str | None) -> float:
    """A volume as DecentSampler writes it: "-3dB", or a factor."""
    text = (text or "").strip().lower()
    if text.endswith("db"):
        return number(text[:-2], 0.0)
    factor = number(text, 1.0)
    return 20 * math.log10(factor) if factor > 1e-6 else -120.0

"""Hydrogen: a `.h2drumkit`, which is a gzipped tar archive of a folder with `drumkit.xml` and the samples.

Written so that it is valid against the `drumkit.xsd` of Hydrogen 1.2. Layers of equal velocities take turns
(`sampleSelectionAlgo` ROUND_ROBIN); Hydrogen itself plays a stroke at its velocity, 0 to 1, times the gain.
Velocities between those of MIDI belong to the nearer layer. A choke group is a `muteGroup`, which silences the other
instruments of the group only. Hydrogen's own law of panning turns the far side down and leaves the near one.

Read: kits from Hydrogen 0.9 on, with or without `instrumentComponent` (of several components the first one). Filters,
envelopes and pitches of layers are left out and noted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePosixPath
from xml.etree import ElementTree

from creativeml.errors import CreativeMLError
from creativeml.kits import wav_files
from creativeml.kits.archive import tar_gz_bytes
from creativeml.kits.kit import FIRST_PAD, LOUDEST, Kit, Layer, Pad
from creativeml.kits.naming import clean_name, safe_name, sample_names
from creativeml.kits.samples import Reading, Samples, Struck
from creativeml.kits.xml_text import number, parsed, text_of, xml_bytes

DESCRIPTION = "drumkit.xml"
NAMESPACE = "http://www.hydrogen-music.org/drumkit"
_MOST_INSTRUMENTS = 1000


def files(kit: Kit) -> dict[str, bytes]:
    """What lies in the kit's folder, by path."""
    sounds = wav_files.samples(kit)
    return {DESCRIPTION: drumkit_xml(kit), **wav_files.with_papers(kit, sounds)}


def write(kit: Kit) -> bytes:
    """A `.h2drumkit`, whose folder is called as the kit is."""
    return tar_gz_bytes({f"{safe_name(kit.name)}/{name}": data for name, data in files(kit).items()})


def drumkit_xml(kit: Kit) -> bytes:
    """The kit as `drumkit.xml`."""
    root = ElementTree.Element("drumkit_info", {"xmlns": NAMESPACE})
    texts = {"name": safe_name(kit.name), "author": kit.author, "info": kit.info, "license": kit.licence}
    _texts(root, {**texts, "image": "", "imageLicense": ""})
    component = ElementTree.SubElement(ElementTree.SubElement(root, "componentList"), "drumkitComponent")
    _texts(component, {"id": "0", "name": "Main", "volume": "1"})
    instruments = ElementTree.SubElement(root, "instrumentList")
    names = sample_names(kit)
    for number_, pad in enumerate(kit.pads):
        instrument = ElementTree.SubElement(instruments, "instrument")
        _texts(instrument, _instrument(number_, pad))
        part = ElementTree.SubElement(instrument, "instrumentComponent")
        _texts(part, {"component_id": "0", "gain": "1"})
        for i, layer in enumerate(pad.layers):
            for k in range(len(layer.takes)):
                low, high = _span(layer)
                where = {"filename": names[pad.note, i, k], "min": f"{low:.6f}", "max": f"{high:.6f}"}
                _texts(ElementTree.SubElement(part, "layer"), {**where, "gain": "1", "pitch": "0"})
    return xml_bytes(root)


def read(files: Mapping[str, bytes], where: str = "kit") -> Reading:
    """Read the kit of a `drumkit.xml` and its samples.

    Args:
        files: by path; one of them is drumkit.xml.
        where: how errors name the kit.

    Raises:
        CreativeMLError: no description or several, no XML, XML that defines entities, or a sample that is not there.
    """
    found = [path for path in files if PurePosixPath(path.lower()).name == DESCRIPTION]
    if len(found) != 1:
        raise CreativeMLError(f"{where}: holds {len(found) or 'no'} {DESCRIPTION}; give a kit with one")
    root = parsed(files[found[0]], f"{where}: {DESCRIPTION}")
    samples = Samples(files, where)
    instruments = list(root.iter("instrument"))
    if len(instruments) > _MOST_INSTRUMENTS:
        raise CreativeMLError(f"{where}: more than {_MOST_INSTRUMENTS} instruments; it is refused")
    pads: dict[int, Pad] = {}
    for place, instrument in enumerate(instruments):
        pad = _pad(place, instrument, PurePosixPath(found[0]).parent, samples)
        if pad is None:
            continue
        if pad.note in pads:
            samples.note(f"{pad.name}: its note {pad.note} is taken by {pads[pad.note].name}; it is left out")
            continue
        pads[pad.note] = pad
    texts = {"author": text_of(root, "author"), "info": text_of(root, "info"), "licence": text_of(root, "license")}
    return samples.reading(list(pads.values()), text_of(root, "name") or "", **texts)


def _texts(element: ElementTree.Element, values: Mapping[str, str]) -> None:
    for name, text in values.items():
        ElementTree.SubElement(element, name).text = text


def _instrument(place: int, pad: Pad) -> dict[str, str]:
    return {
        "id": str(place),
        "name": pad.name,
        "volume": "1",
        "isMuted": "false",
        "isSoloed": "false",
        "pan": f"{pad.pan:.6g}",
        "pitchOffset": "0",
        "randomPitchFactor": "0",
        "gain": f"{10 ** (pad.gain_db / 20):.9g}",
        "applyVelocity": "true",
        "filterActive": "false",
        "filterCutoff": "1",
        "filterResonance": "0",
        "Attack": "0",
        "Decay": "0",
        "Sustain": "1",
        "Release": "1000",
        "muteGroup": str(pad.choke or -1),
        "midiOutChannel": "-1",
        "midiOutNote": str(pad.note),
        "isStopNote": "false",
        "sampleSelectionAlgo": "ROUND_ROBIN" if any(len(layer.takes) > 1 for layer in pad.layers) else "VELOCITY",
        "isHihat": "-1",
        "lower_cc": "0",
        "higher_cc": "127",
        "FX1Level": "0",
        "FX2Level": "0",
        "FX3Level": "0",
        "FX4Level": "0",
    }


def _span(layer: Layer) -> tuple[float, float]:
    """Velocities from 0 to 1 of a layer; half-way between two of MIDI it meets the next one."""
    low = 0.0 if layer.low == 1 else (layer.low - 0.5) / LOUDEST
    return low, 1.0 if layer.high == LOUDEST else (layer.high + 0.5) / LOUDEST


def _pad(place: int, instrument: ElementTree.Element, folder: PurePosixPath, samples: Samples) -> Pad | None:
    note = round(number(text_of(instrument, "midiOutNote"), FIRST_PAD + place))
    name = clean_name(text_of(instrument, "name") or "", f"Pad {note}")
    parts = [part for part in instrument if part.tag == "instrumentComponent"]
    if len(parts) > 1:
        samples.note(f"{name}: {len(parts)} components, of which the first is kept")
    layers = [e for e in (parts[0] if parts else instrument) if e.tag == "layer" and text_of(e, "filename")]
    if not layers and text_of(instrument, "filename"):
        layers = [instrument]  # as Hydrogen 0.8 wrote it, a sample without layers
    if not layers or not 0 <= note <= LOUDEST:
        samples.note(f"{name}: {'is on no note' if layers else 'plays no sample'}, it is left out")
        return None
    struck = [_struck(i, layer, folder, samples) for i, layer in enumerate(layers)]
    if any(number(text_of(layer, "pitch"), 0.0) for layer in layers) or text_of(instrument, "filterActive") == "true":
        samples.note(f"{name}: its pitch or filter is left out")
    factor = number(text_of(instrument, "gain"), 1.0) * number(text_of(instrument, "volume"), 1.0)
    gain = _decibels(factor) + max(s.gain_db for s in struck)
    kept = min(6.0, max(-60.0, gain))
    if abs(kept - gain) > 0.0005:
        samples.note(f"{name}: its gain of {gain:.1f} dB became {kept:g} dB")
    group = round(number(text_of(instrument, "muteGroup"), -1.0))
    # Hydrogen has a group 0 in old files, where -1 is none.
    choke = 0 if group < 0 else group if 1 <= group <= LOUDEST else LOUDEST
    return Pad(
        note,
        name,
        samples.kind(note, [name, *(s.take.name for s in struck)]),
        samples.layers(note, struck),
        kept,
        _pan(instrument),
        choke,
    )


def _struck(place: int, layer: ElementTree.Element, folder: PurePosixPath, samples: Samples) -> Struck:
    take = samples.take(str(folder / (text_of(layer, "filename") or "")))
    least, most = number(text_of(layer, "min"), 0.0), number(text_of(layer, "max"), 1.0)
    # What lies within a hundredth of a velocity above a whole one is that one: six digits were written.
    low = min(LOUDEST, max(1, math.ceil(LOUDEST * least - 0.01)))
    high = min(LOUDEST, max(low, math.floor(LOUDEST * most + 0.01)))
    return Struck(low, high, take, place, _decibels(number(text_of(layer, "gain"), 1.0)))


def _pan(instrument: ElementTree.Element) -> float:
    left, right = (number(text_of(instrument, side), 1.0) for side in ("pan_L", "pan_R"))
    # The older way: a gain for each side, the louder of which is full.
    old = (right - left) / max(left, right) if max(left, right) > 0 else 0.0
    return round(min(1.0, max(-1.0, number(text_of(instrument, "pan"), old))), 3)


def _decibels(factor: float) -> float:
    return 20 * math.log10(factor) if factor > 1e-6 else -120.0

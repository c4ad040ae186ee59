"""Kits as plain wavs: for samplers without a format of their own, and for hands that drag files.

Every wav names its note (`smpl` chunk) and how it was made (LIST INFO); `kit.json` beside them has the whole kit.
"""

from __future__ import annotations

from collections.abc import Mapping

from creativeml.errors import CreativeMLError
from creativeml.kits.archive import zip_bytes
from creativeml.kits.kit import Kit, Layer, Pad, Take
from creativeml.kits.naming import named_takes, safe_name
from creativeml.kits.provenance import KIT_FILE, LICENCE_FILE, kit_json, licence_text, read_kit_json
from creativeml.kits.samples import Reading, Samples


def files(kit: Kit) -> dict[str, bytes]:
    """What lies in the kit's folder, by path."""
    return with_papers(kit, samples(kit))


def write(kit: Kit) -> bytes:
    """A zip archive with the kit's folder."""
    return zip_bytes({f"{safe_name(kit.name)}/{name}": data for name, data in files(kit).items()})


def samples(kit: Kit, folder: str = "") -> dict[str, bytes]:
    """Every take as a wav that names its note and origin, by path; `folder` ends with a slash."""
    from creativeml.kits.wave import for_sampler

    return {
        folder + name: for_sampler(take.data, pad.note, _info(kit, pad, take)) for name, pad, take in named_takes(kit)
    }


def with_papers(kit: Kit, sounds: Mapping[str, bytes], folder: str = "") -> dict[str, bytes]:
    """The samples of an export with `kit.json` and `LICENSE.txt` before them."""
    return {KIT_FILE: kit_json(kit, sounds, folder), LICENCE_FILE: licence_text(kit), **sounds}


def read(files: Mapping[str, bytes], where: str = "kit") -> Reading:
    """Read the kit of a folder of wavs with its `kit.json`.

    Args:
        files: by path, as `files` gives them.
        where: how errors name it.

    Raises:
        CreativeMLError: no `kit.json`, or what it tells of is not there or does not fit.
    """
    if KIT_FILE not in files:
        raise CreativeMLError(f"{where}: has no {KIT_FILE}, so nothing says which sound is on which pad")
    entry = read_kit_json(files[KIT_FILE], f"{where}: {KIT_FILE}")
    found = Samples(files, where, entry.sample_rate)
    pads = [
        Pad(
            pad.note,
            pad.name,
            pad.kind,
            tuple(Layer(part.low, part.high, tuple(found.take(t.file) for t in part.takes)) for part in pad.layers),
            pad.gain_db,
            pad.pan,
            pad.choke,
        )
        for pad in entry.pads
    ]
    return found.reading(pads, entry.name)


def _info(kit: Kit, pad: Pad, take: Take) -> dict[str, str]:
    return {
        "INAM": take.name,
        "IART": kit.author,
        "ICOP": kit.licence,
        "ISFT": f"creativeml {kit.version}",
        "ICMT": f"{kit.name}, {pad.name}, note {pad.note}; {origin(kit, take)}",
    }


def origin(kit: Kit, take: Take) -> str:
    """How a take was made, in a line."""
    record, shaping = take.record, take.shaping
    if record is None:
        text = f"recording {take.own}".strip()
    else:
        model = f"model={kit.model.name} weights={kit.model.sha256[:16]} " if kit.model else ""
        text = f"{model}kind={record.kind} seed={record.seed} truncation={record.truncation:g}"
        text += "".join(f" {name}={value:g}" for name, value in record.controls.items())
        text += f" tuning={record.tuning}" if record.tuning else ""
        text += f" vary={record.vary:g} take={record.take}" if record.take else ""
        text += f" stroke={record.stroke}" if record.stroke else ""
    text += f" lowpass={shaping.cutoff_hz:g}Hz" if shaping.cutoff_hz else ""
    text += f" tune={shaping.tune_semitones:+g}" if shaping.tune_semitones else ""
    text += f" decay={shaping.decay:g}" if shaping.decay != 1 else ""
    return text + (f" gain={shaping.gain_db:.2f}dB" if shaping.gain_db else "")

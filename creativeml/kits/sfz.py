"""SFZ: a text that says which samples a sampler plays (sfzformat.com), beside a folder of them.

Written: `key`, `lovel`/`hivel`, `seq_length`/`seq_position` for takes in turn, `group`/`off_by` for choke groups,
`loop_mode=one_shot`, `volume` and `pan`. A stroke is played at velocity / 127 of full level, which two points of
`amp_velcurve` say. A stroke of a choke group also silences an earlier one of the same pad.

Read: the same of files by others, with `#define`, `default_path`, note names and key ranges. What else an opcode asks
for (filters, envelopes, tuning) is left out and noted; `#include` and synthesised waves are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from creativeml.errors import CreativeMLError
from creativeml.kits import wav_files
from creativeml.kits.archive import zip_bytes
from creativeml.kits.kit import LOUDEST, Kit, Pad
from creativeml.kits.naming import clean_name, safe_name, sample_names
from creativeml.kits.samples import Reading, Samples, Struck

SAMPLES = "Samples/"
SUFFIX = ".sfz"
_LARGEST = 2 << 20
_MOST_REGIONS = 8192
_SEMITONES = {"c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11}
_LEVELS = ("control", "global", "master", "group", "region")
_OPCODE = re.compile(r"(\w{1,64})=(.*)")
_MOST_DEFINED = 256
_KEYS = {"lokey": "0", "hikey": "127", "pitch_keycenter": "60"}
_UNDERSTOOD = {
    "sample", "lokey", "hikey", "pitch_keycenter", "lovel", "hivel", "seq_length", "seq_position", "lorand",
    "hirand", "volume", "pan", "group", "off_by", "off_mode", "loop_mode", "group_label", "region_label",
    "default_path", "master_label", "global_label", "amp_veltrack", "amp_velcurve_1", "amp_velcurve_127", "polyphony",
}  # fmt: skip


def files(kit: Kit) -> dict[str, bytes]:
    """What lies in the kit's folder, by path."""
    sounds = wav_files.samples(kit, SAMPLES)
    text = {f"{safe_name(kit.name)}{SUFFIX}": sfz_text(kit).encode()}
    return {**text, **wav_files.with_papers(kit, sounds, SAMPLES)}


def write(kit: Kit) -> bytes:
    """A zip archive with the kit's folder."""
    return zip_bytes({f"{safe_name(kit.name)}/{name}": data for name, data in files(kit).items()})


def sfz_text(kit: Kit) -> str:
    """The kit as SFZ."""
    about = [kit.name, f"Author: {kit.author}", f"Licence: {kit.licence}", *kit.info.split("\n")]
    lines = [f"// {line}".rstrip() for line in (*about, f"Made with creativeml {kit.version}")]
    # Full level at 127 and in a straight line down to 1/127: a curve of the standard's would be its square.
    lines += ["", "<global>", "loop_mode=one_shot", "amp_veltrack=100"]
    lines += [f"amp_velcurve_1={1 / LOUDEST:.6f}", "amp_velcurve_127=1"]
    names = sample_names(kit)
    for pad in kit.pads:
        lines += ["", "<group>", f"group_label={_one_line(pad.name)}", f"key={pad.note}"]
        lines += [f"volume={pad.gain_db:g}"] if pad.gain_db else []
        lines += [f"pan={100 * pad.pan:.6g}"] if pad.pan else []
        if pad.choke:
            lines += [f"group={pad.choke}", f"off_by={pad.choke}", "off_mode=fast"]
        for i, layer in enumerate(pad.layers):
            for k in range(len(layer.takes)):
                turn = f" seq_length={len(layer.takes)} seq_position={k + 1}" if len(layer.takes) > 1 else ""
                sample = f"sample={SAMPLES}{names[pad.note, i, k]}"
                lines.append(f"<region> lovel={layer.low} hivel={layer.high}{turn} {sample}")
    return "\n".join(lines) + "\n"


def read(files: Mapping[str, bytes], where: str = "kit") -> Reading:
    """Read the kit of an SFZ and its samples.

    Args:
        files: by path; one of them ends with .sfz.
        where: how errors name the kit.

    Raises:
        CreativeMLError: no SFZ or several, a sample that is not there, or what is refused (see above).
    """
    found = [path for path in files if path.lower().endswith(SUFFIX)]
    if len(found) != 1:
        raise CreativeMLError(f"{where}: holds {len(found) or 'no'} .sfz files; give a kit with one")
    path = found[0]
    if len(files[path]) > _LARGEST:
        raise CreativeMLError(f"{where}: {path} is too large to be a kit's description")
    text = files[path].decode("utf-8", "replace").removeprefix("\ufeff")
    samples = Samples(files, where)
    folder = PurePosixPath(path).parent
    by_note: dict[int, list[dict[str, str]]] = {}
    for region in _regions(text, samples):
        note = _note_of(region, samples)
        if note is not None:
            by_note.setdefault(note, []).append(region)
    pads = [_pad(note, regions, folder, samples) for note, regions in by_note.items()]
    titles = {key: _comment(text, key) for key in ("author", "licence")} if samples.entry is None else {}
    return samples.reading(pads, PurePosixPath(path).stem, **titles)


def _pad(note: int, regions: list[dict[str, str]], folder: PurePosixPath, samples: Samples) -> Pad:
    struck = []
    for region in regions:
        low, high = (_velocity(region, key, otherwise) for key, otherwise in (("lovel", 1), ("hivel", LOUDEST)))
        take = samples.take(str(folder / region["sample"]))
        order = _number(region, "seq_position", 0.0) + _number(region, "lorand", 0.0)
        struck.append(Struck(min(low, high), high, take, order, _number(region, "volume", 0.0)))
    first = regions[-1]
    name = first.get("group_label") or first.get("region_label") or PurePosixPath(first["sample"]).stem
    told = samples.pad_entry(note)
    # Characters that SFZ has no way to write.
    name = told.name if told is not None and _one_line(told.name) == name else name
    gain = max(s.gain_db for s in struck)
    kept = min(6.0, max(-60.0, gain))
    if kept != gain:
        samples.note(f"note {note}: its volume of {gain:g} dB became {kept:g} dB")
    group = int(_number(first, "group", 0.0))
    choke = group if group and group == int(_number(first, "off_by", 0.0)) else 0
    if not 0 <= choke <= LOUDEST:
        samples.note(f"note {note}: its choke group {choke} became {choke % LOUDEST + 1}")
        choke = choke % LOUDEST + 1
    return Pad(
        note,
        clean_name(name, f"Pad {note}"),
        samples.kind(note, [name, *(s.take.name for s in struck)]),
        samples.layers(note, struck),
        kept,
        round(min(1.0, max(-1.0, _number(first, "pan", 0.0) / 100)), 3),
        choke,
    )


def _regions(text: str, samples: Samples) -> Iterator[dict[str, str]]:
    """Opcodes of every region, with those of the headers above it."""
    lines = [line.split("//")[0].strip() for line in _uncommented(text).splitlines()]
    if any(line.startswith("#include") for line in lines):
        raise CreativeMLError(f"{samples.where}: its SFZ includes other files, which are not followed; put it in one")
    defined = [line.split(maxsplit=2) for line in lines if line.startswith("#define")]
    if len(defined) > _MOST_DEFINED:
        raise CreativeMLError(f"{samples.where}: its SFZ defines more than {_MOST_DEFINED} words; it is refused")
    body = "\n".join(line for line in lines if not line.startswith("#"))
    for word in sorted((d for d in defined if len(d) == 3 and d[1].startswith("$")), key=lambda d: -len(d[1])):
        if len(word[1]) > 1 and len(word[2]) <= 64:
            body = body.replace(word[1], word[2])
        if len(body) > _LARGEST:
            raise CreativeMLError(f"{samples.where}: its SFZ defines more than a kit has a use for; it is refused")
    above: dict[str, dict[str, str]] = {level: {} for level in _LEVELS}
    count = 0
    for header, content in re.findall(r"<(\w+)>([^<]*)", body):
        if header not in _LEVELS:
            samples.note(f"<{header}> is left out")
            continue
        opcodes = _opcodes(content)
        for level in _LEVELS[_LEVELS.index(header) :]:
            above[level] = {}
        above[header] = opcodes
        for opcode in sorted(opcodes.keys() - _UNDERSTOOD):
            samples.note(f"opcode {opcode[:40]} is left out")
        if header == "region":
            count += 1
            if count > _MOST_REGIONS:
                raise CreativeMLError(f"{samples.where}: more than {_MOST_REGIONS} regions; it is refused")
            region = {key: value for level in _LEVELS for key, value in above[level].items()}
            if "sample" in region:
                region["sample"] = region.get("default_path", "") + region["sample"]
                yield region


def _opcodes(content: str) -> dict[str, str]:
    """Opcodes of one header. A value may hold spaces: it ends where the next opcode begins, or its line."""
    found: dict[str, str] = {}
    for line in content.splitlines():
        key = ""
        for word in re.split(r"(\s+)", line):
            opcode = _OPCODE.fullmatch(word)
            if opcode:
                key = opcode.group(1).lower()
                found[key] = opcode.group(2)
            elif key:
                found[key] += word
    found = {key: value.strip() for key, value in found.items()}
    # `key` stands for these three, and so overrides those of the headers above.
    key = found.pop("key", "")
    return {**dict.fromkeys(_KEYS, key), **found} if key else found


def _uncommented(text: str) -> str:
    """The text without what stands between `/*` and `*/`."""
    kept, position = [], 0
    while (begin := text.find("/*", position)) >= 0:
        kept.append(text[position:begin])
        end = text.find("*/", begin + 2)
        position = len(text) if end < 0 else end + 2
    return "".join(kept) + text[position:]


def _note_of(region: dict[str, str], samples: Samples) -> int | None:
    """The note at which a region sounds as recorded, or the lowest that it has; None if it has none."""
    if region["sample"].startswith("*"):
        raise CreativeMLError(f"{samples.where}: plays {region['sample'][:20]!r}, a wave that is not a sample")
    low, high, centre = (_key(region.get(key, otherwise)) for key, otherwise in _KEYS.items())
    if low is None or high is None or low > high or high < 0:
        samples.note(f"{region['sample'][:60]}: is played on no note, it is left out")
        return None
    low = max(low, 0)
    note = centre if centre is not None and low <= centre <= high else low
    if low != high:
        samples.note(f"{region['sample'][:60]}: was played on notes {low} to {high}, now on {note}")
    return note


def _key(text: str) -> int | None:
    """MIDI note by its number or name; c4 is 60."""
    named = re.fullmatch(r"([a-gA-G])([#b]?)(-?\d)", text.strip())
    if named:
        letter, sign, octave = named.groups()
        number = _SEMITONES[letter.lower()] + {"#": 1, "b": -1, "": 0}[sign] + 12 * (int(octave) + 1)
    elif re.fullmatch(r"-?\d{1,3}", text.strip()):
        number = int(text)
    else:
        return None
    return number if -1 <= number <= LOUDEST else None


def _velocity(region: dict[str, str], key: str, otherwise: int) -> int:
    return int(min(LOUDEST, max(1, _number(region, key, otherwise))))


def _number(region: dict[str, str], key: str, otherwise: float) -> float:
    text = region.get(key, "")
    return float(text) if re.fullmatch(r"[+-]?(\d{1,9}(\.\d{0,12})?|\.\d{1,12})(e[+-]?\d{1,2})?", text) else otherwise


def _comment(text: str, key: str) -> str | None:
    found = re.search(rf"^//[ \t]*{key}[ \t]*:(.+)$", text, flags=re.MULTILINE | re.IGNORECASE)
    return found.group(1).strip() if found else None


def _one_line(name: str) -> str:
    # What would begin another opcode or a comment in a host's eyes.
    return re.sub(r"[=<>/$]", "_", name)

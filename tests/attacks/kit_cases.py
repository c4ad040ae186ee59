"""Mutated kits of every format: archives, descriptions, and the sounds in them; and other files that kits come from."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import soundfile
from archive_mutations import mutated_tar, mutated_zip
from mutations import NUMBERS, TEXTS, json_bytes, mutate_json, mutated
from sound_cases import READ, corpus, drawn_sound
from watched import Area, Case

from creativeml.files import project_folder
from creativeml.kits.archive import tar_gz_bytes, zip_bytes
from creativeml.kits.formats import FORMATS, read_kit
from creativeml.kits.kit import Kit, Layer, Pad, Take, spans_of
from creativeml.kits.midi import Pattern, read_midi, write_midi
from creativeml.kits.wave import wav_of

Files = dict[str, bytes]
SUFFIXES = {"wav": ".zip", "sfz": ".zip", "decentsampler": ".dslibrary", "hydrogen": ".h2drumkit"}


def kit() -> Kit:
    """Pads of the starter pack, with layers, takes and a choke group."""
    takes = []
    for kind in ("kick", "snare", "hat_closed", "hat_open"):
        path = sorted((project_folder("datasets") / "starter" / kind).glob("*.flac"))[0]
        samples, rate = soundfile.read(path, always_2d=True)
        takes.append((kind, Take(wav_of(samples.mean(1)[: rate // 10], rate), kind, own=path.name), rate))
    low, high = spans_of(2)
    rate = takes[0][2]
    takes = [(kind, take) for kind, take, own in takes if own == rate]
    pads = [
        Pad(36 + n, kind, kind, (Layer(1, 127, (take,)),), -1.5, 0.25, n % 2) for n, (kind, take) in enumerate(takes)
    ]
    layered = Pad(60, "Layers", "snare", (Layer(*low, (takes[0][1],)), Layer(*high, (takes[0][1], takes[-1][1]))))
    return Kit("Attacked kit", (*pads, layered), rate, "Ann", "first\nsecond", "CC0-1.0")


# What attackers write where a number, a name or an element is expected.
XML_TRICKS = (
    '<!DOCTYPE x [<!ENTITY a "ha">]>',
    '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
    "<![CDATA[" + "x" * 999,
    "&a;",
    "&#0;",
    "&#x110000;",
    "<!-- -- -->",
    "<?php x?>",
    "<a>" * 40,
    "<layer>" * 3000,
    '<x y="' + "z" * 70_000 + '"/>',
    "]]>",
    "\0",
    '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd"/>',
    "</groups>",
    "<groups>",
    "\ufffe",
)
SFZ_TRICKS = (
    '#include "a.sfz"',
    "#define $A $A$A",
    "#define $a $b\n#define $b $a",
    "<control> default_path=/",
    "<region>" * 9000,
    "sample=../../etc/passwd",
    "sample=*noise",
    "key=" + "9" * 5000,
    "lovel=-9e99 hivel=nan",
    "/*",
    "//" * 9999,
    "<group> key=c99",
    "volume=1e99",
    "<region> sample=",
    "$" * 999,
    "seq_position=" + "1" * 12,
    "<control><region>",
)


def mutated_text(rng: random.Random, data: bytes, tricks: tuple[str, ...]) -> tuple[bytes, str]:
    """A description with other numbers and names, tricks strewn in, lines twice or gone."""
    text = data.decode("utf-8", "replace")
    names = []
    for _ in range(rng.choice((1, 1, 2, 4))):
        how = rng.choice(("number", "number", "word", "trick", "line", "bytes"))
        names.append(how)
        found = list(re.finditer(r"-?\d+(\.\d+)?" if how == "number" else r"[\w./]+", text))
        if how in ("number", "word") and found:
            place = rng.choice(found)
            new = str(rng.choice(NUMBERS)) if how == "number" and rng.random() < 0.7 else rng.choice(TEXTS)
            text = text[: place.start()] + new[:5000] + text[place.end() :]
        elif how == "trick":
            at = rng.randrange(len(text) + 1)
            at = max(text.rfind("\n", 0, at), 0) if rng.random() < 0.7 else at
            text = text[:at] + "\n" + rng.choice(tricks) + "\n" + text[at:]
        elif how == "line":
            lines = text.split("\n")
            at = rng.randrange(len(lines))
            lines[at : at + 1] = lines[at : at + 1] * rng.choice((0, 2, 300))
            text = "\n".join(lines)
        else:
            text = mutated(rng, text.encode("utf-8", "surrogatepass"))[0].decode("utf-8", "replace")
    encoding = rng.choice(("utf-8",) * 8 + ("utf-16", "latin-1"))
    return text.encode(encoding, "replace"), "+".join(names)


def description(form: str, files: Files) -> str:
    """Path of the file that says what is played."""
    endings = {"wav": "kit.json", "sfz": ".sfz", "decentsampler": ".dspreset", "hydrogen": "drumkit.xml"}
    return next(name for name in files if name.endswith(endings[form]))


def kit_case(rng: random.Random, known: dict[str, Files], sounds: Callable[[random.Random], bytes]) -> Case:
    """A kit whose description, sounds or archive was changed."""
    form = rng.choice(sorted(known))
    files = dict(known[form])
    what = rng.choice(("text", "text", "text", "sound", "archive", "archive", "bytes"))
    detail = ""
    if what == "text":
        name = description(form, files) if rng.random() < 0.7 else "kit.json"
        name = name if name in files else next(n for n in files if n.endswith("kit.json"))
        if name.endswith(".json"):
            changed, detail = mutate_json(rng, json.loads(files[name]))
            files[name] = json_bytes(rng, changed)
        else:
            files[name], detail = mutated_text(rng, files[name], SFZ_TRICKS if form == "sfz" else XML_TRICKS)
    elif what == "sound":
        for name in rng.sample([n for n in files if n.endswith(".wav")], 2):
            files[name] = sounds(rng)
    tar = form == "hydrogen"
    data = (tar_gz_bytes if tar else zip_bytes)(files)
    if what == "archive":
        data, detail = (mutated_tar if tar and rng.random() < 0.8 else mutated_zip)(rng, files)
    elif what == "bytes":
        data, detail = mutated(rng, data)
    path = "kit" + rng.choice((SUFFIXES[form], SUFFIXES[form], ".zip"))
    chosen = rng.choice((None, None, form, rng.choice(sorted(known))))

    def opened(folder: Path) -> None:
        found = read_kit(folder / path, form=chosen)
        if not all(note.isprintable() and len(note) < 1000 for note in found.notes):
            raise AssertionError(f"a note that is no line: {[n for n in found.notes if not n.isprintable()][:1]}")
        # What was read can be written again.
        FORMATS[form].write(found.kit)

    return Case(f"kit {form} {what}", detail, {path: data}, opened)


def folder_case(rng: random.Random, known: dict[str, Files]) -> Case:
    """A kit as a folder, with links, folders and pipes of strange names in it."""
    form = rng.choice(sorted(known))
    files = {name.split("/", 1)[-1] if form != "decentsampler" else name: data for name, data in known[form].items()}
    name = rng.choice(sorted(files))
    target = rng.choice(("/etc/passwd", "/dev/zero", "/proc/self/environ", "..", ".", "nowhere", "/"))
    how = rng.choice(("link", "link", "dangling", "loop", "file"))

    def prepare(folder: Path) -> None:
        if how == "file":
            return
        place = folder / "kit" / name
        if how == "link":
            place.unlink()
        place = place if how == "link" else place.with_name("further")
        place.symlink_to(place if how == "loop" else target)

    def opened(folder: Path) -> None:
        read_kit(folder / "kit")
        if how != "file":
            raise AssertionError("a link was followed")

    laid = {f"kit/{n}": d for n, d in files.items()}
    if how == "file":
        laid[f"kit/{name}"] = mutated(rng, files[name])[0]
    return Case("kit folder", f"{form} {how} {name}", laid, opened, prepare=prepare)


def midi_case(rng: random.Random, data: bytes) -> Case:
    """A MIDI file of a beat."""
    changed, how = mutated(rng, data)

    def opened(folder: Path) -> None:
        read_midi((folder / "a.mid").read_bytes(), "a.mid")

    return Case("midi", how, {"a.mid": changed}, opened, ("a.mid",))


def kits() -> Area:
    """Cases of kits."""
    value = kit()
    known = {name: dict(form.files(value)) for name, form in FORMATS.items()}
    for name, files in known.items():
        read_kit(FORMATS[name].write(value), name)
        known[name] = {f"Attacked/{path}": data for path, data in files.items()} if name != "decentsampler" else files
    files = corpus()
    names = [f"{c} {s}" for c, s in READ]
    beat = write_midi(Pattern({36: (100, 0) * 8, 38: (0, 90) * 8}, 120.0, 0.5, 16))

    def sounds(rng: random.Random) -> bytes:
        return drawn_sound(rng, files, names)[2] if rng.random() < 0.8 else rng.choice(files[rng.choice(names)])

    def case(rng: random.Random) -> Case:
        what = rng.random()
        if what < 0.82:
            return kit_case(rng, known, sounds)
        return folder_case(rng, known) if what < 0.92 else midi_case(rng, beat)

    return case

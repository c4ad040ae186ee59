"""A whole kit from one number: what lies on which pad, and how loud and where in the panorama.

Notes follow General MIDI where it has one for the kind (36 kick, 38 snare, 42 and 46 hi-hats, 49 crash, 51 ride). The
toms are one drum at four tunings, and the hi-hats, which silence each other, come of one seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from creativeml.data.joint_distribution import DescriptorRanges
from creativeml.errors import CreativeMLError, quoted
from creativeml.kinds import kind_text, shares_of
from creativeml.kits.kit import FIRST_PAD, OWN_LICENCE, PADS, Kit, Layer, Pad, Shaping
from creativeml.kits.layers import VARY, Make, model_layers, remade
from creativeml.kits.naming import clean_name
from creativeml.kits.provenance import KitEntry
from creativeml.synthesis.catalog import LAST_SEED, check_request, is_whole
from creativeml.synthesis.export import ModelRecord
from creativeml.synthesis.generate import Instrument
from creativeml.synthesis.request import Request

LAST_KIT_SEED = (LAST_SEED - (PADS - 1)) // PADS


@dataclass(frozen=True)
class Place:
    """A pad before it has a sound.

    Attributes:
        note: MIDI.
        kind: what lies there.
        number: of the kit's sounds, 0 to 15; pads of one number have one seed.
        name: where it is not that of its kind.
        tune, decay: of its sound, in semitones and 0 to 1.
        gain_db, pan, choke: as those of a `Pad`.
    """

    note: int
    kind: str
    number: int
    name: str = ""
    tune: float = 0.0
    decay: float = 1.0
    gain_db: float = 0.0
    pan: float = 0.0
    choke: int = 0


LAYOUT = (
    Place(36, "kick", 0),
    Place(37, "rim", 1, gain_db=-4),
    Place(38, "snare", 2, gain_db=-1),
    Place(39, "clap", 3, gain_db=-4),
    Place(40, "snare", 4, gain_db=-2),
    Place(41, "tom", 5, "Tom Floor", tune=-6, gain_db=-2, pan=0.4),
    Place(42, "hat_closed", 6, gain_db=-7, pan=0.15, choke=1),
    Place(43, "tom", 5, "Tom Low", tune=-3, gain_db=-2, pan=0.2),
    Place(44, "hat_closed", 6, "Hat Pedal", decay=0.5, gain_db=-9, pan=0.15, choke=1),
    Place(45, "tom", 5, "Tom Mid", gain_db=-2),
    Place(46, "hat_open", 6, gain_db=-8, pan=0.15, choke=1),
    Place(47, "perc", 7, gain_db=-5, pan=-0.3),
    Place(48, "tom", 5, "Tom High", tune=4, gain_db=-2, pan=-0.2),
    Place(49, "crash", 8, gain_db=-6, pan=-0.3),
    Place(50, "cowbell", 9, gain_db=-7, pan=0.25),
    Place(51, "ride", 10, gain_db=-8, pan=0.35),
)

# What a sound is called that has more, or less, of a descriptor than most of its kind.
_WORDS = {
    "brightness": ("Bright", "Dark"),
    "depth": ("Deep", "Thin"),
    "warmth": ("Warm", "Cold"),
    "hardness": ("Hard", "Soft"),
    "roughness": ("Rough", "Smooth"),
    "sharpness": ("Sharp", "Round"),
    "boominess": ("Boomy", "Tight"),
    "decay_time_20": ("Long", "Short"),
}
_WORTH_A_WORD = 0.4


def make_kit(
    instrument: Instrument,
    seed: int = 0,
    *,
    layers: int = 1,
    takes: int = 1,
    kinds: Sequence[str] | None = None,
    name: str = "",
    truncation: float = 1.0,
    author: str = "",
    info: str = "",
    licence: str = OWN_LICENCE,
    on_pad: Callable[[Pad], object] | None = None,
) -> Kit:
    """A kit of 16 pads.

    Args:
        instrument: makes the sounds.
        seed: 0 to 268,435,454; the kit's sounds have the seeds 16 times that and the next ones.
        layers: 1 to 8 for each pad.
        takes: 1 to 16 for each layer.
        kinds: what lies on the pads, 1 to 16 kinds or mixtures; None = the whole layout.
        name: of the kit; "" = after the model and seed.
        truncation: see `Instrument.generate`.
        author, info, licence: as those of a `Kit`.
        on_pad: called with each finished pad.

    Raises:
        CreativeMLError: a number out of its range or an unknown kind.
    """
    if not is_whole(seed) or not 0 <= seed <= LAST_KIT_SEED:
        raise CreativeMLError(f"a kit's seed must be a whole number from 0 to {LAST_KIT_SEED}, got {quoted(seed)}")
    pads = []
    for place in places(instrument.kinds, kinds):
        check_request(instrument.kinds, kind=place.kind, count=1, seed=seed, truncation=truncation)
        pad = make_pad(instrument, place, Request(place.kind, PADS * seed + place.number, truncation), layers, takes)
        pads.append(pad)
        if on_pad is not None:
            on_pad(pad)
    found = instrument.info
    model = ModelRecord(found.name, found.sha256, found.licence)
    title = name or f"{clean_name(found.name.split('/')[-1], 'drums').capitalize()} {seed}"
    return Kit(title, tuple(pads), instrument.sample_rate, author, info, licence, model)


def make_pad(
    instrument: Instrument,
    place: Place,
    request: Request,
    layers: int = 1,
    takes: int = 1,
    *,
    vary: float = VARY,
    make: Make | None = None,
) -> Pad:
    """A pad with the sound that `request` names; the numbers are those of `model_layers`."""
    word = place.name or pad_name(instrument, request)
    shaping = Shaping(tune_semitones=place.tune, decay=place.decay)
    made = model_layers(instrument, request, word, layers, takes, vary=vary, shaping=shaping, make=make)
    return Pad(place.note, word, request.kind, made, place.gain_db, place.pan, place.choke)


def places(known: Sequence[str], kinds: Sequence[str] | None = None) -> tuple[Place, ...]:
    """What lies where.

    Args:
        known: kinds of the model.
        kinds: those wanted, 1 to 16: each lies where the layout has it, once that is taken on the first free pad. None
            = the layout, as far as the model knows its kinds, and on what is left of 16 pads the model's kinds in turn.

    Raises:
        CreativeMLError: an unknown kind, or too many.
    """
    if kinds is None:
        wanted = [place.kind for place in LAYOUT if place.kind in known]
        rest = [kind for kind in known if kind not in wanted] or list(known)
        wanted += [rest[i % len(rest)] for i in range(PADS - len(wanted))]
    else:
        wanted = [kind_text(shares_of(kind, known)) for kind in kinds]
    if not 1 <= len(wanted) <= PADS:
        raise CreativeMLError(f"a kit has 1 to {PADS} kinds, one for each pad, not {len(wanted)}")
    found: list[Place] = []
    numbers = {place.number for place in LAYOUT if place.kind in wanted}
    # Those that have their place first, then the others.
    for kind in wanted:
        own = next((p for p in LAYOUT if p.kind == kind and p not in found), None)
        found += [own] if own else []
    for kind in sorted(set(wanted), key=wanted.index):
        for _ in range(wanted.count(kind) - sum(p.kind == kind for p in found)):
            note = next(n for n in range(FIRST_PAD, FIRST_PAD + PADS) if n not in {p.note for p in found})
            number = next(n for n in range(PADS) if n not in numbers)
            numbers.add(number)
            found.append(Place(note, kind, number))
    return tuple(sorted(found, key=lambda place: place.note))


def pad_name(instrument: Instrument, request: Request) -> str:
    """What a sound is called: its kind, and what it has more, or less, of than most of its kind: "Kick Bright"."""
    kind = " and ".join(part.split(":")[0] for part in request.kind.split(",")[:2])
    words = clean_name(kind.replace("_", " ").title().replace(" And ", " and "), "Sound")[:50].strip()
    given = instrument.given(request.kind, request.seed, request.truncation, request.controls)
    ranges = instrument.ranges
    return f"{words} {_word(ranges, request.kind, given)}".strip() if ranges is not None else words


def remake_kit(entry: KitEntry, instrument: Instrument, on_pad: Callable[[Pad], object] | None = None) -> Kit:
    """The kit of a `kit.json`, every sound of it made again.

    Raises:
        CreativeMLError: it has recordings, which no model makes, or sounds of another model.
    """
    if entry.model is None or entry.model.sha256 != instrument.info.sha256:
        whose = f"by the model '{entry.model.name}'" if entry.model else "of no model that it names"
        raise CreativeMLError(f"the kit's sounds are {whose}, not by '{instrument.info.name}'; name it with --model")
    pads = []
    for pad in entry.pads:
        layers = []
        for layer in pad.layers:
            takes = []
            for take in layer.takes:
                if take.record is None:
                    raise CreativeMLError(f"'{take.name}' is a recording; give the kit with its sounds, not kit.json")
                r = take.record
                check_request(
                    instrument.kinds, kind=r.kind, count=1, seed=r.seed, truncation=r.truncation, tuning=r.tuning
                )
                takes.append(remade(instrument, r, take.shaping, take.name))
            layers.append(Layer(layer.low, layer.high, tuple(takes)))
        pads.append(Pad(pad.note, pad.name, pad.kind, tuple(layers), pad.gain_db, pad.pan, pad.choke))
        if on_pad is not None:
            on_pad(pads[-1])
    return Kit(
        entry.name, tuple(pads), instrument.sample_rate, entry.author, entry.info, entry.licence, entry.model,
        entry.version,
    )  # fmt: skip


def _word(ranges: DescriptorRanges, kind: str, given: dict[str, float]) -> str:
    parts = shares_of(kind, [own.kind for own in ranges.kinds])
    shown = ranges.shown(parts if len(parts) > 1 else kind)
    furthest, chosen = _WORTH_A_WORD, ""
    for descriptor, (more, less) in _WORDS.items():
        if descriptor in given and descriptor in shown:
            _, low, median, high, _ = shown[descriptor]
            place = (given[descriptor] - median) / max(high - low, 1e-6)
            if abs(place) > furthest:
                furthest, chosen = abs(place), more if place > 0 else less
    return chosen

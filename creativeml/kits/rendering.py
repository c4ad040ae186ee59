"""From a project, which names sounds, to a kit, which has them; and from a kit of anybody's to a project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from creativeml.errors import CreativeMLError, quoted
from creativeml.kits.kit import FIRST_PAD, PADS, Kit, Pad, Shaping
from creativeml.kits.layers import Make, model_layers, own_layers
from creativeml.kits.layout import LAST_KIT_SEED, pad_name, places
from creativeml.kits.project import PadPlan, Project
from creativeml.kits.wave import sample_rate_of, samples_of, wav_of
from creativeml.synthesis.catalog import is_whole
from creativeml.synthesis.export import ModelRecord
from creativeml.synthesis.generate import Instrument
from creativeml.synthesis.request import Request

Recording = Callable[[str], bytes]
"""Hash → wav of a recording."""
_LEAST_GAIN_DB, _MOST_CHOKE = -24.0, 16


def fresh_project(instrument: Instrument, seed: int, name: str = "My kit") -> Project:
    """The kit that `layout.make_kit` makes of a seed, as a project.

    Raises:
        CreativeMLError: a seed that is out of range.
    """
    if not is_whole(seed) or not 0 <= seed <= LAST_KIT_SEED:
        raise CreativeMLError(f"seed must be a whole number from 0 to {LAST_KIT_SEED}, got {quoted(seed)}")
    pads = [PadPlan()] * PADS
    for place in places(instrument.kinds):
        request = Request(place.kind, PADS * seed + place.number)
        pads[place.note - FIRST_PAD] = PadPlan(
            place.name or pad_name(instrument, request),
            place.kind,
            request,
            tune=place.tune,
            decay=place.decay,
            pan=place.pan,
            gain_db=place.gain_db,
            choke=place.choke,
        )
    info = instrument.info
    return Project(ModelRecord(info.name, info.sha256, info.licence), tuple(pads), name=name)


def pad_of(note: int, plan: PadPlan, instrument: Instrument, recording: Recording, make: Make | None = None) -> Pad:
    """One pad with all its layers and takes.

    Args:
        note: MIDI.
        plan: not an empty one.
        instrument: makes what is made.
        recording: gives what is not.
        make: gives what `export.render` would, where some have been made before.

    Raises:
        CreativeMLError: a request that the instrument cannot meet, or a recording that is gone.
    """
    shaping = Shaping(tune_semitones=plan.tune, decay=plan.decay)
    name = plan.name.strip() or plan.own_name.strip() or plan.kind
    if plan.sound is not None:
        layers = model_layers(instrument, plan.sound, name, plan.layers, plan.takes, shaping=shaping, make=make)
    else:
        data = recording(plan.own)
        samples = samples_of(data, name=name)
        if (rate := sample_rate_of(data)) != instrument.sample_rate:  # of a project that was made with another model
            samples = _at_rate(samples, rate, instrument.sample_rate)
        source = plan.own_name.strip() or f"sha256 {plan.own[:16]}"
        layers = own_layers(samples, instrument.sample_rate, name, source, plan.layers, shaping=shaping)
    return Pad(note, name, plan.kind, layers, plan.gain_db, plan.pan, plan.choke)


def rendered(
    project: Project,
    instrument: Instrument,
    recording: Recording,
    make: Make | None = None,
    on_pad: Callable[[Pad], object] | None = None,
) -> Kit:
    """The kit of a project: the arguments are those of `pad_of`; `on_pad` is called with each finished pad.

    Raises:
        CreativeMLError: as `pad_of`, or all pads are empty.
    """
    pads = []
    for place, plan in enumerate(project.pads):
        if plan.empty:
            continue
        pads.append(pad_of(FIRST_PAD + place, plan, instrument, recording, make))
        if on_pad is not None:
            on_pad(pads[-1])
    return Kit(project.name.strip(), tuple(pads), instrument.sample_rate, project.author, model=project.model)


def adopted(kit: Kit, instrument: Instrument, keep: Callable[[bytes], str]) -> tuple[Project, list[str]]:
    """A kit as a project whose pads play its sounds as recordings, and notes on what a project has no place for.

    Sounds that this very model made, with nothing done to them that a project does not know, stay made: they can be
    changed further.

    Args:
        kit: of any origin.
        instrument: of the project.
        keep: is given the wav of every recording and answers its hash.

    Raises:
        CreativeMLError: its sample rate is not the instrument's.
    """
    info = instrument.info
    notes = []
    if kit.sample_rate != instrument.sample_rate:
        kit = at_rate(kit, instrument.sample_rate)
        notes.append(f"Its sounds were brought to {instrument.sample_rate} Hz.")
    by_place: dict[int, Pad] = {}
    for pad in kit.pads:
        if FIRST_PAD <= pad.note < FIRST_PAD + PADS:
            by_place[pad.note - FIRST_PAD] = pad
    outside = [pad for pad in kit.pads if not FIRST_PAD <= pad.note < FIRST_PAD + PADS]
    free = [place for place in range(PADS) if place not in by_place]
    by_place |= dict(zip(free, outside, strict=False))
    if len(outside) > len(free):
        notes.append(f"{len(outside) - len(free)} of its {len(kit.pads)} pads found no place.")
    own_model = kit.model is not None and kit.model.sha256 == info.sha256
    plans = [PadPlan()] * PADS
    for place, pad in by_place.items():
        plans[place] = _plan(pad, keep, instrument.kinds, own_model=own_model)
    if any(len(pad.layers) > 1 and plan.own for pad, plan in _pairs(by_place, plans)):
        notes.append("Of recordings the loudest layer is played; softer ones are made from it.")
    if any(max(len(layer.takes) for layer in pad.layers) > plan.takes for pad, plan in _pairs(by_place, plans)):
        notes.append("Of several takes in turn those are left out that it has no place for: recordings keep one.")
    name = kit.name[:40].strip() or "My kit"
    model = ModelRecord(info.name, info.sha256, info.licence)
    return Project(model, tuple(plans), name=name, author=kit.author[:100].strip()), notes


def at_rate(kit: Kit, sample_rate: int) -> Kit:
    """A kit with its sounds at another sample rate."""
    pads = []
    for pad in kit.pads:
        layers = []
        for layer in pad.layers:
            takes = []
            for take in layer.takes:
                sound = _at_rate(take.samples, take.sample_rate, sample_rate)
                takes.append(replace(take, data=wav_of(sound, sample_rate, name=take.name), record=None))
            layers.append(replace(layer, takes=tuple(takes)))
        pads.append(replace(pad, layers=tuple(layers)))
    return replace(kit, pads=tuple(pads), sample_rate=sample_rate)


def _at_rate(samples: np.ndarray, from_rate: int, sample_rate: int) -> np.ndarray:
    """Samples `(n,)` at another rate, within full scale."""
    from creativeml.audio.resample import resample

    sound = np.asarray(resample(samples, from_rate, sample_rate), dtype=np.float32)
    return sound / max(1.0, float(np.abs(sound).max(initial=0.0)))


def _pairs(by_place: dict[int, Pad], plans: list[PadPlan]) -> list[tuple[Pad, PadPlan]]:
    return [(pad, plans[place]) for place, pad in by_place.items()]


def _plan(pad: Pad, keep: Callable[[bytes], str], kinds: tuple[str, ...], *, own_model: bool) -> PadPlan:
    take = pad.layers[-1].takes[0]
    kind = pad.kind if pad.kind.split(":")[0] in kinds else _kind_in(pad.name, kinds)
    played = PadPlan(
        pad.name[:64],
        kind,
        pan=pad.pan,
        gain_db=max(_LEAST_GAIN_DB, pad.gain_db),
        choke=pad.choke if pad.choke <= _MOST_CHOKE else 1 + pad.choke % _MOST_CHOKE,
        layers=len(pad.layers),
        takes=1,
    )
    shaping = take.shaping
    known = shaping == Shaping(tune_semitones=shaping.tune_semitones, decay=max(0.01, shaping.decay))
    if own_model and take.record is not None and known:
        takes = min(4, len(pad.layers[-1].takes))
        return replace(
            played, sound=take.record.request, tune=shaping.tune_semitones, decay=max(0.01, shaping.decay), takes=takes
        )
    return replace(played, own=keep(take.data), own_name=(take.own or take.name)[:64].strip())


def _kind_in(name: str, kinds: tuple[str, ...]) -> str:
    """The kind that a pad's name speaks of."""
    words = name.lower().replace("-", " ").replace("_", " ")
    found = [kind for kind in kinds if kind.replace("_", " ") in words]
    if "hat" in words and not found:
        found = [kind for kind in ("hat_open" if "open" in words else "hat_closed",) if kind in kinds]
    spoken = {"cymbal": "crash", "bass": "kick", "bd": "kick", "sd": "snare", "hh": "hat_closed", "oh": "hat_open"}
    found += [kind for word, kind in spoken.items() if word in words.split() and kind in kinds]
    return found[0] if found else ("perc" if "perc" in kinds else kinds[0])

"""A drum kit: pads by MIDI note, their velocity layers, and the takes that a layer plays in turn.

Every format is written from this one model and read back into it. The level of a stroke is the host's matter: a
layer's sounds are at full level, and a stroke of velocity v (1 to 127) is played at v / 127 of it (`level_of`). The
exports say the same law to their hosts, so nothing is turned down twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

import creativeml
from creativeml.errors import CreativeMLError, quoted
from creativeml.kits.wave import plain_wav, sample_rate_of, samples_of
from creativeml.synthesis.export import ModelRecord, SoundRecord

LOUDEST = 127
"""The highest velocity of MIDI; 0 is none."""
MAX_LAYERS = 8
MAX_TAKES = 16
MAX_NAME = 64
GAIN_DB = (-60.0, 6.0)
"""Of a pad. Above 6 dB the SFZ format has nothing."""
FIRST_PAD, PADS = 36, 16
"""The pads of most controllers: notes 36 to 51."""
OWN_LICENCE = "The sounds belong to whoever made this kit"
"""What a kit says of its sounds unless it is told otherwise; the licence of a model is about its weights."""

RATES = (8_000, 192_000)
"""Of a kit, in Hz."""

_TEXTS = {"author": 200, "info": 4_000, "licence": 200, "version": 40}


@dataclass(frozen=True)
class Shaping:
    """What was done to a take's sound after it was made, in this order (see `creativeml.kits.shape`).

    Attributes:
        cutoff_hz: of a low-pass that makes a stroke softer; 0 = none.
        tune_semitones: -24 to 24.
        decay: 1 = as it was.
        gain_db: 0 or less.
    """

    cutoff_hz: float = 0.0
    tune_semitones: float = 0.0
    decay: float = 1.0
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        _check_number("cutoff_hz", self.cutoff_hz, 0.0, 100_000.0)
        _check_number("tune_semitones", self.tune_semitones, -24.0, 24.0)
        _check_number("decay", self.decay, 0.0, 1.0)
        _check_number("gain_db", self.gain_db, -120.0, 0.0)


@dataclass(frozen=True)
class Take:
    """One recording of one stroke.

    Attributes:
        data: a mono wav of 24 bits at the kit's rate; of any other chunks it is freed.
        name: what it is called.
        record: how a model made it, None of a musician's own. Its `peak` and `sha256` are those before `shaping`.
        own: source of a musician's own recording, e.g. its file's name or hash; "" of a model's.
        shaping: what was done to it afterwards; it is in `data` already.
    """

    data: bytes = field(repr=False)
    name: str
    record: SoundRecord | None = None
    own: str = ""
    shaping: Shaping = field(default_factory=Shaping)

    def __post_init__(self) -> None:
        _check_text("a take's name", self.name, MAX_NAME)
        _check_text("a take's source", self.own, 200, empty=True)
        if self.record is not None:
            _check_record(self.record)
        object.__setattr__(self, "data", plain_wav(self.data, name=self.name))

    @property
    def samples(self) -> np.ndarray:
        """`(n,)`, float32 in [-1, 1]."""
        return samples_of(self.data, name=self.name)

    @cached_property
    def sample_rate(self) -> int:
        """In Hz."""
        return sample_rate_of(self.data, name=self.name)


@dataclass(frozen=True)
class Layer:
    """What is played at velocities `low` to `high` (both included): its takes in turn."""

    low: int
    high: int
    takes: tuple[Take, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "takes", tuple(self.takes))
        for name, value in (("low", self.low), ("high", self.high)):
            _check_whole(f"a layer's {name}", value, 1, LOUDEST)
        if self.low > self.high:
            raise CreativeMLError(f"a layer's velocities must rise, not go from {self.low} to {self.high}")
        if not 1 <= len(self.takes) <= MAX_TAKES:
            raise CreativeMLError(f"a layer has 1 to {MAX_TAKES} takes, not {len(self.takes)}")


@dataclass(frozen=True)
class Pad:
    """A note of the kit.

    Attributes:
        note: MIDI, 0 to 127; the pads of most controllers are 36 to 51.
        name: what it is called.
        kind: "kick", "snare", ...; "" = not known.
        layers: the softest first; together they take up velocities 1 to 127.
        gain_db: -60 to 6; kept to a thousandth.
        pan: -1 (left) to 1; kept to a thousandth.
        choke: a stroke silences what still sounds of its group, as a closed hi-hat does an open one; 0 = no group.
    """

    note: int
    name: str
    kind: str
    layers: tuple[Layer, ...]
    gain_db: float = 0.0
    pan: float = 0.0
    choke: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        _check_whole("a pad's note", self.note, 0, LOUDEST)
        _check_text("a pad's name", self.name, MAX_NAME)
        _check_text(f"the kind of pad {self.note}", self.kind, 200, empty=True)
        _check_whole(f"the choke group of pad {self.note}", self.choke, 0, LOUDEST)
        for name, ends in (("gain_db", GAIN_DB), ("pan", (-1.0, 1.0))):
            value = getattr(self, name)
            _check_number(f"{name} of pad {self.note}", value, *ends)
            # Formats write it in units of their own; so rounded, it comes back from each as it was. No -0.0.
            object.__setattr__(self, name, round(float(value), 3) + 0.0)
        if not 1 <= len(self.layers) <= MAX_LAYERS:
            raise CreativeMLError(f"pad {self.note} must have 1 to {MAX_LAYERS} layers, not {len(self.layers)}")
        follows = [1, *(layer.high + 1 for layer in self.layers)]
        if [layer.low for layer in self.layers] != follows[:-1] or follows[-1] != LOUDEST + 1:
            spans = ", ".join(f"{layer.low}-{layer.high}" for layer in self.layers)
            raise CreativeMLError(
                f"the layers of pad {self.note} must take up velocities 1 to {LOUDEST}, softest first, without gap or "
                f"overlap; they are {spans}"
            )

    @property
    def takes(self) -> tuple[Take, ...]:
        """All of them, softest layer first."""
        return tuple(take for layer in self.layers for take in layer.takes)

    def layer_at(self, velocity: int) -> Layer:
        """The layer that a stroke of that velocity (1 to 127) plays."""
        return next(layer for layer in self.layers if velocity <= layer.high)


@dataclass(frozen=True)
class Kit:
    """Pads at one sample rate, and whose they are.

    Attributes:
        name: as folders and hosts call it.
        pads: 1 to 128, each on a note of its own; kept in the order of their notes.
        sample_rate: of every sound, in Hz.
        author, info: anything, or nothing.
        licence: of the sounds.
        model: made those that have a record.
        version: of creativeml.
    """

    name: str
    pads: tuple[Pad, ...]
    sample_rate: int
    author: str = ""
    info: str = ""
    licence: str = OWN_LICENCE
    model: ModelRecord | None = None
    version: str = creativeml.__version__

    def __post_init__(self) -> None:
        object.__setattr__(self, "pads", tuple(sorted(self.pads, key=lambda pad: pad.note)))
        _check_text("a kit's name", self.name, MAX_NAME)
        for name, most in _TEXTS.items():
            _check_text(f"the kit's {name}", getattr(self, name), most, empty=True, lines=name == "info")
        _check_whole("the kit's sample rate", self.sample_rate, *RATES)
        for text in (self.model.name, self.model.sha256, self.model.licence) if self.model else ():
            _check_text("what the kit says of its model", text, 200, empty=True)
        if not 1 <= len(self.pads) <= LOUDEST + 1:
            raise CreativeMLError(f"a kit has 1 to {LOUDEST + 1} pads, not {len(self.pads)}")
        for pad, following in pairwise(self.pads):
            if pad.note == following.note:
                raise CreativeMLError(f"two pads are on note {pad.note}, '{pad.name}' and '{following.name}'; move one")
        for pad in self.pads:
            for take in pad.takes:
                if take.sample_rate != self.sample_rate:
                    raise CreativeMLError(
                        f"{take.name}: its rate is {take.sample_rate} Hz, the kit's {self.sample_rate} Hz; resample it"
                    )

    def pad_at(self, note: int) -> Pad | None:
        """The pad on a note, None if there is none."""
        return next((pad for pad in self.pads if pad.note == note), None)

    def with_pads(self, pads: Sequence[Pad]) -> Kit:
        """The same kit with other pads."""
        return replace(self, pads=tuple(pads))


def level_of(velocity: int) -> float:
    """Gain at which a stroke is played: v / 127, which is -6 dB at 64, -18 dB at 16 and -42 dB at 1."""
    return velocity / LOUDEST


def spans_of(layers: int) -> tuple[tuple[int, int], ...]:
    """Velocities 1 to 127 in as many equal parts as can be, softest first: of 2 layers (1, 63), (64, 127)."""
    _check_whole("the number of layers", layers, 1, MAX_LAYERS)
    ends = [round(LOUDEST * i / layers - 0.001) for i in range(layers + 1)]
    return tuple((low + 1, high) for low, high in pairwise(ends))


def _check_record(record: SoundRecord) -> None:
    # A record may come from a file of others; what it says goes into every export.
    descriptors = {**record.controls, **record.given, **record.measured}
    for text in (record.file, record.kind, record.sha256, *descriptors):
        _check_text("a text of a sound's record", text, 200, empty=True)
    numbers = (record.truncation, record.peak, record.duration_s, record.vary)
    for mapping in (record.controls, record.given, record.measured):
        numbers += tuple(mapping.values())
    for value in numbers:
        _check_number("a number of a sound's record", value, -1e12, 1e12)


def _check_number(name: str, value: float, least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise CreativeMLError(f"{name} must be a finite number, got {quoted(value)}")
    if not least <= value <= most:
        raise CreativeMLError(f"{name} must be from {least:g} to {most:g}, got {value:g}")


def _check_whole(name: str, value: int, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise CreativeMLError(f"{name} must be a whole number from {least} to {most}, got {quoted(value)}")


def _check_text(name: str, value: str, most: int, *, empty: bool = False, lines: bool = False) -> None:
    if not isinstance(value, str) or len(value) > most or not (value.strip() or (empty and not value)):
        raise CreativeMLError(f"{name} must be text of {0 if empty else 1} to {most} characters, got {quoted(value)}")
    # Surrogates too: no file could hold them. XML, which some formats are, has no place for control characters.
    if any(not (c.isprintable() or (lines and c == "\n")) for c in value) or value != value.strip():
        raise CreativeMLError(f"{name} must be printable, without spaces around it, got {quoted(value)}")

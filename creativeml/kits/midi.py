"""Patterns of a step sequencer, and Standard MIDI Files (1996) of them, which every DAW and sampler takes.

Steps are sixteenths. Swing is said as in drum machines: the share of each pair of steps that its first step takes, 0.5
(straight) to 0.75; 2/3 is a triplet. The off-beats move, the beats stay.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from creativeml.errors import CreativeMLError, quoted
from creativeml.kits.kit import LOUDEST

PPQ = 480
"""Ticks of a quarter note."""
STEP = PPQ // 4
CHANNEL = 9
"""MIDI channel 10, where General MIDI has its drums, counted from 0."""
STRAIGHT, MOST_SWING = 0.5, 0.75
TEMPO_BPM = (20.0, 400.0)
LENGTHS = (16, 32)
_LARGEST = 4 << 20
_MARK = "creativeml "


@dataclass(frozen=True)
class Pattern:
    """A pattern of one or two bars.

    Attributes:
        lines: MIDI note → a velocity for each step, 0 where there is no stroke.
        tempo_bpm: quarter notes per minute, 20 to 400; kept to a hundredth.
        swing: 0.5 (straight) to 0.75; kept to a thousandth.
        steps: 16 or 32.
    """

    lines: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    tempo_bpm: float = 120.0
    swing: float = STRAIGHT
    steps: int = 16

    def __post_init__(self) -> None:
        if self.steps not in LENGTHS or isinstance(self.steps, bool):
            raise CreativeMLError(f"a pattern has 16 or 32 steps, not {quoted(self.steps)}")
        for name, ends in (("tempo_bpm", TEMPO_BPM), ("swing", (STRAIGHT, MOST_SWING))):
            value = getattr(self, name)
            whole = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
            if not whole or not ends[0] <= value <= ends[1]:
                raise CreativeMLError(f"{name} must be from {ends[0]:g} to {ends[1]:g}, got {quoted(value)}")
        lines = {note: tuple(self.lines[note]) for note in sorted(self.lines)}
        for note, line in lines.items():
            if not _is_midi(note) or len(line) != self.steps or not all(map(_is_midi, line)):
                raise CreativeMLError(
                    f"a line of a pattern is a note from 0 to {LOUDEST} with {self.steps} velocities from 0 to "
                    f"{LOUDEST}; that of note {quoted(note)} is not"
                )
        object.__setattr__(self, "lines", lines)
        object.__setattr__(self, "tempo_bpm", round(float(self.tempo_bpm), 2))
        object.__setattr__(self, "swing", round(float(self.swing), 3))

    @property
    def seconds(self) -> float:
        """Length of the pattern."""
        return self.steps * 15.0 / self.tempo_bpm

    def strokes(self) -> Iterator[tuple[float, int, int]]:
        """Every stroke as (time in steps from the beginning, note, velocity), in the order of time and note.

        Of a straight pattern these times are whole numbers; with swing s every second step is at 2 s after the first.
        """
        for step in range(self.steps):
            time = float(step) if step % 2 == 0 else step - 1 + 2.0 * self.swing
            for note, line in self.lines.items():
                if line[step]:
                    yield time, note, line[step]


def write_midi(pattern: Pattern, *, form: int = 0, name: str = "Pattern") -> bytes:
    """A Standard MIDI File of a pattern: 480 ticks to a quarter, on channel 10; the same bytes for the same pattern.

    Args:
        pattern: what is written. Strokes last half a step; the track ends with the pattern, so it can be looped.
        form: 0 = everything in one track, 1 = tempo and strokes in a track each.
        name: of the track.

    Raises:
        CreativeMLError: another form.
    """
    if form not in (0, 1) or isinstance(form, bool):
        raise CreativeMLError(f"a pattern is written as MIDI file of type 0 or 1, not {quoted(form)}")
    events = [(round(time * STEP), 1, 0x90, note, velocity) for time, note, velocity in pattern.strokes()]
    events += [(tick + STEP // 2, 0, 0x80, note, 64) for tick, _, _, note, _ in events]
    strokes = [(tick, bytes((kind | CHANNEL, note, value))) for tick, _, kind, note, value in sorted(events)]
    # Steps and swing, which ticks tell only nearly, for those who read it back.
    told = _MARK + json.dumps({"steps": pattern.steps, "swing": pattern.swing})
    tempo = [
        (0, _meta(0x51, round(60e6 / pattern.tempo_bpm).to_bytes(3, "big"))),
        (0, _meta(0x58, bytes((4, 2, 24, 8)))),
        (0, _meta(0x01, told.encode("ascii"))),
    ]
    title = [(0, _meta(0x03, name.encode("utf-8")[:120]))]
    tracks = [title + tempo + strokes] if form == 0 else [tempo, title + strokes]
    head = struct.pack(">4sIHHH", b"MThd", 6, form, len(tracks), PPQ)
    return head + b"".join(_track(events, pattern.steps * STEP) for events in tracks)


def read_midi(data: bytes, where: str = "pattern.mid") -> Pattern:
    """The pattern of a Standard MIDI File of type 0 or 1.

    Files of others are read too: the notes of channel 10 (of all channels if it has none there), each on the nearest
    sixteenth of the first two bars, at the first tempo; their swing is the mean place of the off-beats.

    Args:
        data: content of the file.
        where: how errors name it.

    Raises:
        CreativeMLError: no such file, damaged, timed in frames of film, or without a stroke in its first two bars.
    """
    if data[:4] != b"MThd" or len(data) < 14 or len(data) > _LARGEST:
        raise CreativeMLError(f"{where}: not a MIDI file; give a .mid of type 0 or 1")
    size, form, _, division = struct.unpack(">IHHH", data[4:14])
    if form > 1 or division & 0x8000 or not division:
        raise CreativeMLError(f"{where}: a MIDI file of type {form} or without quarter notes; save it as type 0 or 1")
    try:
        events = [event for track in _tracks(data, 8 + size) for event in _events(track)]
    except (IndexError, struct.error) as error:
        raise CreativeMLError(f"{where}: damaged, it ends in the middle; copy it again") from error
    events.sort(key=lambda event: event[0])
    struck = [(tick * 4 / division, e[1], e[2]) for tick, kind, e in events if kind == 0x90 | CHANNEL and e[2]]
    if not struck:
        struck = [(tick * 4 / division, e[1], e[2]) for tick, kind, e in events if kind & 0xF0 == 0x90 and e[2]]
    tempo = next((int.from_bytes(e[2:5], "big") for _, kind, e in events if kind == 0xFF and e[1] == 0x51), 500_000)
    told = next((t for t in (_told(e) for _, kind, e in events if kind == 0xFF and e[1] == 0x01) if t), {})
    # The last off-beat may swing by half a step.
    struck = [(time, note, velocity) for time, note, velocity in struck if time < LENGTHS[-1] - 0.25]
    if not struck:
        raise CreativeMLError(f"{where}: has no stroke in its first two bars")
    if not all(map(_is_midi, (number for _, *numbers in struck for number in numbers))):
        raise CreativeMLError(f"{where}: damaged, it strikes notes that MIDI does not have; copy it again")
    return _pattern(struck, 60e6 / max(tempo, 1), told)


def _pattern(struck: list[tuple[float, int, int]], bpm: float, told: Mapping[str, float]) -> Pattern:
    # An off-beat with swing lies between its own place and half a step later, which is no nearer to the next beat.
    places = [2 * math.floor(t / 2 + 1e-9) + (0 if t % 2 < 0.75 else 1 if t % 2 < 1.75 else 2) for t, _, _ in struck]
    off = [t % 2 for (t, _, _), place in zip(struck, places, strict=True) if place % 2 and 1 <= t % 2 <= 1.5]
    swing = sum(off) / len(off) / 2 if off else STRAIGHT
    steps = LENGTHS[0] if max(places) < LENGTHS[0] else LENGTHS[1]
    steps = int(told["steps"]) if told.get("steps") in LENGTHS and told["steps"] >= steps else steps
    said = told.get("swing", 0.0)
    # A tick is rounded to half of one; what an editor has moved is no longer what was said.
    swing = said if off and abs(said - swing) < 1 / (2 * STEP) else said if said and not off else swing
    lines: dict[int, list[int]] = {}
    for (_, note, velocity), place in zip(struck, places, strict=True):
        if place < steps:
            line = lines.setdefault(note, [0] * steps)
            line[place] = max(line[place], velocity)
    bpm = min(TEMPO_BPM[1], max(TEMPO_BPM[0], bpm))
    swing = min(MOST_SWING, max(STRAIGHT, swing))
    return Pattern({note: tuple(line) for note, line in lines.items()}, bpm, swing, steps)


def _told(event: bytes) -> dict[str, float]:
    text = event[2:].decode("ascii", "replace")
    if not text.startswith(_MARK):
        return {}
    try:
        values = json.loads(text[len(_MARK) :])
    except (ValueError, RecursionError):
        return {}
    numbers = values.items() if isinstance(values, dict) else ()
    return {k: v for k, v in numbers if isinstance(v, (int, float)) and not isinstance(v, bool) and 0 <= v < 1e6}


def _tracks(data: bytes, position: int) -> Iterator[bytes]:
    while position + 8 <= len(data):
        size = struct.unpack(">I", data[position + 4 : position + 8])[0]
        if position + 8 + size > len(data):
            raise IndexError
        if data[position : position + 4] == b"MTrk":
            yield data[position + 8 : position + 8 + size]
        position += 8 + size


def _events(track: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Every event as (tick, status, bytes); those of a meta event are its status, its type and its content."""
    tick, position, running = 0, 0, 0
    while position < len(track):
        wait, position = _length(track, position)
        tick += wait
        status = track[position]
        if status in (0xF0, 0xF7):
            size, position = _length(track, position + 1)
            position += size
        elif status == 0xFF:
            size, begin = _length(track, position + 2)
            yield tick, status, bytes((status, track[position + 1])) + track[begin : begin + size]
            position = begin + size
        else:
            if status & 0x80:
                running, position = status, position + 1
            size = 1 if running & 0xF0 in (0xC0, 0xD0) else 2
            if not running & 0x80 or running > 0xEF or position + size > len(track):
                raise IndexError
            yield tick, running, bytes((running,)) + track[position : position + size]
            position += size


def _length(track: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, and where it ends."""
    value = 0
    for _ in range(4):
        byte = track[position]
        value, position = value << 7 | byte & 0x7F, position + 1
        if not byte & 0x80:
            return value, position
    raise IndexError


def _track(events: list[tuple[int, bytes]], end: int) -> bytes:
    content, tick = b"", 0
    for at, event in [*events, (end, _meta(0x2F, b""))]:
        content += _number(at - tick) + event
        tick = at
    return b"MTrk" + struct.pack(">I", len(content)) + content


def _meta(kind: int, content: bytes) -> bytes:
    return bytes((0xFF, kind)) + _number(len(content)) + content


def _number(value: int) -> bytes:
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


def _is_midi(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LOUDEST

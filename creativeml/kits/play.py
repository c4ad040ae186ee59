"""A pattern played with a kit, to the sample: what a good host makes of the same files.

A stroke of velocity v is v / 127 of its layer's sound (`creativeml.kits.kit.level_of`), times the pad's gain, placed
with equal power: at the middle each side has -3 dB, at an end one has all. Takes are played in turn, for each layer on
its own. A stroke of a choke group fades what still sounds of the group, of its own pad too, within 5 ms.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from creativeml.audio.io import wav_bytes
from creativeml.errors import CreativeMLError, quoted
from creativeml.kits.kit import Kit, level_of
from creativeml.kits.midi import Pattern

CHOKE_S = 0.005
PEAK_DBFS = -1.0
"""To which a rendering that is louder is turned down."""
_MAX_REPEATS = 64
_MAX_SECONDS = 1800.0


@dataclass(frozen=True, eq=False)
class Played:
    """A stroke as it sounds: `start` in samples, `samples` `(n,)` with all gains but the panorama's."""

    start: int
    note: int
    samples: np.ndarray
    left: float
    right: float


def played(pattern: Pattern, kit: Kit, repeats: int = 1, *, loop: bool = False) -> list[Played]:
    """Every stroke of a pattern, with velocity, take, gain and choke; notes without a pad are silent.

    Args:
        pattern: what is played.
        kit: with what.
        repeats: how often, 1 to 64; takes go on turning.
        loop: it begins again after that, so the first strokes choke the last.

    Raises:
        CreativeMLError: another number of repeats, or more than half an hour.
    """
    if isinstance(repeats, bool) or not isinstance(repeats, int) or not 1 <= repeats <= _MAX_REPEATS:
        raise CreativeMLError(f"a pattern is repeated 1 to {_MAX_REPEATS} times, not {quoted(repeats)}")
    if repeats * pattern.seconds > _MAX_SECONDS:
        raise CreativeMLError(f"that is longer than {_MAX_SECONDS / 60:g} minutes; repeat it less often")
    pads = {pad.note: pad for pad in kit.pads}
    turns: Counter[tuple[int, int]] = Counter()
    strokes: list[Played] = []
    groups: list[int] = []
    for repeat in range(repeats):
        for time, note, velocity in pattern.strokes():
            pad = pads.get(note)
            if pad is None:
                continue
            layer = pad.layer_at(velocity)
            turn = turns[note, layer.high]
            turns[note, layer.high] += 1
            gain = level_of(velocity) * 10 ** (pad.gain_db / 20)
            samples = layer.takes[turn % len(layer.takes)].samples.astype(np.float64) * gain
            angle = (pad.pan + 1) * math.pi / 4
            start = onset(pattern, repeat * pattern.steps + time, kit.sample_rate)
            strokes.append(Played(start, note, samples, math.cos(angle), math.sin(angle)))
            groups.append(pad.choke)
    end = onset(pattern, repeats * pattern.steps, kit.sample_rate)
    return _choked(strokes, groups, kit.sample_rate, end if loop else 0)


def render(pattern: Pattern, kit: Kit, repeats: int = 1, *, tail: bool = True) -> np.ndarray:
    """The sum of all strokes.

    Args:
        pattern, kit, repeats: see `played`.
        tail: let the last strokes ring; otherwise the end is that of the pattern, and what would ring beyond it
            sounds from the beginning, as in a loop.

    Returns:
        `(2, n)`, float64, left and right; it may exceed full scale.
    """
    strokes = played(pattern, kit, repeats, loop=not tail)
    length = onset(pattern, repeats * pattern.steps, kit.sample_rate)
    total = max([length, *(s.start + len(s.samples) for s in strokes)])
    sides = np.zeros((2, total))
    for s in strokes:
        sides[:, s.start : s.start + len(s.samples)] += np.array([[s.left], [s.right]]) * s.samples
    if tail:
        return sides
    looped = sides[:, :length].copy()
    for begin in range(length, total, length):
        part = sides[:, begin : begin + length]
        looped[:, : part.shape[1]] += part
    return looped


def render_wav(pattern: Pattern, kit: Kit, repeats: int = 1, *, tail: bool = True, bits: int = 24) -> bytes:
    """The pattern as a stereo wav; turned down to -1 dBFS if it is louder. See `render`."""
    sides = render(pattern, kit, repeats, tail=tail)
    peak = float(np.abs(sides).max(initial=0.0))
    most = 10 ** (PEAK_DBFS / 20)
    info = {"INAM": kit.name, "ISFT": f"creativeml {kit.version}", "ICOP": kit.licence}
    info["ICMT"] = f"{pattern.tempo_bpm:g} bpm, swing {100 * pattern.swing:g} %"
    sound = sides * (most / peak) if peak > most else sides
    return wav_bytes(sound, kit.sample_rate, bits=bits, info={k: v for k, v in info.items() if v})


def onset(pattern: Pattern, steps: float, sample_rate: int) -> int:
    """The sample at which a time in steps (sixteenths) lies: the nearest one, of two the later."""
    return math.floor(steps * 15.0 / pattern.tempo_bpm * sample_rate + 0.5)


def _choked(strokes: list[Played], groups: list[int], sample_rate: int, loop: int) -> list[Played]:
    """The strokes, each cut off where the next one of its group begins; in a loop of that length the first is next."""
    fade = max(2, round(CHOKE_S * sample_rate))
    slope = 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, fade))
    never = max((s.start + len(s.samples) for s in strokes), default=0)
    first = {group: stroke.start for stroke, group in reversed(list(zip(strokes, groups, strict=True)))}
    # Of each group, where its strokes after this one begin, and those after them: some begin together.
    following = {group: (start + loop if loop else never, never) for group, start in first.items()}
    result: list[Played] = []
    for stroke, group in reversed(list(zip(strokes, groups, strict=True))):
        samples = stroke.samples
        if group:
            end, later = following[group]
            end = later if end == stroke.start else end
            following[group] = stroke.start, end
            kept = end - stroke.start
            if kept < len(samples):
                samples = samples[: kept + fade].copy()
                samples[kept:] *= slope[: len(samples) - kept]
        result.append(Played(stroke.start, stroke.note, samples, stroke.left, stroke.right))
    return result[::-1]

"""Where a recorded hit begins, to a fraction of a millisecond.

In three steps. A first look finds where the sound certainly is: above what lies before it, and less than 40
dB below its peak. From there the level is followed backwards as long as it keeps falling, which climbs down a
slow attack to its foot but stops at anything flat, such as the noise of the room. There, at the foot, the
exact sample is the one that best divides the neighbourhood into a quiet and a loud part of unequal variance
(the criterion of Maeda 1985, "A method for reading and checking phase times in auto-processing system of
seismic wave data", used by seismologists to pick the first arrival of a wave).
"""

from __future__ import annotations

import math

import numpy as np

_HOP_S = 0.00025
_WINDOW_S = 0.001
_CERTAIN = 10 ** (-40 / 20)
"""A sound that has come within 40 dB of its highest level has begun."""
_LEAD_S = 0.008
_LEAD_BELOW = 10 ** (-30 / 20)
"""What precedes a hit is at least 30 dB below it and at least 8 ms long; else it belongs to the hit."""
_STEADY_LEAD_S = 0.02
_STEADY_LEAD_BELOW = 10 ** (-14 / 20)
"""Noise that stays as it is for 20 ms need only be 14 dB below the hit; a brush's swish does not stay so."""
_ABOVE_LEAD = 1.6
_WARM_S, _LONG_WARM_S = 0.002, 0.006
_HOLD_S = 0.01
_LONG_HOLD_S = 0.02
"""Half a wave of mains hum, a whole one: over these the maximum of a hum or rumble is steady."""
_LOOK_BACK_S = 0.004
_FALL = 10 ** (-2 / 20)
"""Going back 4 ms, an attack falls by at least 2 dB."""
_JUMP, _JUMP_REACHES = 10 ** (10 / 20), 10 ** (-15 / 20)
"""A sharp attack rises by 10 dB within a millisecond, to within 15 dB of the highest level."""
_CLEARLY_LOUDER = 4.0
"""Ratio of mean squares (6 dB) between the two sides of an onset."""
_NOTHING = 1e-6
"""Level relative to the highest (-120 dB) that counts as digital silence."""


def find_onset(samples: np.ndarray, sample_rate: int, *, lossy: bool = False) -> int:
    """Index of the first sample of the sound.

    Args:
        samples: (n,) float, one channel without DC, with at least one sample that is not zero.
        sample_rate: in Hz.
        lossy: the sound went through MP3, Vorbis or Opus, which smear a sharp attack over the 25 ms before
            it.

    Returns:
        An index in 0 .. n - 1. 0 if the sound begins with the recording.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    if not peak > 0:
        raise ValueError("silence has no onset")
    sound = samples.astype(np.float64) / peak
    hop = max(1, round(_HOP_S * sample_rate))
    level, scale = _levels(sound, hop, _hops(_WINDOW_S))
    held = _hold(level, _hops(_HOLD_S))
    certain = _first_certain(level)
    jump = _jump(level, held) if lossy else None
    if jump is not None:
        # The attack lies in the window after this hop; what is divided here is pre-echo and attack.
        begin, end = jump * hop, min(len(sound), (jump + 2 * _hops(_WINDOW_S)) * hop)
        return begin + _best_division(_running_energy(sound[begin:end]), 0.0)
    foot = _foot(held, certain)
    leaving = foot + int(np.argmax(level[foot : certain + 1] > 2 * held[foot]))
    leaving = certain if leaving == foot else leaving
    known = foot > _hops(_WARM_S + _LOOK_BACK_S / 2)
    begin = (foot - _hops(0.001)) * hop if known else 0
    end = min(len(sound), (leaving + 1 + _hops(0.002)) * hop)
    return begin + _divide(sound[begin:end], float(held[foot]) * scale if known else 0.0)


def _hops(seconds: float) -> int:
    return round(seconds / _HOP_S)


def _levels(sound: np.ndarray, hop: int, window_hops: int) -> tuple[np.ndarray, float]:
    """Root mean square of the window that ends with each hop, (hops,), as a part of the highest, and that."""
    padded = np.pad(sound, (0, -len(sound) % hop))
    energy = np.square(padded).reshape(-1, hop).mean(axis=1)
    total = np.concatenate([np.zeros(window_hops), np.cumsum(energy)])
    # The first windows are shorter; with zeros before the recording, noise would seem to rise there.
    count = np.minimum(np.arange(len(energy)) + 1, window_hops)
    level = np.sqrt(np.maximum(total[window_hops:] - total[:-window_hops], 0.0) / count)
    return np.maximum(level / level.max(), _NOTHING), float(level.max())


def _hold(level: np.ndarray, hops: int) -> np.ndarray:
    """Maximum of each level and the `hops` before it, (hops,)."""
    padded = np.concatenate([np.full(hops, _NOTHING), level])
    held = np.lib.stride_tricks.sliding_window_view(padded, hops + 1).max(axis=1)
    # Of so few values the maximum would still be growing.
    warm = min(_hops(_WARM_S), len(held) - 1)
    held[:warm] = held[warm]
    return held


def _first_certain(level: np.ndarray) -> int:
    """First hop at which the sound has certainly begun."""
    held = _hold(level, _hops(_LONG_HOLD_S))
    lead = _lead_hops(level, held)
    threshold = max(_CERTAIN, _ABOVE_LEAD * float(held[lead - 1])) if lead else _CERTAIN
    return lead + int(np.argmax(level[lead:] >= threshold))


def _lead_hops(level: np.ndarray, held: np.ndarray) -> int:
    """Length of the stretch before the hit, if steady or dying away: noise, or the end of another sound."""
    warm = _hops(_LONG_WARM_S)
    rises = np.flatnonzero(held[warm:] > 2 * np.minimum.accumulate(held[warm:]))
    lead = warm + int(rises[0]) if len(rises) else 0
    before = level[:lead]
    if lead < _hops(_LEAD_S) or before.max() > _STEADY_LEAD_BELOW:
        return 0
    return lead if before.max() <= _LEAD_BELOW or _is_steady(before) else 0


def _is_steady(level: np.ndarray) -> bool:
    if len(level) < _hops(_STEADY_LEAD_S):
        return False
    first, second = np.median(level[: len(level) // 2]), np.median(level[len(level) // 2 :])
    return bool(level.max() < 2.5 * np.median(level) and max(first, second) < 1.25 * min(first, second))


def _jump(level: np.ndarray, held: np.ndarray) -> int | None:
    """The hop before the first sharp attack, if there is one; what rises before it is then pre-echo."""
    step = _hops(_WINDOW_S)
    after, before = level[step:], held[:-step]
    sharp = np.flatnonzero((after > _JUMP_REACHES) & (after > _JUMP * before))
    return int(sharp[0]) if len(sharp) else None


def _foot(held: np.ndarray, at: int) -> int:
    """Follow the level backwards from hop `at` as long as it keeps falling."""
    while at > 0 and held[at] > _NOTHING:
        begin = max(0, at - _hops(_LOOK_BACK_S))
        # Of equal levels the last: in digital silence the foot is where the silence ends.
        lowest = at - 1 - int(np.argmin(held[begin:at][::-1]))
        if held[lowest] > _FALL * held[at]:
            break
        at = lowest
    return at


def _divide(sound: np.ndarray, floor: float) -> int:
    """Index at which `sound` turns from quiet to loud; 0 if no such division is credible.

    What is not louder than `floor` (root mean square) is no sound.

    The quiet part is divided again as long as it has a louder end of its own, so that of an attack that grows
    from nothing nothing is lost.
    """
    energy = _running_energy(sound)
    count, found = len(sound), 0
    while count > 1:
        index = _best_division(energy[: count + 1], floor)
        if index == 0:
            break
        count = found = index
    return found


def _running_energy(sound: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(np.square(sound))])


def _best_division(energy: np.ndarray, floor: float) -> int:
    """Minimum of Maeda's criterion, from the running sum of squares; 0 if undivided is as good."""
    count = len(energy) - 1
    before = np.arange(1, count)
    least = _NOTHING**2
    quiet = energy[1:-1] / before + least
    loud = (energy[-1] - energy[1:-1]) / (count - before) + least
    criterion = before * np.log(quiet) + (count - before) * np.log(loud)
    # Only from quiet to loud: the end of a click divides just as well.
    criterion[(loud < _CLEARLY_LOUDER * quiet) | (loud < _ABOVE_LEAD * floor**2)] = np.inf
    best = int(np.argmin(criterion))
    undivided = count * math.log(energy[-1] / count + least)
    return best + 1 if criterion[best] < undivided - 4 * math.log(count) else 0

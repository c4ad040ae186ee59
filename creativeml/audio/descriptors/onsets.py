"""Where events begin within a sound, as the reference finds them; for the exact faces only.

librosa's onset detection proposes (the picking of peaks after Böck, Krebs, Schedl 2012, "Evaluating the online
capabilities of onset detection methods"), then each proposal walks back along the envelope to where the rise begins,
and what turns out to be noise, too near another onset, or weak, is dropped. All of it decides and nothing of it can be
differentiated, so it works on numpy arrays, one sound at a time.
"""

from __future__ import annotations

import numpy as np

from creativeml.audio.descriptors.onset_strength import HOP

_HOLD_S = 0.01
_LOOK_BACK_S = 0.02
_REACH_S = 0.3
_DIFFERENT = 0.1
"""Part of the envelope's range that a dip must have to divide two events, and an attack to be one."""
_APART_S = 0.1
_STRONG = 3.0
"""Onset strength in dB that an event must reach."""
_PEAK_DELTA = 0.07


def hold_envelope(sound: np.ndarray, sample_rate: int, *, decay_s: float) -> np.ndarray:
    """Envelope that follows every rise at once, holds a peak for 10 ms and then falls linearly.

    Args:
        sound: (samples,) float.
        sample_rate: in Hz.
        decay_s: time in which it falls from the peak of the whole sound to zero.

    Returns:
        (samples,) float64.
    """
    levels = np.abs(sound.astype(np.float64))
    step = float(levels.max()) / (decay_s * sample_rate)
    hold = _HOLD_S * sample_rate
    envelope, last, held = levels.tolist(), 0.0, 0
    # A list, since reading single numbers of an array takes several times as long.
    for index, level in enumerate(envelope):
        if level >= last:
            last, held = level, 0
            continue
        if held < hold:
            held += 1
        else:
            last = max(last - step, level)
        envelope[index] = last
    return np.asarray(envelope)


def find_onsets(strength: np.ndarray, envelope: np.ndarray, sample_rate: int, *, margin: int) -> list[int]:
    """Samples at which the events of a sound begin.

    Args:
        strength: (1 + samples // 512,) `onset_strength` of the sound.
        envelope: (samples,) `hold_envelope` of the sound.
        sample_rate: in Hz.
        margin: what begins within so many samples begins at 0.

    Returns:
        Increasing sample numbers, at least one: [0] where no event stands out.
    """
    proposals = backtrack(pick_peaks(strength, sample_rate), strength) * HOP
    found: list[int] = []
    for proposal in proposals.tolist():
        if proposal == 0:
            onset = 0
        elif found and proposal + HOP - 1 >= len(envelope):
            continue
        else:
            onset = _walk_back(proposal, envelope, sample_rate, margin)
        # 0 also means that the walk found no beginning, so only the first one counts.
        if onset not in found and not (onset == 0 and found):
            found.append(onset)
    found = _drop_noise(found, envelope)
    found = _drop_near(found, sample_rate)
    return sorted(_drop_weak(found, strength)) or [0]


def pick_peaks(strength: np.ndarray, sample_rate: int) -> np.ndarray:
    """Frames at which an onset strength (frames,) peaks: highest of the 30 ms before, 7 % of the range above the mean
    of the 100 ms on either side, and more than 30 ms after the peak before."""
    low, high = float(strength.min()), float(strength.max())
    if not high > low:
        return np.zeros(0, dtype=int)
    curve = (strength - low) / (high - low + np.finfo(np.float64).tiny)
    before, around = int(0.03 * sample_rate // HOP), int(0.10 * sample_rate // HOP)
    peaks: list[int] = []
    for frame in np.flatnonzero(curve).tolist():
        value = curve[frame]
        if value < curve[max(0, frame - before) : frame + 1].max():
            continue
        mean = curve[max(0, frame - around) : frame + around + 1].mean()
        if value >= mean + _PEAK_DELTA and (not peaks or frame > peaks[-1] + before):
            peaks.append(frame)
    return np.asarray(peaks, dtype=int)


def backtrack(peaks: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """The last local minimum of the strength (frames,) before each peak; frame 0 if there is none."""
    inner = strength[1:-1]
    minima = 1 + np.flatnonzero((inner <= strength[:-2]) & (inner < strength[2:]))
    minima = np.unique(np.concatenate([[0], minima])).astype(int)
    return minima[np.searchsorted(minima, peaks, side="right") - 1]


def _walk_back(position: int, envelope: np.ndarray, sample_rate: int, margin: int) -> int:
    """Where the rise that leads to `position` begins; 0 if that is within the margin."""
    look_back, reach = int(_LOOK_BACK_S * sample_rate), int(_REACH_S * sample_rate)
    dip = _DIFFERENT * (envelope.max() - envelope.min())
    while True:
        current = envelope[position]
        near = envelope[position - look_back - 1 : position] if position > look_back else envelope[: position - 1]
        if len(near) and near.min() <= current:
            position += int(near.argmin()) - look_back - 1
            if position <= margin:
                return 0
            continue
        # Nothing lower just before. Something lower farther back belongs to the same rise if the way there is flat.
        far = envelope[max(0, position - reach - 1) : position]
        lower = np.flatnonzero(far < current)
        if not len(lower):
            return position
        way = far[lower[-1] :]
        if way.max() - way.min() >= dip:
            return position
        position += int(lower[-1]) - len(far)
        if position < margin:
            return 0


def _drop_noise(onsets: list[int], envelope: np.ndarray) -> list[int]:
    """Leaves out events that rise by less than a tenth of the envelope's range before their peak."""
    if len(onsets) < 2:
        return onsets
    onsets = list(onsets)
    least = _DIFFERENT * (envelope.max() - envelope.min())
    for index in reversed(range(len(onsets))):
        end = onsets[index + 1] if index + 1 < len(onsets) else None
        event = envelope[onsets[index] : end]
        peak = int(event.argmax()) if len(event) > 1 else 0
        if peak == 0 or event[peak] - event[:peak].min() < least:
            del onsets[index]
    return onsets


def _drop_near(onsets: list[int], sample_rate: int) -> list[int]:
    """Leaves out whatever begins within 100 ms of its predecessor, again and again until nothing does."""
    least = _APART_S * sample_rate
    while True:
        kept = [o for i, o in enumerate(onsets) if i == 0 or abs(o - onsets[i - 1]) >= least]
        if len(kept) == len(onsets):
            return kept
        onsets = kept


def _drop_weak(onsets: list[int], strength: np.ndarray) -> list[int]:
    """Leaves out events whose strength stays below 3 dB up to the next event that stays."""
    kept: list[int] = []
    for onset in reversed(onsets):
        begin = onset // HOP
        end = kept[-1] // HOP if kept and kept[-1] // HOP > begin else None
        if strength[begin:end].max(initial=0.0) >= _STRONG:
            kept.append(onset)
    return kept

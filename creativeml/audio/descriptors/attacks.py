"""Where an attack begins and how long it takes, by search; for the exact faces only.

The effort method is G. Peeters (2004), "A large set of audio features for sound description (similarity and
classification) in the CUIDADO project".
"""

from __future__ import annotations

import numpy as np

LONGEST_S = 0.1
_THRESHOLDS = np.linspace(0.1, 0.9, 9)
_EASY = 3.0
"""A step between thresholds that takes so many times the mean of all steps is not part of the attack."""
_BEGUN = 0.2


def attack_time(envelope: np.ndarray, sample_rate: int) -> tuple[float, int]:
    """Duration of the rise to the peak, without a slow foot and a slow head (method of the least effort).

    Args:
        envelope: (samples,) non-negative.
        sample_rate: in Hz.

    Returns:
        Time in seconds, at least one sample and at most 0.1 s, and the sample at which the rise begins.
    """
    begin, rise = _rise(envelope)
    if len(rise) < 2:
        return 1 / sample_rate, begin
    span = rise.max() - rise.min()
    crossed = np.array([int(np.argmax(rise >= level)) for level in _THRESHOLDS * span + rise.min()])
    effort = np.diff(crossed)
    first = int(np.argmax(effort <= _EASY * effort.mean()))
    rest = effort[first:]
    last = first + (int(np.argmax(rest >= _EASY * effort.mean())) or len(rest) - 1)
    start, end = int(crossed[first]), int(crossed[last])
    if start == end:
        start, end = int(crossed[0]), int(crossed[-1])
    samples = 1 if start == end else end - start + 1
    if samples / sample_rate > LONGEST_S:
        samples = int(LONGEST_S * sample_rate) + 1
    return samples / sample_rate, begin + start


def rise_begin(curve: np.ndarray) -> int | None:
    """Where a curve reaches a fifth of its rise to its peak; None if it begins with the peak."""
    begin, rise = _rise(curve)
    if len(rise) < 2:
        return None
    return begin + int(np.argmax(rise >= _BEGUN * (rise.max() - rise.min()) + rise.min()))


def _rise(curve: np.ndarray) -> tuple[int, np.ndarray]:
    """From the last of the lowest values before the peak, up to the peak."""
    peak = int(np.argmax(curve))
    if peak == 0:
        return 0, curve[:1]
    before = curve[:peak]
    begin = int(np.flatnonzero(before == before.min())[-1])
    return begin, curve[begin : peak + 1]

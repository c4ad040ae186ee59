"""One recorded hit made into one row of a dataset: mono, at the onset, at one rate, of one length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from creativeml.audio.loudness import integrated_loudness
from creativeml.audio.onset import find_onset
from creativeml.audio.resample import resample

SHORTEST_S = 0.005
SILENCE_DBFS = -80.0
PREROLL_S = 0.0003
"""Stands before every onset; a start that is not near zero is faded in here, so the attack stays whole."""
NEAR_ZERO = 1e-3
"""Part of the peak (-60 dB) below which a first sample makes no click."""
TAIL_DB = -66.0
"""Below the peak: what is quieter at the end is not content."""
END_FADE_S, CUT_FADE_S = 0.005, 0.030
_MARGIN_S = 0.010
_CANCELLED = 0.1
"""A mix with less than this part of the louder channel's power has lost its sound."""
_REST_S = 0.005


class NotASoundError(Exception):
    """A recording that no dataset can use; the message is the reason, `remedy` what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True, eq=False)
class Shaped:
    """A sound as it is stored.

    Attributes:
        samples: (length,) float64 in [-1, 1].
        duration_s: content before the padding.
        peak: highest absolute value before any scaling; above 1 where it had to be scaled down.
        loudness_lufs: integrated loudness of `samples`.
        notes: what was done beyond the usual, a phrase each.
    """

    samples: np.ndarray
    duration_s: float
    peak: float
    loudness_lufs: float
    notes: tuple[str, ...]


def shape_sound(channels: np.ndarray, from_rate: int, to_rate: int, length: int, *, lossy: bool = False) -> Shaped:
    """Mix, cut at the onset, convert the rate, fade and pad.

    Args:
        channels: (channels, n) float, finite.
        from_rate, to_rate: in Hz.
        length: samples of the result.
        lossy: the recording was MP3, Vorbis or Opus (the onset is then sought after their pre-echo).

    Raises:
        NotASoundError: shorter than 5 ms, or silent.
    """
    count = channels.shape[1]
    if count < SHORTEST_S * from_rate:
        plural = "s" if count != 1 else ""
        reason = f"too short: {count} sample{plural} ({1000 * count / from_rate:.3g} ms), 5 ms are needed"
        raise NotASoundError(reason, "export it again, or remove it")
    mono, notes = mix_to_mono(channels)
    mono, removed = remove_dc(mono, from_rate)
    if removed:
        notes.append(f"a constant of {removed:+.3g} was removed")
    peak = float(np.abs(mono).max())
    if peak < 10 ** (SILENCE_DBFS / 20):
        level = f"{20 * np.log10(peak):.0f} dBFS" if peak > 0 else "zero"
        raise NotASoundError(f"silent: its peak is {level}, {SILENCE_DBFS:.0f} dBFS are needed", "remove it")
    content = _cut(mono, find_onset(mono, from_rate, lossy=lossy), from_rate, to_rate, length)
    peak = float(np.abs(content).max())
    if peak > 1:
        # The largest step of 24 bits below full scale.
        content = content * ((1 - 2.0**-23) / peak)
        notes.append(f"scaled down by {20 * np.log10(peak):.2f} dB to fit full scale")
    content = _fade_end(content, to_rate, length)
    samples = np.pad(content, (0, length - len(content)))
    return Shaped(samples, len(content) / to_rate, peak, integrated_loudness(samples, to_rate), tuple(notes))


def mix_to_mono(channels: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Mean of the channels that are not digital silence, (n,), and what there is to say about it.

    If the channels cancel each other (one with its polarity reversed), the louder one is taken alone.
    """
    sounding = [index for index in range(len(channels)) if np.ptp(channels[index]) > 0]
    if len(sounding) <= 1:
        return channels[sounding[0] if sounding else 0].astype(np.float64), []
    kept = channels[sounding].astype(np.float64)
    mixed = kept.mean(axis=0)
    powers = kept.var(axis=1)
    if mixed.var() >= _CANCELLED * powers.max():
        return mixed, []
    louder = int(powers.argmax())
    return kept[louder], [f"the channels cancel each other: channel {sounding[louder] + 1} was taken alone"]


def remove_dc(sound: np.ndarray, sample_rate: int) -> tuple[np.ndarray, float]:
    """`sound` (n,) without its constant part, and that part (0 if there is none).

    The mean of a short hit is no constant part: half a wave more on one side is its nature. So either the
    value that the recording rests at before or after the sound is taken, or the middle of the means of ten
    stretches if these agree among each other.
    """
    edges = np.flatnonzero(np.diff(sound))
    if not len(edges):
        return sound - sound[0], float(sound[0])
    first, last = int(edges[0]) + 1, int(edges[-1]) + 1
    rest = _REST_S * sample_rate
    smallest = 1e-5 + 1e-3 * float(np.ptp(sound)) / 2
    at_rest = [float(sound[edge]) for edge, run in ((0, first), (-1, len(sound) - last)) if run >= rest]
    if at_rest and abs(at_rest[0]) > smallest and max(at_rest) - min(at_rest) <= smallest:
        return sound - at_rest[0], at_rest[0]
    # Digital silence around the sound, if any, is at zero already.
    core = slice(first if first >= rest else 0, last if len(sound) - last >= rest else len(sound))
    if core.stop - core.start < 10 * rest:
        return sound, 0.0
    means = np.array([part.mean() for part in np.array_split(sound[core], 10)])
    middle = float(np.median(means))
    spread = float(np.median(np.abs(means - middle)))
    if abs(middle) <= max(smallest, 3 * spread):
        return sound, 0.0
    result = sound.copy()
    result[core] -= middle
    return result, middle


def _cut(mono: np.ndarray, onset: int, from_rate: int, to_rate: int, length: int) -> np.ndarray:
    """From just before the onset, at the new rate, at most `length` samples, without the silent end."""
    begin = max(0, onset - round(PREROLL_S * from_rate))
    # The converter rings for some milliseconds on either side of a cut, so it gets more than is kept.
    lead = min(begin, round(_MARGIN_S * from_rate))
    span = round((length / to_rate + PREROLL_S + 2 * _MARGIN_S) * from_rate)
    content = resample(mono[begin - lead : begin + span], from_rate, to_rate)[round(lead * to_rate / from_rate) :]
    content = _fade_in(content, round((onset - begin) * to_rate / from_rate), round(PREROLL_S * to_rate))
    level = np.abs(content)
    last = int(np.flatnonzero(level > level.max() * 10 ** (TAIL_DB / 20))[-1])
    return content[: min(length, last + 1 + round(END_FADE_S * to_rate))]


def _fade_in(content: np.ndarray, before: int, preroll: int) -> np.ndarray:
    """Have `preroll` samples before the onset, where there are `before`, and let them rise from zero.

    A sound may begin with its recording. Fading its own samples would take the edge off the attack, and all
    of a click; so its first value is held before it and raised there.
    """
    start = abs(content[0])
    content = np.concatenate([np.full(max(0, preroll - before), content[0]), content])
    if before >= preroll and start <= NEAR_ZERO * np.abs(content).max():
        return content
    content[:preroll] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(preroll) / max(1, preroll))
    return content


def _fade_end(content: np.ndarray, sample_rate: int, length: int) -> np.ndarray:
    """Half a cosine down to zero: long where a sound that goes on is cut, short at its own end."""
    longest = CUT_FADE_S if len(content) == length else END_FADE_S
    fade = max(1, min(round(longest * sample_rate), len(content) // 8))
    content = content.copy()
    content[-fade:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, fade + 1) / fade)
    return content

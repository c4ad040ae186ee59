"""Play one note of a SoundFont kit: what a drum of the kit sounds like, not just what its samples hold.

A kit tunes one tom sample to six keys, sums a left and a right channel, shortens a cymbal by an envelope; so
the raw samples alone are not the sounds of the kit. Rendered here: layers, tuning, offsets, loops, volume
envelope, pan, attenuation, the low-pass filter, and what bends the pitch: modulation envelope and both LFOs
(sections 8 and 9 of the specification, see `soundfont.py`). Left out: modulators, other uses of the LFOs,
reverb and chorus, which drum kits use little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from creativeml.data.recipes.soundfont import INSTRUMENT, SAMPLE, Preset, SoundFont

_DEFAULTS = {8: 13500, 21: -12000, 23: -12000, 25: -12000, 26: -12000, 27: -12000, 28: -12000, 30: -12000}
_DEFAULTS |= {33: -12000, 34: -12000, 35: -12000, 36: -12000, 38: -12000, 46: -1, 47: -1, 56: 100, 58: -1}
# Set in instruments only, so a preset's amount is not added to them.
_NOT_ADDED = frozenset({0, 1, 2, 3, 4, 12, 45, 46, 47, 50, 54, 57, 58, 41, 43, 44, 53})
_IRRELEVANT = frozenset({15, 16, 41, 43, 44, 53, 57, 38, 30})
_FLOOR = 10 ** (-90 / 20)
_HEADROOM = 0.5
"""Kits are written for a mixer: the layers of one note add up to as much as twice full scale."""


@dataclass(frozen=True)
class Voice:
    """One sample as a note plays it, with the generators of preset and instrument already combined."""

    sample: int
    values: tuple[tuple[int, int], ...]

    @cached_property
    def _by_generator(self) -> dict[int, int]:
        return dict(self.values)

    def value(self, generator: int) -> int:
        """Amount of a generator, or the specification's default."""
        return self._by_generator.get(generator, _DEFAULTS.get(generator, 0))


def voices_of(font: SoundFont, preset: Preset, key: int, velocity: int) -> tuple[Voice, ...]:
    """The voices that a note of `key` (0 to 127) and `velocity` (1 to 127) starts; maybe none."""
    found = []
    for outer in preset.zones:
        if not (outer.covers(key, velocity) and preset.common.covers(key, velocity)):
            continue
        added = {**preset.common.values, **outer.values}
        instrument = font.instruments[outer.values[INSTRUMENT]]
        for inner in instrument.complete:
            if inner.covers(key, velocity):
                found.append(Voice(inner.values[SAMPLE], _combine(inner.values, added)))
    return tuple(found)


def _combine(instrument: Mapping[int, int], preset: Mapping[int, int]) -> tuple[tuple[int, int], ...]:
    values = dict(instrument)
    for generator, amount in preset.items():
        if generator not in _NOT_ADDED:
            values[generator] = values.get(generator, _DEFAULTS.get(generator, 0)) + amount
    return tuple(sorted(values.items()))


def signature(font: SoundFont, voices: tuple[Voice, ...], key: int) -> tuple[object, ...]:
    """What decides how a note sounds apart from its overall level: equal signatures are the same sound."""
    loudest = min((voice.value(48) for voice in voices), default=0)
    parts = []
    for voice in voices:
        kept = {g: amount for g, amount in voice.values if g not in _IRRELEVANT and g not in (48, 51, 52, 56, 58)}
        if len(voices) == 1:
            kept.pop(17, None)
        level = voice.value(48) - loudest
        parts.append((voice.sample, round(_cents(font, voice, key)), level, tuple(sorted(kept.items()))))
    return tuple(sorted(parts))


def render(
    font: SoundFont,
    voices: tuple[Voice, ...],
    key: int,
    velocity: int,
    sample_rate: int = 44100,
    longest_s: float = 6.0,
) -> np.ndarray:
    """The note as (channels, samples) float32: one channel if nothing is panned, else two.

    Args:
        velocity: 1 to 127; level falls with its square, as MIDI devices agree.
        sample_rate: of the result, in Hz.
        longest_s: what loops for ever is faded out at this length, in seconds.
    """
    longest = int(longest_s * sample_rate)
    tracks = [(voice, _render_voice(font, voice, key, sample_rate, longest)) for voice in voices]
    length = max((len(track) for _, track in tracks), default=0)
    mix = np.zeros((2, length), dtype=np.float64)
    for voice, track in tracks:
        # Spread as on the hardware that the format comes from: an attenuation of 10 dB written sounds as 4
        # dB.
        gain = _HEADROOM * 10 ** (-0.4 * max(0, voice.value(48)) / 200) * (velocity / 127) ** 2
        angle = (np.clip(voice.value(17), -500, 500) / 1000 + 0.5) * np.pi / 2
        mix[0, : len(track)] += gain * np.sqrt(2) * np.cos(angle) * track
        mix[1, : len(track)] += gain * np.sqrt(2) * np.sin(angle) * track
    centred = all(voice.value(17) == 0 for voice in voices)
    return np.ascontiguousarray(mix[:1] if centred else mix, dtype=np.float32)


def _cents(font: SoundFont, voice: Voice, key: int) -> float:
    header = font.samples[voice.sample]
    played = voice.value(46) if voice.value(46) >= 0 else key
    root = voice.value(58) if voice.value(58) >= 0 else (header.root_key if header.root_key <= 127 else 60)
    tuned = (played - root) * voice.value(56) + 100 * voice.value(51) + voice.value(52)
    # A damaged bank may ask for anything; ten octaves either way are beyond hearing.
    return float(np.clip(tuned + header.correction_cents, -12000, 12000))


def _render_voice(font: SoundFont, voice: Voice, key: int, sample_rate: int, longest: int) -> np.ndarray:
    header = font.samples[voice.sample]
    sound = font.audio(voice.sample)
    first = int(np.clip(voice.value(0) + 32768 * voice.value(4), 0, len(sound)))
    last = int(np.clip(len(sound) + voice.value(1) + 32768 * voice.value(12), first, len(sound)))
    loop_start = header.loop[0] + voice.value(2) + 32768 * voice.value(45)
    loop_end = header.loop[1] + voice.value(3) + 32768 * voice.value(50)
    looping = voice.value(54) & 3 in (1, 3) and 0 <= loop_start < loop_end <= len(sound) and loop_end - loop_start >= 8
    step = header.sample_rate / sample_rate * 2 ** (_cents(font, voice, key) / 1200)
    source_length = loop_end if looping else last
    deepest = min(0, voice.value(7)) - abs(voice.value(5)) - abs(voice.value(6))
    natural = longest if looping else min(longest, int((source_length - first) / step * 2 ** (-deepest / 1200)) + 1)
    bend = _modulation(voice, natural, sample_rate)
    cents = voice.value(7) * bend + _vibrato(voice, natural, sample_rate)
    positions = first + np.concatenate([[0.0], np.cumsum(step * 2 ** (cents[:-1] / 1200))])
    envelope = _volume(voice, key, natural, sample_rate, looping)
    if looping:
        positions = np.where(
            positions < loop_end, positions, loop_start + (positions - loop_start) % (loop_end - loop_start)
        )
    else:
        positions = positions[positions < last]
    audible = np.flatnonzero(envelope[: len(positions)] > _FLOOR)
    used = int(audible[-1]) + 1 if len(audible) else 0
    wrap = (loop_start, loop_end) if looping else None
    track = _read_at(sound[:source_length], positions[:used], step, wrap) * envelope[:used]
    return _filter(voice, track, bend[:used], sample_rate)


def _read_at(sound: np.ndarray, positions: np.ndarray, step: float, loop: tuple[int, int] | None) -> np.ndarray:
    """`sound` at fractional positions by a windowed sinc; a loop's end goes on at its start."""
    if loop is None and step == 1.0 and np.array_equal(positions, np.round(positions)):
        return sound[positions.astype(np.int64)].astype(np.float64)
    half, phases = 16, 512
    # Reading faster than the source runs would fold its top octave down, so the kernel cuts off earlier.
    cutoff = min(1.0, 1.0 / step)
    time = np.arange(-half + 1, half + 1) - np.arange(phases + 1)[:, None] / phases
    kernel = cutoff * np.sinc(cutoff * time) * np.cos(np.pi * time / (2 * half)) ** 2 * (np.abs(time) < half)
    whole = np.floor(positions).astype(np.int64)
    phase = np.rint((positions - whole) * phases).astype(np.int64)
    output = np.zeros(len(positions))
    for tap in range(2 * half):
        index = whole + tap - half + 1
        if loop is not None:
            index = np.where(index >= loop[1], loop[0] + (index - loop[0]) % (loop[1] - loop[0]), index)
        inside = (index >= 0) & (index < len(sound))
        output += np.where(inside, sound[np.clip(index, 0, len(sound) - 1)], 0.0) * kernel[phase, tap]
    return output


def _seconds(timecents: int) -> float:
    return 0.0 if timecents <= -12000 else min(100.0, 2 ** (timecents / 1200))


def _volume(voice: Voice, key: int, length: int, sample_rate: int, looping: bool) -> np.ndarray:
    """Volume envelope: linear attack, then decay that is straight in decibels, then the sustain level."""
    time = np.arange(length) / sample_rate
    delay, attack = _seconds(voice.value(33)), _seconds(voice.value(34))
    hold = _seconds(voice.value(35)) * 2 ** (voice.value(39) * (60 - key) / 1200)
    decay = _seconds(voice.value(36)) * 2 ** (voice.value(40) * (60 - key) / 1200)
    sustain_db = min(1440, max(0, voice.value(37))) / 10
    since = time - delay - attack - hold
    # Decay time is the time for a fall of 100 dB (section 8.1.2, decayVolEnv).
    fallen_db = np.minimum(sustain_db, np.maximum(0.0, since) * 100 / max(decay, 1e-4))
    level = 10 ** (-fallen_db / 20)
    rise = np.clip((time - delay) / max(attack, 1e-9), 0.0, 1.0) if attack > 0 else (time >= delay).astype(float)
    level = np.where(fallen_db >= 96, 0.0, level) * rise
    if looping:
        fade = min(length, int(0.5 * sample_rate))
        level[-fade:] *= np.cos(np.linspace(0, np.pi / 2, fade)) ** 2
    return level


def _modulation(voice: Voice, length: int, sample_rate: int) -> np.ndarray:
    """Modulation envelope, 0 to 1: linear in its own unit."""
    if voice.value(7) == 0 and voice.value(11) == 0:
        return np.zeros(length)
    time = np.arange(length) / sample_rate
    delay, attack = _seconds(voice.value(25)), _seconds(voice.value(26))
    hold, decay = _seconds(voice.value(27)), _seconds(voice.value(28))
    sustain = 1 - min(1000, max(0, voice.value(29))) / 1000
    rise = np.clip((time - delay) / max(attack, 1e-9), 0.0, 1.0) if attack > 0 else (time >= delay).astype(float)
    fall = np.maximum(0.0, time - delay - attack - hold) / max(decay, 1e-9)
    return np.where(fall > 0, np.maximum(sustain, 1 - fall), rise)


def _vibrato(voice: Voice, length: int, sample_rate: int) -> np.ndarray | float:
    """Cents by which the two LFOs bend the pitch: triangles that start at zero, rising, after their delay."""
    cents: np.ndarray | float = 0.0
    for depth, delay, frequency in ((5, 21, 22), (6, 23, 24)):
        if voice.value(depth):
            time = np.arange(length) / sample_rate - _seconds(voice.value(delay))
            phase = np.maximum(0.0, time) * 8.176 * 2 ** (voice.value(frequency) / 1200)
            cents = cents + voice.value(depth) * (1 - 4 * np.abs((phase + 0.25) % 1 - 0.5))
    return cents


def _filter(voice: Voice, track: np.ndarray, bend: np.ndarray, sample_rate: int) -> np.ndarray:
    """The resonant low-pass. A moving cutoff is a blend of fixed ones, a third of an octave apart."""
    cents = np.clip(voice.value(8) + voice.value(11) * bend, 1500, 13500)
    if len(track) == 0 or (cents.min() >= 13500 and voice.value(9) <= 0):
        return track
    resonance = 10 ** (min(960, max(0, voice.value(9))) / 200)
    if voice.value(11) == 0 or np.ptp(cents) < 50:
        return _low_pass(track, float(cents[0]), resonance, sample_rate)
    grid = np.arange(np.floor(cents.min() / 400), np.ceil(cents.max() / 400) + 1) * 400
    place = (cents - grid[0]) / 400
    output = np.zeros_like(track)
    for index, centre in enumerate(grid):
        weight = np.clip(1 - np.abs(place - index), 0, None)
        if weight.any():
            output += weight * _low_pass(track, float(centre), resonance, sample_rate)
    return output


def _low_pass(track: np.ndarray, cents: float, resonance: float, sample_rate: int) -> np.ndarray:
    # Two poles as a bilinear biquad, applied in the frequency domain: exact for a fixed cutoff, and numpy has
    # no IIR.
    cutoff_hz = min(8.176 * 2 ** (cents / 1200), 0.49 * sample_rate)
    quality = max(resonance / np.sqrt(2), 0.5)
    omega = 2 * np.pi * cutoff_hz / sample_rate
    alpha, cosine = np.sin(omega) / (2 * quality), np.cos(omega)
    size = 1 << (len(track) + sample_rate // 10).bit_length()
    z = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size)
    response = (1 - cosine) / 2 * (1 + z) ** 2 / ((1 + alpha) - 2 * cosine * z + (1 - alpha) * z**2)
    # A resonance peak of n decibels lowers everything below it by n / 2 (section 8.1.2, initialFilterQ).
    return np.fft.irfft(np.fft.rfft(track, size) * response / np.sqrt(resonance), size)[: len(track)]

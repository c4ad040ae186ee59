"""Onsets of synthetic hits are known to the sample; found ones must lie within a millisecond."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from creativeml.audio.onset import find_onset

HITS = ("kick", "cosine", "sine", "noise", "hat", "snare", "clap", "click")
ATTACKS = ("none", "linear", "exponential", "cosine")


def hit(name: str, rate: int, seed: int = 0, seconds: float = 0.2) -> np.ndarray:
    """A drum-like sound that begins at its first sample, peak 1."""
    count = int(seconds * rate)
    time = np.arange(count) / rate
    noise = np.random.default_rng(seed).standard_normal(count)
    bursts = sum(g * np.exp(-(time - d) / 0.004) * (time >= d) for g, d in ((0.4, 0.0), (0.5, 0.011), (0.6, 0.022)))
    sound = {
        "kick": np.sin(2 * np.pi * (50 * time + 1.8 * (1 - np.exp(-time / 0.03)))) * np.exp(-time / 0.2),
        "cosine": np.cos(2 * np.pi * 55 * time) * np.exp(-time / 0.2),
        "sine": np.sin(2 * np.pi * 440 * time) * np.exp(-time / 0.1),
        "noise": noise * np.exp(-time / 0.05),
        "hat": np.diff(noise, n=2, prepend=[0.0, 0.0]) * np.exp(-time / 0.03),
        "snare": 0.6 * np.sin(2 * np.pi * 190 * time) * np.exp(-time / 0.08) + 0.2 * noise * np.exp(-time / 0.1),
        "clap": noise * (bursts + (time >= 0.03) * np.exp(-(time - 0.03) / 0.06)),
        "click": np.where(np.arange(count) < 3, [1.0, -0.6, 0.2] + [0.0] * (count - 3), 0.0),
    }[name]
    return sound / np.abs(sound).max()


def with_attack(sound: np.ndarray, shape: str, seconds: float, rate: int) -> np.ndarray:
    time = np.arange(len(sound)) / rate
    rise = {
        "none": np.ones(len(sound)),
        "linear": np.clip(time / seconds, 0, 1),
        "exponential": 1 - np.exp(-3 * time / seconds),
        "cosine": np.where(time < seconds, 0.5 - 0.5 * np.cos(np.pi * time / seconds), 1),
    }[shape]
    shaped = sound * rise
    return shaped / np.abs(shaped).max()


def audible_from(clean: np.ndarray, start: int, noise_level: float) -> int:
    """First sample at which the sound itself stands out of the noise: nobody can find it before."""
    return start + int(np.argmax(np.abs(clean) > 2 * noise_level))


@settings(max_examples=70, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(HITS),
    shape=st.sampled_from(ATTACKS),
    attack_ms=st.floats(1, 60),
    lead_ms=st.floats(0, 150),
    rate=st.sampled_from([22_050, 44_100, 48_000, 96_000]),
    level=st.sampled_from([1.0, 0.3, 0.01]),
    seed=st.integers(0, 99),
)
def test_after_silence_every_attack_is_found(name, shape, attack_ms, lead_ms, rate, level, seed):
    # A click is over before an attack has risen, and bursts under a swell are another sound.
    shape = "none" if name in ("click", "clap") else shape
    sound = with_attack(hit(name, rate, seed), shape, attack_ms / 1000, rate)
    start = round(lead_ms / 1000 * rate)
    recorded = np.round(level * np.concatenate([np.zeros(start), sound]) * 2**23) / 2**23
    found = find_onset(recorded, rate)
    first = audible_from(sound, start, 10 ** (-70 / 20))
    assert start - 0.001 * rate <= found <= first + 0.001 * rate


@settings(max_examples=70, deadline=None, derandomize=True)
@given(
    name=st.sampled_from(HITS),
    shape=st.sampled_from(ATTACKS),
    attack_ms=st.floats(1, 30),
    lead_ms=st.floats(15, 150),
    noise_db=st.floats(-90, -55),
    seed=st.integers(0, 99),
)
def test_out_of_the_noise_of_a_room(name, shape, attack_ms, lead_ms, noise_db, seed):
    rate = 44_100
    shape = "none" if name in ("click", "clap") else shape
    sound = with_attack(hit(name, rate, seed), shape, attack_ms / 1000, rate)
    start, noise_level = round(lead_ms / 1000 * rate), 10 ** (noise_db / 20)
    recorded = np.concatenate([np.zeros(start), sound])
    recorded += noise_level * np.random.default_rng(seed + 1).standard_normal(len(recorded))
    found = find_onset(recorded, rate)
    assert start - 0.001 * rate <= found <= audible_from(sound, start, noise_level) + 0.001 * rate


@pytest.mark.parametrize("noise_db", [-40, -30])
@pytest.mark.parametrize("name", ["kick", "snare", "noise", "sine"])
def test_even_out_of_loud_noise(name, noise_db):
    rate, start = 44_100, 4410
    sound = hit(name, rate)
    recorded = np.concatenate([np.zeros(start), sound])
    recorded += 10 ** (noise_db / 20) * np.random.default_rng(3).standard_normal(len(recorded))
    assert abs(find_onset(recorded, rate) - start) <= 0.0015 * rate


@pytest.mark.parametrize("container", ["MP3", "OGG"])
@pytest.mark.parametrize("name", [n for n in HITS if n != "click"])
def test_a_codecs_pre_echo_is_not_the_onset(container, name):
    rate, start = 44_100, 5000
    buffer = io.BytesIO()
    soundfile.write(buffer, np.concatenate([np.zeros(start), 0.7 * hit(name, rate)]), rate, format=container)
    buffer.seek(0)
    decoded, _ = soundfile.read(buffer)
    assert abs(find_onset(decoded, rate, lossy=True) - start) <= 0.001 * rate


def test_the_first_of_several_bursts_is_the_onset_even_if_soft():
    rate = 44_100
    grace = 0.05 * hit("snare", rate, seconds=0.06)
    recorded = np.concatenate([np.zeros(1000), grace, hit("snare", rate)])
    assert abs(find_onset(recorded, rate) - 1000) <= 44


def test_the_tail_of_the_hit_before_is_not_the_onset():
    rate = 44_100
    tail = 0.02 * hit("sine", rate, seconds=0.2)
    recorded = np.concatenate([tail, hit("snare", rate)])
    assert abs(find_onset(recorded, rate) - len(tail)) <= 44


@pytest.mark.parametrize("count", [1, 2, 3, 10, 11, 12, 100])
def test_very_short_sounds_have_an_onset(count):
    for lossy in (False, True):
        assert 0 <= find_onset(np.ones(count), 44_100, lossy=lossy) < count
        impulse = np.zeros(count)
        impulse[-1] = 1
        assert find_onset(impulse, 44_100, lossy=lossy) <= count - 1


def test_silence_has_none():
    with pytest.raises(ValueError, match="no onset"):
        find_onset(np.zeros(100), 44_100)

"""Onsets, onset strength and separation against librosa, and attacks against what they were made of."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import torch

from creativeml.audio.descriptors import onsets
from creativeml.audio.descriptors.attacks import attack_time, rise_begin
from creativeml.audio.descriptors.framing import Rows
from creativeml.audio.descriptors.onset_strength import onset_strength
from creativeml.audio.descriptors.separation import median, percussive_share, soft_percussive_share

RATE = 44_100


def bursts(*starts: int, samples: int = 40_000, seed: int = 0) -> np.ndarray:
    sound = 1e-4 * np.random.default_rng(seed).standard_normal(samples)
    for start in starts:
        fall = np.exp(-np.arange(samples - start) / 2000)
        sound[start:] += 0.3 * np.random.default_rng(start).standard_normal(samples - start) * fall
    return sound


SOUNDS = [bursts(0), bursts(3000), bursts(2000, 14_000, 27_000), bursts(10, 20_000) + 0.05 * np.sin(np.arange(40_000))]


@pytest.mark.parametrize("sound", SOUNDS)
def test_strength_and_picking_are_those_of_librosa(sound):
    strength = onset_strength(torch.from_numpy(sound)[None], RATE)[0].numpy()
    np.testing.assert_allclose(strength, librosa.onset.onset_strength(y=sound, sr=RATE), atol=1e-6)
    ours = onsets.backtrack(onsets.pick_peaks(strength, RATE), strength)
    theirs = librosa.onset.onset_detect(y=sound, sr=RATE, backtrack=True)
    assert ours.tolist() == theirs.tolist()


def test_events_are_found_before_they_begin():
    # The walk back goes down to the lowest point of the noise before, as the reference's does.
    starts = (6000, 16_000, 28_000)
    sound = bursts(*starts)
    strength = onset_strength(torch.from_numpy(sound)[None], RATE)[0].numpy()
    envelope = onsets.hold_envelope(sound, RATE, decay_s=0.1)
    found = onsets.find_onsets(strength, envelope, RATE, margin=512)
    assert all(last < onset <= start for last, onset, start in zip((0, *starts), found, starts, strict=False))
    assert len(found) == 3


def test_silence_has_one_onset_at_0():
    strength = onset_strength(torch.zeros(1, 5000), RATE)[0].numpy()
    assert onsets.find_onsets(strength, np.zeros(5000), RATE, margin=512) == [0]


def test_envelope_holds_for_10_ms_and_falls_linearly():
    click = np.zeros(10_000)
    click[100], click[9000] = -1.0, 0.2
    envelope = onsets.hold_envelope(click, RATE, decay_s=0.1)
    assert (envelope[:100] == 0).all() and (envelope[100 : 100 + 442] == 1).all()
    fall = 1 - np.arange(1, 4001) / (0.1 * RATE)
    np.testing.assert_allclose(envelope[542:4542], fall, atol=1e-9)
    assert envelope[9000] == 0.2


@pytest.mark.parametrize("sound", SOUNDS)
def test_percussive_share_is_that_of_librosa(sound):
    spectrum = librosa.stft(sound)
    levels = []
    for part in librosa.decompose.hpss(spectrum):
        heard = librosa.istft(part)
        starts = range(0, len(heard) - 1024, 512)
        rest = heard[len(starts) * 512 :]
        levels.append(sum(np.sqrt(np.mean(w**2)) for w in [*(heard[s : s + 1024] for s in starts), rest]))
    ours = percussive_share(torch.from_numpy(sound)[None])
    assert float(ours) == pytest.approx(levels[1] / sum(levels), abs=1e-4)


def test_soft_share_follows_the_exact_one():
    tone = 0.3 * np.sin(0.05 * np.arange(40_000))
    sounds = torch.from_numpy(np.stack([tone, tone + bursts(0), bursts(0)]))
    exact = percussive_share(sounds).log10()
    rows = Rows.of(sounds, 1024, count=4)
    soft = soft_percussive_share(rows, rows.powers(torch.hamming_window(4096, dtype=sounds.dtype), 4096))
    assert bool((soft.diff() > 0).all())
    assert float((soft - exact).abs()[1:].max()) < 0.25
    silence = Rows.of(torch.zeros(2, 9000), 1024, count=4)
    assert soft_percussive_share(silence, torch.zeros(0, 2049)).isfinite().all()


def test_median_continues_by_reflection():
    values = torch.rand(1, 10, 3, generator=torch.Generator().manual_seed(0))
    mirrored = np.pad(values.numpy(), ((0, 0), (15, 15), (0, 0)), mode="symmetric")
    expected = [np.median(mirrored[:, i : i + 31], axis=1) for i in range(10)]
    np.testing.assert_allclose(median(values, dim=1), np.stack(expected, axis=1))


def test_attack_of_a_ramp():
    silence, ramp = np.zeros(500), np.linspace(0, 1, 2001)
    seconds, begin = attack_time(np.concatenate([silence, ramp, ramp[::-1]]), RATE)
    # From a tenth to eight tenths of the rise, as the reference counts.
    assert seconds * RATE == pytest.approx(1401, abs=2)
    assert begin == pytest.approx(700, abs=2)
    assert rise_begin(np.concatenate([silence, ramp])) == pytest.approx(900, abs=2)


def test_attacks_at_the_limits():
    assert attack_time(np.array([1.0, 0.5, 0.0]), RATE) == (1 / RATE, 0)
    assert rise_begin(np.array([1.0, 0.5])) is None
    assert attack_time(np.linspace(0, 1, RATE), RATE)[0] == pytest.approx(0.1, abs=1e-4)
    assert attack_time(np.array([0.0, 0.0, 1.0, 0.3]), RATE)[0] == 1 / RATE

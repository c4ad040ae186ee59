"""One recording made into one row: mono, onset, rate, fades, nothing lost for being short."""

from __future__ import annotations

import numpy as np
import pytest

from creativeml.data.shape import NotASoundError, Shaped, mix_to_mono, remove_dc, shape_sound

RATE, LENGTH = 44_100, 16_384


def shape(channels: np.ndarray, rate: int = RATE, length: int = LENGTH) -> Shaped:
    return shape_sound(np.atleast_2d(channels), rate, RATE, length)


def tone(seconds: float, rate: int = RATE, frequency: float = 440.0, decay_s: float = 0.05) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return 0.8 * np.sin(2 * np.pi * frequency * time) * np.exp(-time / decay_s)


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("lead_s", [0.0, 0.0004, 0.013, 0.5])
def test_the_sound_begins_within_a_millisecond_of_the_start(rate, lead_s):
    recorded = np.concatenate([np.zeros(round(lead_s * rate)), tone(0.3, rate)])
    shaped = shape(recorded, rate)
    assert shaped.samples.shape == (LENGTH,)
    # The tone climbs through a tenth of its peak within 0.05 ms.
    first = np.flatnonzero(np.abs(shaped.samples) > 0.08)[0]
    assert first <= 0.001 * RATE
    assert abs(shaped.samples[0]) < 0.01 and shaped.samples[-1] == 0


def test_level_and_pitch_survive_a_change_of_rate():
    high, low = shape(tone(0.3, 96_000), 96_000), shape(tone(0.3))
    # The cosine of both: the same sound, but for a shift below a sample.
    assert high.samples @ low.samples / (np.linalg.norm(high.samples) * np.linalg.norm(low.samples)) > 0.998
    assert high.peak == pytest.approx(low.peak, rel=0.01)
    assert high.loudness_lufs == pytest.approx(low.loudness_lufs, abs=0.1)


@pytest.mark.parametrize("milliseconds", [5, 6, 8, 20])
def test_nothing_from_five_milliseconds_up_is_dropped(milliseconds):
    count = -(-milliseconds * RATE // 1000)
    shaped = shape(np.sin(2 * np.pi * 1000 * np.arange(count) / RATE))
    assert shaped.duration_s == pytest.approx(milliseconds / 1000, abs=0.001)
    assert np.abs(shaped.samples).max() > 0.9


def test_shorter_ones_and_silence_are_refused_with_the_figure():
    for sound, said in (
        (np.ones(1), "1 sample "),
        (np.ones(220), "220 samples"),
        (np.zeros(4410), "silent: its peak is zero"),
        (np.full(4410, 0.3), "silent: its peak is zero"),
        (5e-5 * tone(0.1), "silent: its peak is -8"),
    ):
        with pytest.raises(NotASoundError, match=said):
            shape(sound)


def test_a_start_away_from_zero_is_raised_without_touching_the_attack():
    recorded = np.cos(2 * np.pi * 60 * np.arange(8820) / RATE) * np.exp(-np.arange(8820) / 4000)
    shaped = shape(recorded)
    start = shaped.samples[:40]
    assert start[0] == 0 and np.abs(np.diff(start)).max() < 0.2
    preroll = round(0.0003 * RATE)
    assert np.allclose(shaped.samples[preroll : preroll + 4000], recorded[:4000], atol=1e-12)


def test_a_click_at_the_first_sample_is_not_faded_away():
    recorded = np.zeros(400)
    recorded[0] = 1.0
    assert np.abs(shape(recorded).samples).max() == pytest.approx(1.0)


def test_long_sounds_are_cut_with_a_fade_and_short_ones_padded_with_one():
    endless = shape(0.5 * np.sin(2 * np.pi * 300 * np.arange(RATE) / RATE))
    assert endless.duration_s == pytest.approx(LENGTH / RATE)
    assert np.abs(endless.samples[-3:]).max() < 1e-3 and np.abs(endless.samples[-2000:-1800]).max() > 0.4
    cut_off = shape(0.5 * np.sin(2 * np.pi * 300 * np.arange(4410) / RATE))
    last = np.flatnonzero(cut_off.samples)[-1]
    assert 4300 < last < 4500 and np.abs(np.diff(cut_off.samples)).max() < 0.03
    assert np.abs(np.diff(cut_off.samples[last - 5 :])).max() < 1e-3


def test_silence_after_the_sound_is_not_content():
    assert shape(np.concatenate([tone(0.1, decay_s=0.01), np.zeros(RATE)])).duration_s < 0.1


def test_channels_are_averaged_unless_they_cancel():
    left, right = tone(0.1), tone(0.1, frequency=500)
    mixed, notes = mix_to_mono(np.stack([left, right]))
    assert np.allclose(mixed, (left + right) / 2) and not notes
    mixed, notes = mix_to_mono(np.stack([0.9 * left, -left]))
    assert np.allclose(mixed, -left) and "channel 2" in notes[0]
    mixed, notes = mix_to_mono(np.stack([np.zeros_like(left), left]))
    assert np.allclose(mixed, left) and not notes


def test_a_constant_is_removed_whole_or_under_the_sound_alone():
    sound = np.concatenate([np.zeros(1000), tone(0.2), np.zeros(1000)])
    cleaned, constant = remove_dc(sound + 0.1, RATE)
    assert constant == pytest.approx(0.1) and np.allclose(cleaned, sound)
    noise = 0.001 * np.random.default_rng(0).standard_normal(len(sound))
    cleaned, constant = remove_dc(sound + noise + 0.05, RATE)
    assert constant == pytest.approx(0.05, abs=0.002) and abs(cleaned[:900].mean()) < 0.002
    shaped = shape(sound + 0.1)
    assert "constant" in shaped.notes[0] and abs(shaped.samples.mean()) < 0.002


def test_half_a_wave_more_on_one_side_is_no_constant():
    kick = tone(0.08, frequency=50, decay_s=0.03)
    cleaned, constant = remove_dc(kick, RATE)
    assert constant == 0 and cleaned is kick


def test_only_what_exceeds_full_scale_is_scaled_and_that_is_said():
    loud = shape(2.5 * tone(0.2))
    assert np.abs(loud.samples).max() == pytest.approx(1.0, abs=1e-6) and loud.peak > 1.8
    assert "scaled down by" in loud.notes[0]
    soft = shape(0.01 * tone(0.2))
    assert np.abs(soft.samples).max() == pytest.approx(soft.peak) and soft.peak < 0.01 and not soft.notes

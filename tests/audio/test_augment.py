from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from creativeml.audio.augment import INVARIANT, TRANSFORMS, AugmentConfig, DrumAugment, spectral, temporal
from creativeml.errors import CreativeMLError

RATE = 44100
LENGTH = 16384


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drums(batch: int = 6, samples: int = LENGTH) -> torch.Tensor:
    """Hits (batch, samples) of different pitch and decay: tone and noise, silent at the end."""
    time = torch.arange(samples, dtype=torch.float64) / RATE
    number = torch.arange(batch, dtype=torch.float64)[:, None]
    noise = torch.rand(batch, samples, generator=generator(7), dtype=torch.float64) * 2 - 1
    tone = torch.sin(2 * math.pi * (60 + 90 * number) * time + 0.5)
    sounds = (tone + 0.5 * noise) * torch.exp(-(20 + 10 * number) * time)
    sounds[:, samples * 3 // 4 :] = 0
    return (0.8 * sounds / sounds.abs().amax(1, keepdim=True)).float()


def sine(frequency_hz: float, samples: int = LENGTH) -> torch.Tensor:
    """Windowed sine (1, samples) in double precision."""
    time = torch.arange(samples, dtype=torch.float64) / RATE
    return (torch.sin(2 * math.pi * frequency_hz * time) * torch.hann_window(samples, dtype=torch.float64))[None]


def peak_frequency(sound: torch.Tensor) -> float:
    padded = torch.fft.rfft(sound, n=8 * sound.shape[-1]).abs()
    return float(padded.argmax()) * RATE / (8 * sound.shape[-1])


# Each transform alone


@pytest.mark.parametrize("semitones", [-2.0, -0.7, 0.0, 0.33, 2.0, 12.0])
@pytest.mark.parametrize("frequency_hz", [60.0, 440.0, 5000.0])
def test_speed_is_the_same_sine_read_at_another_rate(semitones, frequency_hz):
    changed = spectral.change_speed(sine(frequency_hz), torch.tensor([semitones]))
    speed = 2 ** (torch.tensor(semitones, dtype=torch.float64) / 12)
    position = torch.arange(LENGTH, dtype=torch.float64) * speed
    window = 0.5 - 0.5 * torch.cos(2 * math.pi * position / LENGTH)
    expected = torch.sin(2 * math.pi * frequency_hz * position / RATE) * window * (position < LENGTH)
    assert (changed[0] - expected).abs().max() < 2e-3


def test_an_octave_up_doubles_the_frequency_and_halves_the_length():
    changed = spectral.change_speed(sine(441.0), torch.tensor([12.0]))
    assert peak_frequency(changed[0]) == pytest.approx(882.0, abs=1.0)
    assert changed[0, LENGTH // 2 + 1 :].abs().max() < 1e-6


def test_speed_removes_what_would_fold_back():
    changed = spectral.change_speed(sine(15000.0), torch.tensor([12.0]))
    assert changed.abs().max() < 1e-4


def test_speed_keeps_the_onset_at_the_first_sample():
    sounds = drums()
    for semitones in (-2.0, 2.0):
        changed = spectral.change_speed(sounds, torch.full((len(sounds),), semitones))
        early = changed[:, :20].abs().amax(1) / sounds[:, :20].abs().amax(1)
        assert (early > 0.5).all() and (early < 1.5).all()


def test_silence_after_a_sound_stays_silent():
    noise = torch.rand(2, LENGTH, generator=generator()) - 0.5
    noise[:, LENGTH // 4 :] = 0
    p = dataclasses.replace(DrumAugment(only=()).draw(2, LENGTH, generator()), semitones=torch.tensor([-0.4, 1.0]))
    p = dataclasses.replace(p, tilt_db_per_octave=torch.tensor([0.5, -0.5]))
    changed = DrumAugment().apply_parameters(noise, p)
    assert changed[:, LENGTH // 2 :].abs().max() < 1e-5


def test_sounds_of_a_batch_get_their_own_speed():
    sounds, semitones = drums(3), torch.tensor([-2.0, 0.5, 1.7])
    together = spectral.change_speed(sounds, semitones)
    for index in range(3):
        alone = spectral.change_speed(sounds[index : index + 1], semitones[index : index + 1])
        assert torch.allclose(together[index], alone[0], atol=1e-5)


@pytest.mark.parametrize("slope", [-3.0, 1.5])
def test_tilt_has_the_slope_asked_for_and_is_causal(slope):
    impulse = torch.zeros(1, LENGTH, dtype=torch.float64)
    impulse[0, 100] = 1.0
    tilted = spectral.tilt_spectrum(impulse, torch.tensor([slope]), sample_rate=RATE)
    level_db = 20 * torch.log10(torch.fft.rfft(tilted[0], n=RATE).abs())
    for low in (125, 500, 2000, 8000):
        assert float(level_db[2 * low] - level_db[low]) == pytest.approx(slope, abs=0.03 * abs(slope))
    assert float(level_db[1000]) == pytest.approx(0.0, abs=0.02)
    assert tilted[0, :100].abs().max() < 2e-3 * tilted.abs().max()


def test_polarity_keeps_the_magnitude_spectrum():
    sounds = drums()
    turned = temporal.invert_polarity(sounds, torch.tensor([-1.0, 1.0] * 3))
    assert torch.allclose(torch.fft.rfft(turned).abs(), torch.fft.rfft(sounds).abs())
    assert torch.equal(turned[0], -sounds[0]) and torch.equal(turned[1], sounds[1])


def test_delay_moves_every_sample_and_keeps_energy():
    sounds, delays = drums(3), torch.tensor([0, 7, 44])
    delayed = temporal.delay(sounds, delays)
    assert torch.allclose(delayed.square().sum(1), sounds.square().sum(1), rtol=1e-6)
    for index, count in enumerate(delays.tolist()):
        assert not delayed[index, :count].any()
        assert torch.equal(delayed[index, count:], sounds[index, : LENGTH - count])


def test_gain_stops_at_full_scale_unless_the_input_was_above():
    sounds = torch.stack([torch.full((100,), peak) for peak in (0.5, 0.5, 0.8, 1.5, 0.0)])
    changed = temporal.change_gain(sounds, torch.tensor([-6.0206, 3.0, 6.0, 6.0, 6.0]))
    expected = torch.tensor([0.25, 0.5 * 10 ** (3 / 20), 1.0, 1.5, 0.0])
    assert torch.allclose(changed.amax(1), expected, atol=1e-5)


def test_attack_changes_the_onset_and_leaves_the_rest():
    sounds = torch.ones(2, LENGTH)
    shaped = temporal.shape_attack(sounds, torch.tensor([6.0, -6.0]), torch.full((2,), 0.004), sample_rate=RATE)
    at_onset, after_one, late = shaped[:, 0], shaped[:, round(0.004 * RATE)], shaped[:, round(0.06 * RATE) :]
    gain = torch.tensor([10**0.3, 10**-0.3])
    assert torch.allclose(at_onset, gain)
    assert torch.allclose(after_one, 1 + (gain - 1) / math.e, atol=1e-3)
    assert torch.allclose(late, torch.ones_like(late), atol=1e-5)


def decay_s(sounds: torch.Tensor) -> torch.Tensor:
    return temporal.decay_time(sounds, RATE)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.4])
def test_tail_lasts_the_factor_longer(factor):
    time = torch.arange(65536) / RATE
    decay = torch.tensor([12.0, 25.0, 60.0])[:, None]
    sounds = torch.exp(-decay * time) * torch.sin(2 * math.pi * 300 * time)
    stretched = temporal.stretch_tail(sounds, torch.full((3,), factor), sample_rate=RATE)
    assert torch.allclose(decay_s(stretched) / decay_s(sounds), torch.tensor(factor), rtol=0.06)


def test_a_longer_tail_does_not_raise_the_noise_after_it_for_ever():
    sounds = drums(6, 65536) + 1e-4
    raised = temporal.stretch_tail(sounds, torch.full((6,), 1.4), sample_rate=RATE) / sounds
    assert float(raised.max()) <= 100**0.4 * 1.001
    assert torch.allclose(raised[:, -1], torch.ones(6))


def test_noise_floor_has_its_level_and_ends_with_the_sound():
    sounds = torch.zeros(2, 65536)
    sounds[:, :22050] = 0.5
    noise = torch.rand(2, 65536, generator=generator())
    noisy = temporal.add_noise_floor(sounds, torch.tensor([-60.0, -math.inf]), noise, sample_rate=RATE)
    hiss = noisy - sounds
    level_db = 20 * torch.log10(hiss[0, :22050].square().mean().sqrt())
    assert float(level_db) == pytest.approx(-60.0, abs=0.1)
    assert not hiss[0, 22050 + round(0.06 * RATE) :].any()
    assert not hiss[1].any()


# All together


def test_the_chain_is_the_transforms_one_after_another():
    sounds = drums().double()
    augment = DrumAugment()
    p = augment.draw(6, LENGTH, generator(3))
    expected = spectral.change_speed(sounds, p.semitones)
    expected = spectral.tilt_spectrum(expected, p.tilt_db_per_octave, sample_rate=RATE)
    expected = temporal.stretch_tail(expected, p.tail_factor, sample_rate=RATE)
    expected = temporal.shape_attack(expected, p.attack_db, p.attack_time_s, sample_rate=RATE)
    factor = temporal.level_factor(temporal.peaks(expected), temporal.peaks(sounds), p.gain_db.double())
    expected = temporal.delay(expected * factor[:, None], p.shift_samples)
    expected = temporal.invert_polarity(expected, p.polarity)
    assert p.noise is not None
    expected = temporal.add_noise_floor(expected, p.noise_dbfs, p.noise, sample_rate=RATE)
    found = augment.apply_parameters(sounds, p)
    # The order of tilt and the fold-back filter, and where block edges fall, may differ a little.
    assert ((found - expected).square().mean(1) / expected.square().mean(1)).max() < 1e-3


def test_nothing_drawn_changes_nothing():
    sounds = drums()
    assert torch.equal(DrumAugment()(sounds, generator=generator(), probability=0.0), sounds)
    augment = DrumAugment(only=())
    assert torch.equal(augment(sounds, generator=generator(), probability=1.0), sounds)
    faint = DrumAugment()(sounds, generator=generator(), probability=0.02)
    untouched = [torch.equal(a, b) for a, b in zip(faint, sounds, strict=True)]
    assert any(untouched)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_each_name_uses_only_its_transform(name):
    neutral = DrumAugment(only=()).draw(64, 16, generator())
    drawn = DrumAugment(only=(name,)).draw(64, 16, generator())
    changed = {
        field.name
        for field in dataclasses.fields(drawn)
        if field.name not in ("noise", "attack_time_s")
        and not torch.equal(getattr(drawn, field.name), getattr(neutral, field.name))
    }
    assert len(changed) == 1 and changed.pop().startswith(name[:5] if name != "pitch" else "semitones")
    sounds = drums()
    assert not torch.equal(DrumAugment(only=(name,))(sounds, generator=generator()), sounds)


def test_parameters_stay_in_their_ranges_and_fill_them():
    config = AugmentConfig()
    p = DrumAugment(config).draw(4000, 1, generator())
    ranges = {
        "semitones": (-2, 2),
        "tilt_db_per_octave": (-1.5, 1.5),
        "attack_db": (-6, 6),
        "attack_time_s": config.attack_time_s,
        "tail_factor": config.tail_factor,
        "gain_db": config.gain_db,
        "polarity": (-1, 1),
        "shift_samples": (0, 44),
        "noise_dbfs": config.noise_dbfs,
    }
    for name, (low, high) in ranges.items():
        values = getattr(p, name)
        slack = 0.02 * (high - low)
        assert low - 1e-5 <= float(values.min()) <= low + slack, name
        assert high - slack <= float(values.max()) <= high + 1e-5, name
    half = DrumAugment(config).draw(4000, 1, generator(), probability=0.3)
    assert float((half.semitones != 0).float().mean()) == pytest.approx(0.3, abs=0.03)
    assert float((half.noise_dbfs > -math.inf).float().mean()) == pytest.approx(0.3, abs=0.03)


def test_the_generator_decides_everything():
    sounds, augment = drums(), DrumAugment()
    torch.manual_seed(1)
    first = augment(sounds, generator=generator(5))
    torch.manual_seed(2)
    assert torch.equal(first, augment(sounds, generator=generator(5)))
    assert not torch.equal(first, augment(sounds, generator=generator(6)))


@pytest.mark.parametrize("seed", range(4))
def test_full_scale_is_kept_and_all_is_finite(seed):
    sounds = drums(8) * torch.tensor([1.25, 1.25, 1.0, 0.1, 1e-4, 0.0, 1.25, 2.5])[:, None]
    config = AugmentConfig(pitch_semitones=7.0, tilt_db_per_octave=4.0, gain_db=(-12.0, 12.0))
    augmented = DrumAugment(config)(sounds, generator=generator(seed))
    assert torch.isfinite(augmented).all()
    limit = sounds.abs().amax(1).clamp(min=1.0)
    assert (augmented.abs().amax(1) <= limit * (1 + 1e-6)).all()


def test_peaks_are_kept_but_for_the_gain():
    sounds = drums()
    without_gain = [name for name in TRANSFORMS if name not in ("gain", "noise")]
    augmented = DrumAugment(only=without_gain)(sounds, generator=generator())
    assert torch.allclose(augmented.abs().amax(1), sounds.abs().amax(1), rtol=1e-5)


def test_a_sound_that_is_cut_at_the_end_fades():
    sounds = torch.sin(2 * math.pi * 300 * torch.arange(LENGTH) / RATE).repeat(4, 1)
    augmented = DrumAugment(only=("pitch", "shift"))(sounds, generator=generator(2))
    assert augmented[:, -3:].abs().max() < 0.01


@pytest.mark.parametrize("length", [1000, 4097, 16384])
def test_any_length_works(length):
    sounds = drums(2, length)
    assert DrumAugment()(sounds, generator=generator()).shape == (2, length)


@pytest.mark.parametrize("only", [None, INVARIANT])
@pytest.mark.parametrize("probability", [1.0, 0.4])
def test_gradients_are_those_of_finite_differences(only, probability):
    sounds = drums(3, 2048).double().requires_grad_()
    augment = DrumAugment(only=only)
    p = augment.draw(3, 2048, generator(4), probability)
    weights = torch.rand(3, 2048, generator=generator(8), dtype=torch.float64) - 0.5

    def objective(values: torch.Tensor) -> torch.Tensor:
        return (augment.apply_parameters(values, p) * weights).sum()

    (gradient,) = torch.autograd.grad(objective(sounds), sounds)
    assert torch.isfinite(gradient).all() and gradient.abs().amax(1).min() > 0
    for seed in range(4):
        direction = torch.randn(3, 2048, generator=generator(seed), dtype=torch.float64) * 0.1
        step = 1e-6
        with torch.no_grad():
            slope = (objective(sounds + step * direction) - objective(sounds - step * direction)) / (2 * step)
        assert float((gradient * direction).sum()) == pytest.approx(float(slope), rel=1e-4, abs=1e-6)


def test_interpolation_can_be_differentiated_twice():
    sounds = drums(2, 64).double().requires_grad_()
    semitones = torch.tensor([0.7, -1.3])
    assert torch.autograd.gradcheck(lambda x: spectral.change_speed(x, semitones), sounds)
    assert torch.autograd.gradgradcheck(lambda x: spectral.change_speed(x, semitones).square(), sounds)


def test_tables_made_during_inference_serve_training():
    spectral._tilt_table.cache_clear()
    spectral._kernel.cache_clear()
    sounds = drums(2, 3000).double()
    with torch.inference_mode():
        DrumAugment()(sounds, generator=generator())
    sounds.requires_grad_()
    DrumAugment()(sounds, generator=generator()).square().sum().backward()
    assert sounds.grad is not None and torch.isfinite(sounds.grad).all()


def test_wrong_settings_are_explained():
    with pytest.raises(CreativeMLError, match="no augmentation is called 'reverb'; known: pitch"):
        DrumAugment(only=("reverb",))
    with pytest.raises(CreativeMLError, match="give the lower end first"):
        AugmentConfig(gain_db=(0.0, -6.0))
    with pytest.raises(CreativeMLError, match="must stay above 0"):
        AugmentConfig(tail_factor=(0.0, 1.0))
    with pytest.raises(CreativeMLError, match="must not be negative"):
        AugmentConfig(pitch_semitones=-2.0)

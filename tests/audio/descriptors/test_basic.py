"""The acoustic descriptors against the standard's own meter, closed forms and librosa."""

from __future__ import annotations

import functools
import math
from types import SimpleNamespace
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from torch import Tensor

from creativeml.audio.descriptors import (
    attack_time,
    decay_time,
    fundamental,
    loudness,
    noisiness,
    spectral_centroid,
)
from creativeml.audio.io import read_audio
from creativeml.audio.loudness import integrated_loudness
from creativeml.files import project_folder

RATE = 44_100


def decay(fall_db: float) -> SimpleNamespace:
    return SimpleNamespace(
        exact=functools.partial(decay_time.exact, fall_db=fall_db),
        smooth=functools.partial(decay_time.smooth, fall_db=fall_db),
    )


MODULES: dict[str, Any] = {
    "loudness": loudness,
    "attack_time": attack_time,
    "decay_time_20": decay(20.0),
    "decay_time_60": decay(60.0),
    "spectral_centroid": spectral_centroid,
    "noisiness": noisiness,
    "fundamental": fundamental,
}
FACES = [(name, face) for name in MODULES for face in ("exact", "smooth")]
STARTER = ["kick/MBass-2_hit_2.flac", "snare/elec_hi_snare.flac", "hat_closed/hat_zild.flac", "tom/MTnr-1_hit_4.flac"]


def measure(name: str, face: str, sound: Tensor, rate: int = RATE) -> Tensor:
    return getattr(MODULES[name], face)(sound, rate)


def seconds(duration_s: float, rate: int = RATE) -> Tensor:
    return torch.arange(round(duration_s * rate), dtype=torch.float64) / rate


def tone(frequency_hz: float, duration_s: float = 1.0, constant_s: float = math.inf, rate: int = RATE) -> Tensor:
    """A sine that decays with a time constant."""
    time = seconds(duration_s, rate)
    return 0.5 * torch.sin(2 * math.pi * frequency_hz * time) * torch.exp(-time / constant_s)


def noise(duration_s: float = 1.0, constant_s: float = math.inf, seed: int = 0, rate: int = RATE) -> Tensor:
    time = seconds(duration_s, rate)
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(len(time), generator=generator, dtype=torch.float64) * torch.exp(-time / constant_s)


@functools.cache
def recorded(name: str) -> tuple[Tensor, int]:
    audio = read_audio(project_folder("datasets") / "starter" / name)
    return torch.from_numpy(audio.samples.mean(0)), audio.sample_rate


@functools.cache
def drums() -> list[tuple[Tensor, int]]:
    """Up to six sounds of each kind."""
    folder = project_folder("datasets") / "starter"
    kinds = [path for path in sorted(folder.iterdir()) if path.is_dir()]
    paths = [path for kind in kinds for path in sorted(kind.glob("*.flac"))[::6][:6]]
    sounds = [recorded(str(path.relative_to(folder))) for path in paths]
    return [(sound, rate) for sound, rate in sounds if rate >= 16_000 and len(sound) >= 0.01 * rate]


# --- what each one measures ---


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("face", ["exact", "smooth"])
def test_loudness_of_the_standards_tone(rate, face):
    sine = torch.sin(2 * math.pi * 997 * seconds(2.0, rate))
    assert float(measure("loudness", face, sine, rate)) == pytest.approx(-3.01, abs=0.04)
    assert float(measure("loudness", face, 0.1 * sine, rate)) == pytest.approx(-23.01, abs=0.04)


def test_loudness_equals_the_meter_for_recorded_drums():
    for sound, rate in drums():
        expected = integrated_loudness(sound.numpy(), rate)
        assert float(loudness.exact(sound, rate)) == pytest.approx(max(expected, -70), abs=0.02)


def test_a_loud_part_and_a_quiet_part_are_gated_as_the_standard_says():
    sound = torch.cat([tone(997, 2.0), 0.001 * tone(997, 8.0)])
    assert float(loudness.exact(sound, RATE)) == pytest.approx(integrated_loudness(sound.numpy(), RATE), abs=1e-3)
    assert float(loudness.smooth(sound, RATE)) == pytest.approx(float(loudness.exact(sound, RATE)), abs=0.3)


@pytest.mark.parametrize("rise_s", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("face", ["exact", "smooth"])
def test_attack_of_a_straight_ramp_is_four_fifths_of_it(rise_s, face):
    time = seconds(1.0)
    ramp = tone(997, 1.0) * (time / rise_s).clamp(max=1)
    assert float(measure("attack_time", face, ramp)) == pytest.approx(800 * rise_s, rel=0.02, abs=0.3)


@pytest.mark.parametrize("face", ["exact", "smooth"])
def test_attacks_that_are_shorter_than_the_window_have_its_length(face):
    click = torch.zeros(RATE, dtype=torch.float64)
    click[1000] = 1
    assert float(measure("attack_time", face, click)) == pytest.approx(1.5, abs=0.3)
    for constant_s in (0.05, 0.3):
        assert 2.0 < float(measure("attack_time", face, tone(1000, 1.0, constant_s))) < 3.0


@pytest.mark.parametrize("face", ["exact", "smooth"])
@pytest.mark.parametrize("constant_s", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("fall_db", [20, 60])
def test_decay_times_of_exponentials_follow_from_the_time_constant(face, constant_s, fall_db):
    for sound in (tone(800, 2.0, constant_s), noise(2.0, constant_s)):
        expected = 1000 * constant_s * math.log(10) * fall_db / 20
        # The attack ends within the first 2 ms, and noise has no smooth decay.
        tolerance = 2.5 + (0.0 if sound[0] == 0 else 0.03 * expected)
        assert float(measure(f"decay_time_{fall_db}", face, sound)) == pytest.approx(expected, abs=tolerance)


def test_decay_begins_at_the_end_of_the_attack():
    swell = tone(800, 2.0) * torch.cat([seconds(1.0), torch.exp(-seconds(1.0) / 0.05)])
    # Energy of the swell 1/6 (of a steady second), of the decay 0.0125: what is left falls as that part of their sum.
    tail_ms = 25 * math.log(0.0125 / (1 / 6 + 0.0125) / 1e-6)
    assert float(decay_time.exact(swell, RATE, fall_db=60)) == pytest.approx(100 + tail_ms, rel=0.02)


def test_the_centroid_of_a_tone_and_of_two():
    assert float(spectral_centroid.exact(tone(2000), RATE)) == pytest.approx(2000, rel=0.01)
    assert float(spectral_centroid.exact(tone(1000) + tone(3000), RATE)) == pytest.approx(2000, rel=0.01)
    assert float(spectral_centroid.exact(noise(2.0), RATE)) == pytest.approx(RATE / 4, rel=0.01)


def test_the_centroid_is_librosas_weighted_by_energy():
    for sound, rate in [recorded(name) for name in STARTER]:
        if rate != RATE:
            continue
        # As many samples as fill whole hops, so that both see the same frames.
        samples = np.pad(sound.numpy(), (0, -len(sound) % 512))
        spectrum = np.abs(librosa.stft(samples, n_fft=2048, hop_length=512, pad_mode="constant"))
        centroids = librosa.feature.spectral_centroid(S=spectrum, sr=rate)[0]
        energies = np.square(spectrum).sum(0)
        expected = np.average(centroids, weights=energies)
        assert float(spectral_centroid.exact(sound, rate)) == pytest.approx(expected, rel=1e-3)


def test_noisiness_orders_tones_noise_and_clicks():
    click = torch.zeros(RATE, dtype=torch.float64)
    click[RATE // 2] = 1
    values = [float(noisiness.exact(s, RATE)) for s in (tone(440), tone(440, 1.0, 0.1), noise(), click)]
    assert values[0] < 1 and values[1] < 10
    assert values[2] == pytest.approx(100 * math.exp(-np.euler_gamma), rel=0.04)
    assert values[3] == pytest.approx(100, abs=1)


def test_noise_of_any_colour_is_noise():
    spectrum = torch.fft.rfft(noise(2.0))
    pink = torch.fft.irfft(spectrum / (1 + torch.arange(len(spectrum))) ** 0.5)
    # Of a third of its energy, that below 250 Hz, the slope within the one band shows.
    assert float(noisiness.exact(pink, RATE)) == pytest.approx(49, abs=4)


def test_noisiness_agrees_with_librosas_flatness_within_a_band():
    band = torch.fft.rfft(noise(2.0) + 0.03 * tone(1500, 2.0))
    hertz = torch.arange(len(band)) / 2.0
    sound = torch.fft.irfft(band * ((hertz > 900) & (hertz < 2200)))
    spectrum = np.abs(librosa.stft(sound.numpy(), n_fft=2048, hop_length=512, pad_mode="constant"))
    bins = np.arange(1025) * RATE / 2048
    inside = spectrum[(bins >= 1000) & (bins < 2000)]
    flatness = librosa.feature.spectral_flatness(S=inside, amin=1e-20)[0]
    # Of two seconds of steady sound only the edges are weighted differently.
    assert float(noisiness.exact(sound, RATE)) == pytest.approx(100 * flatness[4:-4].mean(), rel=0.25)


@pytest.mark.parametrize("rate", [16_000, 44_100, 96_000])
@pytest.mark.parametrize("frequency_hz", [45.0, 180.0, 523.25, 2093.0])
def test_the_fundamental_of_decaying_tones(rate, frequency_hz):
    for constant_s in (0.05, 0.3):
        sound = tone(frequency_hz, 1.0, constant_s, rate)
        assert float(fundamental.exact(sound, rate)) == pytest.approx(frequency_hz, rel=0.01)
        assert float(fundamental.smooth(sound, rate)) == pytest.approx(frequency_hz, rel=0.02)


def test_the_fundamental_agrees_with_librosas_yin_also_where_the_second_partial_is_stronger():
    for amplitudes in ((1.0, 0.5, 0.3, 0.2, 0.1), (0.7, 1.0, 0.5, 0.3, 0.1)):
        sound = torch.stack([a * tone(150.0 * k, 1.0, 0.4) for k, a in enumerate(amplitudes, 1)]).sum(0)
        expected = np.median(librosa.yin(sound.numpy(), fmin=60, fmax=1000, sr=RATE)[4:40])
        assert expected == pytest.approx(150, rel=0.01)
        assert float(fundamental.exact(sound, RATE)) == pytest.approx(expected, rel=0.01)
        assert float(fundamental.smooth(sound, RATE)) == pytest.approx(expected, rel=0.02)


def test_a_kick_whose_pitch_falls_has_the_pitch_at_which_it_stays():
    time = seconds(0.6)
    falling = 55 + 250 * torch.exp(-time / 0.02)
    kick = 0.5 * torch.sin(2 * math.pi * falling.cumsum(0) / RATE) * torch.exp(-time / 0.15)
    assert float(fundamental.exact(kick, RATE)) == pytest.approx(55, rel=0.04)


# --- what all of them promise ---


@pytest.mark.parametrize(("name", "face"), FACES)
def test_batches_shapes_and_precisions(name, face):
    batch = torch.stack([tone(200, 0.3, 0.05), noise(0.3, 0.05), tone(3000, 0.3, 0.1)])
    values = measure(name, face, batch)
    single = torch.stack([measure(name, face, sound) for sound in batch])
    assert values.shape == (3,) and values.dtype == torch.float64
    assert torch.allclose(values, single, rtol=1e-6)
    assert measure(name, face, batch.reshape(3, 1, -1)).shape == (3, 1)
    assert measure(name, face, batch[0]).shape == ()
    assert torch.allclose(measure(name, face, batch.float()).double(), values, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(("name", "face"), FACES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_silence_and_dc_have_finite_values_and_gradients(name, face, dtype):
    expected = {"loudness": -70.0}.get(name, 0.0)
    for level in (0.0, 0.5, 1e-9):
        sound = torch.full((2, 4410), level, dtype=dtype, requires_grad=True)
        values = measure(name, face, sound)
        assert values.isfinite().all()
        if level == 0:
            assert values.detach() == pytest.approx(torch.full((2,), expected), abs=1e-4)
        if face == "smooth":
            values.sum().backward()
            assert sound.grad is not None and sound.grad.isfinite().all()


@pytest.mark.parametrize("name", MODULES)
def test_the_smooth_face_has_the_right_gradient(name):
    rate = 16_000
    generator = torch.Generator().manual_seed(3)
    time = seconds(0.02, rate)
    sound = torch.sin(2 * math.pi * 900 * time) + 0.5 * torch.randn(len(time), generator=generator, dtype=torch.float64)
    sound = (0.3 * sound * (time / 0.006).clamp(max=1) * torch.exp(-time / 0.004)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: MODULES[name].smooth(x, rate), (sound,), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("name", "face"), FACES)
def test_gain_polarity_and_silence_around_change_nothing(name, face):
    for sound in (tone(200, 0.4, 0.05), noise(0.4, 0.04)):
        value = float(measure(name, face, sound))
        assert float(measure(name, face, -sound)) == pytest.approx(value, rel=1e-6)
        louder = float(measure(name, face, 0.25 * sound))
        assert louder == pytest.approx(value + 20 * math.log10(0.25) if name == "loudness" else value, rel=2e-3)
        # Silence in front moves the frames of the spectra, and the blocks of the loudness.
        moved = {"loudness": 0.08, "spectral_centroid": 0.05, "noisiness": 0.12}
        after = torch.cat([sound, torch.zeros(5000, dtype=sound.dtype)])
        before = torch.cat([torch.zeros(3331, dtype=sound.dtype), sound])
        assert float(measure(name, face, after)) == pytest.approx(value, rel=moved.get(name, 0.01))
        assert float(measure(name, face, before)) == pytest.approx(value, rel=moved.get(name, 0.02), abs=0.2)


@pytest.mark.parametrize("name", MODULES)
def test_the_sample_rate_does_not_matter(name):
    for make in (functools.partial(tone, 200, 0.5, 0.05), functools.partial(tone, 3000, 0.5, 0.1)):
        at_44, at_96 = (float(measure(name, "exact", make(rate=rate), rate)) for rate in (44_100, 96_000))
        # The centroid alone looks up to half the rate, where a tone's sudden beginning still has its skirts.
        assert at_96 == pytest.approx(at_44, rel=0.08 if name == "spectral_centroid" else 0.02, abs=0.1)


def test_the_faces_agree_on_recorded_drums():
    def ratios(name: str) -> np.ndarray:
        pairs = [(measure(name, "exact", s, r), measure(name, "smooth", s, r)) for s, r in drums()]
        return np.array([abs(math.log(max(float(b), 0.1) / max(float(a), 0.1))) for a, b in pairs])

    for name, median, most in (
        ("attack_time", 0.02, 0.4),
        ("decay_time_20", 0.015, 0.1),
        ("decay_time_60", 0.005, 0.05),
        ("fundamental", 0.03, 0.7),
    ):
        found = ratios(name)
        assert np.median(found) < median and np.quantile(found, 0.9) < most, name
    loud = [float(loudness.exact(s, r) - loudness.smooth(s, r)) for s, r in drums()]
    assert np.median(np.abs(loud)) < 0.02 and np.quantile(np.abs(loud), 0.9) < 0.4


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("direction", [1, -1])
def test_gradient_ascent_moves_a_real_snare_where_it_is_asked_to(name, direction):
    sound, rate = recorded("snare/drum_snare_hard.flac")
    # Something to begin with also after the end: the energy of digital silence has no slope.
    sound = torch.nn.functional.pad(sound, (0, 1 << 14))[: 1 << 15] + 1e-5 * noise(seed=1).float()[: 1 << 15]
    start = float(measure(name, "exact", sound, rate))
    # What is 60 dB down is touched by small steps only, and a peak of the spectrum moves slowly.
    rate_of = {"decay_time_60": 1e-4, "fundamental": 1e-2}
    sound = sound.requires_grad_()
    optimiser = torch.optim.Adam([sound], lr=rate_of.get(name, 3e-3))
    smooth = MODULES[name].smooth
    for _ in range(100 if name == "fundamental" else 60):
        optimiser.zero_grad()
        (-direction * smooth(sound, rate)).backward()
        optimiser.step()
    end = float(measure(name, "exact", sound.detach(), rate))
    moved = direction * (end - start if name in ("loudness", "noisiness") else 100 * math.log(end / start))
    assert moved >= {"loudness": 3, "noisiness": 8, "fundamental": 5, "decay_time_60": 10}.get(name, 20), (start, end)

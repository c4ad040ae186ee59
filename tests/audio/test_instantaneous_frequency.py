"""Pictures of level and instantaneous frequency: a sine has its own frequency, recordings come back."""

import csv
import math

import numpy as np
import pytest
import scipy.signal
import soundfile
import torch

from creativeml.audio.instantaneous_frequency import (
    FLOOR_DB,
    HELD_DB,
    demodulated_stft,
    from_picture,
    inverse_demodulated_stft,
    to_picture,
)
from creativeml.files import project_folder
from creativeml.losses.spectral import log_mel_pyramid, pyramid_distance

RATE, WINDOW, HOP, LENGTH = 44100, 1024, 256, 65536


def picture_of(sounds):
    return to_picture(demodulated_stft(sounds, WINDOW, HOP))


def sound_of(picture):
    return inverse_demodulated_stft(from_picture(picture), HOP)


def recordings(count):
    starter = project_folder("datasets") / "starter"
    with (starter / "manifest.csv").open(newline="", encoding="utf-8") as file:
        paths = [row["path"] for row in csv.DictReader(file)]
    sounds = torch.zeros(count, LENGTH)
    for sound, path in zip(sounds, paths[:: len(paths) // count], strict=False):
        samples, _ = soundfile.read(starter / path, dtype="float32", always_2d=True)
        part = torch.from_numpy(samples[:LENGTH].mean(1))
        sound[: len(part)] = 0.9 * part / part.abs().max()
    return sounds


def test_the_spectrum_is_scipys_but_for_the_rotation_of_each_bin():
    sound = torch.randn(1, 8192, generator=torch.Generator().manual_seed(0))
    ours = demodulated_stft(sound, WINDOW, HOP)[0].numpy()
    transform = scipy.signal.ShortTimeFFT(scipy.signal.windows.hann(WINDOW, sym=False), HOP, fs=RATE)
    theirs = transform.stft(sound[0].double().numpy(), p0=0, p1=32) * 4 / WINDOW
    assert ours.shape == (512, 32)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs[:512]), atol=2e-5)
    # The rotation: a cosine at the bin's centre that runs through the whole sound.
    middle = np.exp(-2j * np.pi * np.outer(np.arange(512), np.arange(32) * HOP) / WINDOW)
    # scipy measures the phase in the middle of a frame.
    np.testing.assert_allclose(ours, theirs[:512] * middle, atol=2e-5)


@pytest.mark.parametrize("hz", [440.0, 1003.7, 5000.0, 15000.0])
def test_the_instantaneous_frequency_of_a_sine_is_its_frequency(hz):
    time = torch.arange(LENGTH, dtype=torch.float64) / RATE
    level, turned = picture_of((0.5 * torch.sin(2 * math.pi * hz * time)).float()[None])[0]
    # Wherever the main lobe of the window reaches, away from the ends.
    loud = level[:, 100] > level[:, 100].max() - 0.2
    bins = torch.nonzero(loud).flatten()
    assert len(bins) >= 2
    centre_hz = bins * RATE / WINDOW
    measured = centre_hz[:, None] + turned[bins, 8:248] * RATE / (2 * HOP)
    assert float((measured - hz).abs().max()) < 0.05
    # Half of full scale, read off where the sine is nearest to a bin: at most 1.42 dB less between two bins.
    read_db = FLOOR_DB * (1 - float(level.max())) / 2
    assert -6.03 - 1.43 < read_db < -6.01


def test_a_click_at_the_first_sample_has_phase_zero_and_silence_stays_silent():
    sounds = torch.zeros(2, LENGTH)
    sounds[0, 0] = 1.0
    picture = picture_of(sounds)
    assert float(picture[0, 1, :, 0].abs().max()) < 1e-4
    assert torch.equal(picture[1, 0], torch.full((512, 256), -1.0)) and not bool(picture[1, 1].any())
    assert float(sound_of(picture[1:]).abs().max()) == 0.0


def test_recordings_come_back():
    """Through the picture and back: the waveform within -45 dB, the spectrum within 0.3 dB, for every one of 24."""
    sounds = recordings(24)
    picture = picture_of(sounds)
    assert float(picture.abs().max()) <= 1.001
    back = sound_of(picture)
    error_db = 10 * torch.log10((back - sounds).square().sum(1) / sounds.square().sum(1))
    assert float(error_db.max()) < -35 and float(error_db.median()) < -45
    distance_db = 80 * pyramid_distance(log_mel_pyramid(sounds, RATE), log_mel_pyramid(back, RATE))
    assert float(distance_db.max()) < 0.5 and float(distance_db.mean()) < 0.15


def test_sound_after_silence_comes_back_in_phase():
    """A gap below the floor must not shift what follows: two bursts of noise, and near-silence between them."""
    random = torch.Generator().manual_seed(1)
    sound = 1e-6 * torch.randn(1, LENGTH, generator=random)
    for start in (0, 20_001):
        sound[:, start : start + 3000] = 0.3 * torch.randn(3000, generator=random)
    back = sound_of(picture_of(sound))
    second = slice(20_001, 23_001)
    error = (back - sound)[:, second].square().sum() / sound[:, second].square().sum()
    # The bin at half the sample rate, which the picture leaves out, is 1 / 1024 of white noise twice over.
    assert 10 * math.log10(float(error)) < -25


def test_only_what_is_near_the_floor_loses_its_frequency():
    sounds = recordings(4)
    level, turned = picture_of(sounds).unbind(1)
    spectrum = demodulated_stft(sounds, WINDOW, HOP)
    phase = torch.cat([torch.zeros_like(spectrum[..., :1].real), spectrum.angle()], dim=-1)
    plain = (np.diff(phase.numpy().astype(np.float64)) / np.pi + 1) % 2 - 1
    heard = (level > -1 + 2 * HELD_DB / -FLOOR_DB).numpy()
    before = np.concatenate([np.ones_like(heard[..., :1]), heard[..., :-1]], axis=-1)
    difference = (turned.numpy() - plain + 1) % 2 - 1
    assert (heard & before).mean() > 0.05
    assert np.abs(difference[heard & before]).max() < 1e-4
    assert np.abs(turned.numpy()[~heard]).max() == 0.0

"""The distance that a search follows: deaf to the draw of noise and to gain, with a way from one pitch to another."""

import math

import torch

from creativeml.losses.matching import Match
from creativeml.losses.spectral import log_mel_pyramid, pyramid_distance

RATE, LENGTH = 44100, 32768


def noise(seed: int, tilt: float = 0.0) -> torch.Tensor:
    """White noise that dies away, `(1, samples)`; its spectrum falls by `tilt` dB per octave about 1 kHz."""
    white = torch.randn(1, LENGTH, generator=torch.Generator().manual_seed(seed))
    hz = torch.fft.rfftfreq(LENGTH, 1 / RATE).clamp(min=20.0)
    shaped = torch.fft.irfft(torch.fft.rfft(white) * 10 ** (-tilt / 20 * torch.log2(hz / 1000)), LENGTH)
    return shaped * torch.exp(-torch.arange(LENGTH) / 6000) / shaped.abs().max()


def tone(hz: float | torch.Tensor) -> torch.Tensor:
    time = torch.arange(LENGTH) / RATE
    return (torch.sin(2 * math.pi * hz * time) * torch.exp(-time / 0.08))[None]


def test_a_recording_is_at_no_distance_from_itself_however_loud():
    match = Match(noise(0)[0], RATE)
    assert float(match.distance(noise(0))) < 1e-3
    assert float(match.distance(0.1 * noise(0))) < 1e-3


def test_another_draw_of_the_same_noise_is_nearer_than_other_noise_by_far():
    match = Match(noise(0)[0], RATE)
    draw, tilted = (float(match.distance(noise(1, tilt))) for tilt in (0.0, 3.0))
    assert tilted > 3 * draw
    # A fine spectrogram sees the draw rather than the tilt.
    pyramid = log_mel_pyramid(noise(0), RATE)
    fine = [float(pyramid_distance(log_mel_pyramid(noise(1, tilt), RATE), pyramid)) for tilt in (0.0, 3.0)]
    assert tilted / draw > 1.5 * fine[1] / fine[0]


def test_a_level_that_differs_counts_its_decibels():
    """Half of the bands of a flat spectrum raised by 6 dB, the others lowered by 6: that is 6 dB, whatever the gain."""
    match = Match(noise(0)[0], RATE)
    spectrum = torch.fft.rfft(noise(0))
    mel = 1127 * torch.log1p(torch.fft.rfftfreq(LENGTH, 1 / RATE) / 700)
    # On the mel scale, and slower than the widest band.
    steps = torch.where(torch.sin(2 * math.pi * mel / 1900) > 0, 2.0, 0.5)
    made = torch.fft.irfft(spectrum * steps, LENGTH)
    assert 3.0 < float(match.distance(made)) < 7.0


def test_distance_and_gradient_lead_from_one_pitch_to_another():
    match = Match(tone(200.0)[0], RATE)
    away = [float(match.distance(tone(200.0 * 2 ** (semitones / 12)))) for semitones in (0, 1, 2, 4, 7, 12)]
    assert away == sorted(away) and away[0] < 1e-3
    for start, towards in ((150.0, -1), (190.0, -1), (215.0, 1), (290.0, 1)):
        hz = torch.tensor(start, requires_grad=True)
        match.distance(tone(hz)).sum().backward()
        assert hz.grad is not None and float(hz.grad) * towards > 0, start


def test_silence_and_shortness_are_finite():
    for recording, sounds in ((noise(0), torch.zeros(2, LENGTH)), (torch.zeros(1, 9000), torch.zeros(2, 9000))):
        sounds.requires_grad_(True)
        away = Match(recording[0], RATE).distance(sounds)
        away.sum().backward()
        assert away.shape == (2,) and bool(away.isfinite().all())
        assert sounds.grad is not None and bool(sounds.grad.isfinite().all())

"""Partials: known sines are found where and as loud as they are, noise and silence have none."""

import math

import torch

from creativeml.audio.partials import WINDOW_SAMPLES, find_partials

RATE, SAMPLES, FRAMES = 44100, 65536, 256
PLACES = 620.0 * torch.exp(torch.arange(64) * 0.0487 + 0.024)
REACH = 0.45 * 0.0487


def sine(hz: float, amplitude: float, decay_s: float) -> torch.Tensor:
    time = torch.arange(SAMPLES) / RATE
    return amplitude * torch.exp(-time / decay_s) * torch.sin(2 * math.pi * hz * time + 1.0)


def test_decaying_sines_in_noise_are_found():
    torch.manual_seed(0)
    offsets = {10: 0.5 * REACH, 25: -0.8 * REACH, 26: 0.0, 50: 0.2 * REACH}
    sound = 0.003 * torch.randn(SAMPLES)
    for place, offset in offsets.items():
        sound += sine(float(PLACES[place]) * math.exp(offset), 0.2, 0.6)
    found = find_partials(sound[None], RATE, PLACES, REACH, FRAMES)
    assert set((~found.offsets[0].isnan()).nonzero().flatten().tolist()) == set(offsets)
    at = torch.arange(FRAMES) * (SAMPLES / FRAMES / RATE)
    later = at > WINDOW_SAMPLES / 2 / RATE
    for place, offset in offsets.items():
        # A tenth of a bin of 11 Hz.
        assert abs(float(found.offsets[0, place]) - offset) < 1.1 / float(PLACES[place])
        true = 0.2 * torch.exp(-at / 0.6)
        db = 20 * (found.amplitudes[0, place] / true).log10()[later][:-8]
        assert float(db.abs().max()) < 2.0, "half a bin off the middle costs 1.4 dB"
    assert not bool(found.amplitudes[0, 40].any())
    # What is left beside the peaks is the noise.
    hz = torch.tensor([float(PLACES[place]) * math.exp(offset) for place, offset in offsets.items()])
    bins = (hz / RATE * WINDOW_SAMPLES).round().long()
    apart = 10 * (found.spectrum / found.residue).log10()[0]
    assert float(apart[bins].min()) > 15 and float(apart.median()) < 3


def test_noise_and_silence_have_no_partials():
    torch.manual_seed(1)
    time = torch.arange(SAMPLES) / RATE
    fades = torch.tensor([10.0, 1.0, 0.3, 0.1])[:, None]
    noises = torch.randn(4, SAMPLES).repeat(8, 1) * torch.exp(-time / fades).repeat(8, 1)
    found = find_partials(torch.cat([noises, torch.zeros(1, SAMPLES)]), RATE, PLACES, REACH, FRAMES)
    wrong = (~found.offsets.isnan()).float().mean(1)
    assert float(wrong[:-1].mean()) < 0.01 and float(wrong[-1]) == 0
    assert bool(found.amplitudes.isfinite().all())
    taken = 10 * (found.spectrum / found.residue).log10().mean(1)
    assert float(taken.max()) < 0.1, "noise stays what it is"


def test_gain_changes_amplitudes_only():
    sound = (sine(1000.0, 0.5, 0.4) + sine(3333.0, 0.1, 0.2))[None]
    loud, soft = (find_partials(g * sound, RATE, PLACES, REACH, FRAMES) for g in (1.0, 0.1))
    torch.testing.assert_close(loud.offsets, soft.offsets, equal_nan=True, atol=1e-4, rtol=0)
    torch.testing.assert_close(loud.amplitudes, 10 * soft.amplitudes, atol=1e-4, rtol=0.05)

"""Figures of craft against sounds that were made to have them; shaped noise against what it was fitted to."""

import pytest
import torch

from creativeml.evaluation.craft import craft_figures
from creativeml.evaluation.shaped_noise import ShapedNoise

RATE = 44100


def test_figures_of_a_known_sound():
    time = torch.arange(RATE) / RATE
    sound = 0.5 * torch.sin(2 * torch.pi * 1000 * time) * torch.exp(-time / 0.05)
    late = torch.nn.functional.pad(sound, (441, 0))[:RATE]
    figures = {k: v.tolist() for k, v in craft_figures(torch.stack([sound, late, late + 0.01]), RATE).items()}
    assert figures["peak"][0] == pytest.approx(-6.02, abs=0.1)
    assert figures["onset"] == pytest.approx([0.02, 10.02, 10.0], abs=0.05)
    # 40 dB of an exponential take 4.6 time constants.
    assert figures["decay"][0] == pytest.approx(230, abs=3)
    assert figures["centroid"][0] == pytest.approx(1000, abs=30)
    assert figures["offset"][0] < -60 and figures["offset"][2] == pytest.approx(-34, abs=1)
    assert figures["tail"][0] < -100 and figures["tail"][2] == pytest.approx(-34, abs=1)
    assert figures["end_step"][2] == pytest.approx(-34, abs=1)


def test_clicks_are_counted_and_noise_is_none():
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(RATE) / RATE
    hit = torch.exp(-time / 0.1) * (torch.sin(2 * torch.pi * 200 * time) + 0.3 * torch.randn(RATE, generator=generator))
    clicked = hit.clone()
    clicked[[9000, 9003, 20000]] += 1.0  # two places: what lies within 4 ms is one click
    stepped = hit.clone()
    stepped[15000:] = 0  # cut off where it is loud
    figures = craft_figures(torch.stack([hit, clicked, stepped]), RATE)
    assert figures["clicks"].tolist() == [0, 2, 0] and hit[14999].abs() < 0.05
    square = torch.sign(torch.sin(2 * torch.pi * 50 * time))
    assert craft_figures(square[None], RATE)["clicks"].item() >= 90


def test_bandwidth_and_noise_floor():
    generator = torch.Generator().manual_seed(0)
    spectrum = torch.fft.rfft(torch.randn(1, RATE, generator=generator))
    spectrum[:, 9000:] = 0
    time = torch.arange(RATE) / RATE
    hit = torch.fft.irfft(spectrum, RATE) * (time / 0.01).clamp_max(1).square() * torch.exp(-time / 0.02)
    hiss = 1e-3 * torch.randn(1, RATE, generator=generator)
    padded = torch.nn.functional.pad(hit[:, : RATE // 5], (0, RATE - RATE // 5))
    figures = craft_figures(torch.cat([hit, hit / hit.abs().max() + hiss, padded]), RATE)
    assert figures["bandwidth"][0].item() == pytest.approx(9000, abs=600) and figures["bandwidth"][1] > 20000
    assert figures["noise_floor"][1].item() == pytest.approx(-60, abs=1) and figures["tail"][1] == pytest.approx(
        -60, abs=1
    )
    # Silence behind the sound is no low noise floor.
    assert figures["noise_floor"][2] > -95 and figures["tail"][2] == -120


def test_silence_has_finite_figures():
    assert all(torch.isfinite(v).all() for v in craft_figures(torch.zeros(2, 4096), RATE).values())


def test_shaped_noise_has_the_spectrum_and_envelope_of_its_kind():
    generator = torch.Generator().manual_seed(0)
    time = torch.arange(16384) / RATE
    spectrum = torch.fft.rfft(torch.randn(30, 16384, generator=generator))
    spectrum[:, : 16384 * 5000 // RATE] = 0
    sounds = torch.fft.irfft(spectrum, 16384) * torch.exp(-time / 0.05)
    noise = ShapedNoise([("hat", sounds[:15]), ("hat", sounds[15:])])
    made = noise.generate("hat", 20, torch.Generator().manual_seed(1))
    assert made.shape == (20, 16384) and made.abs().amax() == pytest.approx(1)
    assert torch.equal(made, noise.generate("hat", 20, torch.Generator().manual_seed(1)))
    power = torch.fft.rfft(made).abs().square().mean(0)
    assert power[: 16384 * 4000 // RATE].sum() < 0.02 * power.sum()
    early, late = made[:, 500:1500].abs().mean(), made[:, 2705:3705].abs().mean()
    assert (late / early).item() == pytest.approx(torch.exp(torch.tensor(-1.0)).item(), rel=0.2)

"""Oscillators: the frequency asked for, falling sweeps, gradients."""

import math

import torch

from creativeml.layers.oscillators import REACH_NEPERS, SWEEP_NEPERS, OscillatorBank

RATE = 2756.25


def still(bank: OscillatorBank) -> OscillatorBank:
    for layer in (bank.to_tuning, bank.to_sweep):
        torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(bank.to_tuning.bias)
    torch.nn.init.constant_(bank.to_sweep.bias, -40.0)
    return bank


def test_resting_oscillators_are_the_sines_asked_for():
    bank = still(OscillatorBank((60.0, 200.0), 4, sample_rate=RATE))
    amplitudes = torch.tensor([0.5, 0.25])[None, :, None].expand(1, 2, 4096)
    made = bank(amplitudes, torch.randn(1, 4))[0]
    time = torch.arange(4096) / RATE
    wanted = 0.5 * torch.sin(2 * math.pi * 60 * time) + 0.25 * torch.sin(2 * math.pi * 200 * time)
    assert float((made - wanted).abs().max()) < 0.01


def test_sweeps_fall_to_the_resting_frequency_and_never_alias():
    torch.manual_seed(0)
    bank = OscillatorBank((60.0, 200.0, 1200.0), 4, sample_rate=RATE)
    style = 3 * torch.randn(16, 4)
    frequency = bank.frequencies(style, 4096)
    for one in torch.eye(3):
        assert float(bank(one[None, :, None].expand(16, 3, 64), style)[:, 0].abs().max()) == 0.0
    assert bool((frequency.diff(dim=-1) <= 1e-4).all()) and float(frequency.max()) <= 0.45 * RATE
    bank = still(bank)
    torch.nn.init.constant_(bank.to_sweep.bias, 0.0)
    frequency = bank.frequencies(torch.zeros(1, 4), 4096)[0, 0]
    assert abs(float(frequency[0]) / 60 - math.exp(SWEEP_NEPERS * math.log(2))) < 0.01
    assert abs(float(frequency[-1]) - 60) < 1e-3


def test_oscillators_are_tuned_by_the_style_within_their_reach_and_never_meet():
    torch.manual_seed(0)
    resting = [50.0 * math.exp(2 * REACH_NEPERS * place) for place in range(3)]
    bank = OscillatorBank(tuple(resting), 4, sample_rate=RATE)
    torch.nn.init.constant_(bank.to_sweep.bias, -40.0)
    torch.nn.init.zeros_(bank.to_sweep.weight)
    frequency = bank.frequencies(20 * torch.randn(256, 4), 8)[:, :, -1].log()
    away = frequency - torch.tensor(resting).log()
    assert float(away.abs().max()) <= REACH_NEPERS + 1e-5 and float(away.std()) > 0.1
    assert bool((frequency.diff(dim=1) > -1e-5).all())


def test_gradients_reach_tuning_sweep_and_amplitudes():
    torch.manual_seed(0)
    bank = OscillatorBank((60.0, 200.0), 4, sample_rate=RATE)
    amplitudes = torch.rand(2, 2, 256, requires_grad=True)
    bank(amplitudes, torch.randn(2, 4)).square().sum().backward()
    for gradient in (amplitudes.grad, bank.to_tuning.weight.grad, bank.to_sweep.weight.grad):
        assert gradient is not None and bool(gradient.isfinite().all()) and float(gradient.abs().sum()) > 0

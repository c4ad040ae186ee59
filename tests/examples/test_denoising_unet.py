"""The figures are ratios of signal to noise, and even a short training and the fixed filter raise them."""

import re

import pytest
import torch


def test_a_short_training_already_removes_noise(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "picture.png", steps=25, noise=0.2) == 0
    noisy, fixed, cleaned = (float(n) for n in re.findall(r"(-?[\d.]+) dB", capsys.readouterr().out))
    assert fixed > noisy + 1 and cleaned > noisy + 1
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"


def test_the_ratio_and_the_filter_by_their_definitions(example):
    torch.manual_seed(0)
    truth = torch.randn(3, example.SAMPLES)
    assert example.decibels(truth * 1.1, truth) == pytest.approx(20.0, abs=1e-3)
    # White signal of the noise's own power: half of everything is signal.
    many = torch.randn(4000, example.SAMPLES) * 0.3
    found = example.wiener(truth, many, 0.3)
    assert example.decibels(found, truth / 2) > 25

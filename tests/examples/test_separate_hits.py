"""The example that separates two hits."""

import re

import torch


def test_prints_a_gain_and_draws_the_masks(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "masks.png", steps=40) == 0
    printed = capsys.readouterr().out
    found, best = (float(re.search(pattern, printed)[1]) for pattern in (r"gain: ([\d.-]+)", r"parts: ([\d.]+)"))
    assert 3.0 < found <= best
    assert (tmp_path / "masks.png").read_bytes().startswith(b"\x89PNG")


def test_the_gain_is_that_of_the_better_order(example):
    parts = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    mixture = parts.sum(0)
    assert example.gain(parts.flip(0), mixture, parts) > 50
    assert abs(example.gain(torch.stack([mixture, mixture]), mixture, parts)) < 1e-4

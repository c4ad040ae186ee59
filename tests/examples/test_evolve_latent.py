"""The example that evolves latents of the bundled generator."""

import re

import torch


def test_evolution_comes_nearer_than_the_first_generation(example, tmp_path, capsys):
    assert example.main(generations=3, population=6, out=tmp_path / "found.png") == 0
    printed = capsys.readouterr().out
    start, end = map(float, re.search(r"first generation ([\d.]+), evolved ([\d.]+)", printed).groups())
    assert end < start and "24 latents tried" in printed
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_has_no_gradient_to_follow(example):
    sound = torch.randn(1, 8192, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found = example.whole_decibels(sound, 44100).sum()
    assert not torch.autograd.grad(found, sound)[0].any()

"""The example that walks between two latents."""

import re

import torch


def test_what_is_on_the_way_is_nearer_to_recordings_than_a_cross_fade(example, tmp_path, capsys):
    assert example.main(steps=500, out=tmp_path / "walk.png") == 0
    printed = capsys.readouterr().out
    walked, faded = map(float, re.search(r"latents ([\d.]+), cross-fading ([\d.]+)", printed).groups())
    before, after = map(float, re.search(r"([\d.-]+) -> ([\d.-]+) nats", printed).groups())
    assert walked < faded and after < before
    assert (tmp_path / "walk.png").read_bytes().startswith(b"\x89PNG")


def test_distance_to_the_nearest_is_for_each_number(example):
    recordings = torch.tensor([[0.0, 0.0], [10.0, 10.0]])
    assert abs(example.nearest(torch.tensor([[[1.0, 1.0], [9.0, 9.0]]]), recordings) - 1.0) < 1e-6

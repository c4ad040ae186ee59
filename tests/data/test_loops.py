"""Loops and textures of the starter pack."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from creativeml.data.loops import loop, of_kind, texture
from creativeml.data.patterns import parse_pattern, varied_patterns
from creativeml.errors import CreativeMLError

RATE = 22050


def test_a_loop_lasts_its_bars_and_is_hit_where_it_is_written():
    line = "X.....x...x....."
    sound = loop(parse_pattern("own", {"rim": line}), RATE, seed=0, tempo=120).numpy()
    assert len(sound) == 2 * RATE and np.abs(sound).max() == pytest.approx(0.9)
    step = RATE // 8
    energy = [float(np.square(sound[n * step : n * step + step // 4]).sum()) for n in range(16)]
    hit = [mark != "." for mark in line]
    assert min(e for e, h in zip(energy, hit, strict=True) if h) > 4 * max(
        e for n, e in enumerate(energy) if not hit[n] and not hit[n - 1]
    )
    assert energy[0] == max(energy)  # the accent


def test_loops_and_textures_are_those_of_their_seed():
    pattern = varied_patterns(1, seed=1, bars=1)[0]
    made = [loop(pattern, RATE, seed=seed, tempo=100) for seed in (0, 0, 1)]
    assert torch.equal(made[0], made[1]) and not torch.equal(made[0], made[2])
    rain = [texture("rim", RATE, 0.5, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(rain[0], rain[1]) and not torch.equal(rain[0], rain[2])
    assert len(rain[0]) == RATE // 2 and float(rain[0].abs().max()) == pytest.approx(0.9)


def test_a_kind_that_is_not_there_is_said():
    with pytest.raises(CreativeMLError, match="no kind 'gong'"):
        of_kind("gong")

"""examples/reconstruction.py: what it calls nearest, its intervals, and its table on the starter pack."""

import re

import numpy as np
import torch

from creativeml.data.starter import starter_sounds


def test_the_nearest_recording_of_a_known_sound_is_itself(example):
    pack = starter_sounds(("kick", "snare"), length_samples=65536)
    for row in (0, 7, len(pack.sounds) - 1):
        found = example.nearest(0.5 * pack.sounds[row] / 0.5, pack.sounds, pack.sample_rate)
        assert torch.equal(found, pack.sounds[row])


def test_takes_of_one_drum_count_as_one(example):
    """Ten times the same value in one group leave the interval as wide as that of two values."""
    values = np.array([1.0] * 10 + [3.0])
    assert example.median_interval(values, ["a"] * 10 + ["b"]) == (1.0, 3.0)
    low, high = example.median_interval(np.linspace(0, 1, 400), [str(n) for n in range(400)])
    assert 0.4 < low < 0.5 < high < 0.6


def test_the_table_of_four_recordings(example, starter, tmp_path, capsys):
    assert example.main(starter, count=4, out=tmp_path / "picture.png") == 0
    printed = capsys.readouterr().out
    distances = {
        name.strip(): float(value) for name, value in re.findall(r"^\| ([^|]+)\| ([\d.]+) \[", printed, re.MULTILINE)
    }
    assert len(distances) == 5
    assert distances["drums_vae"] < distances["mel_vae + Griffin-Lim"]
    assert distances["Griffin-Lim of the true mel"] < distances["mel_vae + Griffin-Lim"]
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")

"""The example that measures `creativeml resynthesize` on recordings of a dataset."""

import re

import pytest
import torch

from creativeml.data.one_shots import OneShotDataset


def test_recordings_are_taken_of_every_kind_in_turn(example, starter):
    data = OneShotDataset(starter, "test")
    order = example._evenly(data, 10_000, 0)
    assert sorted(order) == list(range(len(data)))
    present = len(set(data.labels.tolist()))
    assert len({int(data.labels[i]) for i in order[:present]}) == present
    assert example._evenly(data, 3, 0) == order[:3]


def test_distances_are_deaf_to_gain_and_differences_count_in_what_is_just_heard(example):
    sound = torch.randn(30000, generator=torch.Generator().manual_seed(0))
    away = example._distance_from(sound, 44100)
    assert float(away(0.1 * sound[None])) < 1e-3
    assert float(away(torch.randn(1, 30000, generator=torch.Generator().manual_seed(1)))) > 1
    assert example._jnds("warmth", 30.0, 40.0) == pytest.approx(2.0)
    assert example._jnds("decay_time_20", 5000.0, 1.25 * 5000.0) == pytest.approx(1.0, abs=0.02)


def test_the_table_of_a_recording(example, starter, tmp_path, capsys):
    assert example.main(starter, sounds=1, changes=1, out=tmp_path) == 0
    printed = capsys.readouterr().out
    assert {"00_kick_recording.wav", "00_kick_reconstruction.wav"} == {path.name for path in tmp_path.iterdir()}
    mean = {
        name.strip(): float(value)
        for name, value in re.findall(r"^([a-z A-Z.0-9]+?) +([\d.]+) +[\d.]+$", printed, re.M)
    }
    # (The encoder alone need not be nearer to each single recording than a random sound is.)
    assert mean["reconstruction"] < 0.7 * min(mean["encoder alone"], mean["random sound of the kind"])
    assert mean["CPU seconds to find it"] > 0 and "nearest training recording" in mean

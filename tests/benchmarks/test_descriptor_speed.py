"""`creativeml bench --descriptors`: what is timed, what is printed, and an original that is not one.

With the environment variable TIMBRAL_PYTHON (Python of the environment that `make_reference.py` describes) the original
itself takes part.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import torch

from creativeml.cli import run
from creativeml.cli.bench_descriptors import descriptor_tables
from creativeml.errors import CreativeMLError
from creativeml.training.descriptor_speed import measure_descriptors, timed_sounds, turns
from creativeml.training.speed import machine

CONTESTANTS = ["exact", "smooth", "smooth with gradient", "smooth, no silence", "smooth with gradient, no silence"]


def test_the_sounds_are_real_and_full():
    sounds = timed_sounds(6, 20_000, repeated=True)
    assert sounds.shape == (6, 20_000) and sounds.dtype == torch.float32
    assert (sounds.abs().amax(-1) > 0.05).all() and len({float(s.sum()) for s in sounds}) == 6
    # Short ones are repeated, not followed by silence; unless that is what is wanted.
    assert (sounds[:, -10_000:].abs().amax(-1) > 1e-4).all()
    padded = timed_sounds(6, 60_000)
    assert bool((padded[:, -100:] == 0).all(-1).any()) and bool((padded[:, :20_000] == sounds).all(-1).any())


def test_every_contestant_is_measured():
    ticks: list[int] = []
    figures = measure_descriptors(
        timed_sounds(2, 9000), timed_sounds(2, 9000, repeated=True), 2, lambda: ticks.append(1)
    )
    assert len(ticks) == 2 * turns(original=False)
    assert list(figures["clips_per_second"]) == CONTESTANTS and figures["clips"] == 2
    for rates in figures["clips_per_second"].values():
        assert set(rates) == {"1", str(torch.get_num_threads())} and min(rates.values()) > 0
    text = descriptor_tables({"machine": machine(), "repetitions": 2, "descriptors": figures})
    assert all(f"| {name} " in text for name in CONTESTANTS) and "–" in text
    json.dumps(figures)


def test_ratios_are_those_of_the_same_cores():
    rates = {"original": {"1": 2.0, "2": 4.0}, "exact": {"1": 8.0, "2": 12.0}, "smooth": {"1": 500.0, "2": 700.0}}
    figures = {"clips": 32, "samples": 65_536, "cores": 2, "clips_per_second": rates}
    text = descriptor_tables({"machine": machine(), "repetitions": 5, "descriptors": figures})
    lines = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.startswith("|")]
    rows = {cells[1]: cells[2:-1] for cells in lines}
    assert rows["original"] == ["2.0", "1.0", "4.0", "1.0", "2.0"]
    assert rows["exact"] == ["8.0", "4.0", "12.0", "3.0", "6.0"]
    assert rows["smooth"] == ["500", "250", "700", "175", "350"]


def test_an_original_that_cannot_be_started_or_lacks_the_package(tmp_path):
    sounds = timed_sounds(1, 9000)
    with pytest.raises(CreativeMLError, match=r"cannot be started.*nowhere.*name the Python"):
        measure_descriptors(sounds, sounds, 1, lambda: None, original=tmp_path / "nowhere")
    with pytest.raises(CreativeMLError, match=r"the original stopped.*timbral_models"):
        measure_descriptors(sounds, sounds, 1, lambda: None, original=Path(sys.executable))


def test_mistakes_are_one_line(capsys):
    assert run(["bench", "--original", "python"]) == 1
    error = capsys.readouterr().err.strip()
    assert "--original goes with --descriptors" in error and "\n" not in error


@pytest.mark.skipif("TIMBRAL_PYTHON" not in os.environ, reason="TIMBRAL_PYTHON names no environment of the original")
def test_the_original_takes_part_and_is_slower():
    python = Path(os.environ["TIMBRAL_PYTHON"])
    figures = measure_descriptors(timed_sounds(2, 30_000), timed_sounds(2, 30_000), 1, lambda: None, original=python)
    rates = figures["clips_per_second"]
    assert list(rates) == ["original", *CONTESTANTS]
    assert rates["smooth"]["1"] > 5 * rates["original"]["1"] > 0

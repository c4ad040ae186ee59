"""examples/latent_smoothness.py on the shipped model: the table, its figures, and going on."""

import json

import pytest
import torch

import creativeml
from creativeml.errors import CreativeMLError
from creativeml.synthesis.latent_paths import GeodesicConfig
from creativeml.synthesis.latent_space import StyleSpace

SMALL = {"pairs": 2, "geodesic_pairs": 1, "stops": 4}


def rows(text: str) -> dict[str, list[str]]:
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")
    ]
    return {name: cells for name, *cells in lines[2:]}


def test_all_ways_are_told_and_a_run_goes_on(example, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(example, "GEODESIC", GeodesicConfig(stations=2, steps=1))
    assert example.main(**SMALL, out=tmp_path) == 0
    told = rows(capsys.readouterr().out)
    assert {name: cells[0] for name, cells in told.items()} == {"straight": "2", "spherical": "2", "geodesic": "1"}
    assert all(cells[4].endswith("%") and 1 <= float(cells[5]) < 3 for cells in told.values())
    path = tmp_path / example.LINES
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(lines) == 5 and {line["kind"] for line in lines} == {"kick", "snare"}
    assert (tmp_path / example.PICTURE).read_bytes()[:4] == b"\x89PNG"
    # Cut in its last line, it measures only what that line was about.
    path.write_text(path.read_text()[:-30])
    gone, measure = [], example.go
    monkeypatch.setattr(example, "go", lambda *asked: gone.append(asked[2:5]) or measure(*asked))
    monkeypatch.setattr(example, "draw", lambda *_: None)
    assert example.main(**SMALL, out=tmp_path) == 0
    assert gone == [("geodesic", "kick", 0)] and rows(capsys.readouterr().out) == told


def test_figures_are_those_of_the_way(example):
    space = StyleSpace(creativeml.load("drums"))
    gone = example.go(space, "", "straight", "crash", 3, 5, torch.zeros(space.dim))
    ends = example.brightness(space.decode(space.sample("crash", 2, seed=3)), space.sample_rate)
    assert gone.apart == pytest.approx(float((ends[1] - ends[0]).abs()), abs=1e-3)
    assert 1 <= gone.unevenness < 3 and gone.length > 0


def test_steadiness_is_a_rank_correlation(example):
    assert example.steadiness(torch.tensor([1.0, 2.0, 2.5, 90.0])) == pytest.approx(1)
    assert example.steadiness(torch.tensor([9.0, 4.0, 1.0])) == pytest.approx(1)
    # One swap of neighbours among four: 1 - 6 * 2 / (4 * 15).
    assert example.steadiness(torch.tensor([1.0, 3.0, 2.0, 4.0])) == pytest.approx(0.8)
    assert example.steadiness(torch.ones(4)) == 1.0


def test_nothing_to_go_is_said(example, tmp_path):
    with pytest.raises(CreativeMLError, match="at least 1 pair"):
        example.main(pairs=0, out=tmp_path)

"""examples/latent_inversion.py on the starter pack: what is compared, the table, and going on."""

import json

import pytest
import torch

from creativeml.errors import CreativeMLError
from creativeml.losses.spectral import stft_distance
from creativeml.synthesis.latent_neighbours import Neighbours

SMALL = {"sounds": 4, "random": 11, "steps": 6, "candidates": 3}


def test_recordings_are_compared_and_a_run_goes_on(example, starter, tmp_path, capsys, monkeypatch):
    assert example.main(starter, **SMALL, check=1, out=tmp_path) == 0
    told = capsys.readouterr().out
    assert (
        told.startswith("4 recordings of ") and "of 1 recordings the nearest of all is among the 3 candidates" in told
    )
    path = tmp_path / example.LINES
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert len({line["path"] for line in lines}) == len({line["kind"] for line in lines}) == 4
    assert all(line["after"] <= line["before"] and line["seconds"] > 0 for line in lines)
    mean = {name: sum(line[name] for line in lines) / 4 for name in example.COLUMNS}
    assert mean["refined"] < mean["random"] and min(mean.values()) > 0
    assert (tmp_path / example.PICTURE).read_bytes()[:4] == b"\x89PNG"
    path.write_text(path.read_text()[:-20])
    measured, measure = [], example.measure
    monkeypatch.setattr(example, "measure", lambda *asked: measured.extend(asked[2]) or measure(*asked))
    assert example.main(starter, **SMALL, out=tmp_path) == 0
    assert len(measured) == 1
    again = {line["path"]: line for line in map(json.loads, path.read_text().splitlines()[-1:])}
    for line in lines:
        if line["path"] in again:
            assert again[line["path"]]["training"] == pytest.approx(line["training"], rel=1e-3)


def test_the_nearest_training_recording_is_no_nearer_than_the_nearest_of_all(example, starter):
    train, test = (example.OneShotDataset(starter, split) for split in ("train", "test"))
    wanted, known = test.batch([0])[0], train.batch(range(40))[0]
    distances = example.away(known, wanted)
    # At one energy: a softer copy is no further away.
    torch.testing.assert_close(example.away(0.1 * known[:2], wanted), distances[:2], rtol=1e-3, atol=1e-3)
    assert float(stft_distance(0.1 * wanted, wanted)) > 0.5 > float(example.away(0.1 * wanted, wanted))
    near = Neighbours([str(i) for i in range(40)], known, train.sample_rate).nearest(wanted, 8)[0]
    ranks = distances.argsort().argsort()
    assert min(int(ranks[one.index]) for one in near) < 3


def test_what_cannot_be_compared_is_said(example, starter, tmp_path):
    with pytest.raises(CreativeMLError, match="at least 2 sounds"):
        example.main(starter, sounds=1, out=tmp_path)
    with pytest.raises(CreativeMLError, match="not a dataset folder"):
        example.main(tmp_path / "nowhere", out=tmp_path)

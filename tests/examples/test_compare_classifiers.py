"""examples/compare_classifiers.py on the starter pack: a network and two classical methods, the table, and resuming."""

import json

import numpy as np
import pytest
import torch
from scipy import stats

from creativeml.errors import CreativeMLError

ONLY = ("mlp", "logistic regression", "Gaussian mixture per kind")


@pytest.fixture(scope="module")
def compared(example, starter, tmp_path_factory):
    out = tmp_path_factory.mktemp("compared")
    before = torch.get_num_threads()
    example.main(starter, out=out, seconds=1.0, seeds=2, only=ONLY, varied=300)
    torch.set_num_threads(before)
    return out


def test_methods_learn_and_the_table_says_what_they_cost(example, compared):
    results = json.loads((compared / "comparison.json").read_text())["results"]
    assert set(results) == set(ONLY) and all(len(runs) == 2 for runs in results.values())
    rows = (compared / "comparison.md").read_text().splitlines()[-3:]
    assert any("MLP" in row for row in rows)
    shares = [float(row.split("|")[2].split("%")[0]) for row in rows]
    # Eleven kinds: chance is 9 %.
    assert min(shares) > 25 and shares == sorted(shares, reverse=True)
    network = results["mlp"][0]
    # 16 x 16 inputs, two layers of 128, 11 kinds: weights and biases, and as many multiplications as weights.
    assert network["parameters"] == 257 * 128 + 129 * 128 + 129 * 11
    assert network["macs"] == 256 * 128 + 128 * 128 + 128 * 11
    assert results["mlp"][0]["recognised"] != results["mlp"][1]["recognised"], "seeds differ"
    assert (compared / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_done_is_not_done_again(example, starter, compared, capsys):
    before = (compared / "comparison.json").read_bytes()
    example.main(starter, out=compared, seconds=1.0, seeds=2, only=ONLY, varied=300)
    assert (compared / "comparison.json").read_bytes() == before and ", seed 0:" not in capsys.readouterr().out
    with pytest.raises(CreativeMLError, match="begun with other settings"):
        example.main(starter, out=compared, seconds=2.0, seeds=2, only=ONLY, varied=300)
    with pytest.raises(CreativeMLError, match="no method 'foo'"):
        example.main(starter, out=compared, only=("foo",))


def test_intervals(example):
    values = [0.61, 0.72, 0.66]
    low, high = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert example.over_seeds(values) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    truth, groups = np.array([0, 0, 1, 1, 1]), ["a", "a", "b", "c", "c"]
    assert example.by_groups(np.ones(5), truth, groups).min() == 1.0
    draws = example.by_groups(np.array([1, 1, 0, 1, 1]), truth, groups)
    # Of kind 1, one group is wrong as a whole: what is drawn of it decides.
    assert set(np.round(draws, 4)) >= {0.5, 1.0} and 0.7 < np.nanmean(draws) < 0.95

"""The example of least squares: gradients end at the closed form, and a polynomial without a penalty fails."""

import re

import numpy as np
import torch


def test_gradients_end_at_the_normal_equations_solution(example):
    random = np.random.default_rng(0)
    x, y = random.standard_normal((40, 3)), random.standard_normal((40, 1))
    weights = np.linalg.solve(x.T @ x, x.T @ y)
    best = float(((x @ weights - y) ** 2).mean())
    for name, rate in (("sgd", 1.0), ("momentum", 0.5), ("adam", 0.05)):
        errors = example.descend(torch.from_numpy(x), torch.from_numpy(y), name, rate, 600)
        assert errors[0] > best + 0.01 and abs(errors[-1] - best) < 1e-6


def test_it_prints_what_the_docstring_says(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "way.png", steps=200) == 0
    printed = capsys.readouterr().out
    excess = dict(re.findall(r"^(\w+): ([\d.e+-]+) points² above", printed, re.M))
    assert 0 <= float(excess["momentum"]) < float(excess["sgd"]), "the ravine slows plain descent down"
    explained = {
        name: float(value) for name, value in re.findall(r"^([\w ]+) regression explains (-?[\d.]+) %", printed, re.M)
    }
    assert explained["polynomial"] < explained["linear"] < explained["polynomial ridge"]
    assert (tmp_path / "way.png").read_bytes().startswith(b"\x89PNG")

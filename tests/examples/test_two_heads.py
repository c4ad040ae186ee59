"""The example of kinds and descriptors from one trunk."""

import pytest
import torch

from creativeml.errors import CreativeMLError


def test_all_set_ups_learn_both(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "heads.png", steps=100, splits=2) == 0
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("|")][2:]
    assert len(rows) == 3
    # Five kinds: chance is 0.2; the mean of the descriptors explains nothing.
    assert all(float(accuracy) > 0.35 and float(variance) > 0.2 for _, accuracy, _, variance, _ in rows)
    assert rows[0][2].strip() == rows[0][4].strip() == "+0.000 ± 0.000"
    assert (tmp_path / "heads.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(CreativeMLError, match="at least 2"):
        example.main(out=tmp_path / "none.png", splits=1)


def test_explained_variance_by_its_definition(example):
    torch.manual_seed(0)
    truth = torch.randn(50, 3)
    assert example.explained(truth, truth) == 1.0
    assert example.explained(truth.mean(0).expand_as(truth), truth) == pytest.approx(0.0, abs=1e-6)
    assert example.explained(truth.mean(0) + 0.5 * (truth - truth.mean(0)), truth) == pytest.approx(0.75, abs=1e-5)

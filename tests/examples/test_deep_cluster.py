"""The example that groups drums without labels."""

import pytest

from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError


def test_groups_are_purer_than_random_ones(example, figures, tmp_path):
    assert example.main(out=tmp_path / "groups.png", turns=2, steps=15, seeds=2) == 0
    found = figures()
    assert len(found) == 5 and all(low <= mean <= high for mean, low, high in found.values())
    random = found.pop("random groups")[2]
    assert random < 0.5 and min(low for _, low, _ in found.values()) > random + 0.05
    assert (tmp_path / "groups.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(CreativeMLError, match="at least 1"):
        example.main(out=tmp_path / "none.png", seeds=0)


def test_all_kinds_are_as_frequent(example):
    pack = starter_sounds(("kick", "snare"))
    rows = example.equally_many(pack, 0)
    assert len(rows) == len(rows.unique())
    counts = pack.labels[rows].bincount().tolist()
    assert counts == [pack.labels.bincount().min()] * 2

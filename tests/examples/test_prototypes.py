"""The example of unseen kinds."""

import pytest

from creativeml.errors import CreativeMLError


def test_unseen_kinds_are_named_better_than_by_guessing(example, starter, figures, tmp_path, monkeypatch):
    monkeypatch.setattr(example, "EPISODES", 40)
    # As many other kinds have ten sounds or more; with so few recordings the rows do not differ reliably.
    assert example.main(starter, unseen=("kick", "snare"), shots=(1, 10), out=tmp_path, steps=40) == 0
    found = figures()
    assert set(found) == {"the pictures", "an untrained network", "a prototypical network"}
    assert all(len(line) == 2 and 0.6 < line[1] <= 1.0 for line in found.values())
    assert (tmp_path / "prototypes.png").stat().st_size > 1000


def test_kinds_that_are_not_there_are_told(example, starter):
    with pytest.raises(CreativeMLError, match="gong"):
        example.main(starter, unseen=("gong", "snare"))

"""The example of unseen kinds."""

import pytest

from creativeml.errors import CreativeMLError


def test_unseen_kinds_are_named_and_more_examples_help(example, starter, figures, tmp_path, monkeypatch):
    monkeypatch.setattr(example, "EPISODES", 40)
    # As many kinds as are heard have ten sounds or more.
    unseen = ("kick", "snare")
    assert example.main(starter, unseen=unseen, shots=(1, 10), out=tmp_path, steps=40) == 0
    found = figures()
    one, ten = found["a prototypical network"]
    assert ten > one and ten > 0.6 and set(found) == {"the pictures", "an untrained network", "a prototypical network"}
    assert (tmp_path / "prototypes.png").stat().st_size > 1000


def test_kinds_that_are_not_there_are_told(example, starter):
    with pytest.raises(CreativeMLError, match="gong"):
        example.main(starter, unseen=("gong", "snare"))

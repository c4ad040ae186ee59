"""The example of the DCGAN."""

import pytest
import torch


def test_a_short_training_comes_nearer_to_pictures_that_it_never_saw(example, figures, tmp_path):
    assert example.main(out=tmp_path / "grid.png", steps=160, looks=2) == 0
    found = figures()
    assert found["after 160 steps"][0] < found["untrained generator"][0] / 3
    assert found["known pictures"][0] < found["after 160 steps"][0]
    assert (tmp_path / "grid.png").read_bytes().startswith(b"\x89PNG")


def test_novelty_is_0_for_copies_and_1_for_the_known_pictures(example):
    torch.manual_seed(0)
    known = torch.randn(20, 1, 4, 4)
    assert example.novelty(known, known) == 1.0
    assert example.novelty(known, known[:5].clone()) == pytest.approx(0.0, abs=1e-3)
    assert example.novelty(known, known + 100.0) > 10.0

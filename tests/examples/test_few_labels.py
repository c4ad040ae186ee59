"""The example of pre-training."""

import torch


def test_labels_are_drawn_for_every_kind(example):
    labels = torch.tensor([0] * 5 + [1] * 2 + [2] * 9)
    few = example.chosen(labels, 3, seed=1)
    assert labels[few].bincount().tolist() == [3, 2, 3] and len(few.unique()) == 8


def test_more_labels_help_and_both_ways_are_told(example, starter, figures, tmp_path):
    assert example.main(starter, labels=(1, 10), draws=1, out=tmp_path, steps=80) == 0
    found = figures()
    assert set(found) == {"from random weights", "from an autoencoder's"}
    assert all(line[1] > line[0] for line in found.values())
    assert (tmp_path / "few_labels.png").stat().st_size > 1000

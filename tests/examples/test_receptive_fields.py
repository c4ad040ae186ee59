"""The printed receptive fields are those of the formula, and the order of the pairs is what the label says."""

import torch


def test_fields_by_formula_and_by_gradient_agree(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "picture.png", steps=1, levels=6) == 0
    rows = [line.rsplit(maxsplit=5) for line in capsys.readouterr().out.splitlines()[1:]]
    assert [row[0] for row in rows] == ["dilated", "not dilated"] and rows[0][1] == rows[1][1]
    assert [row[2:4] for row in rows] == [["253", "253"], ["25", "25"]]
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"


def test_pairs_hold_both_hits_in_the_order_told(example):
    torch.manual_seed(0)
    hits = torch.tensor([1.0, 2.0])[:, None].expand(2, example.HIT)
    sounds, order = example.pairs(hits, torch.tensor([0, 1]), torch.tensor([0, 1]), 50)
    first, second = sounds[:, 0, 0], sounds[:, 0, example.APART]
    assert torch.equal(first, 1.0 + order) and torch.equal(second, 2.0 - order) and 0 < order.sum() < 50

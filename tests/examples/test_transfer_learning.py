"""The example of transfer."""

import copy


def test_what_is_frozen_stays_and_new_kinds_are_learnt(example, starter, capsys, tmp_path):
    assert example.main(starter, shots=(5,), draws=1, out=tmp_path, steps=40) == 0
    printed = capsys.readouterr().out
    assert "frozen tensors that have changed: 0" in printed
    rows = {line.split("|")[1].strip(): float(line.split("|")[2]) for line in printed.splitlines() if "| 0." in line}
    assert set(rows) == {"frozen", "fine-tuned", "from random weights"} and rows["frozen"] > 1 / 6
    assert (tmp_path / "transfer_learning.png").stat().st_size > 1000


def test_a_single_changed_bit_is_seen(example):
    before = example.strided_network(3)
    after = copy.deepcopy(before)
    assert example.changed(before, after) == 0
    after[1].running_mean[0] += 1e-7
    after[10].bias.data += 1.0
    assert example.changed(before, after) == 1

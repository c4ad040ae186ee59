"""The example that embeds drum hits."""

import re


def test_prints_more_order_than_shuffled_patterns_have(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "hits.png", patterns=120, steps=500) == 0
    printed = capsys.readouterr().out
    found, shuffled = map(float, re.search(r"roles: ([\d.-]+), shuffled ([\d.-]+)", printed).groups())
    assert found > 0.5 > 0.3 > shuffled
    assert re.search(r"snare +nearest: (rim|clap)", printed)
    assert (tmp_path / "hits.png").read_bytes().startswith(b"\x89PNG")

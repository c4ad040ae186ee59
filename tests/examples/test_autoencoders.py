"""The example of three autoencoders."""

import re


def test_prints_what_each_is_for(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "pictures.png", steps=300, repeats=2) == 0
    printed = capsys.readouterr().out
    plain, sparse = (float(value) for value in re.findall(r"active ([\d.]+) of", printed))
    assert abs(sparse - 0.1) < 0.03 < abs(plain - 0.1)
    before, after = map(float, re.search(r"error ([\d.]+) -> ([\d.]+)", printed).groups())
    assert after < 0.7 * before
    fresh, stacked = map(int, re.search(r"(\d+) % fresh, (\d+) % after", printed).groups())
    # The most frequent of the five kinds is a third of the sounds.
    assert fresh > 60 and stacked > 60
    assert (tmp_path / "pictures.png").read_bytes().startswith(b"\x89PNG")

"""The wrong initialisation lets gradients vanish, in the figures printed and not only in words."""

import re


def test_the_printed_figures_make_the_point(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "picture.png", depth=30, steps=3) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("30 layers")
    ratios = {line[:30].strip(): float(re.findall(r"\de[-+]\d+", line)[0]) for line in lines[2:]}
    assert len(ratios) == 5 and ratios["ReLU, all weights about 0.01"] < 1e-30 and ratios["sigmoid, Xavier"] < 1e-12
    assert ratios["ReLU, Xavier"] < 1e-3
    assert all(0.1 < ratios[name] < 20 for name in ("ReLU, He", "ReLU, He, residual"))
    assert (tmp_path / "picture.png").read_bytes()[:4] == b"\x89PNG"

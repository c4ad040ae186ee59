"""The example of likelihoods under flows."""

import re


def test_drums_are_likelier_than_what_is_not_like_them(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "flows.png", steps=100) == 0
    printed = capsys.readouterr().out
    rows = re.findall(r"^(\w+) +([\d. -]+)$", printed, re.M)
    bits = {name: list(map(float, values.split())) for name, values in rows}
    assert set(bits) == {"Gaussians", "NICE", "Glow"}
    for name in ("NICE", "Glow"):
        drums, reverse, noise = bits[name]
        assert drums < bits["Gaussians"][0] and drums < min(reverse, noise)
    assert (tmp_path / "flows.png").read_bytes().startswith(b"\x89PNG")

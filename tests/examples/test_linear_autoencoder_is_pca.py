"""The example that compares a linear autoencoder with PCA."""

import re


def test_prints_small_angles_and_equal_variance(example, tmp_path, capsys):
    assert example.main(out=tmp_path / "angles.png") == 0
    printed = capsys.readouterr().out
    assert max(map(float, re.findall(r"\d\.\de-\d+", printed))) < 1e-2
    autoencoder, pca = map(float, re.findall(r"([\d.]+) %", printed))
    assert pca - 0.02 <= autoencoder <= pca + 0.01
    assert (tmp_path / "angles.png").read_bytes().startswith(b"\x89PNG")

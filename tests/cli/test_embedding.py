"""`creativeml embedding`: the list, a conversion, and one line for every mistake."""

import numpy as np

from creativeml.cli import run
from creativeml.evaluation.outside.registry import OUTSIDE


def test_list_names_every_network_with_licence_and_source(capsys):
    assert run(["embedding", "list"]) == 0
    text = capsys.readouterr().out
    for name, entry in OUTSIDE.items():
        assert f"{name}: {entry.line}" in text and entry.licence in text and entry.where in text and entry.paper in text


def test_convert_writes_a_file_and_says_how_to_use_it(capsys, tmp_path):
    sizes = [(1, 16, 64), (16, 32, 32), (32, 64, 16), (64, 128, 8), (128, 256, 4)]
    layers = {}
    for number, (inputs, outputs, kernel) in enumerate(sizes, 1):
        layer = {name: np.ones(outputs, np.float32) for name in ("biases", "gamma", "beta", "mean", "var")}
        layers[f"conv{number}"] = {**layer, "weights": np.zeros((kernel, 1, inputs, outputs), np.float32)}
    np.save(tmp_path / "sound8.npy", layers, allow_pickle=True)
    out = tmp_path / "soundnet.safetensors"
    assert run(["embedding", "convert", "soundnet", str(tmp_path / "sound8.npy"), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert f"--embedding soundnet={out}" in said.out and out.is_file() and "sha256" in said.err


def test_mistakes_take_one_line(capsys, tmp_path):
    missing, out = str(tmp_path / "none.npy"), str(tmp_path / "s.safetensors")
    for arguments, code, said in (
        (["convert", "soundnet", missing, "--out", out], 1, "no such file"),
        (
            ["convert", "nobody", missing, "--out", str(tmp_path / "s.safetensors")],
            1,
            "no embedding is called 'nobody'",
        ),
        (["convert", "soundnet", missing], 2, "say creativeml embedding convert"),
        (["list", "soundnet"], 2, "list takes nothing further"),
    ):
        assert run(["embedding", *arguments]) == code
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1

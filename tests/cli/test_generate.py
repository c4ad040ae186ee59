"""`creativeml generate` as typed at a prompt."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from creativeml.cli import run
from creativeml.models import build, save_pretrained

KINDS = ["kick", "snare", "hat_closed"]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    net = build("style_wavegan", kinds=KINDS, latent_dim=8, style_dim=8, channels=[8] * 6)
    net.estimate_mean_style(samples=32)
    save_pretrained(net, folder)
    return str(folder)


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def test_a_row_of_wavs_and_its_manifest(model, tmp_path, capsys):
    assert (
        run(
            [
                "generate",
                "--model",
                model,
                "--kind",
                "snare",
                "--count",
                "3",
                "--seed",
                "8",
                "--out",
                str(tmp_path),
            ]
        )
        == 0
    )
    expected = ["Snare_s0008.wav", "Snare_s0009.wav", "Snare_s0010.wav"]
    assert sorted(files(tmp_path)) == [*expected, "manifest.json"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [str(tmp_path / name) for name in expected]


def test_same_seed_same_bytes_also_in_another_process(model, tmp_path):
    arguments = ["generate", "--model", model, "--count", "2", "--seed", "3", "--out"]
    assert run([*arguments, str(tmp_path / "a")]) == 0
    program = [sys.executable, "-m", "creativeml", *arguments, str(tmp_path / "b")]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_every_kind_at_once_as_json(model, tmp_path, capsys):
    arguments = ["--kind", "all", "--count", "2", "--truncation", "0.8", "--json", "--out", str(tmp_path)]
    assert run(["generate", "--model", model, *arguments]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert len(answer["files"]) == 6 and answer["folder"] == str(tmp_path)
    assert {s["kind"] for s in answer["manifest"]["sounds"]} == set(KINDS)
    assert answer["manifest"] == json.loads((tmp_path / "manifest.json").read_text())
    assert "HatClosed_s0001_v080.wav" in answer["files"]


def test_from_a_manifest(model, tmp_path, capsys):
    run(["generate", "--model", model, "--kind", "all", "--count", "1", "--out", str(tmp_path / "a")])
    manifest = str(tmp_path / "a" / "manifest.json")
    assert run(["generate", "--from", manifest, "--model", model, "--out", str(tmp_path / "b")]) == 0
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert "same bytes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--kind", "snar"], "did you mean 'snare'"),
        (["--count", "0"], "count"),
        (["--seed", "-1"], "seed"),
        (["--truncation", "2"], "truncation"),
        (["--from", "no-such-manifest.json"], "no such file"),
        (["--model", "no-such-model"], "no model is called 'no-such-model'"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(model, tmp_path, capsys, arguments, word):
    chosen = [] if "--model" in arguments else ["--model", model]
    assert run(["generate", *chosen, *arguments, "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and word in error
    assert not (tmp_path / "out").exists()


def test_wrong_usage_is_exit_code_2(capsys):
    assert run(["generate", "--cuont", "3"]) == 2
    assert run(["generate"]) == 2
    capsys.readouterr()

"""`creativeml export` as typed at a prompt."""

from __future__ import annotations

import json
import sys

import pytest

from creativeml.cli import run
from creativeml.models import build, save_pretrained

pytest.importorskip("onnxscript", reason="needs the extra export")
pytest.importorskip("onnxruntime", reason="needs the extra export")


def refused(capsys, *arguments: str) -> str:
    """The one line on stderr."""
    assert run(["export", *arguments]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ")
    return lines[0]


def test_a_file_and_what_it_is_as_json(tmp_path, capsys):
    arguments = ["drums", "--part", "encoder", "--out", str(tmp_path / "new" / "encoder.onnx")]
    assert run(["export", *arguments, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["role"] == "encoder" and (told["format"], told["precision"]) == ("onnx", "float32")
    assert told["largest_difference"] <= 1e-3 and "finished_difference" not in told
    assert told["bytes"] == (tmp_path / "new" / "encoder.onnx").stat().st_size
    assert "--overwrite" in refused(capsys, *arguments)
    arguments = ["drums", "--part", "encoder", "--format", "torch", "--out", str(tmp_path / "encoder.pt2")]
    assert run(["export", *arguments]) == 0
    assert "largest difference from the model on 4 sounds: " in capsys.readouterr().out


def test_what_cannot_be_is_said_in_one_line(tmp_path, capsys):
    out = ["--out", str(tmp_path / "a.onnx")]
    assert "did you mean 'drums'" in refused(capsys, "drumz", *out)
    assert "not the configuration of a model that makes sounds" in refused(capsys, "mel_vae", *out)
    assert "writes files that end in .pt2" in refused(capsys, "drums", *out, "--format", "torch")
    assert "not in bfloat16" in refused(capsys, "drums", *out, "--precision", "bfloat16")
    (tmp_path / "file").write_text("in the way")
    assert "cannot be written" in refused(capsys, "drums", "--out", str(tmp_path / "file" / "a.onnx"))
    (tmp_path / "a.onnx").mkdir()
    assert "is there already" in refused(capsys, "drums", *out, "--overwrite")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.onnx", "file"]


def test_another_network_is_refused(tmp_path, capsys):
    model = build("spectral_gan", kinds=["kick", "snare"])
    save_pretrained(model, tmp_path / "spectral")
    told = refused(capsys, str(tmp_path / "spectral"), "--out", str(tmp_path / "a.onnx"))
    assert "'spectral_gan' is not exported by this command" in told


def test_a_missing_extra_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    assert "pip install 'creativeml[export]'" in refused(capsys, "drums", "--out", str(tmp_path / "a.onnx"))

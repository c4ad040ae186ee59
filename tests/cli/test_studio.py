"""`creativeml studio` and `explore` at the prompt; the pages themselves are tested in tests/browser."""

from __future__ import annotations

import socket

import pytest
import torch

from creativeml.cli import run
from creativeml.models import build, save_pretrained


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--host", "0.0.0.0"], "--auth"),
        (["--port", "70000"], "--port"),
        (["--auth", "anna"], "user:password"),
        (["--model", "no-such-model"], "no model is called"),
    ],
)
@pytest.mark.parametrize("verb", ["studio", "explore"])
def test_mistakes_are_one_line(verb, arguments, word, capsys):
    assert run([verb, "--no-browser", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and word in error


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--data", "nowhere"], "no such folder"),
        (["--sounds", "nowhere"], "no such folder"),
        (["--per-kind", "1"], "--per-kind"),
        (["--per-kind", "1000"], "--per-kind"),
    ],
)
def test_a_map_needs_folders_that_are_there(arguments, word, capsys):
    assert run(["explore", "--no-browser", *arguments]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and word in error


def test_a_taken_port_is_said(tmp_path, capsys, monkeypatch):
    # The temporary folder of this run is given to later tests of this process otherwise.
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    torch.manual_seed(0)
    model = build("style_wavegan", kinds=["kick"], latent_dim=8, style_dim=8, channels=[8] * 5)
    save_pretrained(model, tmp_path / "tiny")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert run(["studio", "--no-browser", "--port", port, "--model", str(tmp_path / "tiny")]) == 1
    error = capsys.readouterr().err
    assert f"port {port} is taken" in error and error.count("\n") == 1

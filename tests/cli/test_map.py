"""`creativeml map` as it is typed: a page, a summary, and every file that could not be read by name."""

from __future__ import annotations

import json
import shutil

import pytest

from creativeml.cli import run
from creativeml.files import project_folder


@pytest.fixture
def library(tmp_path):
    root = tmp_path / "library"
    for kind in ("kick", "snare"):
        (root / kind).mkdir(parents=True)
        for path in sorted((project_folder("datasets") / "starter" / kind).glob("*.flac"))[:3]:
            shutil.copy(path, root / kind)
    (root / "broken.wav").write_text("no sound")
    return root


def test_a_folder_becomes_a_page_and_what_is_not_read_is_named(library, tmp_path, capsys):
    out, cache = tmp_path / "map.html", str(tmp_path / "cache")
    command = ["map", str(library), "--out", str(out), "--cache", cache]
    assert run(command) == 0
    captured = capsys.readouterr()
    assert "6 sounds" in captured.out and "3 kick, 3 snare" in captured.out and "not read: 1" in captured.out
    assert captured.err.startswith("not read: broken.wav: ") and captured.err.count("\n") == 1
    size = out.stat().st_size
    assert run([*command, "--json", "--no-audio", "--placement", "pca", "--groups", "2"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["sounds"] == 6 and len(made["groups"]) == 2 and made["refused"][0]["file"] == "broken.wav"
    assert set(made["seconds"]) == {"listening", "comparing", "placing", "writing"}
    assert out.stat().st_size < size - 10_000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no such folder"),
        (["library/broken.wav"], "is a file"),
        (["library/only bad"], "none of its 1 audio files can be used"),
        (["library", "--max-megabytes", "0"], "--max-megabytes must lie between"),
    ],
)
def test_mistakes_are_one_line(library, arguments, message, capsys, tmp_path, monkeypatch):
    (library / "only bad").mkdir()
    shutil.move(library / "broken.wav", library / "only bad" / "broken.wav")
    shutil.copy(library / "only bad" / "broken.wav", library)
    monkeypatch.chdir(tmp_path)
    assert run(["map", *arguments, "--cache", str(tmp_path / "cache")]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("error:") and captured.err.count("\n") == 1 and message in captured.err

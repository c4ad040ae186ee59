"""`creativeml kit`, as a person calls it."""

import json
import shutil
from pathlib import Path

import pytest

from creativeml.cli import run
from creativeml.kits.formats import FORMATS, read_kit


def test_a_kit_in_every_format_from_one_seed(tmp_path, capsys):
    first = tmp_path / "a.zip"
    asked = ["--kinds", "kick", "snare", "hat_closed", "--seed", "4", "--name", "Mine", "--author", "Ann"]
    assert run(["kit", "--out", str(first), *asked]) == 0
    told = capsys.readouterr().out
    assert told.startswith("36  Kick") and "Mine: 3 pads, 3 sounds, as wav in " in told
    kit = read_kit(first).kit
    assert (kit.name, kit.author, [p.note for p in kit.pads]) == ("Mine", "Ann", [36, 38, 42])
    for form in FORMATS:
        out = tmp_path / form
        assert run(["kit", "--from", str(first), "--out", str(out), "--format", form, "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert read_kit(out).kit == kit and answer["format"] == form and len(answer["pads"]) == 3
        assert {Path(file) for file in answer["files"]} == {path for path in out.rglob("*") if path.is_file()}
    again = tmp_path / "again.zip"
    assert run(["kit", "--out", str(again), *asked]) == 0 and again.read_bytes() == first.read_bytes()


def test_a_description_alone_is_enough(tmp_path, capsys):
    whole, bare = tmp_path / "whole", tmp_path / "bare"
    flags = ["--kinds", "tom", "--layers", "2", "--takes", "2", "--licence", "CC0-1.0"]
    assert run(["kit", "--out", str(whole), *flags]) == 0
    bare.mkdir()
    shutil.copy(whole / "kit.json", bare)
    assert run(["kit", "--from", str(bare / "kit.json"), "--out", str(tmp_path / "again"), "--name", "Other"]) == 0
    made = {p.name: p.read_bytes() for p in whole.glob("*.wav")}
    again = read_kit(tmp_path / "again").kit
    assert again.name == "Other" and again.pads == read_kit(whole / "kit.json").kit.pads and len(made) == 4
    capsys.readouterr()


@pytest.mark.parametrize(
    ("flags", "word"),
    [
        (["--kinds", "gong"], "is not known"),
        (["--layers", "9"], "layers"),
        (["--takes", "5"], "takes must be"),
        (["--seed", "-1"], "seed"),
        (["--from", "nowhere.zip"], "cannot be read"),
        (["--from", "nowhere.json"], "no such file"),
        (["--name", "x" * 65, "--kinds", "kick"], "name"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, capsys, flags, word):
    assert run(["kit", "--out", str(tmp_path / "x.zip"), *flags]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and word in error
    assert not (tmp_path / "x.zip").exists()


def test_nothing_is_replaced_unasked(tmp_path, capsys):
    out = tmp_path / "x.zip"
    out.write_text("mine")
    assert run(["kit", "--out", str(out), "--kinds", "kick"]) == 1 and out.read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err
    assert run(["kit", "--out", str(out), "--kinds", "kick", "--overwrite"]) == 0 and read_kit(out).kit.pads

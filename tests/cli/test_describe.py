"""`creativeml describe` from the shell's side: tables, CSV and JSON, bad files among good ones, datasets."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from creativeml.audio.descriptors import DESCRIPTORS
from creativeml.cli import run
from creativeml.cli.describe import shown

RATE = 44_100
QUICK = ["--names", "loudness", "decay_time_60", "fundamental"]


def hit(frequency: float, seconds: float = 0.3, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return 0.8 * np.sin(2 * np.pi * frequency * time) * np.exp(-time / 0.03)


@pytest.fixture
def sounds(tmp_path) -> Path:
    """A folder with two good sounds, one below, and things that are no sounds."""
    root = tmp_path / "sounds"
    (root / "below").mkdir(parents=True)
    soundfile.write(root / "a.wav", np.stack([hit(200), hit(200)], 1), RATE)
    soundfile.write(root / "below" / "b.flac", hit(400, rate=96_000), 96_000)
    (root / "notes.txt").write_text("no sound")
    (root / "._a.wav").write_bytes(b"companion of macOS")
    return root


def test_a_table_with_names_and_units(sounds, capsys):
    assert run(["describe", str(sounds), *QUICK]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-2:]] == [str(sounds / "a.wav"), str(sounds / "below" / "b.flac")]
    assert lines[-3].split() == ["path", "[LUFS]", "[ms]", "[Hz]"]
    assert {"loudness", "decay", "time", "60", "fundamental"} <= set(" ".join(lines[:-2]).split())
    assert [line.split()[-1] for line in lines[-2:]] == ["200", "400"]


def test_csv_has_the_path_and_then_the_descriptors_in_their_order(sounds, capsys):
    assert run(["describe", str(sounds / "a.wav"), "--csv"]) == 0
    text = capsys.readouterr().out
    header, values = csv.reader(io.StringIO(text))
    assert header == ["path", *DESCRIPTORS] and values[0] == str(sounds / "a.wav")
    found = dict(zip(header[1:], map(float, values[1:]), strict=True))
    assert found["fundamental"] == pytest.approx(200, rel=0.01)
    assert found["decay_time_60"] == pytest.approx(1000 * 0.03 * np.log(1000), rel=0.03)


def test_json_says_the_same(sounds, capsys):
    assert run(["describe", str(sounds / "a.wav"), str(sounds / "below"), "--json", *QUICK]) == 0
    entries = json.loads(capsys.readouterr().out)
    assert [Path(entry["path"]).name for entry in entries] == ["a.wav", "b.flac"]
    assert list(entries[0]) == ["path", "loudness", "decay_time_60", "fundamental"]
    assert entries[1]["fundamental"] == pytest.approx(400, rel=0.01)


def test_channels_are_mixed_to_their_mean(tmp_path, capsys):
    soundfile.write(tmp_path / "one.wav", hit(300), RATE)
    soundfile.write(tmp_path / "two.wav", np.stack([2 * hit(300), 0 * hit(300)], 1) / 2, RATE)
    command = ["describe", str(tmp_path / "one.wav"), str(tmp_path / "two.wav"), "--json", "--names", "loudness"]
    assert run(command) == 0
    one, two = (entry["loudness"] for entry in json.loads(capsys.readouterr().out))
    assert two == pytest.approx(one - 20 * np.log10(2), abs=0.05)


def test_bad_files_are_named_with_the_reason_and_the_rest_is_described(sounds, tmp_path, capsys):
    soundfile.write(tmp_path / "slow.wav", hit(200, rate=8000), 8000)
    soundfile.write(tmp_path / "short.wav", hit(200)[:300], RATE)
    soundfile.write(tmp_path / "long.wav", np.zeros(61 * 16_000), 16_000)
    (tmp_path / "text.wav").write_text("Dear diary")
    bad = {"slow": "8000 Hz", "short": "too short", "long": "too long", "text": "not an audio file", "gone": "No such"}
    files = [str(tmp_path / f"{name}.wav") for name in bad]
    assert run(["describe", files[0], str(sounds / "a.wav"), *files[1:], "--json", *QUICK]) == 1
    captured = capsys.readouterr()
    assert [Path(entry["path"]).name for entry in json.loads(captured.out)] == ["a.wav"]
    errors = captured.err.splitlines()
    assert len(errors) == len(bad)
    for (name, reason), line in zip(bad.items(), errors, strict=True):
        assert line.startswith("error:") and f"{name}.wav" in line and reason in line


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "name the files to describe"),
        (["x.wav", "--data", "d"], 2, "name the files to describe"),
        (["x.wav", "--csv", "--json"], 2, "--csv does not go with --json"),
        (["--data", "d", "--csv"], 2, "--csv does not go with --data"),
        (["x.wav", "--names", "brightnes"], 1, "did you mean 'brightness'"),
        (["--data", "nowhere"], 1, "not a dataset folder"),
    ],
)
def test_wrong_usage(arguments, code, message, capsys):
    assert run(["describe", *arguments]) == code
    captured = capsys.readouterr()
    assert captured.err.startswith("error:") and captured.err.count("\n") == 1 and message in captured.err


def test_a_folder_without_sounds_is_an_error(tmp_path, capsys):
    assert run(["describe", str(tmp_path)]) == 1
    assert "no sound in" in capsys.readouterr().err


def test_a_dataset_is_described_once_and_its_ranges_are_printed(tmp_path, capsys):
    source, out = tmp_path / "samples", tmp_path / "data"
    for kind, frequency in (("kick", 60), ("tom", 150)):
        (source / kind).mkdir(parents=True)
        for place, name in enumerate(("oak", "elm", "ash")):
            soundfile.write(source / kind / f"{name}.wav", hit(frequency * 1.2**place), RATE)
    command = ["prepare", str(source), "--out", str(out), "--length", "8192", "--numbers", "sounds"]
    assert run(command) == 0
    assert not (out / "descriptors.csv").exists()
    manifest = (out / "manifest.csv").read_bytes()
    capsys.readouterr()
    assert run(["describe", "--data", str(out), "--names", "fundamental"]) == 0
    captured = capsys.readouterr()
    assert "6 sounds described, 0 were already" in captured.err and "fundamental [Hz]" in captured.out
    assert captured.out.splitlines()[1].split() == ["5", "%", "20", "%", "50", "%", "80", "%", "95", "%"]
    assert (out / "manifest.csv").read_bytes() == manifest
    with (out / "descriptors.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 6
    assert run(["describe", "--data", str(out), "--json"]) == 0
    captured = capsys.readouterr()
    assert "0 sounds described, 6 were already" in captured.err
    ranges = json.loads(captured.out)
    assert ranges["levels"] == [0.05, 0.2, 0.5, 0.8, 0.95]
    for kind, low, high in (("kick", 55, 90), ("tom", 145, 220)):
        values = ranges["kinds"][kind]["descriptors"]["fundamental"]
        assert low < values[0] <= values[2] <= values[4] < high and values == sorted(values)
    # What is measured when preparing is the same.
    before = (out / "descriptors.csv").read_bytes()
    (out / "descriptors.csv").unlink()
    assert run([*command, "--describe", "--overwrite"]) == 0
    assert (out / "descriptors.csv").read_bytes() == before


def test_values_are_shown_with_the_digits_that_can_be_heard():
    assert shown(12.345, DESCRIPTORS["brightness"]) == "12.3"
    assert shown(1234.5, DESCRIPTORS["spectral_centroid"]) == "1234"
    assert shown(2.345, DESCRIPTORS["attack_time"]) == "2.3" and shown(123.4, DESCRIPTORS["attack_time"]) == "123"

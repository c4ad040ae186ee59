"""`creativeml prepare` on the folder nobody wants to get, from the shell's side of it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from creativeml.cli import run

RATE = 44_100


def hit(frequency: float, rate: int = RATE, lead_s: float = 0.02) -> np.ndarray:
    time = np.arange(round(0.3 * rate)) / rate
    sound = 0.8 * np.sin(2 * np.pi * frequency * time) * np.exp(-time / 0.06)
    return np.concatenate([np.zeros(round(lead_s * rate)), sound])


def encoded(samples: np.ndarray, container: str, subtype: str | None = None, rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=container, subtype=subtype)
    return buffer.getvalue()


def good_files() -> dict[str, bytes]:
    return {
        "kick/eight bit.wav": encoded(hit(60), "WAV", "PCM_U8"),
        "kick/float.wav": encoded(hit(70), "WAV", "FLOAT"),
        "kick/loud float.wav": encoded(3 * hit(75), "WAV", "FLOAT"),
        "snare/96 kHz.wav": encoded(hit(200, 96_000), "WAV", "PCM_24", 96_000),
        "snare/stereo.aiff": encoded(np.stack([hit(210), 0.5 * hit(210)], 1), "AIFF", "PCM_16"),
        "snare/cancelling.wav": encoded(np.stack([hit(220), -0.9 * hit(220)], 1), "WAV", "PCM_16"),
        "hats/closed.mp3": encoded(hit(5000), "MP3"),
        "hats/open hat.ogg": encoded(hit(6000), "OGG"),
        "hats/hat 22 kHz.flac": encoded(hit(4000, 22_050), "FLAC", "PCM_16", 22_050),
        "tom/five milliseconds.wav": encoded(hit(400, lead_s=0)[:221], "WAV", "PCM_16"),
        "my noises/zap.wav": encoded(hit(900), "WAV", "PCM_16"),
        "nothing to say.wav": encoded(hit(1000), "WAV", "PCM_16"),
    }


def bad_files() -> dict[str, tuple[bytes, str]]:
    with_nan = hit(100)
    with_nan[100] = np.nan
    wav, flac = encoded(hit(100), "WAV", "PCM_16"), encoded(hit(100), "FLAC")
    return {
        "kick/empty.wav": (b"", "0 bytes"),
        "kick/truncated.wav": (wav[: len(wav) // 2], "truncated"),
        "kick/truncated.flac": (flac[: len(flac) // 2], "cut short|truncated|decoded"),
        "kick/one sample.wav": (encoded(np.ones(1), "WAV", "PCM_16"), "1 sample"),
        "kick/silent.wav": (encoded(np.zeros(RATE), "WAV", "PCM_16"), "silent"),
        "kick/nan.wav": (encoded(with_nan, "WAV", "FLOAT"), "NaN"),
        "kick/text.wav": (b"Dear diary, today I renamed a file.\n" * 20, "text"),
        "kick/adpcm.wav": (encoded(hit(100), "WAV", "IMA_ADPCM"), "ADPCM"),
        "kick/gsm.wav": (encoded(hit(100), "WAV", "GSM610"), "GSM"),
        "kick/one hertz.wav": (wav[:24] + (1).to_bytes(4, "little") + wav[28:], "1 Hz"),
        "kick/four gigahertz.wav": (wav[:24] + (4 * 10**9).to_bytes(4, "little") + wav[28:], "4000000000 Hz"),
        "kick/loop.wav": (encoded(np.tile(hit(100), 80), "WAV", "PCM_16"), "25.6 s.*--max-seconds"),
    }


@pytest.fixture
def samples(tmp_path) -> Path:
    root = tmp_path / "samples"
    contents = {**good_files(), **{name: data for name, (data, _) in bad_files().items()}}
    for name, data in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "kick" / "directory.wav").mkdir()
    (root / "kick" / "dangling.wav").symlink_to(root / "gone.wav")
    (root / "kick" / "forbidden.wav").write_bytes(b"x")
    (root / "kick" / "forbidden.wav").chmod(0)
    (root / "cover.txt").write_text("not meant as sound")
    return root


def test_right_counts_and_every_bad_file_named_with_its_reason(samples, tmp_path, capsys):
    out = tmp_path / "data"
    assert run(["prepare", str(samples), "--out", str(out), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    expected = {name: reason for name, (_, reason) in bad_files().items()}
    expected |= {
        "kick/directory.wav": "folder",
        "kick/dangling.wav": "link",
        "kick/forbidden.wav": "opened|not an audio",
    }
    assert (summary["accepted"], summary["rejected"], summary["ignored"]) == (
        len(good_files()),
        len(expected),
        1,
    )
    reasons = {r["path"].removeprefix("samples/"): r["reason"] for r in summary["rejected_files"]}
    assert reasons.keys() == expected.keys()
    for name, pattern in expected.items():
        assert re.search(pattern, reasons[name]), (name, reasons[name])
    text = (out / "report.txt").read_text(encoding="utf-8")
    assert all(f"samples/{name}" in text for name in [*expected, *good_files(), "cover.txt"])
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    remarks = {a["original_path"].removeprefix("samples/"): a["remarks"] for a in report["accepted_files"]}
    assert remarks.keys() == good_files().keys()
    assert "channel 1 was taken alone" in remarks["snare/cancelling.wav"][0]
    assert "scaled down by" in remarks["kick/loud float.wav"][0] and remarks["kick/float.wav"] == []


def test_the_sounds_are_what_they_should_be(samples, tmp_path, capsys):
    out = tmp_path / "data"
    assert run(["prepare", str(samples), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "12 accepted, 15 rejected, 1 passed over" in printed and "rejected samples/kick/nan.wav:" in printed
    with (out / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = {r["original_path"].removeprefix("samples/"): r for r in csv.DictReader(file)}
    classes = {name: row["class"] for name, row in rows.items()}
    assert classes["hats/open hat.ogg"] == "hat_open" and classes["hats/closed.mp3"] == "hat_closed"
    assert classes["my noises/zap.wav"] == "my_noises" and classes["nothing to say.wav"] == "unlabelled"
    assert rows["snare/96 kHz.wav"]["original_sample_rate"] == "96000"
    assert rows["kick/eight bit.wav"]["original_encoding"] == "WAV PCM_U8"
    assert rows["snare/stereo.aiff"]["original_channels"] == "2"
    assert float(rows["kick/loud float.wav"]["peak"]) > 1.5
    assert float(rows["tom/five milliseconds.wav"]["duration_s"]) == pytest.approx(0.0053, abs=0.0005)
    for name, row in rows.items():
        sound, rate = soundfile.read(out / row["path"])
        assert rate == RATE and sound.shape == (65_536,) and np.isfinite(sound).all()
        peak = np.abs(sound).max()
        assert 0.05 < peak <= 1 and abs(sound[0]) <= 0.01 * peak and sound[-1] == 0
        if not name.startswith("tom"):
            assert np.flatnonzero(np.abs(sound) > 0.03 * peak)[0] <= 0.0015 * RATE, name


def test_a_second_run_refuses_and_overwrite_makes_the_same_again(samples, tmp_path, capsys):
    out = tmp_path / "data"
    command = ["prepare", str(samples), "--out", str(out)]
    assert run(command) == 0
    before = (out / "manifest.csv").read_bytes()
    capsys.readouterr()
    assert run(command) == 1
    error = capsys.readouterr().err
    assert error.startswith("error:") and error.count("\n") == 1 and "--overwrite" in error
    assert run([*command, "--overwrite"]) == 0
    assert (out / "manifest.csv").read_bytes() == before


def test_all_bad_is_exit_code_1_and_one_line(tmp_path, capsys):
    for name, (data, _) in bad_files().items():
        (tmp_path / "samples" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "samples" / name).write_bytes(data)
    assert run(["prepare", str(tmp_path / "samples"), "--out", str(tmp_path / "data")]) == 1
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and f"none of the {len(bad_files())} files" in errors[0] and "report.txt" in errors[0]
    assert (tmp_path / "data" / "report.txt").is_file() and not (tmp_path / "data" / "dataset.json").exists()


def test_usage_errors_are_exit_code_2(tmp_path):
    assert run(["prepare"]) == 2
    assert run(["prepare", "--out", str(tmp_path / "data")]) == 2
    assert run(["prepare", str(tmp_path), "--out", str(tmp_path / "data"), "--kinds-from", "stars"]) == 2


def test_mistakes_are_one_line(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    out = str(tmp_path / "data")
    for arguments, said in (
        ([str(tmp_path / "nowhere"), "--out", out], "no such folder"),
        ([str(tmp_path / "empty"), "--out", out], "no audio files"),
        ([str(tmp_path), "--out", str(tmp_path / "empty")], "lie in one another"),
        ([str(tmp_path / "empty"), "--out", str(tmp_path)], "lie in one another"),
        ([str(tmp_path / "empty"), "--out", out, "--sample-rate", "7"], "--sample-rate"),
    ):
        assert run(["prepare", *arguments]) == 1
        error = capsys.readouterr().err
        assert error.startswith("error:") and error.count("\n") == 1 and said in error, error
    assert not Path(out).exists()


def test_a_prepared_dataset_can_be_a_source_itself(samples, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    assert run(["prepare", str(samples), "--out", str(first)]) == 0
    assert run(["prepare", str(first), "--out", str(second), "--length", "16384"]) == 0
    assert json.loads((second / "dataset.json").read_text())["length_samples"] == 16_384
    assert (second / "manifest.csv").read_text().count("\n") == len(good_files()) + 1


def test_the_starter_pack_becomes_a_dataset(tmp_path):
    out = tmp_path / "data"
    assert run(["prepare", "starter", "--out", str(out), "--length", "16384"]) == 0
    with (out / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 100 and {r["licence"] for r in rows} == {"CC0-1.0"}
    assert {r["split"] for r in rows} == {"train", "validation", "test"}

"""`creativeml resynthesize` as typed at a prompt."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from creativeml.cli import run
from creativeml.errors import CreativeMLError
from creativeml.files import project_folder, sha256_file
from creativeml.synthesis.resynthesis_files import Variant, files_of

SNARE = sorted((project_folder("datasets") / "starter" / "snare").glob("*.flac"))[-1]
QUICK = ("--steps", "2", "--tuning", "2")


@pytest.fixture(scope="module")
def stereo_snare(tmp_path_factory) -> Path:
    """At another rate, in two channels, late."""
    samples = soundfile.read(SNARE, always_2d=True)[0].mean(1)
    late = np.concatenate([np.zeros(9000), samples])
    path = tmp_path_factory.mktemp("recordings") / "My Snäre #1.wav"
    soundfile.write(path, np.stack([late, 0.7 * late], axis=1), 48000, subtype="PCM_24")
    return path


def test_the_reconstruction_what_was_asked_for_and_variations_stand_in_the_manifest(stereo_snare, tmp_path, capsys):
    out = tmp_path / "out"
    line = ["resynthesize", str(stereo_snare), "--out", str(out), "--variations", "2", "--seed", "5", "--warmth", "+8"]
    assert run([*line, "--kind", "snare", *QUICK]) == 0
    names = ["reconstruction", "changed", "changed_s0005", "changed_s0006"]
    files = [f"My_Snare_1_{name}.wav" for name in names]
    assert sorted(path.name for path in out.iterdir()) == sorted([*files, "resynthesis.json"])
    manifest = json.loads((out / "resynthesis.json").read_text(encoding="utf-8"))
    assert [sound["file"] for sound in manifest["sounds"]] == files
    assert manifest["kind"] == "snare" and manifest["recording"] == "My Snäre #1"
    assert manifest["model"]["name"] == "drums" and manifest["format"] == 1
    own = manifest["descriptors"]["warmth"]
    for sound in manifest["sounds"]:
        path = out / sound["file"]
        assert sha256_file(path) == sound["sha256"]
        samples, rate = soundfile.read(path)
        assert (rate, samples.ndim, soundfile.info(path).subtype) == (44100, 1, "PCM_24")
        assert sound["measured"].keys() == manifest["descriptors"].keys()
        assert 0 < sound["distance"] < 20
        asked = sound["variant"]["controls"].get("warmth")
        assert asked == (None if "reconstruction" in sound["file"] else pytest.approx(own + 8))
    assert len({sound["sha256"] for sound in manifest["sounds"]}) == 4
    printed = capsys.readouterr().out
    assert "made as snare" in printed and f"warmth [points]: the recording has {own:.4g}, asked" in printed
    assert all(file in printed for file in files)


def test_again_gives_the_same_bytes_and_nothing_is_overwritten_silently(stereo_snare, tmp_path, capsys):
    line = ["resynthesize", str(stereo_snare), "--kind", "snare", "--variations", "1", *QUICK]
    for folder in ("one", "two"):
        assert run([*line, "--out", str(tmp_path / folder), "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert [s["variant"]["variation"] for s in answer["sounds"]] == [0.0, 0.3]
    contents = [{path.name: path.read_bytes() for path in (tmp_path / f).iterdir()} for f in ("one", "two")]
    assert contents[0] == contents[1]
    again = [*line, "--out", str(tmp_path / "one"), "--variation", "0.6"]
    assert run(again) == 1
    assert "exists already; give another --out, or --overwrite" in capsys.readouterr().err
    (tmp_path / "one" / "resynthesis.json").unlink()
    assert run(again) == 1
    assert "reconstruction.wav exists already" in capsys.readouterr().err
    assert {p.name: p.read_bytes() for p in (tmp_path / "one").glob("*.wav")}.items() <= contents[1].items()
    assert run([*again, "--overwrite"]) == 0
    # Nothing is left of what is replaced that its manifest does not name; what is none of it stays.
    (tmp_path / "one" / "mine.wav").write_bytes(b"of the user")
    fewer = [*line[:5], "0", *line[6:]]
    assert line[4] == "--variations"
    assert run([*fewer, "--out", str(tmp_path / "one"), "--overwrite"]) == 0
    left = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert left == ["My_Snare_1_reconstruction.wav", "mine.wav", "resynthesis.json"]


def test_variants_of_one_name_are_refused():
    with pytest.raises(CreativeMLError, match="two variants would both be snare_changed"):
        files_of("snare", [Variant({"warmth": 40.0}), Variant({"warmth": 60.0})])


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (None, "cannot be opened"),
        ("corrupt", "bad.wav"),
        (np.zeros(44100), "silent"),
        (np.full(44100 * 25, 0.1), "too long"),
        (np.full(10, 0.5), "too short"),
    ],
)
def test_recordings_that_cannot_be_used_are_named_in_a_line(tmp_path, capsys, samples, message):
    path = tmp_path / "bad.wav"
    if isinstance(samples, str):
        path.write_bytes(b"RIFF\x10\x00\x00\x00WAVEfmt no sound at all")
    elif samples is not None:
        soundfile.write(path, samples, 44100)
    assert run(["resynthesize", str(path), "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err.strip()
    assert message in error and error.startswith("error: ") and "\n" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--warmth", "hot"], "warmth must be a number"),
        (["--warmth", "nan"], "warmth must be a number"),
        (["--noisiness", "+3"], "'noisiness' cannot be changed; what can: brightness"),
        (["--decay-time-20", "-100000"], "which cannot become 100000 less"),
        (["--kind", "snar"], "did you mean 'snare'"),
        (["--variations", "5000"], "--variations must be a whole number from 0 to 1024"),
        (["--variation", "0"], "--variation must be above 0"),
        (["--seed", "-1"], "seed must be a whole number"),
        (["--steps", "5000"], "steps must be a whole number"),
        (["--tuning", "500"], "tuning must be a whole number"),
        (["--model", "drms"], "did you mean 'drums'"),
    ],
)
def test_requests_that_cannot_be_met_are_refused(tmp_path, capsys, flags, message):
    line = ["resynthesize", str(SNARE), "--out", str(tmp_path / "out")]
    quick = [] if "--steps" in flags else ["--steps", "0"]
    assert run([*line, *quick, *flags]) == 1
    error = capsys.readouterr().err.strip()
    assert message in error and "\n" not in error
    assert not (tmp_path / "out").exists()


def test_help_tells_how_it_is_asked_at_once():
    code = (
        "import sys; from creativeml.cli import run; run(['resynthesize', '--help']); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, "help waits for torch"
    text = " ".join(done.stdout.replace("│", " ").split())
    for words in ("Make a drum of your own again", "--variations INT", "--warmth [±]POINTS", "--warmth +10"):
        assert words in text

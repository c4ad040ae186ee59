"""`creativeml transfer` as typed at a prompt."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from creativeml.cli import run
from creativeml.files import project_folder

STARTER = project_folder("datasets") / "starter"


def hit(kind: str, rate: int) -> np.ndarray:
    from creativeml.audio.resample import resample

    samples, from_rate = soundfile.read(sorted((STARTER / kind).glob("*.flac"))[3], always_2d=True)
    return resample(samples.mean(1), from_rate, rate)[: rate // 4]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    """A beat of four hits in stereo at 32 kHz and a style of six cymbals at 48 kHz."""
    folder = tmp_path_factory.mktemp("sounds")
    beat = np.zeros((32000, 2))
    for number, kind in enumerate(("kick", "snare", "kick", "snare")):
        sound = hit(kind, 32000)
        beat[number * 8000 : number * 8000 + len(sound)] += 0.6 * np.stack([sound, 0.5 * sound], 1)[:8000]
    soundfile.write(folder / "beat.wav", beat, 32000, subtype="PCM_16")
    soundfile.write(folder / "style.flac", np.tile(0.7 * hit("crash", 48000), 6), 48000)
    return folder / "beat.wav", folder / "style.flac"


@pytest.mark.parametrize("method", ["spectral", "latent", "texture"])
def test_a_wav_of_the_contents_form_is_written(method, files, tmp_path, capsys):
    out = tmp_path / "new" / "out.wav"
    line = ["transfer", *map(str, files), "--method", method, "--out", str(out), "--json"]
    assert run(line) == 0
    info = soundfile.info(out)
    assert (info.samplerate, info.channels, info.frames, info.subtype) == (32000, 2, 32000, "PCM_24")
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(out) and told["seconds"] == 1.0
    assert told["style_distance"] < 0.9 * told["style_distance_before"] and told["onsets_kept"] >= 0.75
    before = out.read_bytes()
    assert run(line) == 1
    assert "add --overwrite" in capsys.readouterr().err
    assert run([*line, "--overwrite"]) == 0
    assert out.read_bytes() == before


def test_strength_zero_is_the_content(files, tmp_path, capsys):
    out = tmp_path / "same.wav"
    assert run(["transfer", *map(str, files), "--strength", "0", "--out", str(out)]) == 0
    assert "distance from the style" in capsys.readouterr().out
    assert np.abs(soundfile.read(out)[0] - soundfile.read(files[0])[0]).max() < 2**-20


@pytest.mark.parametrize(
    ("name", "samples", "said"),
    [
        ("silent.wav", np.zeros(8000), "silent.wav: the sound is silent"),
        ("short.wav", np.ones(1), "short.wav: the sound has 1 sample"),
        ("nan.wav", np.full(8000, np.nan), "nan.wav: NaN or infinite samples"),
        ("three.wav", np.ones((8000, 3)), "three.wav: it has 3 channels"),
        ("text.wav", None, "text.wav: not an audio file"),
        ("slow.wav", np.ones(4000) * 0.1, "its sample rate, 4000 Hz"),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_no_sound_is_named_in_one_line(name, samples, said, place, files, tmp_path, capsys):
    bad = tmp_path / name
    if samples is None:
        bad.write_text("hello")
    else:
        soundfile.write(bad, samples, 4000 if name == "slow.wav" else 44100, subtype="FLOAT")
    pair = [str(file) for file in files]
    pair[place] = str(bad)
    assert run(["transfer", *pair, "--out", str(tmp_path / "out.wav")]) == 1
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1
    assert not (tmp_path / "out.wav").exists()


def test_numbers_out_of_range_and_other_endings_are_refused(files, tmp_path, capsys):
    pair = [str(file) for file in files]
    assert run(["transfer", *pair, "--strength", "2", "--out", str(tmp_path / "a.wav")]) == 1
    assert "strength must be a number from 0 to 1, got 2.0" in capsys.readouterr().err
    assert run(["transfer", *pair, "--out", str(tmp_path / "a.mp3")]) == 1
    assert "only wav files are written" in capsys.readouterr().err
    assert run(["transfer", *pair, "--method", "magic", "--out", str(tmp_path / "a.wav")]) == 2


def test_a_preset_sets_what_is_not_given(files, tmp_path, capsys):
    from creativeml.synthesis.style_transfer.presets import PRESETS

    def made(name: str, *options: str) -> bytes:
        out = tmp_path / f"{name}.wav"
        assert run(["transfer", *map(str, files), *options, "--out", str(out)]) == 0
        return out.read_bytes()

    plain = made("plain", "--method", "spectral", "--strength", "0.5")
    assert made("preset", "--preset", "tinted") == plain
    assert made("given", "--preset", "tinted", "--strength", "1") == made("cast", "--preset", "cast") != plain
    capsys.readouterr()
    assert run(["transfer", *map(str, files), "--preset", "purple", "--out", str(tmp_path / "a.wav")]) == 1
    told = capsys.readouterr().err
    assert "no preset 'purple'" in told and all(preset.name in told for preset in PRESETS)


def test_the_help_names_every_preset(capsys):
    from creativeml.synthesis.style_transfer.presets import PRESETS

    assert run(["transfer", "--help"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert all(preset.name in told for preset in PRESETS)

"""`creativeml generate` as typed at a prompt."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import creativeml
from creativeml.audio.descriptors.scales import SCALES
from creativeml.cli import run
from creativeml.models import build, save_pretrained
from creativeml.synthesis.catalog import DEFAULT_TUNING
from creativeml.synthesis.export import read_manifest

KINDS = ["kick", "snare", "hat_closed"]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    net = build("style_wavegan", kinds=KINDS, latent_dim=8, style_dim=8, channels=[8] * 5)
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


def generate(folder: Path, out: Path, *arguments: str) -> int:
    return run(["generate", "--model", str(folder), "--out", str(out), *arguments])


def test_controls_are_asked_for_by_flags_of_their_names(controls_folder, tmp_path, capsys):
    arguments = ["--kind", "snare", "--count", "2", "--brightness", "65", "--decay-time-20", "60"]
    assert generate(controls_folder, tmp_path, *arguments) == 0
    said = capsys.readouterr()
    assert said.err == "" and "brightness [points]: asked 65, measured " in said.out
    assert "decay_time_20 [ms]: asked 60, measured " in said.out
    instrument = creativeml.load(controls_folder)
    manifest = read_manifest(tmp_path / "manifest.json")
    for seed, sound in enumerate(manifest.sounds):
        samples, _ = soundfile.read(tmp_path / sound.file)
        controls = {"brightness": 65.0, "decay_time_20": 60.0}
        expected = instrument.sound("snare", seed, controls=controls, tuning=DEFAULT_TUNING).numpy()
        assert np.abs(samples - expected).max() <= 2**-23


def test_what_is_not_feasible_is_said_and_made_as_near_as_it_occurs(controls_folder, tmp_path, capsys):
    arguments = ["--kind", "all", "--count", "1", "--warmth", "-40", "--boominess", "-5", "--json"]
    assert generate(controls_folder, tmp_path, *arguments) == 0
    said = capsys.readouterr()
    answer = json.loads(said.out)
    assert said.err.splitlines() == [f"note: {note}" for note in answer["notes"]]
    assert "has no control 'boominess', it is left out (it has: brightness, warmth" in answer["notes"][0]
    assert [note.split(" has ")[0] for note in answer["notes"][1:]] == [
        *(f"no {kind} in the data" for kind in ("kick", "snare", "tom")),
        "no sound of any kind (there are only 1 of clap) in the data",
        "no sound of any kind (there are only 0 of perc2) in the data",
    ]
    for sound in answer["manifest"]["sounds"]:
        assert sound["controls"] == {"warmth": -40.0} and sound["given"]["warmth"] > 0
        assert set(sound["measured"]) == {"warmth"}


def test_mixtures_by_their_shares(controls_folder, tmp_path, capsys):
    assert generate(controls_folder, tmp_path / "a", "--kind", "clap:0.3,snare:0.7", "--count", "1") == 0
    assert set(files(tmp_path / "a")) == {"Snare70_Clap30_s0000.wav", "manifest.json"}
    capsys.readouterr()
    assert generate(controls_folder, tmp_path / "b", "--kind", "snare:0.7,klap:0.3") == 1
    assert "did you mean 'clap'" in capsys.readouterr().err


def test_controls_travel_with_the_manifest(controls_folder, tmp_path, capsys):
    arguments = ["--kind", "snare:0.7,clap:0.3", "--count", "2", "--warmth", "900", "--truncation", "0.7"]
    assert generate(controls_folder, tmp_path / "a", *arguments) == 0
    program = [sys.executable, "-m", "creativeml", "generate", "--model", str(controls_folder)]
    program += ["--from", str(tmp_path / "a/manifest.json"), "--out", str(tmp_path / "b")]
    done = subprocess.run(program, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and "same bytes" in done.stdout, done.stderr
    assert files(tmp_path / "a") == files(tmp_path / "b")
    capsys.readouterr()
    assert generate(controls_folder, tmp_path / "c", "--from", str(tmp_path / "a/manifest.json"), "--warmth", "3") == 1
    assert "leave --warmth out, or --from" in capsys.readouterr().err


def test_a_model_without_controls_refuses_them(model, tmp_path, capsys):
    assert generate(Path(model), tmp_path / "out", "--brightness", "60") == 1
    error = capsys.readouterr().err
    assert error.startswith("error: the model 'tiny' has no controls") and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_help_names_every_descriptor_with_its_unit_without_loading_torch():
    code = (
        "import sys; from creativeml.cli import run; run(['generate', '--help']);"
        "print(sorted({'torch', 'soundfile'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0 and done.stdout.rstrip().endswith("[]"), done.stderr
    for scale in SCALES.values():
        assert f"--{scale.name.replace('_', '-')} {scale.unit.upper()}" in done.stdout

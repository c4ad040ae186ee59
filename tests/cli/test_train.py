"""`creativeml train` from the shell's side: a real run on the starter pack, and every way to get it wrong."""

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from creativeml.cli import run
from creativeml.models import from_pretrained


@pytest.fixture(scope="module")
def starter(tmp_path_factory) -> Path:
    """The starter pack, prepared by the program itself."""
    data = tmp_path_factory.mktemp("starter") / "data"
    assert run(["prepare", "starter", "--out", str(data)]) == 0
    return data


def train(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "creativeml", "train", "drum_gan", "--accelerator", "cpu", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_from_starter_pack_to_a_model_and_on_from_there(starter, tmp_path):
    out = tmp_path / "run"
    first = train("--data", starter, "--out", out, "--steps", 2, "--batch-size", 3, "--checkpoint-every", 2)
    assert first.returncode == 0, first.stderr
    assert first.stdout.strip() == f"best checkpoint: {out / 'best'}"
    assert "fewer than two validation sounds of" in first.stderr and "step 2" in first.stderr
    model = from_pretrained(out / "best")
    assert model.config.length_samples == 65536 and "kick" in model.config.kinds
    again = train("--data", starter, "--out", out, "--steps", 3)
    assert again.returncode == 1 and "--resume" in again.stderr
    on = train("--data", starter, "--out", out, "--steps", 3, "--batch-size", 5, "--checkpoint-every", 3, "--resume")
    assert on.returncode == 0, on.stderr
    assert "resuming with the run's own batch_size" in on.stderr
    assert json.loads((out / "last/config.json").read_text())["info"]["step"] == 3


def test_every_training_command_has_the_flag_that_learns_a_small_set_by_heart(capsys):
    """What it does: `test_overfitting_two_sounds_learns_them` and `test_a_small_set_is_learnt_by_heart`."""
    for command in (["drum_gan"], ["drum_vae"], ["classifier"]):
        assert run(["train", *command, "--help"]) == 0
        assert "--overfit" in capsys.readouterr().out
    assert run(["train", "drum_gan", "--data", "none", "--out", "none", "--overfit", "none"]) == 2


def test_dry_run_writes_nothing(starter, tmp_path, capsys):
    arguments = ["train", "drum_gan", "--data", str(starter), "--out", str(tmp_path / "run"), "--dry-run"]
    assert run([*arguments, "--accelerator", "cpu"]) == 0
    told = capsys.readouterr()
    assert "training sounds of 11 kinds" in told.err and told.out == ""
    assert not (tmp_path / "run").exists()


def test_single_fields_are_set_told_kept_and_resumed(starter, tmp_path, capsys):
    out = tmp_path / "run"
    arguments = ["train", "drum_gan", "--data", str(starter), "--out", str(out), "--accelerator", "cpu"]
    chosen = ["--set", "critic.periods=2,3", "--set", "augmentation.limit=0"]
    assert run([*arguments, *chosen, "--dry-run"]) == 0
    told = capsys.readouterr().err
    assert "changed: critic.periods=2,3 (preset: )" in told and "changed: augmentation.limit=0.0 (preset: 0.8)" in told
    assert not out.exists()
    short = ["--batch-size", "3", "--steps", "1", "--checkpoint-every", "1"]
    assert run([*arguments, *chosen, *short]) == 0
    stored = json.loads((out / "config.json").read_text())
    assert stored["critic"]["periods"] == [2, 3] and stored["augmentation"]["limit"] == 0.0
    capsys.readouterr()
    assert run([*arguments, "--set", "critic.periods=5", "--resume", "--steps", "2"]) == 1
    told = capsys.readouterr().err
    assert "was started with critic.periods=2,3, not 5" in told and f"--init {out}" in told
    again = ["--set", "critic.periods=2,3", "--resume", "--steps", "2", "--checkpoint-every", "2"]
    assert run([*arguments, *again]) == 0
    assert json.loads((out / "last/config.json").read_text())["info"]["step"] == 2


def relabelled(starter: Path, folder: Path, change) -> Path:
    shutil.copytree(starter, folder)
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    about = json.loads((folder / "dataset.json").read_text())
    change(rows, about)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    (folder / "dataset.json").write_text(json.dumps(about))
    return folder


def nothing_known(rows, about):
    about["kinds"] = []
    for row in rows:
        row["class"] = "unlabelled"


def other_rate(rows, about):
    about["sample_rate"] = 22050


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--data", "no-such-folder", "--out", "{out}"], 1, "creativeml prepare"),
        (["--data", "{data}", "--out", "{file}"], 1, "is a file"),
        (["--data", "{data}", "--out", "{out}", "--steps", "0"], 1, "--steps must be at least 1"),
        (["--data", "{data}", "--out", "{out}", "--minutes", "0"], 1, "--minutes must be more than 0"),
        (["--data", "{data}", "--out", "{out}", "--minutes", "nan"], 1, "--minutes must be more than 0"),
        (["--data", "{data}", "--out", "{out}", "--overfit", "-1"], 1, "--overfit must not be negative"),
        (["--data", "{data}", "--out", "{out}", "--seed", "99999999999"], 1, "--seed must be at most"),
        (["--data", "{data}", "--out", "{out}", "--resume"], 1, "holds no run to resume"),
        (["--data", "{unknown}", "--out", "{out}"], 1, "no sound whose kind is known"),
        (["--data", "{rate}", "--out", "{out}"], 1, "22050"),
        (["--data", "{data}", "--out", "{out}", "--set", "penalty=lp"], 1, "did you mean 'adversarial.penalty'?"),
        (["--data", "{data}", "--out", "{out}", "--set", "adversarial.penalty=l1"], 1, "must be r1 or lp or gp"),
        (["--data", "{data}"], 2, "--out"),
        (["--data", "{data}", "--out", "{out}", "--stpes", "3"], 2, "--steps"),
        (["--data", "{data}", "--out", "{out}", "--preset", "quick"], 2, "fast"),
    ],
)
def test_mistakes_get_one_clear_message_and_leave_nothing(flags, code, message, starter, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    places = {"data": starter, "out": tmp_path / "run", "file": tmp_path / "file"}
    if "{unknown}" in flags:
        places["unknown"] = relabelled(starter, tmp_path / "unknown", nothing_known)
    if "{rate}" in flags:
        places["rate"] = relabelled(starter, tmp_path / "rate", other_rate)
    filled = [flag.format(**places) for flag in flags]
    assert run(["train", "drum_gan", "--accelerator", "cpu", *filled]) == code
    told = capsys.readouterr().err
    assert message in told and "Traceback" not in told
    if code == 1:
        assert len([line for line in told.splitlines() if line.startswith("error:")]) == 1
    assert not (tmp_path / "run").exists()


def test_an_accelerator_that_is_not_there_is_said(starter, tmp_path, capsys):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    arguments = ["--data", str(starter), "--out", str(tmp_path / "run"), "--accelerator", "cuda"]
    assert run(["train", "drum_gan", *arguments]) == 1
    assert "--accelerator cpu" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "flags"), [("drum_vae", []), ("wave_vae", []), ("drum_gan", ["--preset", "spectral"])]
)
def test_baselines_are_trained_and_resumed_by_the_same_flags(model, flags, starter, tmp_path):
    out = tmp_path / "run"
    arguments = ["train", model, *flags, "--data", str(starter), "--out", str(out), "--accelerator", "cpu"]
    small = ["--overfit", "4", "--batch-size", "4", "--checkpoint-every", "1"]
    assert run([*arguments, *small, "--steps", "1"]) == 0
    assert run([*arguments, *small, "--steps", "2", "--resume"]) == 0
    assert json.loads((out / "last/config.json").read_text())["info"]["step"] == 2
    name = "spectral_gan" if model == "drum_gan" else model
    assert from_pretrained(out / "best").registry_name == name


@pytest.mark.parametrize(
    ("model", "flags", "message"),
    [
        ("drum_vae", ["--preset", "fast"], "--preset is for drum_gan"),
        ("drum_vae", ["--controls", "warmth"], "--controls is for drum_gan"),
        ("drum_vae", ["--set", "critic.periods=2"], "no field 'critic.periods'"),
        ("drum_gan", ["--preset", "spectral", "--controls", "warmth"], "spectral has no controls"),
        ("drum_gan", ["--preset", "spectral", "--batch-size", "6"], "must be a multiple of that, not 6"),
        ("drum_gan", ["--preset", "spectral", "--set", "augmentation.limit=0.5"], "augmentation.limit=0 too"),
    ],
)
def test_what_a_baseline_does_not_have_is_said(model, flags, message, starter, tmp_path, capsys):
    arguments = ["train", model, "--data", str(starter), "--out", str(tmp_path / "run"), "--accelerator", "cpu"]
    assert run([*arguments, *flags]) == 1
    told = capsys.readouterr().err
    assert message in told and "Traceback" not in told and not (tmp_path / "run").exists()

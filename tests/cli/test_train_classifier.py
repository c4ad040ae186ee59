"""`creativeml train classifier` on real drums: a run, its report, an exact resume, a small set by heart, refusals."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from creativeml.cli import run
from creativeml.models import from_pretrained, registry
from creativeml.training.classifier import run_classifier
from creativeml.training.loop import LoopConfig
from creativeml.training.supervised import SupervisedConfig


@dataclass(frozen=True)
class PoolingConfig:
    dims: int = 2
    in_channels: int = 1
    classes: int = 11
    width: int = 16


class Pooling(nn.Module):
    """Pictures or waveforms `(b, c, *axes)` → logits: squares of channels, averaged over a few places."""

    registry_name = "pooling"

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.pool = nn.AdaptiveAvgPool2d(8) if config.dims == 2 else nn.AdaptiveAvgPool1d(64)
        inputs = config.in_channels * 64
        self.layers = nn.Sequential(nn.Linear(inputs, config.width), nn.ReLU(), nn.Linear(config.width, config.classes))

    def forward(self, x):
        return self.layers(self.pool(x).flatten(1))


@pytest.fixture(scope="module")
def starter(tmp_path_factory) -> Path:
    data = tmp_path_factory.mktemp("starter") / "data"
    assert run(["prepare", "starter", "--out", str(data)]) == 0
    return data


@pytest.fixture(autouse=True)
def pooling(monkeypatch):
    """A small classifier in the registry."""
    registry.list()
    monkeypatch.setitem(registry._ENTRIES, "pooling", registry.Entry(Pooling, PoolingConfig))


def train(data, out, *flags, model="pooling"):
    arguments = ["--model", model, "--data", data, "--out", out, "--accelerator", "cpu", *flags]
    return run(["train", "classifier", *map(str, arguments)])


def test_a_run_learns_reports_and_leaves_a_model(starter, tmp_path, capsys):
    out = tmp_path / "run"
    flags = ["--set", "width=24", "--steps", 150, "--validate-every", 25, "--schedule", "cosine", "--warm-up", 10]
    assert train(starter, out, *flags, "--learning-rate", 0.01) == 0
    told = capsys.readouterr().out
    assert f"{out / 'best'}" in told and "test: " in told and "validation: " in told
    report = json.loads((out / "report.json").read_text())
    train_part, test_part = report["train"], report["test"]
    heard = torch.tensor(train_part["confusion"])
    assert heard.trace() / heard.sum() > heard.sum(1).max() / heard.sum() + 0.15, "more than always the commonest kind"
    counts = torch.tensor(test_part["confusion"])
    with (starter / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    in_test = [r for r in rows if r["split"] == "test" and r["class"] in test_part["kinds"] and not r["duplicate_of"]]
    assert int(counts.sum()) == len(in_test)
    model = from_pretrained(out / "best")
    assert model.config.width == 24 and model.config.classes == len(test_part["kinds"])
    assert json.loads((out / "best" / "config.json").read_text())["info"]["kinds"] == test_part["kinds"]
    assert (out / "curves.png").read_bytes()[:4] == b"\x89PNG"
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == report["history"]["steps"] and "validation" in lines[0]


def test_a_resumed_run_leaves_the_very_model(starter, tmp_path):
    same = ["--set", "width=4", "--validate-every", 5, "--batch-size", 16, "--optimizer", "momentum"]
    assert train(starter, tmp_path / "whole", *same, "--steps", 20) == 0
    assert train(starter, tmp_path / "halves", *same, "--steps", 10) == 0
    assert train(starter, tmp_path / "halves", *same, "--steps", 20, "--resume") == 0
    weights = [(tmp_path / name / "best" / "model.safetensors").read_bytes() for name in ("whole", "halves")]
    assert weights[0] == weights[1]
    assert train(starter, tmp_path / "halves", *same, "--steps", 30) == 1
    assert train(starter, tmp_path / "halves", "--set", "width=5", "--resume") == 1
    assert train(starter, tmp_path / "halves", "--set", "width=4", "--resume", "--overfit", 4) == 1


def test_a_resume_with_no_more_steps_than_the_warm_up_is_refused(starter, tmp_path, capsys):
    assert train(starter, tmp_path / "run", "--set", "width=4", "--warm-up", 3, "--steps", 5) == 0
    capsys.readouterr()
    assert train(starter, tmp_path / "run", "--set", "width=4", "--resume", "--steps", 3) == 1
    told = capsys.readouterr().err
    assert "--steps 3 is not more than the 3 steps of warm-up" in told and "Traceback" not in told


def test_all_processes_have_looked_at_the_folder_before_one_writes(starter, tmp_path):
    """What a process that is later than the first one finds, when it waits for nothing but the first barrier."""
    found = []

    class Watched(Fabric):
        def barrier(self, name=None):
            found.append((tmp_path / "run" / "run.json").exists())
            super().barrier(name)

    config = SupervisedConfig(LoopConfig(steps=1, batch_size=4))
    run_classifier("pooling", starter, tmp_path / "run", config, Watched(accelerator="cpu", devices=1))
    assert found[0] is False and found[-1] is True


def test_a_small_set_is_learnt_by_heart(starter, tmp_path, capsys):
    flags = ["--overfit", 8, "--steps", 200, "--learning-rate", 0.01]
    assert train(starter, tmp_path / "run", *flags) == 0
    assert "train: 1.000 of 8 sounds" in capsys.readouterr().out
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert set(report) == {"history", "train"} and report["history"]["validation"] == []


def test_classifiers_of_waveforms_and_of_sounds_are_fed_what_they_take(starter, tmp_path):
    assert train(starter, tmp_path / "waves", "--set", "dims=1", "--steps", 2) == 0
    small = ("members=1", "channels=4,4", "close_up_channels=", "spectrum_channels=")
    fields = [flag for field in small for flag in ("--set", field)]
    flags = [*fields, "--steps", 2, "--batch-size", 8, "--precision", "bf16-mixed"]
    assert train(starter, tmp_path / "sounds", *flags, model="drum_classifier") == 0
    assert from_pretrained(tmp_path / "sounds" / "best").config.length_samples == 65536


def leaky(starter: Path, folder: Path) -> Path:
    """A dataset of which one group is on both sides."""
    with (starter / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tested = next(row for row in rows if row["split"] == "test" and not row["duplicate_of"])
    next(row for row in rows if row["split"] == "train" and not row["duplicate_of"])["group"] = tested["group"]
    folder.mkdir()
    (folder / "dataset.json").write_bytes((starter / "dataset.json").read_bytes())
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--model", "poolng"], 1, "did you mean 'pooling'?"),
        (["--model", "wavegan"], 1, "does not name kinds of sounds"),
        (["--set", "widht=3"], 1, "did you mean 'width'?"),
        (["--set", "classes=3"], 1, "follows from the data"),
        (["--steps", "0"], 1, "--steps must be at least 1"),
        (["--warm-up", "2000"], 1, "--warm-up must be"),
        (["--learning-rate", "0"], 1, "--learning-rate must be above 0"),
        (["--patience", "-1"], 1, "--patience must not be negative"),
        (["--resume"], 1, "holds no run of a classifier to resume"),
        (["--data", "{leaky}"], 1, "the split leaks"),
        (["--stpes", "3"], 2, "--steps"),
    ],
)
def test_mistakes_get_one_clear_message_and_leave_nothing(flags, code, message, starter, tmp_path, capsys):
    places = {"leaky": leaky(starter, tmp_path / "leaky")} if "{leaky}" in flags else {}
    given = {"--model": "pooling", "--data": str(starter), "--out": str(tmp_path / "run"), "--accelerator": "cpu"}
    filled = [flag.format(**places) for flag in flags]
    if filled[0] in given:
        given.pop(filled[0])
    assert run(["train", "classifier", *(part for pair in given.items() for part in pair), *filled]) == code
    told = capsys.readouterr().err
    assert message in told and "Traceback" not in told
    assert not (tmp_path / "run").exists()

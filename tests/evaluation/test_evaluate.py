"""`creativeml evaluate` on every source of sounds, and what its report says."""

import json
import shutil

import pytest
import torch
from soundfile import write

from creativeml.cli import run
from creativeml.data.one_shots import OneShotDataset
from creativeml.models import build, save_pretrained


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny untrained generator in the folder of a training run."""
    folder = tmp_path_factory.mktemp("runs") / "attempt"
    torch.manual_seed(0)
    net = build("wavegan", kinds=("kick", "snare", "hat_closed"), length_samples=16384, channels=2)
    save_pretrained(net, folder / "best")
    return folder


@pytest.fixture(scope="module")
def evaluated(corpus, judge_folder, model, tmp_path_factory):
    """A report of the model beside a folder of real sounds, and what was printed."""
    sounds = tmp_path_factory.mktemp("sounds") / "my sounds"
    for kind in ("kick", "snare", "hat_closed"):
        shutil.copytree(corpus / "audio" / kind, sounds / kind)
    stereo = torch.randn(20000, 2) * 0.05
    write(sounds / "kick" / "long stereo.wav", stereo.numpy(), 44100)
    out = tmp_path_factory.mktemp("report")
    code = run([*arguments(model, corpus, judge_folder, out), "--against", str(sounds)])
    assert code == 0
    return out, json.loads((out / "report.json").read_text())


def arguments(model, corpus, judge_folder, out):
    fixed = ["--count", "6", "--resamples", "20", "--judge", str(judge_folder)]
    return ["evaluate", str(model), "--data", str(corpus), "--out", str(out), *fixed]


def test_report_has_the_promised_form(evaluated):
    _, report = evaluated
    assert report["about"]["name"] == "attempt" and list(report["against"]) == ["real", "my sounds", "noise"]
    for section in (report, *report["against"].values()):
        for embedding in ("log_mel", "judge"):
            for figure in ("kad", "fad_inf"):
                values = section["realism"]["pooled"][embedding][figure]
                assert set(values) == {"value", "low", "high", "floor", "ceiling"}
                assert values["low"] <= values["value"] <= values["high"]
        assert set(section["obedience"]["kind"]["per_kind"]) <= {"kick", "snare", "hat_closed"}
        assert section["diversity"]["pooled"]["judge"]["relative_to_floor"] > 0
        assert section["craft"]["kick"]["decay"]["p10"] <= section["craft"]["kick"]["decay"]["median"]
    assert report["about"]["judge"]["on_reference"]["balanced_accuracy"] >= 0.9
    assert report["about"]["judge"]["share_of_floor_heard"] == 1
    assert report["about"]["reference"]["sounds"] == {"kick": 7, "snare": 7, "hat_closed": 7}


def test_real_sounds_are_nearer_than_noise_and_noise_nearer_than_an_untrained_model(evaluated):
    _, report = evaluated

    def kad(section):
        return section["realism"]["pooled"]["log_mel"]["kad"]["value"]

    floor, same, ceiling = (kad(report["against"][name]) for name in ("real", "my sounds", "noise"))
    assert abs(floor) < 4 and same < ceiling / 2
    assert floor < ceiling / 2 < kad(report) / 2
    assert report["against"]["noise"]["diversity"]["pooled"]["log_mel"]["relative_to_floor"] < 1
    assert report["realism"]["pooled"]["log_mel"]["kad"]["floor"] == floor


def test_tables_and_csv(evaluated):
    out, _ = evaluated
    text = (out / "report.md").read_text(encoding="utf-8")
    for word in (
        "# Evaluation of attempt",
        "| my sounds ",
        "KAD log-mel",
        "Kinds recognised",
        "hat_closed",
        "end step",
        "trained on 100 % of `real`",
    ):
        assert word in text
    assert str(out) not in text
    lines = (out / "report.csv").read_text().splitlines()
    assert lines[0] == "name,section,kind,embedding,figure,value,low,high"
    assert sum(line.startswith("attempt,realism,pooled,") for line in lines) == 4
    assert any(line.startswith("noise,craft,snare,,tail,") for line in lines)


def test_same_seed_same_report_other_seed_another(evaluated, model, corpus, judge_folder, tmp_path, capsys):
    _, first = evaluated
    assert run([*arguments(model, corpus, judge_folder, tmp_path), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["realism"] == first["realism"] and again["craft"] == first["craft"]
    assert run([*arguments(model, corpus, judge_folder, tmp_path), "--json", "--seed", "5"]) == 0
    other = json.loads(capsys.readouterr().out)
    assert other["realism"] != first["realism"]


@pytest.mark.parametrize("name", ["real", "noise"])
def test_the_special_names(name, corpus, judge_folder, tmp_path, capsys):
    command = [*arguments(name, corpus, judge_folder, tmp_path), "--json", "--reference", "test+validation"]
    assert run(command) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["about"]["name"] == name and len(report["against"]) == 1
    assert report["about"]["reference"]["sounds"]["kick"] == 11


def test_mistakes_are_one_line(corpus, judge_folder, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    for wrong, words in (
        (arguments(tmp_path / "nowhere", corpus, judge_folder, tmp_path), "nowhere"),
        (
            arguments(empty, corpus, judge_folder, tmp_path),
            "sub-folders named by kind (kick, snare, hat_closed)",
        ),
        (arguments("real", tmp_path, judge_folder, tmp_path), "not a dataset folder"),
        ([*arguments("real", corpus, judge_folder, tmp_path), "--count", "1"], "--count must be"),
        (arguments("real", corpus, empty, tmp_path), "not a model folder"),
    ):
        assert run(wrong) == 1
        error = capsys.readouterr().err.strip()
        assert error.startswith("error: ") and words in error and "\n" not in error
    assert not (tmp_path / "report.json").exists()


def test_a_model_of_other_kinds_or_another_rate_is_refused(corpus, judge_folder, tmp_path, capsys):
    for number, (change, words) in enumerate(
        (({"kinds": ("gong",)}, "makes gong"), ({"kinds": ("kick",), "sample_rate": 22050}, "22050 Hz"))
    ):
        folder = tmp_path / str(number)
        save_pretrained(build("wavegan", length_samples=1024, channels=1, **change), folder)
        assert run(arguments(folder, corpus, judge_folder, tmp_path)) == 1
        assert words in capsys.readouterr().err


def test_recordings_that_a_model_has_heard_are_no_reference(model, corpus, judge_folder, tmp_path, capsys):
    heard = OneShotDataset(corpus, "test").fingerprints()
    config = model / "best" / "config.json"
    saved = json.loads(config.read_text())

    def attempt(fingerprints):
        folder = tmp_path / f"heard {len(fingerprints)}"
        shutil.copytree(model / "best", folder)
        (folder / "config.json").write_text(json.dumps({**saved, "info": {"trained_on_sha256": fingerprints}}))
        return run([*arguments(folder, corpus, judge_folder, tmp_path / "out"), "--json"])

    assert attempt(heard[:5]) == 0
    printed = capsys.readouterr()
    reference = json.loads(printed.out)["about"]["reference"]
    assert sum(reference["sounds"].values()) == 16 and reference["left_out"] == 5
    assert "5 further recordings are no part of the reference" in (tmp_path / "out" / "report.md").read_text()
    assert "left out of test: 5 of 21 recordings that heard 5 was trained on" in printed.err
    assert attempt(heard) == 1
    assert "every recording of the test split is one that heard 21 was trained on" in capsys.readouterr().err

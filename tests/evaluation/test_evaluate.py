"""`creativeml evaluate` on every source of sounds, and what its report says."""

import json
import shutil

import pytest
import torch
from soundfile import write

from creativeml.audio.descriptors import TIMBRE
from creativeml.cli import run
from creativeml.data.descriptor_table import describe_dataset
from creativeml.data.one_shots import OneShotDataset
from creativeml.evaluation.report import SECTIONS
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


@pytest.fixture(scope="module")
def flat(corpus, tmp_path_factory):
    """A report of a folder of sounds without kinds, its name a piece of HTML, beside noise."""
    sounds = tmp_path_factory.mktemp("flat") / '<script>bad()<\u2215script> & "co"'
    sounds.mkdir()
    for kind in ("kick", "snare", "hat_closed"):
        for number in range(4):
            shutil.copy(corpus / "audio" / kind / f"test_{number}.flac", sounds / f"<b>{kind} {number}.flac")
    return sounds


def arguments(model, corpus, judge_folder, out):
    fixed = ["--count", "6", "--resamples", "20", "--judge", str(judge_folder)]
    return ["evaluate", str(model), "--data", str(corpus), "--out", str(out), *fixed]


def test_report_has_the_promised_form(evaluated):
    _, report = evaluated
    assert report["about"]["name"] == "attempt" and list(report["against"]) == ["real", "my sounds", "noise"]
    assert set(report) == {"format", "about", "against", *SECTIONS} and report["format"] == 2
    for section in (report, *report["against"].values()):
        assert set(SECTIONS) <= set(section)
        for embedding in ("log_mel", "judge", "onset"):
            for figure in ("kad", "fad_inf"):
                values = section["realism"]["pooled"][embedding][figure]
                assert set(values) == {"value", "low", "high", "floor", "ceiling"}
                assert values["low"] <= values["value"] <= values["high"]
        assert set(section["obedience"]["kind"]["per_kind"]) <= {"kick", "snare", "hat_closed"}
        assert 0 <= section["diversity"]["pooled"]["judge"]["coverage"]["value"] <= 1
        assert section["diversity"]["kick"]["judge"]["spread"]["value"] > 0
        assert len(section["novelty"]["aligned"]["closest"]) == 10
        assert section["craft"]["kick"]["decay"]["p10"] <= section["craft"]["kick"]["decay"]["median"]
        assert {"floor", "ceiling"} <= set(section["craft"]["kick"]["decay"])
    assert report["cost"]["parameters"] > 1000 and report["cost"]["one_p50_ms"] > 0
    assert report["against"]["my sounds"]["cost"]["one_p50_ms"] is None
    assert report["obedience"]["controls"] is None and "describe" in report["about"]["controls_left_out"]
    assert report["about"]["rulers"]["pooled"]["log_mel"]["bandwidth"] > 0
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
    assert report["against"]["noise"]["diversity"]["pooled"]["log_mel"]["spread"]["value"] < 1
    assert report["realism"]["pooled"]["log_mel"]["kad"]["floor"] == floor


def test_copies_alarm_and_are_named(evaluated):
    _, report = evaluated
    copied = report["against"]["my sounds"]["novelty"]["aligned"]
    assert copied["verdict"] == "copies" and copied["copies"]["value"] > 0.5 > copied["copies"]["floor"]
    pairs = [(pair["sound"], pair["training"]) for pair in copied["closest"]]
    assert all(f"audio/{sound}" == training for sound, training in pairs)
    assert report["novelty"]["aligned"]["verdict"] == "new" and report["novelty"]["aligned"]["copies"]["value"] == 0


def test_tables_and_csv(evaluated):
    out, _ = evaluated
    text = (out / "report.md").read_text(encoding="utf-8")
    for word in (
        "# Evaluation of attempt",
        "| my sounds ",
        "KAD log-mel",
        "kinds recognised",
        "## Novelty",
        "## Cost",
        "hat_closed",
        "end step",
        "trained on 100 % of `real`",
    ):
        assert word in text
    assert str(out) not in text
    lines = (out / "report.csv").read_text().splitlines()
    assert lines[0] == "name,section,kind,embedding,figure,value,low,high,floor,ceiling"
    assert sum(line.startswith("attempt,realism,pooled,") for line in lines) == 6
    assert any(line.startswith("attempt,cost,,,parameters,") for line in lines)
    assert any(line.startswith("my sounds,novelty,pooled,aligned,copies,") for line in lines)
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
    empty, single = tmp_path / "empty", tmp_path / "single"
    empty.mkdir()
    for kind in ("kick", "snare"):
        (single / kind).mkdir(parents=True)
        shutil.copy(corpus / "audio" / kind / "test_0.flac", single / kind)
    (tmp_path / "file").write_text("")
    for wrong, words in (
        (arguments(tmp_path / "nowhere", corpus, judge_folder, tmp_path), "nowhere"),
        (
            arguments(empty, corpus, judge_folder, tmp_path),
            "sub-folders named by kind (kick, snare, hat_closed)",
        ),
        (arguments("real", tmp_path, judge_folder, tmp_path), "not a dataset folder"),
        ([*arguments("real", corpus, judge_folder, tmp_path), "--count", "1"], "--count must be"),
        (arguments("real", corpus, empty, tmp_path), "not a model folder"),
        (arguments(single, corpus, judge_folder, tmp_path), "no kind has two sounds in each of test, real, single"),
        (arguments(single / "kick", corpus, judge_folder, tmp_path), "kick holds 1 sound"),
        (arguments("real", corpus, judge_folder, tmp_path / "file"), "is a file"),
        (arguments("wavegan", corpus, judge_folder, tmp_path), "a kind of model without weights"),
        ([*arguments("real", corpus, judge_folder, tmp_path), "--embedding", "clap"], "NAME=PATH"),
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


def test_sounds_without_kinds_are_compared_pooled(flat, corpus, judge_folder, tmp_path, capsys):
    command = [*arguments(flat, corpus, judge_folder, tmp_path), "--json", "--against", "noise"]
    assert run(command) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["about"]["without_kinds"] == [flat.name] == [report["about"]["name"]]
    for section in (report, *report["against"].values()):
        assert set(section["realism"]) == {"pooled"} == set(section["diversity"])
    # They are held-out recordings themselves.
    own = report["realism"]["pooled"]["log_mel"]["kad"]
    assert own["value"] < own["ceiling"] / 2
    assert report["obedience"]["kind"]["sounds"] == 0
    assert report["against"]["noise"]["obedience"]["kind"]["sounds"] == 18
    assert "sounds without kinds" in (tmp_path / "report.md").read_text(encoding="utf-8")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script>bad()" not in page and "&lt;script&gt;bad()" in page
    assert "<b>kick" not in page and "&lt;b&gt;kick" in page


def test_files_in_no_folder_of_a_kind_are_said(corpus, judge_folder, tmp_path, capsys):
    sounds = tmp_path / "some"
    for kind in ("kick", "snare", "hat_closed"):
        shutil.copytree(corpus / "audio" / kind, sounds / kind)
    shutil.copytree(corpus / "audio" / "kick", sounds / "gongs")
    assert run([*arguments(sounds, corpus, judge_folder, tmp_path / "out"), "--json"]) == 0
    printed = capsys.readouterr()
    assert "some: 25 audio files in no folder of a kind were left out" in printed.err
    assert json.loads(printed.out)["about"]["unused_files"] == {"some": 25}


@pytest.fixture(scope="module")
def described(corpus, tmp_path_factory):
    """The corpus with its descriptors beside it."""
    data = tmp_path_factory.mktemp("described") / "data"
    shutil.copytree(corpus, data)
    describe_dataset(data)
    return data


def test_a_model_with_controls_is_asked_and_others_are_searched(described, judge_folder, tmp_path, capsys):
    torch.manual_seed(0)
    shape = {"latent_dim": 4, "style_dim": 8, "channels": (4, 4, 4), "length_samples": 16384}
    net = build("style_wavegan", kinds=("kick", "snare", "hat_closed"), controls=TIMBRE, **shape)
    save_pretrained(net, tmp_path / "obedient")
    command = [*arguments(tmp_path / "obedient", described, judge_folder, tmp_path / "out"), "--json", "--tuning", "2"]
    command[command.index("--count") + 1] = "2"
    assert run(command) == 0
    report = json.loads(capsys.readouterr().out)
    own = report["obedience"]["controls"]
    assert own["answered"] == "asked, tuned 2 steps"
    assert report["against"]["real"]["obedience"]["controls"]["answered"] == "searched"
    # Untrained, it does not do as asked, and is told so.
    assert own["sweeps"]["overall"]["mean_absolute_error"]["value"] > 5
    assert abs(own["sweeps"]["overall"]["spearman"]["value"]) < 0.5


def test_descriptors_are_asked_for_where_the_data_are_described(model, described, judge_folder, tmp_path, capsys):
    command = arguments(model, described, judge_folder, tmp_path / "out")
    command[command.index("--count") + 1] = "2"
    assert run([*command, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    controls = {name: own["obedience"]["controls"] for name, own in (("attempt", report), *report["against"].items())}
    error = {name: found["joint"]["overall"]["mean_absolute_error"] for name, found in controls.items()}
    # A search in recordings finds what two sounds of an untrained model or of noise do not have.
    assert error["real"]["value"] < error["attempt"]["value"] and error["real"]["value"] < error["noise"]["value"]
    assert (
        error["attempt"]["floor"] == error["real"]["value"] and error["attempt"]["ceiling"] == error["noise"]["value"]
    )
    asked = [set(controls[name]["sweeps"]["per_descriptor"]) for name in ("attempt", "real", "noise")]
    assert asked[0] == asked[1] == asked[2] and asked[0] <= set(controls["real"]["descriptors"])
    assert "Descriptors asked for" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")


def test_recordings_of_one_source_have_no_novelty(corpus, judge_folder, tmp_path, capsys):
    data = tmp_path / "one"
    shutil.copytree(corpus, data)
    manifest = (data / "manifest.csv").read_text(encoding="utf-8").splitlines()
    column = manifest[0].split(",").index("group")
    rows = [line.split(",") for line in manifest[1:]]
    same = [",".join([*row[:column], "one drum", *row[column + 1 :]]) for row in rows]
    (data / "manifest.csv").write_text("\n".join([manifest[0], *same]) + "\n", encoding="utf-8")
    assert run([*arguments("noise", data, judge_folder, tmp_path / "out"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["novelty"] == {}
    assert "of one source" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")

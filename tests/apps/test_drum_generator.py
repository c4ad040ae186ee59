"""The functions behind the drum generator's page, called as plain functions."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import gradio
import pytest
import soundfile
import torch

import creativeml
from creativeml.audio.descriptors import describe
from creativeml.audio.io import read_audio
from creativeml.files import project_folder, sha256_file
from creativeml.models import build, save_pretrained
from creativeml.synthesis.catalog import find_model


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    net = build("style_wavegan", kinds=["kick", "hat_closed"], latent_dim=8, style_dim=8, channels=[8] * 5)
    net.estimate_mean_style(samples=32)
    save_pretrained(net, folder, info={"licence": "CC0-1.0"})
    return folder


@pytest.fixture(scope="module")
def server(drum_generator, model_folder, tmp_path_factory):
    instrument = creativeml.load(model_folder)
    folder = tmp_path_factory.mktemp("served")
    return drum_generator.Server(find_model(model_folder), lambda: instrument, folder)


def test_generate_gives_our_own_files(server):
    answer = server.generate("hat_closed", 2, 7, 0.5)
    assert [s["seed"] for s in answer["manifest"]["sounds"]] == [7, 8]
    for file, sound in zip(answer["files"], answer["manifest"]["sounds"], strict=True):
        path = Path(file["path"])
        assert path.name == file["orig_name"] == sound["file"]
        assert sha256_file(path) == sound["sha256"]
        info = soundfile.info(path)
        assert (info.subtype, info.samplerate, info.frames) == ("PCM_24", 44100, 65536)
    assert server.generate("hat_closed", 2, 7, 0.5) == answer


def test_bundle_zips_any_sounds(server):
    sounds = [{"kind": "kick", "seed": 3, "truncation": 1.0}, {"kind": "hat_closed", "seed": 0}]
    file = server.bundle(sounds)
    assert file["orig_name"].startswith("HatClosed-Kick_x2_")
    with zipfile.ZipFile(file["path"]) as archive:
        assert sorted(archive.namelist()) == ["HatClosed_s0000.wav", "Kick_s0003.wav", "manifest.json"]
        manifest = json.loads(archive.read("manifest.json"))
    assert [s["kind"] for s in manifest["sounds"]] == ["kick", "hat_closed"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (("kik",), "did you mean 'kick'"),
        ((None,), "not known"),
        (({"kind": "kick"},), "not known"),
        (("../../etc/passwd",), "not known"),
        (("kick", 65), "1 to 64"),
        (("kick", 10**9), "count"),
        (("kick", "8"), "count"),
        (("kick", 8, -1), "seed"),
        (("kick", 8, 2**32), "seed"),
        (("kick", 8, 1.5), "seed"),
        (("kick", 8, 0, float("nan")), "truncation"),
        (("kick", 8, 0, 99), "truncation"),
        (("kick", 8, 0, None), "truncation"),
        (("kick:0.5,hat:0.5",), "not known"),
        (("kick:0.5,hat_closed:x",), "with its share"),
        (({"kick": 10**400},), "shares"),
        (("kick", 8, 0, 1.0, {"brightness": 60}), "has no controls"),
        (("kick", 8, 0, 1.0, [60]), "controls must be an object"),
        (("kick", 8, 0, 1.0, None, 13), "at most 100 steps"),
        (("kick", 8, 0, 1.0, None, -1), "tuning"),
        (("kick", 8, 0, 1.0, None, "1"), "tuning"),
    ],
)
def test_nothing_from_the_page_is_trusted(server, values, words):
    with pytest.raises(gradio.Error, match=words):
        server.generate(*values)


@pytest.mark.parametrize(
    "sounds",
    [
        [],
        None,
        "kick",
        [{"kind": "kick"}],
        [{"kind": "kick", "seed": 0, "path": "/etc/passwd"}],
        [{"kind": "kick", "seed": True}],
        [{"kind": "banana", "seed": 0}],
        [{"kind": "kick", "seed": 0}] * 257,
        [{"kind": "kick", "seed": 0, "controls": {"brightness": 60}}],
        [{"kind": "kick", "seed": 0, "controls": [60]}],
        [{"kind": "kick", "seed": 0, "truncation": 10**400}],
    ],
)
def test_wrong_bundles_are_refused(server, sounds):
    with pytest.raises(gradio.Error):
        server.bundle(sounds)
    with pytest.raises(gradio.Error):
        server.measure(sounds)


def test_the_page_knows_the_model(drum_generator, server):
    setup = drum_generator.page_setup(server.info)
    assert setup["kinds"] == ["kick", "hat_closed"]
    assert setup["model"]["sha256"] == server.info.sha256
    assert setup["controls"] == [] and setup["ranges"] == {}
    assert json.loads(json.dumps(setup)) == setup


@pytest.fixture(scope="module")
def shaped(drum_generator, controls_folder, tmp_path_factory):
    instrument = creativeml.load(controls_folder)
    folder = tmp_path_factory.mktemp("shaped")
    return drum_generator.Server(find_model(controls_folder), lambda: instrument, folder)


def test_the_page_knows_the_controls_and_their_ranges_by_kind(drum_generator, shaped):
    setup = json.loads(json.dumps(drum_generator.page_setup(shaped.info)))
    assert [c["name"] for c in setup["controls"]] == list(shaped.info.controls)
    assert {c["name"]: c["unit"] for c in setup["controls"]}["decay_time_20"] == "ms"
    assert set(setup["ranges"]) == set(shaped.info.kinds)
    for kind in ("kick", "snare", "tom"):
        for name, row in zip(shaped.info.ranges.descriptors, shaped.info.ranges.of(kind).quantiles, strict=True):
            low, usual, high = setup["ranges"][kind][name]
            assert row[0] <= low < row[3] < usual == row[7] < row[11] < high <= row[-1]
            for end in (low, high):
                assert shaped.info.ranges.feasible(kind, {name: end}).message == ""
    assert setup["ranges"]["clap"] == setup["ranges"]["perc2"] != setup["ranges"]["kick"], "few are judged by all"


def test_the_page_is_there_without_torch(controls_folder, tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import drum_generator as d;"
        "d.page_setup(d.find_model(sys.argv[2])); print('torch' in sys.modules)"
    )
    folder = project_folder("apps")
    program = [sys.executable, "-c", code, str(folder), str(controls_folder)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "False", done.stderr


def test_sounds_come_as_asked_and_without_waiting_for_their_measures(shaped):
    asked = {"warmth": 900, "brightness": 70}
    answer = shaped.generate("snare:0.7,tom:0.3", 2, 5, 1.0, asked)
    assert answer["note"].startswith("no mix of 70 % snare and 30 % tom has warmth 900")
    for sound in answer["manifest"]["sounds"]:
        assert sound["controls"] == asked and "measured" not in sound
        assert set(sound["given"]) == set(shaped.info.controls) and sound["given"]["warmth"] < 100
    assert shaped.generate("snare", 1, 5)["note"] == ""
    assert shaped.generate("snare", 1, 5, 1.0, {"brightness": 70})["note"] == ""


def test_measures_are_those_of_the_served_files(shaped):
    asked = {"warmth": 40.0, "decay_time_20": 100.0}
    answer = shaped.generate("tom", 2, 3, 1.0, asked)
    sounds = [{"kind": "tom", "seed": seed, "truncation": 1.0, "controls": asked} for seed in (3, 4)]
    found = shaped.measure(sounds)
    for file, measured in zip(answer["files"], found, strict=True):
        audio = read_audio(file["path"])
        expected = describe(torch.from_numpy(audio.samples[0]), audio.sample_rate, asked)
        assert measured == pytest.approx({name: float(value) for name, value in expected.items()}, rel=1e-4)
    rough = shaped.measure(sounds, False)
    for nearly, exact in zip(rough, found, strict=True):
        assert set(nearly) == set(shaped.info.controls)
        assert nearly["warmth"] == pytest.approx(exact["warmth"], abs=5)
    # What was not made before is made for it; a mixture by any spelling.
    one = shaped.measure([{"kind": "tom:1,kick:1", "seed": 9, "controls": {"warmth": 40.0}}])
    assert one == shaped.measure([{"kind": "kick:0.5,tom:0.5", "seed": 9, "controls": {"warmth": 40.0}}])
    assert shaped.measure([{"kind": "tom", "seed": 3}]) == [{}]


def test_bundles_hold_what_was_asked_and_measured(shaped):
    asked = {"warmth": 40.0}
    file = shaped.bundle([{"kind": "tom:0.6,kick:0.4", "seed": 3, "controls": asked}, {"kind": "tom", "seed": 3}])
    assert file["orig_name"].startswith("Tom-Tom60_Kick40_x2_")
    with zipfile.ZipFile(file["path"]) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    mixed, plain = manifest["sounds"]
    assert mixed["controls"] == asked and set(mixed["measured"]) == {"warmth"}
    assert "controls" not in plain and set(plain["given"]) == set(shaped.info.controls)


def test_a_model_without_ranges_gets_those_of_the_scales(drum_generator, shaped):
    info = replace(shaped.info, details={})
    low, usual, high = drum_generator.page_setup(info)["ranges"]["kick"]["decay_time_20"]
    assert (low, high) == (10.0, 10_000.0) and 100 < usual < 1000


def test_a_model_that_does_not_load_is_said_on_the_page(drum_generator, background, tmp_path, capsys):
    instrument = background.InBackground(lambda: drum_generator.played(str(tmp_path)))
    instrument.start()
    with pytest.raises(creativeml.errors.CreativeMLError, match=r"config\.json"):
        instrument.get()
    assert "error: " in capsys.readouterr().err


def test_endpoints_keep_their_names(drum_generator, server, monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    demo = drum_generator.build(server.info, lambda: None, tmp_path)
    endpoints = demo.get_api_info()["named_endpoints"]
    assert set(endpoints) == {"/generate", "/measure", "/bundle"}
    names = [p["parameter_name"] for p in endpoints["/generate"]["parameters"]]
    assert names == ["kind", "count", "seed", "truncation", "controls", "tuning"]
    assert not demo.analytics_enabled
    assert {f.api_name: f.concurrency_id for f in demo.fns.values()} == {
        "generate": "model",
        "bundle": "model",
        "measure": "measure",
    }


def test_nothing_in_the_page_points_outside(drum_generator):
    sources = [*drum_generator.SCRIPTS, *drum_generator.STYLES, *drum_generator.PAGE.iterdir()]
    assert len(sources) >= 9
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert "http://" not in text and "https://" not in text and "@import" not in text, path.name

"""The functions behind the drum generator's page, called as plain functions."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import gradio
import pytest
import soundfile
import torch

import creativeml
from creativeml.files import sha256_file
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
    ],
)
def test_wrong_bundles_are_refused(server, sounds):
    with pytest.raises(gradio.Error):
        server.bundle(sounds)


def test_the_page_knows_the_model(drum_generator, server):
    setup = drum_generator.page_setup(server.info)
    assert setup["kinds"] == ["kick", "hat_closed"]
    assert setup["model"]["sha256"] == server.info.sha256
    assert json.loads(json.dumps(setup)) == setup


def test_a_model_that_does_not_load_is_said_on_the_page(drum_generator, tmp_path, capsys):
    player = drum_generator.Player(str(tmp_path))
    player.start()
    with pytest.raises(creativeml.errors.CreativeMLError, match=r"config\.json"):
        player.get()
    assert "error: " in capsys.readouterr().err


def test_endpoints_keep_their_names(drum_generator, server, monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    demo = drum_generator.build(server.info, lambda: None, tmp_path)
    endpoints = demo.get_api_info()["named_endpoints"]
    assert set(endpoints) == {"/generate", "/bundle"}
    names = [p["parameter_name"] for p in endpoints["/generate"]["parameters"]]
    assert names == ["kind", "count", "seed", "truncation"]
    assert not demo.analytics_enabled
    assert {f.concurrency_id for f in demo.fns.values()} == {"model"}


def test_nothing_in_the_page_points_outside(drum_generator):
    sources = [*drum_generator.SCRIPTS, *drum_generator.PAGE.glob("page.*")]
    assert len(sources) >= 7
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert "http://" not in text and "https://" not in text and "@import" not in text, path.name

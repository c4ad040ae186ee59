"""Files and manifests: names, bytes, and what is never overwritten."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import creativeml
from creativeml.audio.descriptors import describe
from creativeml.audio.io import read_audio
from creativeml.errors import CreativeMLError
from creativeml.files import sha256_file
from creativeml.synthesis import export
from creativeml.synthesis.export import Request, export_sounds, file_name, read_manifest, remake, zip_sounds

from .conftest import save_tiny

ROW = [Request("kick", 0), Request("kick", 1), Request("snare", 0, 0.8)]


def test_names_are_what_a_musician_expects():
    assert file_name(Request("kick", 7)) == "Kick_s0007.wav"
    assert file_name(Request("hat_closed", 123456, 0.8)) == "HatClosed_s123456_v080.wav"
    assert file_name(Request("kick", 0, 1.25)) == "Kick_s0000_v125.wav"
    assert file_name(Request("kick", 0, 0.333)) != file_name(Request("kick", 0, 0.334))
    assert not file_name(Request("con", 0)).startswith("Con_")


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=80), st.text(min_size=1, max_size=80), st.integers(0, 2**32 - 1))
def test_any_kind_gives_a_safe_name_of_its_own(one, other, seed):
    names = [file_name(Request(kind, seed, 0.123456)) for kind in (one, other)]
    for name in names:
        assert name.isascii() and len(name) < 64
        assert not set(name) & set('/\\:*?"<>| ') and name.count(".") == 1
    assert (names[0].lower() == names[1].lower()) == (one == other)


def test_files_are_24_bit_and_say_what_made_them(tiny, tmp_path):
    export_sounds(tiny, ROW, tmp_path)
    for request in ROW:
        path = tmp_path / file_name(request)
        with soundfile.SoundFile(path) as file:
            assert (file.format, file.subtype, file.samplerate, file.channels) == ("WAV", "PCM_24", 44100, 1)
            assert file.frames == 65536
            assert file.software == f"creativeml {creativeml.__version__}"
            assert f"seed={request.seed}" in file.comment and "model=tiny" in file.comment
            assert f"truncation={request.truncation:g}" in file.comment
            samples = file.read()
        expected = tiny.sound(request.kind, request.seed, request.truncation).numpy()
        assert np.abs(samples - expected).max() <= 2**-23


def test_the_manifest_is_enough_to_make_the_sounds_again(tiny, tmp_path):
    made = export_sounds(tiny, ROW, tmp_path / "a")
    manifest = read_manifest(tmp_path / "a" / "manifest.json")
    assert manifest == made
    assert [s.request for s in manifest.sounds] == ROW
    for sound in manifest.sounds:
        assert sound.sha256 == sha256_file(tmp_path / "a" / sound.file)
        assert sound.peak == pytest.approx(10 ** (-1 / 20), abs=1e-5)
        assert sound.duration_s == pytest.approx(65536 / 44100, abs=1e-6)
    assert manifest.model.sha256 == tiny.info.sha256 and manifest.version == creativeml.__version__
    again, differing = remake(manifest, tiny, tmp_path / "b")
    assert again == manifest and differing == []
    assert (tmp_path / "a/manifest.json").read_bytes() == (tmp_path / "b/manifest.json").read_bytes()
    for sound in manifest.sounds:
        assert (tmp_path / "a" / sound.file).read_bytes() == (tmp_path / "b" / sound.file).read_bytes()


def test_differing_bytes_are_reported(tiny, tmp_path):
    export_sounds(tiny, ROW, tmp_path / "a")
    path = tmp_path / "a" / "manifest.json"
    values = json.loads(path.read_text())
    values["sounds"][1]["sha256"] = "0" * 64
    path.write_text(json.dumps(values))
    assert remake(read_manifest(path), tiny, tmp_path / "b")[1] == ["Kick_s0001.wav"]


def test_runs_into_one_folder_join(tiny, tmp_path):
    export_sounds(tiny, ROW[:2], tmp_path)
    times = [(tmp_path / file_name(r)).stat().st_mtime_ns for r in ROW[:2]]
    manifest = export_sounds(tiny, ROW, tmp_path)
    assert [s.request for s in manifest.sounds] == ROW
    assert times == [(tmp_path / file_name(r)).stat().st_mtime_ns for r in ROW[:2]], "same bytes are left alone"


def test_files_of_others_are_never_overwritten_silently(tiny, tmp_path):
    mine = tmp_path / "Kick_s0001.wav"
    mine.write_bytes(b"my own kick")
    with pytest.raises(CreativeMLError, match=r"Kick_s0001\.wav.*--overwrite"):
        export_sounds(tiny, ROW, tmp_path)
    assert mine.read_bytes() == b"my own kick"
    # What had been written before is listed.
    assert [s.file for s in read_manifest(tmp_path / "manifest.json").sounds] == ["Kick_s0000.wav"]
    export_sounds(tiny, ROW, tmp_path, overwrite=True)
    assert soundfile.info(mine).subtype == "PCM_24"


def test_manifests_of_others_are_never_overwritten_silently(tiny, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text('{"name": "my web page"}')
    with pytest.raises(CreativeMLError, match="not ours"):
        export_sounds(tiny, ROW, tmp_path)
    assert path.read_text() == '{"name": "my web page"}'
    assert not list(tmp_path.glob("*.wav"))
    export_sounds(tiny, ROW[:1], tmp_path, overwrite=True)
    assert len(read_manifest(path).sounds) == 1


def test_another_model_neither_joins_nor_remakes(tiny, tmp_path):
    manifest = export_sounds(tiny, ROW, tmp_path / "a")
    other = creativeml.load(save_tiny(tmp_path / "other", seed=1))
    with pytest.raises(CreativeMLError, match="another model"):
        export_sounds(other, ROW, tmp_path / "a")
    with pytest.raises(CreativeMLError, match=r"'tiny'.*--model"):
        remake(manifest, other, tmp_path / "b")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(format=2),
        lambda m: m.update(surprise=1),
        lambda m: m.pop("model"),
        lambda m: m["sounds"][0].update(file="../../outside.wav"),
        lambda m: m["sounds"][0].update(file="/tmp/outside.wav"),
        lambda m: m["sounds"][0].update(file="CON .wav"),
        lambda m: m["sounds"][0].update(seed="0"),
        lambda m: m["sounds"][0].update(truncation=None),
    ],
)
def test_a_manifest_is_read_strictly(tiny, tmp_path, change):
    export_sounds(tiny, ROW[:1], tmp_path)
    path = tmp_path / "manifest.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    with pytest.raises(CreativeMLError, match=r"manifest\.json"):
        read_manifest(path)


def test_out_of_range_lines_make_no_file(tiny, tmp_path):
    export_sounds(tiny, ROW[:2], tmp_path / "a")
    path = tmp_path / "a" / "manifest.json"
    values = json.loads(path.read_text())
    values["sounds"][1].update(seed=-5)
    path.write_text(json.dumps(values))
    with pytest.raises(CreativeMLError, match="seed"):
        remake(read_manifest(path), tiny, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_folder_that_cannot_be_made_is_one_line(tiny, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CreativeMLError, match="cannot be written"):
        export_sounds(tiny, ROW, tmp_path / "file" / "sub")


def test_zip_holds_the_same_bytes_and_is_the_same_each_time(tiny, tmp_path):
    made = export_sounds(tiny, ROW, tmp_path)
    data = zip_sounds(tiny, [*ROW, ROW[0]])
    assert data == zip_sounds(tiny, ROW)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted([*(file_name(r) for r in ROW), "manifest.json"])
        for sound in made.sounds:
            assert archive.read(sound.file) == (tmp_path / sound.file).read_bytes()
        archive.extract("manifest.json", tmp_path / "unpacked")
    assert read_manifest(tmp_path / "unpacked" / "manifest.json") == made


def test_requests_for_counts_seeds_up(tiny):
    assert export.requests_for(tiny, ["kick", "snare"], 2, 5, 1) == [
        Request("kick", 5), Request("kick", 6), Request("snare", 5), Request("snare", 6)
    ]  # fmt: skip


ASKED = {"brightness": 50.0, "decay_time_20": 0.5}
SHAPED_ROW = [
    Request("snare", 0),
    Request("snare", 0, 1.0, {"warmth": 45.0}),
    Request("snare", 0, 1.0, ASKED),
    Request("snare:0.7,clap:0.3", 0, 0.8, ASKED),
]


@pytest.fixture(scope="module")
def shaped(controls_folder):
    return creativeml.load(controls_folder)


def test_controls_and_mixtures_are_named_in_the_file():
    assert file_name(Request("snare:0.7,clap:0.3", 7)) == "Snare70_Clap30_s0007.wav"
    assert file_name(Request("snare:0.703,clap:0.297", 7)).startswith("Snare70_Clap30_")
    names = {
        file_name(Request(kind, 7, 0.8, controls))
        for kind in ("snare", "snare:0.7,clap:0.3", "snare:0.703,clap:0.297", "snare:0.701,clap:0.299")
        for controls in ({}, {"warmth": 40.0}, {"warmth": 40.001}, {"depth": 40.0}, {"warmth": 40.0, "depth": 1.0})
    }
    assert len(names) == 20
    one, other = ({"warmth": 40.0, "depth": 1.0}, {"depth": 1, "warmth": 40})
    assert file_name(Request("kick", 0, 1.0, one)) == file_name(Request("kick", 0, 1.0, other))
    long = file_name(Request(",".join(f"{'x' * 30}{i}:0.1" for i in range(10)), 2**32 - 1, 0.123456, one))
    assert len(long) < 64 and long.isascii()
    for odd in ("a:e", "a:..", "a:9999999999999", ":1", "a:1e999", ","):
        assert file_name(Request(odd, 0)).endswith("_s0000.wav")


def test_the_manifest_says_what_was_asked_given_and_measured(shaped, tmp_path):
    made = export_sounds(shaped, SHAPED_ROW, tmp_path)
    assert read_manifest(tmp_path / "manifest.json") == made
    assert [s.request for s in made.sounds] == SHAPED_ROW
    assert len({s.file for s in made.sounds}) == 4
    for sound in made.sounds:
        assert sound.given == shaped.given(sound.kind, sound.seed, sound.truncation, sound.controls)
        assert set(sound.measured) == set(sound.controls)
        audio = read_audio(tmp_path / sound.file)
        found = describe(torch.from_numpy(audio.samples[0]), audio.sample_rate, sound.controls)
        assert sound.measured == pytest.approx({name: float(value) for name, value in found.items()}, rel=0.01)
    clamped = made.sounds[2]
    assert clamped.controls["decay_time_20"] == 0.5 < clamped.given["decay_time_20"]
    with soundfile.SoundFile(tmp_path / clamped.file) as file:
        assert file.comment.endswith("kind=snare seed=0 truncation=1 brightness=50 decay_time_20=0.5")
    plain = json.loads((tmp_path / "manifest.json").read_text())["sounds"]
    assert "controls" not in plain[0] and plain[1]["controls"] == {"warmth": 45.0}


def test_sounds_with_controls_are_made_again_to_the_byte(shaped, tmp_path):
    made = export_sounds(shaped, SHAPED_ROW, tmp_path / "a")
    again, differing = remake(read_manifest(tmp_path / "a/manifest.json"), shaped, tmp_path / "b")
    assert again == made and differing == []
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
    with zipfile.ZipFile(io.BytesIO(zip_sounds(shaped, SHAPED_ROW))) as archive:
        for path in (tmp_path / "a").iterdir():
            assert path.read_bytes() == archive.read(path.name)


def test_a_mixture_spelled_by_hand_is_made_under_its_one_name(shaped, tmp_path):
    export_sounds(shaped, [Request("snare:0.7,clap:0.3", 1)], tmp_path / "a")
    path = tmp_path / "a" / "manifest.json"
    path.write_text(path.read_text().replace("snare:0.7,clap:0.3", "clap:30, snare:70"))
    again, differing = remake(read_manifest(path), shaped, tmp_path / "b")
    assert again.sounds[0].kind == "snare:0.7,clap:0.3" and differing == []


def test_manifests_from_before_there_were_controls_are_read(tiny, tmp_path):
    """Content of a manifest as version 0.1 wrote it."""
    made = export_sounds(tiny, ROW[:1], tmp_path)
    sound = made.sounds[0]
    old = {
        "model": {"name": "tiny", "sha256": tiny.info.sha256, "licence": "CC0-1.0"},
        "sample_rate": 44100,
        "sounds": [
            {
                "file": "Kick_s0000.wav",
                "kind": "kick",
                "seed": 0,
                "truncation": 1.0,
                "peak": sound.peak,
                "duration_s": sound.duration_s,
                "sha256": sound.sha256,
            }
        ],
        "format": 1,
        "made_by": "creativeml generate",
        "version": creativeml.__version__,
        "bit_depth": 24,
        "remake": "creativeml generate --from manifest.json --out FOLDER",
    }
    assert json.loads((tmp_path / "manifest.json").read_text()) == old, "without controls nothing has changed"
    (tmp_path / "old.json").write_text(json.dumps(old))
    manifest = read_manifest(tmp_path / "old.json")
    assert manifest.sounds[0].request == ROW[0]
    assert remake(manifest, tiny, tmp_path / "b")[1] == []


@pytest.mark.parametrize("controls", [{"warmt": 1.0}, {"warmth": float("inf")}])
def test_wrong_controls_make_no_file(shaped, tmp_path, controls):
    with pytest.raises(CreativeMLError, match="warmt"):
        zip_sounds(shaped, [Request("snare", 0, 1.0, controls)])
    manifest = export_sounds(shaped, SHAPED_ROW[:1], tmp_path / "a")
    broken = replace(manifest, sounds=(replace(manifest.sounds[0], controls=controls),))
    with pytest.raises(CreativeMLError, match="warmt"):
        remake(broken, shaped, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_requests_for_gives_mixtures_one_name(shaped):
    requests = export.requests_for(shaped, [{"clap": 1, "snare": 1}], 1, 0, 1.0, {"warmth": 40})
    assert requests == [Request("clap:0.5,snare:0.5", 0, 1.0, {"warmth": 40.0})]

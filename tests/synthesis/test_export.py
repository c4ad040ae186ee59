"""Files and manifests: names, bytes, and what is never overwritten."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import creativeml
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

"""The functions behind the latent explorer's page, called as plain functions, with the shipped model."""

from __future__ import annotations

import importlib
import io
import json
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import gradio
import numpy as np
import pytest
import soundfile
import torch

from creativeml.errors import CreativeMLError
from creativeml.files import project_folder, sha256_bytes, sha256_file
from creativeml.maps.library import LibraryFile, read_library
from creativeml.synthesis.autoencoder_space import open_space
from creativeml.synthesis.catalog import find_model
from creativeml.synthesis.recordings import read_recording

PER_KIND = 3
STARTER = project_folder("datasets") / "starter"
BD_808 = STARTER / "kick" / "bd_808.flac"


@pytest.fixture(scope="module")
def parts(latent_explorer) -> SimpleNamespace:
    names = ("atlas", "layout", "mixes", "server", "sounds", "wishes")
    return SimpleNamespace(**{name: importlib.import_module(f"_latent_explorer.{name}") for name in names})


@pytest.fixture(scope="module")
def space():
    return open_space("drums")


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


def gathered(parts, space, cache, *libraries):
    """An atlas that has gathered everything, and what it told meanwhile."""
    progress = parts.wishes.Progress()
    sha256 = find_model("drums").sha256
    atlas = parts.atlas.Atlas(space, sha256, per_kind=PER_KIND, libraries=libraries, cache=cache, progress=progress)
    atlas.start()
    for _ in range(1200):
        if not progress.stage:
            return atlas, progress
        time.sleep(0.05)
    raise AssertionError(f"still {progress}")


@pytest.fixture(scope="module")
def atlas(parts, space, cache):
    return gathered(parts, space, cache)[0]


@pytest.fixture(scope="module")
def server(parts, atlas, tmp_path_factory):
    folder = tmp_path_factory.mktemp("up")
    return parts.server.Server(find_model("drums"), lambda: atlas, parts.wishes.Progress(), folder)


@pytest.fixture(scope="module")
def chart(server) -> dict:
    return server.map("sound", "pca", "k-means", 4)


def upload(server, path: Path, name: str | None = None) -> dict:
    """A file as Gradio leaves it after an upload."""
    target = server._uploads / "abc123" / (name or path.name)
    target.parent.mkdir(exist_ok=True)
    shutil.copy(path, target)
    return {"path": str(target), "orig_name": name or path.name, "meta": {"_type": "gradio.FileData"}}


def read(file: dict) -> np.ndarray:
    samples, rate = soundfile.read(file["path"])
    info = soundfile.info(file["path"])
    assert (info.format, info.subtype, rate) == ("WAV", "PCM_24", 44100)
    return samples


# ---- gathering ----


def test_the_atlas_holds_what_the_model_makes(atlas, space):
    sounds = atlas.sounds()
    assert len(sounds) == PER_KIND * len(space.kinds) == len({sound.id for sound in sounds})
    sound = atlas.sound("tom:2")
    assert torch.equal(sound.point, space.sample("tom", 1, 2)[0])
    made = space.decode(space.sample("tom", 1, 2))
    from creativeml.evaluation.embeddings import log_mel_statistics

    assert np.allclose(sound.features, log_mel_statistics(made, 44100)[0], atol=0.05)


def test_what_was_gathered_once_comes_from_the_cache(parts, atlas, space, cache):
    again, progress = gathered(parts, space, cache)
    assert progress.edition == 1 and not progress.error
    for sound in atlas.sounds():
        other = again.sound(sound.id)
        assert np.array_equal(other.features, sound.features) and torch.equal(other.point, sound.point)
    damaged = next(cache.glob("explorer/model-*.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:1000])
    mended, _ = gathered(parts, space, cache)
    assert np.allclose(mended.sound("kick:0").features, atlas.sound("kick:0").features, atol=0.05)


def test_own_folders_are_on_the_map_and_what_is_unusable_is_told(parts, space, cache, tmp_path):
    folder = tmp_path / "mine"
    (folder / "snares").mkdir(parents=True)
    names = sorted((STARTER / "snare").glob("*.flac"))[:3]
    for path in names:
        shutil.copy(path, folder / "snares")
    shutil.copy(names[0], folder / "snares" / "the same again.flac")
    (folder / "broken.wav").write_bytes(b"RIFF\x24\x00\x00\x00WAVEfmt nothing of use")
    soundfile.write(folder / "silent.wav", np.zeros(4410), 44100)
    for known in (False, True):  # the second time from the cache
        atlas, progress = gathered(parts, space, cache, lambda: read_library(folder))
        own = [sound for sound in atlas.sounds() if sound.origin == "own"]
        assert sorted(sound.label for sound in own) == sorted(path.stem for path in names), known
        assert {sound.kind for sound in own} == {"snare"}
        assert len(progress.notes) == 3 and not progress.error
        assert any(note.startswith("broken") for note in progress.notes)
        assert any(note.startswith("silent") and "silen" in note[7:] for note in progress.notes)
        assert any("shown once" in note for note in progress.notes)
    expected = read_recording(names[0], 44100, 65536).samples
    sound = next(s for s in own if s.label == names[0].stem)
    assert torch.equal(sound.samples(), expected)


def test_a_dataset_brings_its_kinds_and_names(parts, space, cache, tmp_path):
    shutil.copy(BD_808, tmp_path / "low_thud-0123abcd.flac")
    shutil.copy(STARTER / "kick" / "bd_fat.flac", tmp_path / "again-0123abcd.flac")
    (tmp_path / "dataset.json").write_text('{"sample_rate": 44100, "length_samples": 65536, "kinds": ["thud"]}')
    rows = ["low_thud-0123abcd.flac,thud,train,", "again-0123abcd.flac,thud,test,low_thud-0123abcd.flac"]
    (tmp_path / "manifest.csv").write_text("\n".join(["path,class,split,duplicate_of", *rows]))
    atlas, progress = gathered(parts, space, cache, lambda: parts.sounds.files_of_dataset(tmp_path))
    own = [(sound.label, sound.kind) for sound in atlas.sounds() if sound.origin == "own"]
    assert own == [("low_thud", "thud")] and not progress.notes


def test_a_folder_that_is_no_dataset_is_told_and_the_model_is_there(parts, space, cache, tmp_path, capsys):
    atlas, progress = gathered(parts, space, cache, lambda: parts.sounds.files_of_dataset(tmp_path))
    assert "is not a dataset folder" in progress.error and "creativeml prepare" in progress.error
    assert progress.edition == 1 and len(atlas.sounds()) == PER_KIND * len(space.kinds)
    assert "error: " in capsys.readouterr().err


def test_one_wrong_folder_hides_no_other(parts, space, cache, tmp_path, capsys):
    def broken():
        raise OSError("the disk is gone")

    good = tmp_path / "good"
    good.mkdir()
    shutil.copy(BD_808, good)
    libraries = (lambda: parts.sounds.files_of_dataset(tmp_path), broken, lambda: read_library(good))
    atlas, progress = gathered(parts, space, cache, *libraries)
    assert [sound.label for sound in atlas.sounds() if sound.origin == "own"] == ["bd_808"]
    assert "is not a dataset folder" in progress.error and "; Something went wrong" in progress.error
    printed = capsys.readouterr().err
    assert "error: " in printed and "OSError: the disk is gone" in printed


def test_a_map_by_the_model_leaves_what_is_told_of_the_gathering(parts, space, cache, tmp_path):
    shutil.copy(BD_808, tmp_path)
    atlas, progress = gathered(parts, space, cache, lambda: read_library(tmp_path))
    progress.stage, progress.done, progress.of = "Listening to your sounds", 3, 7  # still gathering
    sounds, _, _ = atlas.map(parts.wishes.Wish("model", "pca"))
    assert any(sound.origin == "own" for sound in sounds)
    assert (progress.stage, progress.done, progress.of) == ("Listening to your sounds", 3, 7)


@pytest.mark.parametrize("error", [RuntimeError, OSError, MemoryError, CreativeMLError])
def test_whatever_keeps_the_model_away_is_told(
    latent_explorer, parts, background, cache, monkeypatch, capsys, error, tmp_path
):
    def failing(name):
        raise error("no room for the weights")

    monkeypatch.setenv("CREATIVEML_CACHE", str(tmp_path))
    monkeypatch.setattr("creativeml.synthesis.autoencoder_space.open_space", failing)
    progress, sources = parts.wishes.Progress(), latent_explorer.Sources("drums")
    atlas = background.InBackground(lambda: latent_explorer.gathering(find_model("drums"), sources, progress))
    atlas.start()
    with pytest.raises(error, match="no room"):
        atlas.get()
    printed = capsys.readouterr().err
    assert not progress.stage and "no room for the weights" in printed
    foreseen = error is CreativeMLError
    assert progress.error == ("no room for the weights" if foreseen else parts.wishes.UNFORESEEN)
    assert ("Traceback" in printed) != foreseen


def test_of_too_many_files_a_map_takes_an_even_share(parts):
    files = [LibraryFile(Path(f"{n}.wav"), str(n), None) for n in range(2 * parts.sounds.MOST_OWN + 5)]
    taken = parts.sounds.thinned(files)
    assert len(taken) <= parts.sounds.MOST_OWN and [f.name for f in taken[:3]] == ["0", "3", "6"]
    assert parts.sounds.thinned(files[:10]) == files[:10]


def test_whoever_is_waited_for_goes_first(background):
    turns, order, running = background.Turns(), [], threading.Event()

    def ahead(name):
        with turns.ahead():
            order.append(name)

    def asked():
        running.set()
        with turns.asked():
            order.append("asked")

    with turns.ahead():
        later = [threading.Thread(target=ahead, args=(n,)) for n in range(3)]
        for thread in later:
            thread.start()
        first = threading.Thread(target=asked)
        first.start()
        running.wait()
        time.sleep(0.1)
    for thread in (*later, first):
        thread.join(10)
    assert order[0] == "asked" and sorted(order[1:]) == [0, 1, 2]


# ---- maps and places ----


def test_a_map_places_every_sound_once_and_is_repeatable(server, chart, space):
    points = {point["id"]: point for point in chart["points"]}
    assert len(points) == len(chart["points"]) == PER_KIND * len(space.kinds)
    spread = [max(p[a] for p in points.values()) - min(p[a] for p in points.values()) for a in "xy"]
    assert max(spread) == pytest.approx(2, abs=1e-3)
    assert {p["kind"] for p in points.values()} == set(space.kinds)
    assert {p["cluster"] for p in points.values()} == {1, 2, 3, 4}
    assert server.map("sound", "pca", "k-means", 4) == chart
    assert json.loads(json.dumps(chart, allow_nan=False)) == chart
    x, y, bright = np.array([[p["x"], p["y"], p["values"]["brightness"]] for p in points.values()]).T
    assert x.std() > y.std() and np.corrcoef(x, bright)[0, 1] > 0.3, "wide, and brighter to the right"
    # Kicks are nearer to each other than to closed hats.
    at = {name: np.array([p["x"], p["y"]]) for name, p in points.items()}
    kicks, hats = ([at[f"{kind}:{n}"] for n in range(PER_KIND)] for kind in ("kick", "hat_closed"))
    within = np.mean([np.linalg.norm(a - b) for a in kicks for b in kicks])
    between = np.mean([np.linalg.norm(a - b) for a in kicks for b in hats])
    assert between > 3 * within


@pytest.mark.parametrize("arrange", ["sound", "model"])
@pytest.mark.parametrize("projection", ["t-sne", "isomap"])
def test_other_maps_hold_the_same_sounds(server, chart, arrange, projection):
    other = server.map(arrange, projection, "gmm", 3)
    assert {p["id"] for p in other["points"]} == {p["id"] for p in chart["points"]}
    assert other["chart"] != chart["chart"]


def test_shares_change_steadily_along_any_way(parts, chart):
    places = np.array([[p["x"], p["y"]] for p in chart["points"]])
    ids = [p["id"] for p in chart["points"]]
    path = np.stack([np.linspace(-1, 1, 4001), np.linspace(0.4, -0.5, 4001)], 1)
    rows = np.zeros((len(path), len(ids)))
    for row, shares in zip(rows, parts.layout.shares_at(places, ids, path), strict=True):
        for name, share in shares.items():
            row[ids.index(name)] = share
    assert np.allclose(rows.sum(1), 1) and (rows >= 0).all()
    assert np.abs(np.diff(rows, axis=0)).max() < 0.05, "no share jumps within a two-thousandth of the map"
    assert parts.layout.shares_at(places, ids, places) == [{name: 1.0} for name in ids]


def test_steps_along_a_way_are_equally_long(parts):
    path = np.array([[0, 0], [1, 0], [1, 0], [1, 0.5]])
    places = parts.layout.along(path, 4)
    assert np.allclose(places, [[0, 0], [0.5, 0], [1, 0], [1, 0.5]])
    assert np.allclose(parts.layout.along(path[:1], 3), 0)


# ---- sounds ----


def test_a_point_is_the_sound_of_its_kind_and_seed(server, space):
    answer = server.sounds(["kick:3", {"snare:1": 0.25, "kick:3": 0.75}])
    kick, snare = space.sample("kick", 1, 3), space.sample("snare", 1, 1)
    expected = space.decode(torch.cat([kick, 0.75 * kick + 0.25 * snare])).numpy()
    for file, record, sound in zip(answer["files"], answer["records"], expected, strict=True):
        samples = read(file)
        assert np.abs(samples - sound).max() < 1e-4
        assert Path(file["path"]).name == record["file"] and sha256_file(file["path"]) == record["sha256"]
        assert record["kind"] == "kick" and record["peak"] == pytest.approx(np.abs(samples).max(), abs=1e-5)
    assert answer["records"][0]["file"] == "Kick_m0003.wav"
    assert answer["records"][1]["shares"] == {"kick:3": 0.75, "snare:1": 0.25}
    assert server.sounds(["kick:3"])["records"][0] == answer["records"][0]


def test_a_click_is_the_mixture_of_the_nearest_and_a_point_is_itself(server, chart):
    points = {point["id"]: point for point in chart["points"]}
    tom = points["tom:0"]
    answer = server.walk(chart["chart"], [[tom["x"], tom["y"]]], 1)
    assert answer["records"][0]["mix"] == "tom:0"
    place = [0.13, -0.21]
    shares = server.walk(chart["chart"], [place], 1)["records"][0]["shares"]
    order = sorted(points.values(), key=lambda p: (p["x"] - place[0]) ** 2 + (p["y"] - place[1]) ** 2)
    away = [float(np.hypot(p["x"] - place[0], p["y"] - place[1])) for p in order]
    within = {p["id"] for p, d in zip(order, away, strict=True) if d < 2 * away[0]}
    assert next(iter(shares)) == order[0]["id"] and set(shares) <= within and len(shares) > 1
    assert sum(shares.values()) == pytest.approx(1)
    # Far out many take part, and what the page is told of them it may send back.
    far = server.walk(chart["chart"], [[1.6, 1.6]], 1)["records"][0]
    assert 5 < len(far["shares"]) <= 64
    assert server.sounds([far["shares"]])["records"][0] == far


def test_a_way_is_a_row_of_sounds_and_its_zip_makes_them_again(server, chart):
    ends = [next(p for p in chart["points"] if p["id"] == name) for name in ("kick:0", "crash:1")]
    path = [[ends[0]["x"], ends[0]["y"]], [0.0, 0.0], [ends[1]["x"], ends[1]["y"]]]
    answer = server.walk(chart["chart"], path, 5)
    records = answer["records"]
    assert [records[0]["mix"], records[-1]["mix"]] == ["kick:0", "crash:1"]
    mixes = [record["shares"] for record in records]
    file = server.bundle(mixes)
    with zipfile.ZipFile(file["path"]) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert archive.namelist() == [*(sound["file"] for sound in manifest["sounds"]), "manifest.json"]
        assert len(manifest["sounds"]) == 5 and manifest["sounds"][0]["file"] == "001_Kick_m0000.wav"
        for sound, given in zip(manifest["sounds"], answer["files"], strict=True):
            data = archive.read(sound["file"])
            assert sha256_bytes(data) == sound["sha256"] == sha256_file(given["path"])
            samples, _ = soundfile.read(io.BytesIO(data))
            assert len(samples) == 65536 and 0.05 < np.abs(samples).max() <= 1
    assert manifest["model"]["sha256"] == find_model("drums").sha256
    again = server.sounds([sound["shares"] for sound in manifest["sounds"]])["records"]
    assert [record["sha256"] for record in again] == [sound["sha256"] for sound in manifest["sounds"]]


def test_one_wav_holds_the_row_as_it_was_played(server):
    mixes = ["kick:0", "snare:0", "hat_closed:0"]
    tones = [read(file) for file in server.sounds(mixes)["files"]]
    row = read(server.row(mixes, 0.5))
    step = 22050
    expected = np.zeros(2 * step + 65536)
    for n, tone in enumerate(tones):
        expected[n * step : n * step + 65536] += tone
    gain = np.abs(row).max() / np.abs(expected).max()
    assert len(row) == len(expected) and gain <= 1
    assert np.abs(row - gain * expected).max() < 1e-5 and np.abs(row).max() <= 10 ** (-1 / 20) + 1e-6


def test_from_one_to_another_the_steps_are_equally_heard(server, space):
    from creativeml.synthesis.audible import heard, steps_between

    answer = server.morph({"kick:0": 1}, {"snare:2": 1}, 6)
    shares = answer["shares"]
    assert shares[0] == 0 and shares[-1] == 1 and shares == sorted(shares)
    assert answer["records"][0]["mix"] == "kick:0" and answer["records"][-1]["mix"] == "snare:2"
    sounds = torch.stack([torch.from_numpy(read(file)).float() for file in answer["files"]])
    ends = [space.sample("kick", 1, 0)[0], space.sample("snare", 1, 2)[0]]
    even = space.decode(torch.stack([torch.lerp(ends[0], ends[1], t) for t in torch.linspace(0, 1, 6)]))
    longest = [float(max(s) / s.mean()) for s in (steps_between(heard(x, 44100)) for x in (sounds, even))]
    assert longest[0] < 1.6 and longest[0] <= longest[1] + 0.01


# ---- recordings ----


def test_a_recording_lies_amid_what_it_sounds_like(server, space):
    from creativeml.evaluation.embeddings import log_mel_statistics

    on = server.map("sound", "pca", "k-means", 5)
    file = upload(server, BD_808)
    answer = server.add(on["chart"], file)
    assert not Path(file["path"]).exists(), "what was uploaded does not stay"
    recording = read_recording(BD_808, 44100, 65536)
    names = [point["id"] for point in on["points"]]
    points = torch.cat([space.sample(*(name.split(":")[0], 1, int(name.split(":")[1]))) for name in names])
    features = log_mel_statistics(space.decode(points), 44100)
    distances = (features - log_mel_statistics(recording.samples[None], 44100)).square().mean(1).sqrt()
    order = distances.argsort().tolist()
    assert [n["id"] for n in answer["near"]] == [names[n] for n in order[:6]]
    for found, n in zip(answer["near"], order, strict=False):
        assert found["distance"] == pytest.approx(float(distances[n]), abs=0.06)
    point = answer["point"]
    assert point["label"] == "bd_808" and point["kind"] == "kick" and point["origin"] == "own"
    assert point["cluster"] is None, "of no group until there is a new map"
    near = np.array([[p["x"], p["y"]] for p in on["points"] if p["id"] in {names[n] for n in order[:5]}])
    place = np.array([point["x"], point["y"]])
    assert (near.min(0) - 1e-3 <= place).all() and (place <= near.max(0) + 1e-3).all()
    # It sounds as itself, by its content's name; between it and others the model speaks.
    assert point["id"] == f"own:{sha256_file(BD_808)[:16]}"
    played = server.sounds([point["id"], {point["id"]: 0.5, "kick:0": 0.5}])
    assert np.abs(read(played["files"][0]) - recording.samples.numpy()).max() < 1e-6
    between = (space.encode(recording.samples[None], ["kick"]) + space.sample("kick", 1, 0)) / 2
    assert np.abs(read(played["files"][1]) - space.decode(between)[0].numpy()).max() < 1e-3
    assert server.near(on["chart"], point["id"])["near"] == answer["near"]
    again = server.add(on["chart"], upload(server, BD_808))
    assert again["point"] == point and len(server.map("sound", "pca", "k-means", 5)["points"]) == len(names) + 1


def long_silence(path: Path) -> Path:
    """A FLAC that lasts ten hours, in a few hundred kilobytes."""
    with soundfile.SoundFile(path, "w", 2000, 1, "PCM_16") as file:
        block = np.zeros(2_000_000, dtype=np.int16)
        for _ in range(36):
            file.write(block)
    return path


def test_unusable_uploads_are_refused_in_one_line(server, chart, tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("not a sound " * 100)
    lying = bytearray(BD_808.read_bytes())
    soundfile.write(tmp_path / "silent.wav", np.zeros(44100), 44100)
    soundfile.write(tmp_path / "nan.wav", np.full(4410, np.nan, np.float32), 44100, subtype="FLOAT")
    (tmp_path / "cut.flac").write_bytes(lying[: len(lying) // 2])
    cases = {
        "empty.wav": "empty",
        "text.wav": "text.wav",
        "silent.wav": "silen",
        "nan.wav": "NaN",
        "cut.flac": "cut.flac|truncated|decoded",
        long_silence(tmp_path / "ten hours.flac").name: "too long: 36000.0 s",
    }
    for name, words in cases.items():
        file = upload(server, tmp_path / name)
        with pytest.raises(gradio.Error, match=words) as caught:
            server.add(chart["chart"], file)
        assert str(server._uploads) not in str(caught.value) and not Path(file["path"]).exists()


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../etc/passwd", "", None, 7, "abc\0", "x" * 5000, ["a"], "http://127.0.0.1/x.wav"]
)
def test_only_what_was_uploaded_is_opened(server, chart, path):
    with pytest.raises(gradio.Error, match="what came is none"):
        server.add(chart["chart"], {"path": path, "orig_name": "x.wav"})


def test_files_on_their_way_to_the_page_are_no_uploads(server, chart):
    own = server.sounds(["kick:0"])["files"][0]
    with pytest.raises(gradio.Error, match="what came is none"):
        server.add(chart["chart"], own)
    assert Path(own["path"]).is_file()
    for value in (None, "x.wav", [], {"name": "x"}):
        with pytest.raises(gradio.Error, match="what came is none"):
            server.add(chart["chart"], value)
    gone = {"path": str(server._uploads / "abc123" / "gone.wav"), "orig_name": "gone.wav"}
    with pytest.raises(gradio.Error, match="no longer there"):
        server.add(chart["chart"], gone)


def test_without_an_encoder_recordings_stay_themselves(parts, cache, tmp_path):
    model, mine = tmp_path / "model", tmp_path / "mine"
    shutil.copytree(find_model("drums").folder, model, ignore=shutil.ignore_patterns("encoder"))
    mine.mkdir()
    shutil.copy(BD_808, mine)
    atlas, progress = gathered(parts, open_space(model), cache, lambda: read_library(mine))
    assert progress.notes == [parts.atlas.NO_ENCODER] and not progress.error
    bare = parts.server.Server(find_model(model), lambda: atlas, progress, tmp_path / "up")
    on = bare.map("sound", "pca", "k-means", 4)
    (own,) = (p for p in on["points"] if p["origin"] == "own")
    # Upon the recording the model's own sounds speak; by its name it sounds as itself.
    answer = bare.walk(on["chart"], [[own["x"], own["y"]], [own["x"] + 0.01, own["y"]]], 2)
    assert not any(own["id"] in record["shares"] for record in answer["records"])
    played = read(bare.sounds([own["id"]])["files"][0])
    assert np.abs(played - read_recording(BD_808, 44100, 65536).samples.numpy()).max() < 1e-6
    by_model = bare.map("model", "pca", "k-means", 4)["points"]
    assert {p["id"] for p in by_model} == {p["id"] for p in on["points"]} - {own["id"]}
    with pytest.raises(gradio.Error, match="came without an encoder"):
        bare.sounds([{own["id"]: 0.5, "kick:0": 0.5}])
    other = STARTER / "kick" / "bd_fat.flac"
    assert parts.atlas.NO_ENCODER in bare.add(on["chart"], upload(bare, other))["notes"]


def test_walks_leave_out_recordings_that_are_gone(parts, server, monkeypatch):
    on = server.map("sound", "pca", "k-means", 3)
    added = server.add(on["chart"], upload(server, STARTER / "kick" / "bd_fat.flac"))["point"]
    place = [[added["x"], added["y"]]]
    assert server.walk(on["chart"], place, 1)["records"][0]["mix"] == added["id"]
    atlas = server._atlas()
    monkeypatch.setattr(parts.atlas, "MOST_ADDED", 1)
    while atlas.sound(added["id"]):  # whatever comes after it drives it out
        for path in sorted((STARTER / "clap").glob("*.flac"))[:3]:
            atlas.add(path, path.name)
    assert added["id"] not in server.walk(on["chart"], place, 1)["records"][0]["shares"]


def test_a_temporary_folder_behind_a_link_is_as_good(parts, server, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    linked = parts.server.Server(find_model("drums"), server._atlas, parts.wishes.Progress(), tmp_path / "link")
    on = linked.map("sound", "pca", "k-means", 4)["chart"]
    own = linked.sounds(["kick:0"])["files"][0]
    for path in (own["path"], str(tmp_path / "link" / Path(own["path"]).relative_to(tmp_path / "real"))):
        with pytest.raises(gradio.Error, match="what came is none"):
            linked.add(on, {"path": path, "orig_name": "x.wav"})
    assert Path(own["path"]).is_file()
    file = upload(linked, BD_808)
    seen = {**file, "path": str(tmp_path / "link" / Path(file["path"]).relative_to(tmp_path / "real"))}
    assert linked.add(on, seen)["point"]["label"] == "bd_808"


def test_added_sounds_are_bounded(parts, atlas, monkeypatch, tmp_path):
    monkeypatch.setattr(parts.atlas, "MOST_ADDED", 2)
    added = []
    for path in sorted((STARTER / "rim").glob("*.flac"))[:3] or sorted((STARTER / "tom").glob("*.flac"))[:3]:
        added.append(atlas.add(path, path.name)[0].id)
    assert atlas.sound(added[0]) is None and atlas.sound(added[2]) is not None
    with pytest.raises(CreativeMLError, match="not on the map"):
        atlas.samples(parts.mixes.checked_mix(added[0], ["kick"]))


# ---- nothing from the page is trusted ----

NAN, HUGE = float("nan"), 10**400


@pytest.mark.parametrize(
    "mixes",
    [
        [],
        None,
        "kick:0",
        ["kick:0"] * 257,
        ["../../etc/passwd"],
        ["kick:../0"],
        ["kick:-1"],
        ["kick:4294967296"],
        ["kick:00"],
        ["banana:0"],
        ["own:zzzz"],
        ["own:0123456789abcdef"],
        ["own:../../../etc/passwd"],
        ["x" * 100_000],
        [{}],
        [{"kick:0": NAN}],
        [{"kick:0": -1}],
        [{"kick:0": 0}],
        [{"kick:0": HUGE}],
        [{"kick:0": "1"}],
        [{"kick:0": True}],
        [{f"kick:{n}": 1 for n in range(257)}],
        [[["kick:0", 1]]],
        [None],
        [7],
    ],
)
def test_wrong_names_of_sounds_are_refused(server, mixes):
    with pytest.raises(gradio.Error):
        server.bundle(mixes)
    with pytest.raises(gradio.Error):
        server.sounds(mixes)
    with pytest.raises(gradio.Error):
        server.row(mixes, 0.1)


@pytest.mark.parametrize(
    ("path", "steps", "words"),
    [
        ([[NAN, 0]], 1, "off the map"),
        ([[float("inf"), 0]], 1, "off the map"),
        ([[HUGE, 0]], 1, "off the map"),
        ([["0", 0]], 1, "is \\[x, y\\]"),
        ([[True, 0]], 1, "is \\[x, y\\]"),
        ([[0, 0, 0]], 1, "is \\[x, y\\]"),
        ([0, 0], 1, "is \\[x, y\\]"),
        ([], 1, "1 to 512"),
        (None, 1, "1 to 512"),
        ([[0, 0]] * 513, 1, "1 to 512"),
        ([[0, 0]], 65, "1 to 64"),
        ([[0, 0]], 0, "1 to 64"),
        ([[0, 0]], 1.5, "1 to 64"),
        ([[0, 0]], None, "1 to 64"),
    ],
)
def test_wrong_paths_are_refused(server, chart, path, steps, words):
    with pytest.raises(gradio.Error, match=words):
        server.walk(chart["chart"], path, steps)


@pytest.mark.parametrize("name", ["", "0" * 16, None, 7, ["x"], "../x"])
def test_a_map_that_is_not_there_is_told(server, name):
    for call, values in ((server.walk, [[0, 0]]), (server.near, "kick:0"), (server.add, {})):
        with pytest.raises(gradio.Error, match="no longer there"):
            call(name, values)


@pytest.mark.parametrize(
    "wish",
    [
        ("sound", "umap", "k-means", 8),
        ("banana", "pca", "k-means", 8),
        ("sound", "pca", "dbscan", 8),
        ("sound", "pca", "k-means", 0),
        ("sound", "pca", "k-means", 25),
        ("sound", "pca", "k-means", "8"),
        ("sound", ["pca"], "k-means", 8),
        (None, None, None, None),
    ],
)
def test_wrong_wishes_are_refused(server, wish):
    with pytest.raises(gradio.Error, match="must be"):
        server.map(*wish)


@pytest.mark.parametrize("step", [0, 0.001, 2.5, NAN, "0.1", None, True])
def test_wrong_paces_are_refused(server, step):
    with pytest.raises(gradio.Error, match="step_s"):
        server.row(["kick:0"], step)


@pytest.mark.parametrize("steps", [1, 65, "8", None])
def test_wrong_morphs_are_refused(server, steps):
    with pytest.raises(gradio.Error, match="2 to 64"):
        server.morph({"kick:0": 1}, {"kick:1": 1}, steps)


# ---- the page ----


def test_names_of_mixes_are_stable(parts):
    mix = parts.mixes.checked_mix({"kick:3": 2, "snare:0": 1, "tom:1": 1e-5}, ["kick", "snare", "tom"])
    assert mix.text == "kick:3*0.6667+snare:0*0.3333"
    assert parts.mixes.mix_of(dict(mix.parts)) == mix
    rng = np.random.default_rng(0)
    for _ in range(200):
        weights = {f"kick:{n}": float(w) for n, w in enumerate(rng.exponential(size=rng.integers(1, 9)))}
        mix = parts.mixes.mix_of(weights)
        assert sum(round(10_000 * share) for _, share in mix.parts) == 10_000
        assert parts.mixes.mix_of(dict(mix.parts)) == mix


def test_the_page_knows_the_model_without_torch():
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1]); import latent_explorer as e;"
        "setup = e.page_setup(e.find_model('drums')); print(json.dumps(setup)); print('torch' in sys.modules)"
    )
    program = [sys.executable, "-c", code, str(project_folder("apps"))]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    setup, loaded = done.stdout.splitlines()
    assert loaded == "False"
    setup = json.loads(setup)
    assert setup["kinds"][0] == "kick" and setup["model"]["sha256"] == find_model("drums").sha256
    assert {"pca", "t-sne", "isomap"} <= set(setup["projections"]) and setup["measures"][7]["unit"] == "ms"


def test_endpoints_keep_their_names(latent_explorer, server, monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    demo = latent_explorer.build(server)
    endpoints = demo.get_api_info()["named_endpoints"]
    names = ("state", "map", "sounds", "walk", "morph", "near", "add", "bundle", "row")
    assert set(endpoints) == {f"/{name}" for name in names}
    assert [p["parameter_name"] for p in endpoints["/walk"]["parameters"]] == ["chart", "path", "steps"]
    assert not demo.analytics_enabled


def test_nothing_in_the_page_points_outside(latent_explorer):
    sources = [*latent_explorer.SCRIPTS, *latent_explorer.STYLES, *latent_explorer.PAGE.glob("*.*")]
    assert len(sources) >= 14
    for path in sources:
        text = path.read_text(encoding="utf-8")
        assert "http://" not in text and "https://" not in text and "@import" not in text, path.name


def test_wrong_folders_are_told_before_anything_starts(latent_explorer, tmp_path):
    for name in ("data", "sounds"):
        with pytest.raises(CreativeMLError, match="no such folder"):
            latent_explorer.serve(browser=False, **{name: tmp_path / "nowhere"})

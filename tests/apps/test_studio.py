"""The functions behind the Kit page, called as plain functions, with the shipped model."""

from __future__ import annotations

import importlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import gradio
import numpy as np
import pytest
import soundfile

from creativeml.config import to_dict
from creativeml.files import project_folder, sha256_bytes
from creativeml.kits.formats import read_kit
from creativeml.kits.layout import make_kit
from creativeml.kits.midi import read_midi
from creativeml.kits.project import PadPlan, project_from, read_project_file
from creativeml.kits.store import ProjectStore
from creativeml.synthesis.catalog import find_model
from creativeml.synthesis.generate import load

STARTER = project_folder("datasets") / "starter"
BD_808 = STARTER / "kick" / "bd_808.flac"
NAME = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def instrument():
    return load("drums")


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> ProjectStore:
    return ProjectStore(tmp_path_factory.mktemp("projects"))


@pytest.fixture(scope="module")
def server(studio_app, instrument, store, tmp_path_factory):
    module = importlib.import_module("_studio.server")
    return module.Server(find_model("drums"), lambda: instrument, tmp_path_factory.mktemp("up"), store)


@pytest.fixture(scope="module")
def project(server) -> dict:
    return server.fresh(5)


def upload(server, path: Path, name: str | None = None) -> dict:
    """A file as Gradio leaves it after an upload."""
    target = server._uploads / "abc123" / (name or path.name)
    target.parent.mkdir(exist_ok=True)
    shutil.copy(path, target)
    return {"path": str(target), "orig_name": name or path.name, "meta": {"_type": "gradio.FileData"}}


def refused(call, *arguments) -> str:
    with pytest.raises(gradio.Error) as caught:
        call(*arguments)
    text = str(caught.value.message)
    assert "\n" not in text
    return text


# ---- kits ----


def test_a_fresh_kit_is_that_of_the_command_line(server, project, instrument):
    made = make_kit(instrument, 5)
    exported = read_kit(Path(server.export_kit(project, "wav")["path"]).read_bytes()).kit
    assert [pad.takes[0].data for pad in exported.pads] == [pad.takes[0].data for pad in made.pads]
    assert [(p.note, p.name, p.kind, p.gain_db, p.pan, p.choke) for p in exported.pads] == [
        (p.note, p.name, p.kind, p.gain_db, p.pan, p.choke) for p in made.pads
    ]
    other = server.fresh(6)
    assert all(a["sound"] != b["sound"] for a, b in zip(project["pads"], other["pads"], strict=True))


def test_sounds_are_those_of_the_instrument_bit_by_bit(server, project, instrument):
    sources = [{"sound": pad["sound"]} for pad in project["pads"][:3]]
    for source, found in zip(sources, server.sounds(sources), strict=True):
        samples, rate = soundfile.read(found["file"]["path"], dtype="float32")
        expected = instrument.sound(source["sound"]["kind"], source["sound"]["seed"]).numpy()
        assert rate == 44100 and np.abs(samples - expected).max() <= 2**-23
        assert found["record"]["given"].keys() == set(instrument.controls)


def test_layers_take_up_all_velocities_and_the_loudest_is_the_sound(server, project):
    source = {"sound": project["pads"][2]["sound"]}
    layers = server.layers(source, 3, 2)
    assert [(layer["low"], layer["high"]) for layer in layers] == [(1, 42), (43, 85), (86, 127)]
    files = [Path(take["file"]["path"]).read_bytes() for layer in layers for take in layer["takes"]]
    assert len(set(files)) == 6
    own = soundfile.read(server.sounds([source])[0]["file"]["path"])[0]
    loudest = soundfile.read(layers[-1]["takes"][0]["file"]["path"])[0]
    assert np.array_equal(own, loudest)


@pytest.mark.parametrize("kind", ["hat_open", "own"])
def test_layers_with_tune_and_decay_are_those_of_the_export(server, project, kind):
    """Another low-pass suits sounds that are tuned down: what a page plays is what a host plays."""
    pad = next(pad for pad in project["pads"] if pad["kind"] == (kind if kind != "own" else "hat_open"))
    plan = {**pad, "layers": 3, "takes": 2, "tune": -9.5, "decay": 0.4}
    source = {"sound": plan["sound"]}
    if kind == "own":
        source = {"own": server.own(upload(server, BD_808))["own"]}
        plan |= {"sound": None, **source}
    file = server.export_kit({**project, "pads": [plan] + [{}] * 15}, "wav")
    exported = read_kit(Path(file["path"]).read_bytes()).kit
    expected = [[take.data for take in layer.takes] for layer in exported.pads[0].layers]
    layers = server.layers(source, 3, 2, -9.5, 0.4)
    assert [[Path(take["file"]["path"]).read_bytes() for take in layer["takes"]] for layer in layers] == expected
    assert all(layer["shaped"] for layer in layers)
    assert [len(layer["takes"]) for layer in layers] == [1 if kind == "own" else 2] * 3
    plain = server.layers(source, 3, 2)
    assert plain[-1]["takes"][0]["file"]["path"] != layers[-1]["takes"][0]["file"]["path"]
    for tune, decay in ((25, 1), (0, 0), (float("nan"), 1), ("x", 1), (0, None)):
        refused(server.layers, source, 3, 2, tune, decay)


def test_layers_that_have_left_the_shelf_are_placed_anew(server, project, instrument, monkeypatch):
    source = {"sound": project["pads"][1]["sound"]}
    first = server.layers(source, 2, 1)
    contents = [Path(layer["takes"][0]["file"]["path"]).read_bytes() for layer in first]
    shutil.rmtree(server._shelf.folder)
    server._shelf.folder.mkdir()
    monkeypatch.setattr(server, "_pad", lambda *_: pytest.fail("made twice"))
    again = server.layers(source, 2, 1)
    assert [Path(layer["takes"][0]["file"]["path"]).read_bytes() for layer in again] == contents


def test_what_is_kept_in_memory_has_a_bound(studio_app):
    newest = importlib.import_module("_studio.made").Newest(10, len)
    made = []

    def get(text: str) -> str:
        return newest.get(text, lambda: made.append(text) or text)

    for text in ("aaaa", "bbbb", "aaaa", "cccc", "aaaa", "bbbb", "d" * 20, "d" * 20, "cccc"):
        assert get(text) == text
    assert made == ["aaaa", "bbbb", "cccc", "bbbb", "d" * 20, "cccc"]


def test_regions_shrink_with_what_is_asked_and_all_in_them_occurs(server, instrument):
    free, asked = server.region("kick", {}), server.region("kick", {"brightness": 60})
    assert free.keys() == asked.keys() == set(instrument.controls)
    assert sum(high - low for low, high in asked.values()) < sum(high - low for low, high in free.values())
    for name, (low, high) in asked.items():
        assert low <= high
        middle = (low + high) / 2
        values = {"brightness": 60, name: middle} if name != "brightness" else {name: middle}
        assert instrument.feasible("kick", values).values == pytest.approx(values, rel=2e-3), name


def test_files_of_one_name_do_not_meet(server, project):
    first = server.midi({**project, "pattern": pattern_of_kicks(0)})
    second = server.midi({**project, "pattern": pattern_of_kicks(4)})
    assert first["orig_name"] == second["orig_name"] and first["path"] != second["path"]
    struck = [next(iter(read_midi(Path(f["path"]).read_bytes()).lines.values())) for f in (first, second)]
    assert [line.index(100) for line in struck] == [0, 4]


def pattern_of_kicks(step: int) -> dict:
    lines = [[0] * 16 for _ in range(16)]
    lines[0][step] = 100
    return {"steps": 16, "tempo": 120.0, "swing": 50.0, "lines": lines}


def test_the_beat_is_played_by_the_kit(server, project):
    file = server.play_kit({**project, "pattern": pattern_of_kicks(4)}, 2)
    sound, rate = soundfile.read(file["path"])
    kick = soundfile.read(server.pad_file(project["pads"][0])["path"])[0]
    first = int(np.flatnonzero(np.abs(sound[:, 0]) > 1e-4)[0])
    assert abs(first - 0.5 * rate) < 0.003 * rate
    start = round(0.5 * rate)
    gain = 10 ** (project["pads"][0]["gain_db"] / 20) * 100 / 127 * np.sqrt(0.5)
    assert np.abs(sound[start : start + 4000, 0] - gain * kick[:4000]).max() < 1e-5
    assert "empty" in refused(server.play_kit, project, 2)


# ---- recordings ----


def test_a_recording_is_kept_and_made_anew(server, store, instrument):
    found = server.own(upload(server, BD_808))
    assert found["name"] == "bd_808" and found["kind"] == "kick" and store.has(found["own"])
    samples = soundfile.read(server.sounds([{"own": found["own"]}])[0]["file"]["path"])[0]
    assert np.abs(samples).max() > 0.5 and len(samples) < 65536
    far = server.like(found["own"], "as", "ride", 0, "bd_808")
    near = server.like(found["own"], "as", "kick", 0, "bd_808")
    bright = server.like(found["own"], "brighter", "", 0, "bd_808")
    assert near["distance"] < far["distance"] and near["kind"] == "kick"
    levels = [server.measure({"own": own})["brightness"] for own in (found["own"], near["own"], bright["own"])]
    assert levels[2] > levels[1] + 1  # hardly any kick as deep is brighter
    assert server.stage() == ""
    one, two = (server.like(found["own"], "similar", "", seed, "bd_808")["own"] for seed in (1, 2))
    assert one != two


def test_a_long_recording_keeps_its_length(server, tmp_path):
    rate = 22050
    time = np.arange(4 * rate) / rate
    soundfile.write(tmp_path / "long one.wav", 0.5 * np.sin(2 * np.pi * 220 * time) * np.exp(-time / 2), rate)
    found = server.own(upload(server, tmp_path / "long one.wav"))
    samples, rate = soundfile.read(server.sounds([{"own": found["own"]}])[0]["file"]["path"])
    assert rate == 44100 and len(samples) == pytest.approx(4 * 44100, rel=0.01)
    assert found["name"] == "long one"


# ---- projects ----


def test_projects_are_kept_and_come_back(server, project, store):
    changed = {**project, "name": "Kept", "pattern": pattern_of_kicks(2)}
    assert server.open(NAME) is None
    assert server.save(NAME, project, 0) == 1
    assert server.save(NAME, changed, 1) == 2
    found = server.open(NAME)
    assert json.loads(json.dumps(found)) == json.loads(json.dumps({"project": changed, "revision": 2, "notes": []}))
    path = store.folder / f"{NAME}.json"
    path.write_bytes(path.read_bytes()[:-20])
    found = server.open(NAME)  # the one before it
    assert found["project"]["name"] == project["name"] and found["revision"] == 1
    assert len(found["notes"]) == 1 and found["notes"][0].startswith("The last change was lost")


def test_two_windows_do_not_write_over_each_other(server, project):
    name = "f" * 32
    assert server.save(name, project, 0) == 1
    assert server.save(name, {**project, "name": "One"}, 1) == 2
    assert refused(server.save, name, {**project, "name": "Two"}, 1).startswith(
        "This kit was changed in another window"
    )
    assert server.open(name)["project"]["name"] == "One"
    assert server.save(name, {**project, "name": "Two"}, -1) == 3  # take mine
    assert server.open(name)["project"]["name"] == "Two"
    for revision in (-2, 1.5, "3", True, None):
        assert "revision" in refused(server.save, name, project, revision)


def test_a_damaged_project_is_no_dead_end(server, project, store):
    name = "d" * 32
    server.save(name, project)
    server.save(name, project)
    texts = {}
    for ending in (".json", ".before"):
        path = (store.folder / name).with_suffix(ending)
        values = json.loads(path.read_text())
        values["project"]["format"] = 7
        values["sha256"] = sha256_bytes(json.dumps(values["project"], sort_keys=True, ensure_ascii=False).encode())
        path.write_text(json.dumps(values))
        texts[path.read_bytes()] = ending
    found = server.open(name)
    assert found["project"] is None and found["revision"] == 0
    assert len(found["notes"]) == 1 and "format 7" in found["notes"][0] and "damaged" in found["notes"][0]
    assert server.open(name) == found  # whoever looks first, nothing is moved
    assert server.save(name, project, 0) == 1
    assert {path.read_bytes() for path in store.folder.glob(f"{name}.damaged-*")} == set(texts)
    assert server.open(name)["notes"] == []


ODD_NAMES = (
    "Flo\u00a0Kit",
    "👩\u200d🎤 kit",
    "\u200b",
    "   ",
    "a\nb",
    "\ud800 x",
    " both ends ",
    "x" * 80,
    "\u202eabc",
    "雨",
)


@pytest.mark.parametrize("name", ODD_NAMES)
def test_no_name_stops_an_export(server, project, name):
    pads = [{**project["pads"][0], "name": name, "own_name": name, "origin": name, "layers": 1, "takes": 1}]
    odd = {**project, "name": name, "author": name, "pads": pads + [{}] * 15}
    for format in ("wav", "sfz", "decentsampler", "hydrogen"):
        kit = read_kit(Path(server.export_kit(odd, format)["path"]).read_bytes()).kit
        assert len(kit.pads) == 1
        for text in (kit.name, kit.pads[0].name):
            assert text.isprintable() and text == text.strip() and text
    server.save("e" * 32, odd)
    assert server.open("e" * 32)["project"]["name"].isprintable()
    for call in (server.midi, server.project_file):
        call({**odd, "pattern": pattern_of_kicks(0)})
    server.pad_file(pads[0])


def test_a_project_file_holds_its_recordings(server, project, tmp_path, instrument):
    own = server.own(upload(server, BD_808))["own"]
    plan = {**project["pads"][3], "sound": None, "own": own, "own_name": "bd_808", "name": "bd_808"}
    mine = {**project, "pads": [*project["pads"][:3], plan, *project["pads"][4:]]}
    data = Path(server.project_file(mine)["path"]).read_bytes()
    found, recordings = read_project_file(data, "mine")
    assert json.loads(json.dumps(to_dict(found))) == json.loads(json.dumps(mine))
    assert set(recordings) == {own} and sha256_bytes(recordings[own]) == own
    # Another machine, which has never seen the recording.
    module = importlib.import_module("_studio.server")
    elsewhere = module.Server(find_model("drums"), lambda: instrument, tmp_path / "up", ProjectStore(tmp_path / "own"))
    (tmp_path / "mine.cmlproject").write_bytes(data)
    opened = elsewhere.open_file(upload(elsewhere, tmp_path / "mine.cmlproject"))
    assert opened["notes"] == []
    kits = [
        Path(s.export_kit(p, "hydrogen")["path"]).read_bytes()
        for s, p in ((server, mine), (elsewhere, opened["project"]))
    ]
    assert kits[0] == kits[1]


def test_a_recording_that_is_gone_costs_its_pad_only(server, project, tmp_path, instrument):
    module = importlib.import_module("_studio.server")
    own = server.own(upload(server, BD_808))["own"]
    plan = to_dict(PadPlan("x", "kick", None, own, "bd_808"))
    mine = project_from({**project, "pads": [plan, *project["pads"][1:]]})
    elsewhere = module.Server(find_model("drums"), lambda: instrument, tmp_path / "up", ProjectStore(tmp_path / "own"))
    assert "no longer there" in refused(elsewhere.save, NAME, to_dict(mine))
    opened, notes = elsewhere._opened(replace(mine))
    assert opened.pads[0].empty and not opened.pads[1].empty and "1 pad" in notes[0]


def test_a_kept_project_without_its_recording_opens(server, project, store, tmp_path):
    noise = np.random.default_rng(3).uniform(-0.5, 0.5, 8000)
    soundfile.write(tmp_path / "noise.wav", noise * np.exp(-np.arange(8000) / 1500), 44100)
    own = server.own(upload(server, tmp_path / "noise.wav"))["own"]
    plan = to_dict(PadPlan("x", "kick", None, own, "noise"))
    heir = {**project["pads"][1], "root": own, "origin": "noise"}
    mine = {**project, "pads": [plan, heir, *project["pads"][2:]], "recent": [plan, project["pads"][2]]}
    mine |= {
        "favourites": [plan],
        "others": [None, None, plan, *[None] * 13],
        "shown": [False, False, True, *[False] * 13],
    }
    server.save("c" * 32, mine)
    (store.folder / "recordings" / f"{own}.wav").unlink()
    found = server.open("c" * 32)
    opened = project_from(found["project"])
    assert opened.pads[0].empty and len(found["notes"]) == 1 and "1 pad" in found["notes"][0]
    assert opened.pads[1] == project_from(project).pads[1] and opened.pads[2:] == project_from(project).pads[2:]
    assert not opened.recordings and len(opened.recent) == 1 and not opened.favourites
    assert opened.others[2] is None and not opened.shown[2]
    # What no pad plays does not stop a change from being saved.
    rest = {**mine, "pads": project["pads"]}
    assert server.save("c" * 32, rest, 1) == 2
    assert not project_from(server.open("c" * 32)["project"]).recordings
    server.export_kit(found["project"], "wav")


# ---- what must be refused ----

FOREIGN = (
    {"path": "/etc/passwd", "orig_name": "x.wav"},
    {"path": "../../etc/passwd"},
    {"path": "\0"},
    {"path": 3},
    {},
    None,
    "x",
    ["x"],
)


@pytest.mark.parametrize("file", FOREIGN)
def test_no_foreign_file_is_touched(server, file):
    assert "file" in refused(server.own, file)
    assert "file" in refused(server.open_file, file)


def test_values_of_a_stranger_are_refused_in_a_line(server, project):
    sound = project["pads"][0]["sound"]
    for sources in (
        None,
        [],
        "x",
        [{}],
        [{"sound": sound, "own": "0" * 64}],
        [{"own": "../x"}],
        [{"sound": sound}] * 65,
    ):
        refused(server.sounds, sources)
    for wrong in (
        {"kind": "piano"},
        {"seed": -1},
        {"seed": 1e40},
        {"truncation": float("nan")},
        {"controls": {"x": 1}},
        {"vary": 2},
        {"take": -1},
        {"evil": 1},
    ):
        refused(server.sounds, [{"sound": {**sound, **wrong}}])
    for layers, takes in ((0, 1), (9, 1), (True, 1), (1, 5), ("2", 1)):
        refused(server.layers, {"sound": sound}, layers, takes)
    for name in ("", "../x", "0" * 31, None, 7, "G" * 32):
        refused(server.save, name, project)
        refused(server.open, name)
    for wrong in (
        {"pads": []},
        {"name": 7},
        {"format": 2},
        {"pattern": {"steps": 17}},
        {"favourites": [{}] * 65},
        {"others": [None]},
    ):
        refused(server.save, NAME, {**project, **wrong})
    for field, value in (
        ("tune", 25),
        ("tune", float("nan")),
        ("decay", 0),
        ("pan", 2),
        ("gain_db", 99),
        ("layers", 9),
        ("name", 7),
        ("own", "x"),
    ):
        refused(server.pad_file, {**project["pads"][0], field: value})
    for bars in (0, 17, "2", None):
        refused(server.play_kit, {**project, "pattern": pattern_of_kicks(0)}, bars)
    refused(server.export_kit, project, "exe")
    refused(server.region, "kick", {"brightness": "x"})
    refused(server.region, "piano", {})
    refused(server.like, "0" * 64, "similar")
    refused(server.fresh, -1)
    refused(server.fresh, 2**40)


def test_what_is_no_kit_is_told_by_its_name(server, tmp_path):
    (tmp_path / "song.zip").write_bytes(b"PK nothing")
    assert refused(server.open_file, upload(server, tmp_path / "song.zip")).startswith("song.zip")
    (tmp_path / "broken.wav").write_bytes(b"RIFF nothing")
    text = refused(server.own, upload(server, tmp_path / "broken.wav"))
    assert text.startswith("broken.wav") and str(server._uploads) not in text
    assert list((server._uploads / "abc123").iterdir()) == []

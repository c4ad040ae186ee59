"""The functions behind the page *About this model*, called as plain functions on the model that is shipped."""

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
import torch

import creativeml
from creativeml.cli import run
from creativeml.config import to_dict
from creativeml.data.starter import starter_files
from creativeml.errors import CreativeMLError
from creativeml.evaluation.training_index import FILE, Recording, load_index
from creativeml.files import project_folder
from creativeml.kits.project import PadPlan
from creativeml.kits.rendering import fresh_project
from creativeml.kits.store import ProjectStore
from creativeml.kits.wave import wav_of
from creativeml.synthesis.catalog import TRAINING_INDEX, find_model
from creativeml.synthesis.request import Request

NAME = "a" * 32


@pytest.fixture(scope="module")
def about(apps_folder):
    return importlib.import_module("_about.server")


@pytest.fixture(scope="module")
def card(apps_folder):
    return importlib.import_module("_about.card")


@pytest.fixture(scope="module")
def at_hand(apps_folder):
    return importlib.import_module("_about.at_hand")


@pytest.fixture(scope="module")
def drums():
    return creativeml.load("drums")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return ProjectStore(tmp_path_factory.mktemp("projects"))


@pytest.fixture(scope="module")
def server(about, drums, store, tmp_path_factory):
    return about.AboutServer(find_model("drums"), lambda: drums, tmp_path_factory.mktemp("served"), store, None)


def starter_wav() -> bytes:
    file = next(file for file in starter_files() if file.path.name == "bd_808.flac")
    return wav_of(file.mono(44100).astype(np.float32), 44100)


# ---- what it was trained on ----


def test_data_counts_what_the_weights_were_trained_on(server):
    told = server.data()
    details = find_model("drums").details
    assert told["recordings"] == len(details["trained_on_sha256"]) == sum(s["recordings"] for s in told["sources"])
    assert all(source["licences"] and source["credits"] for source in told["sources"])
    sizes = [source["recordings"] for source in told["sources"]]
    assert sizes == sorted(sizes, reverse=True)
    assert 0 < told["threshold"] < told["low"] < told["middle"] < told["high"] < told["most"]
    # The credits that came with the weights name every source of the index.
    credits = (find_model("drums").folder / "CREDITS.md").read_text(encoding="utf-8")
    assert all(f"({source['source']})" in credits for source in told["sources"])
    # The recordings that are said to be playable are files of the starter pack.
    starter = {f"{file.path.parent.name}/{file.path.name}" for file in starter_files()}
    known = load_index(find_model("drums").folder / FILE)
    assert told["playable"] == sum(recording.starter in starter for recording in known.recordings) > 100


def test_the_index_is_found_where_it_is_written():
    assert TRAINING_INDEX == FILE and (find_model("drums").folder / TRAINING_INDEX).is_file()


# ---- how new sounds are ----


def test_a_sound_is_compared_and_both_can_be_heard(server, drums):
    told = server.nearest({"kind": "snare", "seed": 4})
    sound = drums.generate(kind="snare", count=1, seed=4)
    match = load_index(find_model("drums").folder / FILE).nearest(sound)[0]
    # A wav of 24 bits is what is heard and compared.
    assert told["distance"] == pytest.approx(match.distance, rel=1e-3) and told["words"] == match.words
    assert told["recording"]["name"] == match.recording.name and not told["near"]
    played, rate = soundfile.read(told["file"]["path"])
    assert rate == 44100 and np.corrcoef(played, sound[0, : len(played)].numpy())[0, 1] > 0.9999
    heard = told["heard"] or told["recording"]
    recording, rate = soundfile.read(heard["file"]["path"])
    assert rate == 44100 and np.abs(recording).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    # The one that can be heard is the nearest of those that can.
    if told["heard"]:
        assert told["recording"]["file"] is None and heard["distance"] >= told["distance"]


def test_a_training_recording_in_disguise_is_suspicious(server, store):
    """What the model makes of a recording is compared like any other sound; here it made the recording itself."""
    samples, rate = soundfile.read(next(f.path for f in starter_files() if f.path.name == "bd_808.flac"))
    copy = store.keep(wav_of((-0.2 * samples).astype(np.float32), rate))
    plan = PadPlan("kick like it", "kick", own=copy, own_name="like it", root=copy)
    told = server._pad(plan)
    assert told["state"] == "like" and told["near"] and told["words"] == "suspiciously near"
    assert told["recording"]["name"].endswith("bd_808.flac") and told["distance"] < 0.1
    original, _ = soundfile.read(told["recording"]["file"]["path"])
    length = min(len(original), len(samples))
    assert np.corrcoef(original[:length], samples[:length])[0, 1] > 0.999


def test_a_kit_is_judged_pad_by_pad(server, drums, store):
    project = fresh_project(drums, 3, name="Mine")
    own = store.keep(starter_wav())
    lost = replace(project.pads[4], sound=Request("bassoon", 1))
    pads = (
        project.pads[0],
        PadPlan("808", "kick", own=own, own_name="808"),
        PadPlan(kind="snare"),
        project.pads[3],
        lost,
        *(PadPlan(kind="perc") for _ in range(11)),
    )
    store.save(NAME, replace(project, pads=pads))
    told = server.novelty(NAME)
    assert told["name"] == "Mine" and [pad["pad"] for pad in told["pads"]] == [0, 1, 3, 4]
    assert [pad["state"] for pad in told["pads"]] == ["made", "own", "made", "lost"]
    assert "bassoon" in told["pads"][3]["why"] and "distance" not in told["pads"][1]
    asked = {name: to_dict(project.pads[0].sound)[name] for name in ("kind", "seed")}
    assert {**told["pads"][0], **server.nearest(asked)} == told["pads"][0]
    json.dumps(told)


def test_no_kit_and_wrong_requests(server):
    assert server.novelty("b" * 32) is None
    for wrong in ("../../etc/passwd", None, 7, "A" * 32):
        with pytest.raises(gradio.Error):
            server.novelty(wrong)
    for wrong, words in (
        ({"kind": "bassoon", "seed": 0}, "bassoon"),
        ({"kind": "kick", "seed": -1}, "seed"),
        ({"kind": "kick"}, "seed"),
        ({"kind": "kick", "seed": 0, "colour": 1}, "colour"),
        (None, "sound"),
        ([], "request"),
    ):
        with pytest.raises(gradio.Error, match=words):
            server.nearest(wrong)


def test_a_model_without_an_index_makes_sounds_all_the_same(about, drums, store, tmp_path):
    folder = tmp_path / "plain"
    shutil.copytree(find_model("drums").folder, folder, ignore=shutil.ignore_patterns(FILE, "*.md", "encoder"))
    plain = about.AboutServer(find_model(folder), lambda: drums, tmp_path / "served", store, None)
    assert plain.data() is None
    told = plain.nearest({"kind": "kick", "seed": 0})
    assert set(told) == {"state", "file"}
    (folder / FILE).write_bytes(b"\x00" * 64)
    with pytest.raises(gradio.Error, match="damaged"):
        plain.data()


# ---- recordings at hand ----


def test_a_dataset_folder_lets_its_recordings_be_played(at_hand, tmp_path):
    assert run(["prepare", "starter", "--out", str(tmp_path / "data")]) == 0
    from creativeml.data.one_shots import OneShotDataset

    rows = OneShotDataset(tmp_path / "data", "train").rows
    hand = at_hand.recordings_at_hand(tmp_path / "data")
    row = next(row for row in rows if "bd_808" in row["path"])
    values = {name: row[name] for name in ("group", "source", "credit", "licence")}
    by_hash = Recording("elsewhere", row["class"], sha256=row["sha256"], **values)
    by_name = Recording(row["original_path"].partition("/")[2], row["class"], sha256="0" * 64, **values)
    for recording in (by_hash, by_name):
        assert hand.path(recording) == tmp_path / "data" / row["path"]
    samples, rate = soundfile.read(hand.path(by_hash))
    (tmp_path / "played.wav").write_bytes(hand.wav(by_hash, 22050))
    played, played_rate = soundfile.read(tmp_path / "played.wav")
    assert (rate, played_rate) == (44100, 22050) and abs(len(played) / 22050 - np.flatnonzero(samples)[-1] / rate) < 0.1
    unknown = replace(by_hash, sha256="1" * 64)
    assert hand.path(unknown) is None
    with pytest.raises(CreativeMLError, match="not on this machine"):
        hand.wav(unknown, 44100)


def test_a_folder_that_is_no_dataset_is_one_line(capsys, tmp_path):
    assert run(["studio", "--no-browser", "--data", str(tmp_path / "nowhere"), "--projects", str(tmp_path / "p")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1 and "no such folder" in error


# ---- the card ----


def test_the_shipped_card_is_shown_in_parts(apps_folder):
    page = importlib.import_module("_about.page")
    setup = page.page_setup(find_model("drums"), [])
    assert setup["yours"] and "894 recordings" in setup["intro"] and setup["prepare"] == "open_drums"
    titles = [section["title"] for section in setup["figures"]]
    assert {"Novelty", "Diversity", "Cost"} <= set(titles) and not {"Known weaknesses"} & set(titles)
    assert sum(section["html"].count("<table>") for section in setup["figures"]) >= 8
    assert "<li>" in setup["limits"][0]["html"]
    # Every figure of the card's tables is on the page.
    text = find_model("drums").card.read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| drums ")]
    shown = "".join(section["html"] for section in setup["figures"])
    assert rows and all(cell.strip() in shown for row in rows for cell in row.split("|")[2:-1])


def test_a_card_cannot_bring_markup_or_requests(card):
    hostile = """# Model <img src=x onerror=a()>

<script>alert(1)</script> and <b>bold</b>

![spy](https://example.org/spy.png) [bad](javascript:alert(1)) [data](data:text/html,x) [near](CREDITS.md)
[web](https://example.org/page "onmouseover=a()") <https://example.org/auto>

## Figures

| a | <i>b</i> |
|---|---|
| 1 | <svg onload=a()> |

### Known limitations

- **none**

```html
## no heading <script>
```
"""
    found = card.sections(hostile)
    assert [(section.title, section.level, section.limits) for section in found] == [
        ("Model <img src=x onerror=a()>", 1, False),
        ("Figures", 2, False),
        ("Known limitations", 3, True),
    ]
    html = "".join(section.html for section in found)
    import re

    tags = set(re.findall(r"<\s*([a-zA-Z0-9]+)", html))
    assert tags <= {"p", "a", "div", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "strong", "pre", "code"}
    assert set(re.findall(r'href="([^"]*)"', html)) == {"https://example.org/page", "https://example.org/auto"}
    assert html.count('rel="noopener noreferrer"') == 2 and "src=" not in html.replace("src=x", "")
    assert "onmouseover" not in html and "spy" in html and "near" in html
    assert '<th scope="col">a</th>' in html and "<strong>none</strong>" in html


def test_a_card_may_be_anything(card):
    assert card.sections("") == [] and card.sections("\n\n") == []
    assert [section.html for section in card.sections("words\n\n- a")] == ["<p>words</p>\n<ul>\n<li>a</li>\n</ul>"]
    assert [section.title for section in card.sections("## A\n### B\n> ## C")] == ["A", "B"]
    # Made for torture, read in no time.
    assert card.sections("[" * 20000 + "|" * 20000)


def test_a_model_without_a_card_has_a_page(apps_folder, tmp_path):
    from creativeml.models import build, save_pretrained

    page = importlib.import_module("_about.page")
    torch.manual_seed(0)
    save_pretrained(
        build("style_wavegan", kinds=["kick"], latent_dim=8, style_dim=8, channels=[8] * 5), tmp_path / "own"
    )
    setup = page.page_setup(find_model(tmp_path / "own"), [])
    assert (setup["intro"], setup["figures"], setup["limits"], setup["yours"]) == ("", [], [], False)


def test_the_scripts_are_where_the_page_looks_for_them(apps_folder):
    page = importlib.import_module("_about.page")
    folder = project_folder("apps")
    assert all(Path(path).is_file() and folder in Path(path).parents for path in (*page.SCRIPTS, *page.STYLES))

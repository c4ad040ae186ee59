"""The drum generator as a musician meets it: real server, real model, real Chromium."""

from __future__ import annotations

import hashlib
import io
import json
import re
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from .conftest import MODEL
from .hands import DECODE, LISTEN, choose, download, generate, post, row, wait_for_row


def test_choose_a_kind_generate_and_receive_eight_sounds(page, tmp_path):
    assert page.locator(".dg-row.is-empty").count() == 1
    choose(page, "snare")
    generate(page)
    sounds = page.evaluate(DECODE)
    assert len(sounds) == 8
    for sound in sounds:
        assert (sound["length"], sound["rate"], sound["channels"]) == (65536, 44100, 1)
        assert sound["finite"] and sound["peak"] <= 1 and sound["rms"] > 1e-3
    hashes = row(page)
    assert len(set(hashes.values())) == 8
    paths = [download(page, f'.dg-card[data-slot="{i}"] .dg-save', tmp_path) for i in range(8)]
    assert {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in paths} == hashes
    assert [p.name for p in paths] == [s["name"] for s in sounds]
    for path, sound in zip(paths, sounds, strict=True):
        assert re.fullmatch(r"Snare_s\d{4,10}\.wav", path.name)
        info = soundfile.info(path)
        assert (info.format, info.subtype, info.samplerate, info.frames) == ("WAV", "PCM_24", 44100, 65536)
        samples, _ = soundfile.read(path)
        assert np.isfinite(samples).all() and np.abs(samples).max() <= 1
        assert np.sqrt(np.mean(samples**2)) == pytest.approx(sound["rms"], rel=1e-3)
        assert np.abs(samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)


def test_pictures_are_drawn_from_the_sounds(page):
    choose(page, "kick")
    page.wait_for_function("() => [...document.querySelectorAll('.dg-card canvas')].every((c) => c.width > 100)")
    page.wait_for_timeout(300)
    colours = page.evaluate(
        """() => [...document.querySelectorAll('.dg-card canvas')].map((c) => {
             const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
             return new Set(new Uint32Array(d.buffer)).size; })"""
    )
    assert len(colours) == 8 and min(colours) > 100


def test_a_kept_seed_gives_the_same_bytes_and_a_free_one_new_sounds(page):
    choose(page, "kick")
    page.fill(".dg-seed-field", "123")
    page.click(".dg-lock")
    generate(page)
    first = row(page)
    assert list(first) == [f"Kick_s{seed:04d}.wav" for seed in range(123, 131)]
    generate(page)
    assert row(page) == first
    page.click(".dg-lock")
    generate(page)
    assert not set(row(page).values()) & set(first.values())


def test_zip_holds_the_row_and_its_manifest(page, tmp_path):
    choose(page, "hat_closed")
    singles = row(page)
    path = download(page, ".dg-all", tmp_path)
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == sorted([*singles, "manifest.json"])
        manifest = json.loads(archive.read("manifest.json"))
        assert {s["file"]: s["sha256"] for s in manifest["sounds"]} == singles
        assert {n: hashlib.sha256(archive.read(n)).hexdigest() for n in singles} == singles
    assert manifest["model"]["name"] == Path(MODEL).name and len(manifest["model"]["sha256"]) == 64


def test_keys_play_at_once(page):
    page.evaluate(LISTEN)
    page.keyboard.press("g")
    wait_for_row(page, 1)
    for key in "18":
        page.keyboard.press(key)
        page.wait_for_selector(f'.dg-card[data-slot="{int(key) - 1}"].is-playing')
        heard = page.evaluate("window.heard.at(-1)")
        assert heard["length"] == 65536 and heard["inKey"]
    page.click('.dg-card[data-slot="4"] .dg-pad')
    assert len({sound["first"] for sound in page.evaluate("window.heard")}) == 3
    # Typing a seed plays nothing.
    page.fill(".dg-seed-field", "")
    page.type(".dg-seed-field", "1237")
    assert page.evaluate("window.heard.length") == 3
    page.keyboard.press("Enter")
    wait_for_row(page, 2)
    assert page.text_content('.dg-card[data-slot="0"] .dg-name') == "Kick 1237"
    page.keyboard.press("2")
    assert page.evaluate("window.heard.length") == 4


def test_variation_and_the_way_back(page):
    choose(page, "tom")
    first = row(page)
    page.evaluate(
        """() => {
             const slider = document.querySelector('.dg-variation-range');
             slider.value = 0.5;
             for (const kind of ['input', 'change']) slider.dispatchEvent(new Event(kind, { bubbles: true }));
           }"""
    )
    wait_for_row(page, 2)
    less = row(page)
    assert "Tom_s0000_v050.wav" in less and not set(less.values()) & set(first.values())
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector('.dg-save[download="Tom_s0000.wav"]')
    assert row(page) == first


def test_kept_sounds_and_settings_survive_a_reload(page, tmp_path):
    choose(page, "clap")
    page.click('.dg-card[data-slot="2"] .dg-star')
    page.keyboard.press("Shift+Digit5")
    page.reload()
    page.wait_for_selector(".dg-chip")
    page.evaluate(LISTEN)
    assert page.locator('.dg-kind[aria-checked="true"]').get_attribute("data-kind") == "clap"
    assert page.locator(".dg-chip-play").all_inner_texts() == ["Clap 2", "Clap 4"]
    page.click(".dg-chip >> nth=1 >> .dg-chip-play")
    page.wait_for_function("window.heard.length === 1")
    with zipfile.ZipFile(download(page, ".dg-kept-zip", tmp_path)) as archive:
        assert sorted(archive.namelist()) == ["Clap_s0002.wav", "Clap_s0004.wav", "manifest.json"]
    page.click(".dg-chip >> nth=0 >> .dg-chip-drop")
    assert page.locator(".dg-chip").count() == 1


def test_the_core_fits_a_small_laptop(page):
    choose(page, "ride")
    height = page.evaluate("document.documentElement.scrollHeight")
    assert height <= 720
    for selector in (".dg-kinds", ".dg-generate", '.dg-card[data-slot="7"] .dg-pad', ".dg-foot"):
        box = page.locator(selector).bounding_box()
        assert box["height"] > 20 and box["y"] >= 0 and box["y"] + box["height"] <= 720, selector
        assert box["x"] >= 0 and box["x"] + box["width"] <= 1280, selector


def test_mistakes_and_a_lost_server_are_said(page):
    page.fill(".dg-seed-field", "12x")
    page.click(".dg-generate")
    assert "whole number from 0" in page.text_content(".dg-error p")
    page.fill(".dg-seed-field", "12")
    page.route("**/gradio_api/call/**", lambda route: route.abort())
    page.click(".dg-generate")
    page.wait_for_function("document.querySelector('.dg-error p').textContent.includes('does not answer')")
    page.unroute("**/gradio_api/call/**")
    page.click(".dg-retry")
    wait_for_row(page, 1)
    assert page.locator(".dg-error").is_hidden()
    assert page.text_content('.dg-card[data-slot="0"] .dg-name') == "Kick 12"
    # The browser itself reports the request that was cut off; nothing else may be wrong.
    page.watch.complaints[:] = [c for c in page.watch.complaints if "ERR_FAILED" not in c]


def test_a_name_from_storage_cannot_become_markup(page):
    choose(page, "rim")
    page.evaluate(
        """() => {
             const markup = '<img src=x onerror=hacked=1>';
             const kept = [{ kind: markup, seed: 1, truncation: 1 }, null, 7];
             const values = JSON.stringify({ kind: markup, seed: markup, variation: 9, volume: 'x', kept });
             const ours = Object.keys(localStorage).filter((key) => key.startsWith('creativeml.'));
             if (!ours.length) throw new Error('nothing is stored');
             for (const key of ours) localStorage.setItem(key, values);
           }"""
    )
    page.reload()
    page.wait_for_selector(".dg-kind")
    assert page.locator(".dg-chip").count() == 0 and page.input_value(".dg-seed-field") == "0"
    assert page.evaluate("typeof hacked") == "undefined"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (["banana", 8, 0, 1.0], "the kind 'banana' is not known"),
        (["kick", 8, 0, 7], "truncation must be a number from 0 to 1.5"),
        (["kick", 10**9, 0, 1.0], "count must be a whole number from 1 to 64"),
        (["kick", 8, -1, 1.0], "seed must be a whole number"),
        (["kick", 8, "0; import os", 1.0], "seed must be a whole number"),
        ([None, 8, 0, 1.0], "not known"),
    ],
)
def test_wrong_values_sent_past_the_page_get_a_clear_error(studio, data, words):
    event, answer = post(studio, "generate", [*data, None, 0])
    assert event == "error" and words in answer["error"] and "Traceback" not in str(answer)


def test_the_endpoints_serve_programs(studio, tmp_path):
    from gradio_client import Client

    client = Client(studio.url, verbose=False, download_files=str(tmp_path))
    answer = client.predict(kind="kick", count=2, seed=5, truncation=0.8, api_name="/generate")
    assert [Path(f).name for f in answer["files"]] == ["Kick_s0005_v080.wav", "Kick_s0006_v080.wav"]
    for file, sound in zip(answer["files"], answer["manifest"]["sounds"], strict=True):
        assert hashlib.sha256(Path(file).read_bytes()).hexdigest() == sound["sha256"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd", "pyproject.toml"])
def test_other_files_are_not_served(studio, path):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    target = str(Path(path).resolve()) if path == "pyproject.toml" else path
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(f"{studio.url}/gradio_api/file={target}", timeout=60)
    assert caught.value.code in (403, 404)

"""The panel of models with controls, as a musician meets it: real server, real (untrained) model, real Chromium."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import creativeml
from creativeml.audio.descriptors import describe
from creativeml.audio.io import read_audio
from creativeml.models import build, save_pretrained
from creativeml.synthesis.catalog import DEFAULT_TUNING
from creativeml.synthesis.generate import Instrument

from .conftest import Studio, visit
from .hands import LISTEN, choose, download, generate, row, rows_made, slide, wait_for_row

CONTROLS = ("brightness", "warmth", "hardness", "decay_time_20")


@pytest.fixture(scope="module")
def shaped_studio(controls_folder) -> Iterator[Studio]:
    started = Studio(str(controls_folder))
    yield started
    started.close()


@pytest.fixture
def page(browser, shaped_studio) -> Iterator[Any]:
    with visit(browser, shaped_studio) as tab:
        yield tab


@pytest.fixture(scope="module")
def instrument(controls_folder) -> Instrument:
    return creativeml.load(controls_folder)


def move(page: Any, name: str, share: float) -> None:
    """Move a control's slider to a share of its way and wait for the row."""
    number = rows_made(page) + 1
    slide(page, f'.dg-shaper[data-control="{name}"] input', 200 * share)
    wait_for_row(page, number)


def click(page: Any, selector: str) -> None:
    """Click what makes a row."""
    number = rows_made(page) + 1
    page.click(selector)
    wait_for_row(page, number)


def switch(name: str) -> str:
    return f'.dg-shaper[data-control="{name}"] .dg-switch'


def manifest_of_row(page: Any, folder: Any) -> list[dict[str, Any]]:
    with zipfile.ZipFile(download(page, ".dg-all", folder)) as archive:
        return json.loads(archive.read("manifest.json"))["sounds"]


def asked(page: Any, name: str) -> str:
    return page.text_content(f'.dg-shaper[data-control="{name}"] .dg-asked')


def hashes(page: Any) -> list[str]:
    return list(row(page).values())


def heard_samples(page: Any) -> list[str]:
    """A number for the samples of each sound; files of the same sound differ in what they say of its making."""
    return page.evaluate(
        """async () => Promise.all([...document.querySelectorAll(".dg-card .dg-save")].map(async (link) => {
             const bytes = await (await fetch(link.href)).arrayBuffer();
             const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(bytes);
             const digest = await crypto.subtle.digest("SHA-256", sound.getChannelData(0));
             return [...new Uint8Array(digest)].join();
           }))"""
    )


def test_everything_is_free_at_first_and_sounds_as_without_the_panel(page, instrument, tmp_path):
    assert page.locator(".dg-shaper").count() == len(CONTROLS)
    assert page.get_by_role("switch", checked=True).count() == 0
    choose(page, "snare")
    assert list(row(page))[:2] == ["Snare_s0000.wav", "Snare_s0001.wav"]
    sounds = manifest_of_row(page, tmp_path)
    assert [s["given"] for s in sounds] == [instrument.given("snare", seed) for seed in range(8)]
    assert all("controls" not in s for s in sounds) and asked(page, "warmth") == "free"


def test_a_moved_slider_makes_the_same_sounds_changed_and_plays_the_chosen_one(page, instrument, tmp_path):
    choose(page, "snare")
    before = hashes(page)
    page.keyboard.press("3")
    page.evaluate(LISTEN)
    move(page, "warmth", 0.75)
    page.wait_for_function("window.heard.length === 1")
    low, _, high = instrument.ranges.ends("snare")["warmth"]
    value = float(asked(page, "warmth"))
    assert value == pytest.approx(low + 0.75 * (high - low), abs=0.6)
    sounds = manifest_of_row(page, tmp_path)
    assert [s["seed"] for s in sounds] == list(range(8))
    assert all(s["controls"] == {"warmth": value} for s in sounds)
    assert not set(hashes(page)) & set(before)
    played = read_audio(download(page, '.dg-card[data-slot="2"] .dg-save', tmp_path)).samples[0]
    expected = torch.from_numpy(played[:64])
    heard = torch.tensor([float(v) for v in page.evaluate("window.heard[0].first").split(",")])
    torch.testing.assert_close(heard, expected)
    # Free again, it is what it was.
    click(page, switch("warmth"))
    assert hashes(page) == before and asked(page, "warmth") == "free"


def test_measured_values_are_those_of_the_sounds(page, tmp_path):
    choose(page, "tom")
    move(page, "brightness", 0.5)
    slot = 4
    page.keyboard.press(str(slot + 1))
    measured = '.dg-shaper[data-control="brightness"] .dg-measured'
    page.wait_for_function(
        """(selector) => { const text = document.querySelector(selector).textContent;
                           return text && !text.includes("≈"); }""",
        arg=measured,
    )
    audio = read_audio(download(page, f'.dg-card[data-slot="{slot}"] .dg-save', tmp_path))
    found = describe(torch.from_numpy(audio.samples[0]), audio.sample_rate, CONTROLS)
    assert float(page.text_content(measured)) == pytest.approx(float(found["brightness"]), abs=0.51)
    # What is free is measured nearly; each sound has its dot on every slider.
    rough = page.text_content('.dg-shaper[data-control="warmth"] .dg-measured')
    assert rough.startswith("≈ ") and float(rough[2:].replace("−", "-")) == pytest.approx(float(found["warmth"]), abs=5)
    assert page.locator(".dg-track i:visible").count() == 8 * len(CONTROLS)
    line = page.text_content(f'.dg-card[data-slot="{slot}"] .dg-card-measures')
    assert line == f"brightness {page.text_content(measured)}"


def test_all_fixed_where_they_stand_the_chosen_sound_stays_and_the_others_come_near(page, instrument, tmp_path):
    choose(page, "kick")
    page.keyboard.press("6")
    before = heard_samples(page)
    click(page, ".dg-fix-all")
    after = heard_samples(page)
    assert after[5] == before[5] and not set(after[:5] + after[6:]) & set(before)
    given = instrument.given("kick", 5)
    assert all(s["given"] == given for s in manifest_of_row(page, tmp_path))
    assert page.get_by_role("switch", checked=True).count() == len(CONTROLS)
    assert page.locator(".dg-fix-all").is_disabled()
    # New seeds in the same shape, and back to none.
    generate(page)
    assert all(s["controls"] == given for s in manifest_of_row(page, tmp_path))
    click(page, ".dg-reset")
    assert page.get_by_role("switch", checked=True).count() == 0 and page.locator(".dg-reset").is_disabled()


def test_tuning_brings_the_row_nearer_to_what_was_asked(page, instrument, tmp_path):
    choose(page, "kick")
    assert page.locator(".dg-tune").is_disabled()
    move(page, "brightness", 0.6)
    before = row(page)
    number = rows_made(page) + 1
    page.click(".dg-tune")
    wait_for_row(page, number, seconds=600)
    assert "tuned" in page.text_content(".dg-status")
    assert not set(row(page)) & set(before)
    value = float(asked(page, "brightness"))
    paths = [download(page, f'.dg-card[data-slot="{slot}"] .dg-save', tmp_path) for slot in (0, 5)]
    for seed, path in zip((0, 5), paths, strict=True):
        expected = instrument.sound("kick", seed, controls={"brightness": value}, tuning=DEFAULT_TUNING)
        torch.testing.assert_close(torch.from_numpy(read_audio(path).samples[0]), expected, atol=2**-22, rtol=0)
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector(f'.dg-save[download="{next(iter(before))}"]')
    assert row(page) == before


def test_what_does_not_occur_is_said_in_words(page, instrument):
    choose(page, "snare")
    move(page, "brightness", 0.0)
    assert page.text_content(".dg-note") == ""
    move(page, "warmth", 0.0)
    lowest = {name: instrument.ranges.ends("snare")[name][0] for name in ("brightness", "warmth")}
    nearest = instrument.feasible("snare", lowest).values
    assert nearest["brightness"] > lowest["brightness"] + 1, "dark and cold at once does not occur"
    note = page.text_content(".dg-note")
    assert note.startswith("No recorded snare is like that: brightness ") and "warmth" in note
    before, _, after = asked(page, "warmth").partition(" → ")
    assert float(before) == pytest.approx(lowest["warmth"], abs=0.6)
    assert float(after) == pytest.approx(nearest["warmth"], abs=0.6)


def test_every_kind_has_its_own_range_and_shape(page, instrument):
    def ends() -> list[float]:
        found = []
        for share in (0.0, 1.0):
            move(page, "decay_time_20", share)
            found.append(float(asked(page, "decay_time_20").partition(" ")[0]))
        return found

    for kind in ("kick", "tom"):
        choose(page, kind)
        low, _, high = instrument.ranges.ends(kind)["decay_time_20"]
        assert ends() == pytest.approx([low, high], abs=0.6)
    choose(page, "snare")
    assert page.get_by_role("switch", checked=True).count() == 0
    choose(page, "kick")
    assert page.get_by_role("switch", checked=True).count() == 1


def test_two_kinds_blend(page, instrument, tmp_path):
    choose(page, "snare")
    first = row(page)
    number = rows_made(page) + 1
    page.select_option(".dg-second", "tom")
    wait_for_row(page, number)
    assert next(iter(row(page))) == "Snare50_Tom50_s0000.wav"
    slide(page, ".dg-share", 0.3)
    wait_for_row(page, number + 1)
    assert page.text_content(".dg-share-value") == "30 %"
    assert "with 30 % tom" in page.text_content(".dg-status")
    blended = row(page)
    path = download(page, '.dg-card[data-slot="1"] .dg-save', tmp_path)
    assert path.name == "Snare70_Tom30_s0001.wav"
    expected = instrument.sound({"snare": 0.7, "tom": 0.3}, 1)
    torch.testing.assert_close(torch.from_numpy(read_audio(path).samples[0]), expected, atol=2**-22, rtol=0)
    # Back along the rows, and forward again, with the panel.
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector('.dg-save[download="Snare_s0000.wav"]')
    assert row(page) == first and page.input_value(".dg-second") == ""
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector('.dg-save[download="Snare70_Tom30_s0000.wav"]')
    assert row(page) == blended and page.input_value(".dg-second") == "tom"


def test_shapes_and_kept_sounds_survive_a_reload(page, tmp_path):
    choose(page, "tom")
    move(page, "warmth", 0.4)
    number = rows_made(page) + 1
    page.select_option(".dg-second", "kick")
    wait_for_row(page, number)
    shape = asked(page, "warmth")
    before = row(page)
    page.keyboard.press("Shift+Digit2")
    page.reload()
    page.wait_for_selector(".dg-chip")
    assert asked(page, "warmth") == shape and page.input_value(".dg-second") == "kick"
    assert page.locator(".dg-chip-play").all_inner_texts() == ["Tom + kick 1 · shaped"]
    page.evaluate(LISTEN)
    page.click(".dg-chip-play")
    page.wait_for_function("window.heard.length === 1")
    with zipfile.ZipFile(download(page, ".dg-kept-zip", tmp_path)) as archive:
        kept = [name for name in archive.namelist() if name.endswith(".wav")]
    assert kept == [list(before)[1]]
    page.fill(".dg-seed-field", "0")
    generate(page)
    assert row(page) == before


def test_the_panel_works_by_keyboard_and_has_names(page):
    choose(page, "kick")
    for title in ("Brightness", "Warmth", "Hardness", "Decay, ms"):
        slider = page.get_by_role("slider", name=title, exact=True)
        assert slider.get_attribute("aria-valuetext").startswith("free, now ")
    number = rows_made(page) + 1
    page.get_by_role("switch", name="Fix warmth").focus()
    page.keyboard.press("Space")
    wait_for_row(page, number)
    assert page.get_by_role("switch", name="Fix warmth").get_attribute("aria-checked") == "true"
    value = float(asked(page, "warmth"))
    page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.id")
    assert focused == "dg-control-warmth"
    for _ in range(6):
        page.keyboard.press("PageUp")
    page.wait_for_selector('.dg-row[aria-busy="false"]')
    assert float(asked(page, "warmth").partition(" ")[0]) > value + 1
    assert page.locator("#dg-control-warmth").get_attribute("aria-valuetext").endswith(" points")
    # Arrows move the slider and not through the rows; numbers still play.
    status = page.text_content('.dg-card[data-slot="0"] .dg-name')
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector('.dg-row[aria-busy="false"]')
    assert page.text_content('.dg-card[data-slot="0"] .dg-name') == status
    page.keyboard.press("4")
    assert page.locator('.dg-card[data-slot="3"]').evaluate("card => card.classList.contains('is-chosen')")
    assert page.get_by_role("combobox", name="Blend with").count() == 1
    # A letter in the list of kinds chooses there and does not play or roll.
    page.get_by_role("combobox", name="Blend with").focus()
    seed = page.input_value(".dg-seed-field")
    page.keyboard.press("d")
    assert page.input_value(".dg-seed-field") == seed


def test_the_panel_fits_a_small_laptop(page):
    choose(page, "snare")
    move(page, "brightness", 0.0)
    move(page, "warmth", 0.0)
    assert page.text_content(".dg-note")
    assert page.evaluate("document.documentElement.scrollHeight") <= 720
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    for selector in (".dg-shaper >> nth=0", ".dg-shaper >> nth=3", ".dg-second", ".dg-note", ".dg-foot"):
        box = page.locator(selector).bounding_box()
        assert box["height"] > 14 and box["y"] >= 0 and box["y"] + box["height"] <= 720, selector


def test_on_a_phone_the_panel_is_folded_until_it_is_wanted(browser, shaped_studio):
    with visit(browser, shaped_studio, 390, 844) as page:
        choose(page, "kick")
        assert page.locator(".dg-shaper >> nth=0").is_hidden()
        button = page.get_by_role("button", name="Shape", exact=True)
        assert button.get_attribute("aria-expanded") == "false"
        button.click()
        assert page.locator(".dg-shaper >> nth=0").is_visible() and button.get_attribute("aria-expanded") == "true"
        move(page, "warmth", 0.3)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for selector in (".dg-track >> nth=0", ".dg-second", ".dg-fix-all"):
            box = page.locator(selector).bounding_box()
            assert box["height"] >= 26 and box["x"] + box["width"] <= 390, selector


def test_a_shape_from_storage_is_not_trusted(page):
    choose(page, "kick")
    page.evaluate(
        """() => {
             const bad = '<img src=x onerror=hacked=1>';
             const fixed = { warmth: bad, brightness: 1e999, [bad]: 1, hardness: 50 };
             const shape = { fixed, second: bad, share: 7 };
             const sound = { kind: 'kick', seed: 2, truncation: 1, second: bad, share: 'x' };
             const kept = [{ kind: 'kick', seed: 1, truncation: 1 }, { ...sound, controls: { x: 1, warmth: 40 } }];
             const shapes = { kick: shape, [bad]: shape, tom: 5 };
             const key = Object.keys(localStorage).find((key) => key.startsWith('creativeml.'));
             localStorage.setItem(key, JSON.stringify({ kind: 'kick', shapes, kept }));
           }"""
    )
    page.reload()
    page.wait_for_selector(".dg-chip")
    assert page.locator(".dg-chip-play").all_inner_texts() == ["Kick 1", "Kick 2 · shaped"]
    assert [asked(page, name) == "free" for name in CONTROLS] == [True, True, False, True]
    assert page.input_value(".dg-second") == "" and page.evaluate("typeof hacked") == "undefined"
    choose(page, "tom")


def test_sounds_are_there_though_nothing_can_be_measured(page):
    page.route("**/gradio_api/call/measure", lambda route: route.abort())
    choose(page, "kick")
    move(page, "warmth", 0.5)
    assert page.locator(".dg-error").is_hidden() and len(set(hashes(page))) == 8
    assert page.text_content('.dg-shaper[data-control="warmth"] .dg-measured') == ""
    # The browser itself reports the requests that were cut off; nothing else may be wrong.
    page.watch.complaints[:] = [c for c in page.watch.complaints if "ERR_FAILED" not in c]


def test_without_controls_there_is_no_panel(browser, tmp_path):
    torch.manual_seed(0)
    model = build("style_wavegan", kinds=["kick", "snare"], latent_dim=8, style_dim=8, channels=[8] * 5)
    save_pretrained(model, tmp_path / "plain")
    studio = Studio(str(tmp_path / "plain"))
    try:
        with visit(browser, studio) as page:
            choose(page, "snare")
            for selector in (".dg-shape", ".dg-about-shape", ".dg-card-measures >> nth=0"):
                assert page.locator(selector).is_hidden()
            assert page.locator(".dg-shaper").count() == 0 and list(row(page))[7] == "Snare_s0007.wav"
    finally:
        studio.close()

"""The page *About this model* as a musician meets it: real server, real model, real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

from creativeml.data.starter import starter_files
from creativeml.evaluation.training_index import FILE, load_index
from creativeml.kits.project import PadPlan
from creativeml.kits.store import ProjectStore
from creativeml.kits.wave import wav_of
from creativeml.synthesis.catalog import find_model

from .conftest import Watch
from .hands import LISTEN, post

# Notes whether sound really runs, beside what LISTEN notes.
CONTEXTS = """
  window.contexts = [];
  window.played = [];
  const Made = window.AudioContext;
  window.AudioContext = class extends Made { constructor(...given) { super(...given); window.contexts.push(this); } };
  const begin = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (...given) {
    window.played.push([...this.buffer.getChannelData(0).slice(0, 8192)]);
    return begin.apply(this, given);
  };
"""


@contextmanager
def visitor(browser: Any, width: int = 1280, height: int = 720, **options: Any) -> Iterator[Any]:
    """A fresh visitor, at no page yet. No test may leave a complaint or a request to elsewhere."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    context.set_default_timeout(60_000)
    context.add_init_script(LISTEN)
    context.add_init_script(CONTEXTS)
    tab = context.new_page()
    tab.watch = Watch(tab)
    yield tab
    context.close()
    assert tab.watch.outside == []
    assert tab.watch.complaints == []


@pytest.fixture
def tab(browser) -> Iterator[Any]:
    with visitor(browser) as page:
        yield page


def open_about(page: Any, studio: Any) -> None:
    page.goto(f"{studio.base}/about/")
    page.wait_for_selector('.ab-new[aria-busy="false"]')


def make_kit(page: Any, studio: Any) -> None:
    page.goto(f"{studio.base}/kit/")
    page.wait_for_function("document.querySelector('.st-saved')?.textContent === 'Saved'")


def kit_name(page: Any) -> str:
    """Under which the kit of this visitor is kept."""
    key = f"creativeml.studio.{find_model('drums').sha256[:12]}"
    return page.evaluate("(key) => JSON.parse(localStorage[key]).id", key)


def play(page: Any, button: Any) -> np.ndarray:
    """Click a picture; the first samples that the loudspeaker is handed."""
    before = page.evaluate("window.heard.length")
    button.click()
    page.wait_for_function(f"window.heard.length === {before + 1}")
    assert page.evaluate("window.contexts.at(-1).state") == "running"
    return np.array(page.evaluate("window.played.at(-1)"))


def test_the_kit_is_compared_and_what_is_nearest_can_be_heard(tab, studio):
    make_kit(tab, studio)
    tab.click(".st-nav >> text=About this model")
    tab.wait_for_selector('.ab-new[aria-busy="false"]')
    assert tab.locator(".ab-row").count() == 16
    assert "None of the 16 made sounds in “My kit” is suspiciously near" in tab.text_content(".ab-verdict")
    index = load_index(find_model("drums").folder / FILE)
    # A row whose nearest recording came with creativeml: what plays is that recording.
    named = {
        recording.name.split("/", 1)[-1].rsplit(".", 1)[0]: recording
        for recording in index.recordings
        if recording.starter
    }
    rows = tab.locator(".ab-row")
    names = [rows.nth(n).locator(".ab-recording b").inner_text() for n in range(16)]
    row = next(n for n, name in enumerate(names) if name in named)
    distance = float(rows.nth(row).locator(".ab-distance b").inner_text())
    assert distance > index.threshold
    words = rows.nth(row).locator(".ab-distance small").inner_text().lower()
    assert words.endswith("another drum usually is")
    recording = named[names[row]]
    assert recording.licence in rows.nth(row).inner_text() and recording.credit in rows.nth(row).inner_text()
    pad, nearest = rows.nth(row).locator(".ab-play").all()
    heard = play(tab, nearest)
    file = next(f for f in starter_files() if f"{f.path.parent.name}/{f.path.name}" == recording.starter)
    known = file.mono(44100)[: len(heard)]
    # Equal, but for the gain that gives all the same peak.
    assert np.corrcoef(heard[: len(known)], known)[0, 1] > 0.9999
    assert nearest.get_attribute("class") == "ab-play is-playing"
    made = play(tab, pad)
    assert np.abs(np.corrcoef(made[: len(known)], known)[0, 1]) < 0.95
    tab.wait_for_function("!document.querySelector('.ab-play.is-playing')")
    # Where the nearest did not come along, the next that did plays, and it is said.
    other = next(n for n, name in enumerate(names) if name not in named)
    assert "instead" in rows.nth(other).inner_text()
    play(tab, rows.nth(other).locator(".ab-play").nth(1))
    assert "creativeml prepare open_drums --out DATA" in tab.text_content(".ab-fetch")


def test_a_copy_of_a_training_recording_is_called_suspicious(tab, studio):
    """Put in the place of what the model made of a recording: quieter, upside down, and not the model's at all."""
    make_kit(tab, studio)
    file = next(file for file in starter_files() if file.path.name == "elec_soft_kick.flac")
    store = ProjectStore(Path(studio._projects.name))
    copy = store.keep(wav_of((-0.3 * file.mono(44100)).astype(np.float32), 44100))
    name = kit_name(tab)
    project = store.open(name).project
    copied = PadPlan("Copied", "kick", own=copy, own_name="Copied", root=copy)
    mine = PadPlan("Mine", "kick", own=copy, own_name="Mine")
    store.save(name, replace(project, pads=(copied, mine, *project.pads[2:])))
    open_about(tab, studio)
    verdict = tab.text_content(".ab-verdict")
    assert "1 of the 15 made sounds" in verdict and "suspiciously near" in verdict and "Copied" in verdict
    row = tab.locator(".ab-row").first
    assert "is-near" in row.get_attribute("class") and "elec_soft_kick" in row.inner_text()
    assert row.locator(".ab-distance small").inner_text().startswith("Suspiciously near")
    heard, original = play(tab, row.locator(".ab-play").first), play(tab, row.locator(".ab-play").last)
    length = min(len(heard), len(original))
    assert np.corrcoef(heard[:length], original[:length])[0, 1] < -0.999
    own = tab.locator(".ab-row").nth(1)
    assert "Your own recording" in own.inner_text() and own.locator(".ab-play").count() == 1


def test_pictures_show_the_sounds(tab, studio):
    make_kit(tab, studio)
    open_about(tab, studio)
    colours = tab.evaluate(
        """() => [...document.querySelectorAll('.ab-play canvas')].map((c) => {
             const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
             return new Set(new Uint32Array(d.buffer)).size; })"""
    )
    assert len(colours) == 32 and min(colours) > 60


def test_figures_data_and_limits_are_shown(tab, studio):
    open_about(tab, studio)
    info, index = find_model("drums"), load_index(find_model("drums").folder / FILE)
    facts = tab.locator(".ab-facts").inner_text()
    for wanted in (info.name, info.version, info.licence, info.sha256[:16]):
        assert wanted in facts
    assert tab.locator(".ab-facts dd[title]").get_attribute("title") == info.sha256
    assert tab.text_content(".ab-yours strong") == "The sounds that you make are yours."
    table = tab.locator(".ab-sources tbody tr")
    counted = {row.locator("th").inner_text(): int(row.locator("td").first.inner_text()) for row in table.all()}
    sources = [recording.source for recording in index.recordings]
    assert counted == {source: sources.count(source) for source in set(sources)}
    assert tab.locator(".ab-sources tfoot td").first.inner_text() == str(len(index))
    # A figure of the card is on the page, and seen.
    novelty = tab.locator(".ab-figures details", has_text="Novelty").last
    assert novelty.locator("td", has_text=re.compile("^new$")).first.is_visible()
    closed = tab.locator(".ab-figures details", has_text="Obedience: kinds").last
    closed.locator("summary").click()
    assert closed.locator("td").first.is_visible()
    assert tab.locator(".ab-limits li").count() >= 5


def test_without_a_kit_any_sound_can_be_compared(tab, studio):
    open_about(tab, studio)
    assert "There is no kit in this browser yet" in tab.text_content(".ab-empty")
    tab.select_option(".ab-kind", "clap")
    tab.fill(".ab-seed", "12")
    tab.keyboard.press("Enter")
    tab.wait_for_selector(".ab-row")
    assert tab.locator(".ab-row th b").inner_text() == "Clap 12"
    tab.wait_for_function("document.querySelector('.ab-seed').value === '13'")
    tab.fill(".ab-seed", "no")
    tab.click(".ab-compare")
    assert "whole number from 0" in tab.text_content(".dg-error p")
    tab.click(".dg-dismiss")
    tab.click(".ab-empty a")
    tab.wait_for_selector('[data-ready="16"]')


def test_a_lost_server_is_said_and_asked_again(tab, studio):
    tab.route("**/call/novelty", lambda route: route.abort())
    make_kit(tab, studio)
    open_about(tab, studio)
    assert "does not answer" in tab.text_content(".dg-error p")
    tab.unroute("**/call/novelty")
    tab.click(".dg-retry")
    tab.wait_for_selector(".ab-row >> nth=15")
    assert tab.locator(".dg-error").is_hidden()
    # The browser itself reports the request that was cut off; nothing else may be wrong.
    tab.watch.complaints[:] = [c for c in tab.watch.complaints if "ERR_FAILED" not in c]


def test_names_in_a_kit_cannot_become_markup(tab, studio):
    make_kit(tab, studio)
    kit = SimpleNamespace(url=f"{studio.base}/kit")
    name = kit_name(tab)
    project = post(kit, "open", [name])[1][0]["project"]
    markup = "<img src=x onerror=hacked=1>"
    project["name"] = project["pads"][0]["name"] = markup
    assert post(kit, "save", [name, project, -1])[0] == "complete"
    open_about(tab, studio)
    assert markup in tab.text_content(".ab-verdict") and tab.locator(".ab-row b").first.inner_text() == markup
    assert tab.evaluate("typeof hacked") == "undefined"


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_it_is_accessible(browser, studio, scheme):
    with visitor(browser, color_scheme=scheme) as page:
        make_kit(page, studio)
        open_about(page, studio)
        page.evaluate("document.querySelectorAll('.ab details').forEach((part) => { part.open = true; })")
        found = Axe().run(page, context=".ab")
        assert [(v["id"], v["nodes"][0]["target"]) for v in found.response["violations"]] == []


def test_the_choice_of_dark_or_light_holds_on_all_pages(tab, studio):
    make_kit(tab, studio)
    open_about(tab, studio)
    before = tab.evaluate("document.body.classList.contains('dark')")
    tab.click(".dg-theme")
    make_kit(tab, studio)
    assert tab.evaluate("document.body.classList.contains('dark')") is not before
    # What the Kit page keeps is still there.
    open_about(tab, studio)
    assert tab.locator(".ab-row").count() == 16


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (820, 1180), (420, 800)])
def test_nothing_is_cut_off(browser, studio, width, height):
    with visitor(browser, width, height) as page:
        make_kit(page, studio)
        open_about(page, studio)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        outside = page.evaluate(
            """() => [...document.querySelectorAll('.ab-row th, .ab-row td, .ab-box, .ab-play')].filter((part) => {
                 const box = part.getBoundingClientRect();
                 return box.width > 0 && (box.left < 0 || box.right > innerWidth); }).length"""
        )
        assert outside == 0
        if width == 1280:
            for part in (".ab-facts", ".ab-yours", ".ab-jump", ".ab-verdict", ".ab-row >> nth=4"):
                box = page.locator(part).bounding_box()
                assert box["y"] >= 0 and box["y"] + box["height"] <= height, part

"""The page of an evaluation as a reader meets it: opened from the disk, without network, in a real Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

EVIL = "<img src=x onerror=hacked=1>'\"&"
SECTIONS = ("overview", "listen", "realism", "obedience", "diversity", "novelty", "craft", "cost", "about")
# Notes every sound that is played, and decodes what the browser was given.
LISTEN = """
  window.heard = [];
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () { window.heard.push(this); return play.call(this); };
"""
DECODE = """async (number) => {
  const text = atob(JSON.parse(document.getElementById("sounds").textContent)[number]);
  const bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(bytes.buffer);
  const samples = sound.getChannelData(0);
  let peak = 0;
  for (const v of samples) peak = Math.max(peak, Math.abs(v));
  return { length: samples.length, rate: sound.sampleRate, peak };
}"""


def until(page: Any, condition: str) -> None:
    """Wait for a condition. (Playwright's own waiting wants the page to evaluate text, which its policy forbids.)"""
    end = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


def creativeml(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "creativeml", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def report(tmp_path_factory) -> Path:
    """The bundled model's report on the starter sounds, beside a folder whose names are HTML."""
    folder = tmp_path_factory.mktemp("report")
    data, out, others = folder / "data", folder / "out", folder / EVIL
    creativeml("prepare", "starter", "--out", str(data))
    for kind in sorted((data / "audio").iterdir()):
        (others / kind.name).mkdir(parents=True)
        for path in sorted(kind.iterdir())[:4]:
            shutil.copy(path, others / kind.name / f"{EVIL}{path.name}")
    settings = ("--count", "3", "--resamples", "10", "--against", "noise", "drums")
    creativeml("evaluate", str(others), "--data", str(data), "--out", str(out), *settings)
    return out / "report.html"


@pytest.fixture
def page(browser, report) -> Iterator[Any]:
    """A fresh reader at 1280 x 720, offline. No test may leave a complaint or a request for anything else."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    context.set_default_timeout(60_000)
    tab = context.new_page()
    tab.asked, tab.complaints = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
    tab.on("console", lambda m: tab.complaints.append(m.text) if m.type in ("error", "warning") else None)
    tab.add_init_script(LISTEN)
    tab.goto(report.as_uri())
    yield tab
    context.close()
    assert tab.complaints == []
    assert [url for url in tab.asked if url != report.as_uri() and not url.startswith("data:")] == []


def test_everything_is_in_one_file_of_bearable_size(report, page):
    assert 100_000 < report.stat().st_size < 15_000_000
    assert {p.name for p in report.parent.iterdir()} == {f"report.{s}" for s in ("html", "json", "md", "csv")}
    for name in SECTIONS:
        assert page.locator(f"#{name} h2").count() == 1, name
    links = page.eval_on_selector_all("nav a", "links => links.map((a) => a.hash.slice(1))")
    assert tuple(links) == SECTIONS
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_tables_hold_every_row_between_floor_and_ceiling(page):
    rows = page.eval_on_selector_all(
        "#realism > .scroll tbody tr", "rows => rows.map((r) => [r.className, r.cells[0].innerText, r.cells.length])"
    )
    assert [mark for mark, _, _ in rows] == ["floor", "model", "other o1", "ceiling"]
    assert rows[1][1] == EVIL and rows[2][1] == "drums"
    assert all(cells == 1 + 2 * 3 for _, _, cells in rows)
    shown = page.locator("#overview tbody tr")
    assert shown.count() >= 7
    for row in shown.all():
        assert row.locator("svg .mark").count() == 3 and row.locator("td").count() == 5
    assert page.locator("#obedience table.heat").count() >= 2
    assert page.locator("#realism svg .interval").count() >= 6
    assert page.locator("#cost tbody tr").count() == 2


def test_a_click_plays_and_another_stops(page):
    button = page.locator("#listen button.play").first
    button.click()
    until(page, "window.heard.length === 1 && window.heard[0].currentTime > 0")
    state = page.evaluate("(({ paused, duration, error }) => ({ paused, duration, error }))(window.heard[0])")
    assert state["error"] is None and 0.02 < state["duration"] <= 1.5
    decoded = page.evaluate(DECODE, button.get_attribute("data-sound"))
    assert decoded["rate"] == 44100 and 0.05 < decoded["peak"] <= 1
    assert decoded["length"] / 44100 == pytest.approx(state["duration"], abs=0.01)
    until(page, "document.querySelector('#listen button.play').dataset.state === ''")
    longest = page.locator("#listen .kind", has_text="crash").locator("button.play").last
    longest.click()
    until(page, "window.heard.length === 2 && window.heard[1].currentTime > 0")
    assert longest.get_attribute("aria-pressed") == "true"
    longest.click()
    assert longest.get_attribute("aria-pressed") == "false" and page.evaluate("window.heard[1].paused")
    # One at a time: the next sound silences the one before.
    longest.click()
    until(page, "window.heard.length === 3 && window.heard[2].currentTime > 0")
    button.click()
    until(page, "window.heard.length === 4 && window.heard[2].paused")


def test_every_sound_decodes(page):
    numbers = page.eval_on_selector_all("button.play", "buttons => buttons.map((b) => b.dataset.sound)")
    assert len(set(numbers)) == len(numbers) > 60
    for number in numbers:
        decoded = page.evaluate(DECODE, number)
        assert decoded["length"] >= 200 and decoded["peak"] > 0.001, number
    sizes = page.eval_on_selector_all(
        "button.play img", "images => images.map((i) => i.naturalWidth * i.naturalHeight)"
    )
    assert len(sizes) == len(numbers) and min(sizes) > 5000


def test_the_closest_pairs_stand_side_by_side(page):
    pairs = page.locator("#novelty .pairs li")
    assert pairs.count() == 10
    for pair in pairs.all():
        left, right = (b.bounding_box() for b in pair.locator("button.play").all())
        assert left["y"] == right["y"] and left["x"] < right["x"]
        assert "distance" in pair.inner_text()
    # The folder holds training sounds, and the page says so.
    assert "Verdict: copies" in page.inner_text("#novelty .alarm")


def test_names_cannot_become_markup(page):
    assert EVIL in page.inner_text("header h1")
    assert any(EVIL in text for text in page.locator("#novelty figcaption").all_inner_texts())
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("img[src='x']").count() == 0
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<button id=late onclick=\"hacked=1\"></button>')")
    page.evaluate("document.getElementById('late').click()")
    # Even markup that came in some other way may not run.
    assert page.evaluate("typeof hacked") == "undefined"
    assert any("Content Security Policy" in c for c in page.complaints)
    page.complaints.clear()


def test_the_keyboard_reaches_the_sounds_and_shows_where_it_is(page):
    page.locator("#listen button.play").first.focus()
    page.keyboard.press("ArrowRight")
    index = "[...document.querySelectorAll('button.play')].indexOf(document.activeElement)"
    assert page.evaluate(index) == 1
    style = (
        "(({ outlineStyle, outlineWidth }) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
    )
    assert page.evaluate(style) == ["solid", "3px"]
    page.keyboard.press("Enter")
    until(page, "window.heard.length === 1 && window.heard[0].currentTime > 0")
    page.keyboard.press("Escape")
    assert page.evaluate("window.heard[0].paused")


def test_dark_and_light_can_both_be_read(page):
    contrast = """() => {
      const value = (colour) => {
        const parts = colour.match(/[0-9.]+/g).slice(0, 3).map((v) => v / 255);
        const [r, g, b] = parts.map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const ground = value(getComputedStyle(document.querySelector("section")).backgroundColor);
      const rows = ["td", "tr.model td", "tr.floor th", "tr.ceiling th"];
      const places = ["p", ".lead", ...rows, ".group.model p", "summary", "figcaption"];
      const worst = Math.min(...places.map((place) => {
        const colour = value(getComputedStyle(document.querySelector(`section ${place}`)).color);
        return (Math.max(colour, ground) + 0.05) / (Math.min(colour, ground) + 0.05);
      }));
      return [ground, worst];
    }"""
    grounds = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        grounds[scheme], worst = page.evaluate(contrast)
        # WCAG 2.1, level AA, for text of ordinary size.
        assert worst >= 4.5, (scheme, worst)
    assert grounds["light"] > 0.8 and grounds["dark"] < 0.05


def test_the_report_survives_a_closed_network(report):
    text = report.read_text(encoding="utf-8")
    assert "http://" not in text and "https://" not in text and os.fspath(report.parent.parent) not in text

"""The page of a library's map as its owner meets it: from the disk, offline, with real drums and hostile names."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest
import soundfile

from creativeml.files import project_folder
from creativeml.maps.make import MapOptions, make_map

EVIL = "<script>hacked=1<img src=x onerror=hacked=1>'\"&#38;%41 ümläut"
STARTER = project_folder("datasets") / "starter"
# Notes every sound that is started, as the loudspeaker gets it.
LISTEN = """
  window.heard = [];
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (...rest) {
    const samples = this.buffer.getChannelData(0);
    let peak = 0;
    for (const v of samples) peak = Math.max(peak, Math.abs(v));
    const { sampleRate: rate } = this.buffer, { state } = this.context;
    // The event that is being handled; none if something had to be waited for.
    window.heard.push({ length: samples.length, rate, peak, state, within: window.event?.type ?? null });
    return start.apply(this, rest);
  };
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A page, and beside it the library: six kicks, six snares, a copy, a name that is markup, a file that is none."""
    root = tmp_path_factory.mktemp("map")
    library = root / f"my {EVIL}"
    for kind in ("kick", "snare"):
        (library / kind).mkdir(parents=True)
        for path in sorted((STARTER / kind).glob("*.flac"))[:6]:
            shutil.copy(path, library / kind)
    first = min((library / "kick").iterdir())
    # The slash between folder and file completes the end of an element.
    (library / "kick" / "zz copy <").mkdir()
    shutil.copy(first, library / "kick" / "zz copy <" / "script><img src=x onerror=hacked=1>.flac")
    (library / "<svg onload=hacked=1>.wav").write_text("no sound")
    make_map(library, root / "map.html", MapOptions(cache=root / "cache"), lambda *step: None)
    return root


@contextmanager
def reading(browser: Any, file: Path) -> Iterator[Any]:
    """A reader at 1280 x 720, offline. The page may ask for nothing but itself and the library's files."""
    context = browser.new_context(viewport={"width": 1280, "height": 720}, offline=True)
    context.set_default_timeout(60_000)
    tab = context.new_page()
    tab.asked, complaints = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    tab.add_init_script(LISTEN)
    tab.goto(file.as_uri())
    yield tab
    assert tab.evaluate("typeof hacked") == "undefined"
    context.close()
    # A missing original is complained of by the browser itself; that is how the page finds out.
    assert [c for c in complaints if "ERR_FILE_NOT_FOUND" not in c] == []
    assert {urlsplit(url).scheme for url in tab.asked} <= {"file"}
    assert all(file.parent in Path(unquote(urlsplit(url).path)).parents for url in tab.asked)


@pytest.fixture
def page(browser, folder) -> Iterator[Any]:
    with reading(browser, folder / "map.html") as tab:
        yield tab


def until(page: Any, condition: str) -> None:
    end = time.monotonic() + 30
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


def number_of(page: Any, name: str) -> int:
    return page.evaluate("data.names").index(name)


def place(page: Any, number: int) -> tuple[float, float]:
    box = page.locator(".cm-canvas").bounding_box()
    x, y = page.evaluate("(i) => map.toScreen(points[i].x, points[i].y)", number)
    return box["x"] + x, box["y"] + y


def meant(library: Path, name: str) -> tuple[float, float]:
    """Seconds until a sound's file ends or a second is over, and its peak until then, read here."""
    samples, rate = soundfile.read(library / name)
    samples = samples if samples.ndim == 1 else samples.mean(1)
    return min(1.0, len(samples) / rate), float(np.abs(samples[:rate]).max())


def library_of(folder: Path) -> Path:
    return next(path for path in folder.iterdir() if path.name.startswith("my "))


def check(heard: dict[str, Any], library: Path, name: str) -> None:
    seconds, peak = meant(library, name)
    assert heard["state"] == "running"
    # The silent ends are cut off; coding moves the peak a little.
    assert 0.3 * seconds < heard["length"] / heard["rate"] < seconds + 0.03
    assert heard["peak"] == pytest.approx(peak, rel=0.2)


def test_a_click_plays_the_sound_of_that_point_at_once(page, folder, browser):
    library = library_of(folder)
    names = page.evaluate("data.names")
    for name in (names[0], names[3], names[-1]):
        number = number_of(page, name)
        page.mouse.move(*place(page, number))
        page.evaluate("at('hover').checked = false")
        # Decoded because the pointer is near, all that it may strike.
        until(page, f"player.ready.has(data.sound[{number}]) && player.ready.size === player.decoded.size")
        before = page.evaluate("heard.length")
        page.mouse.click(*place(page, number))
        until(page, f"heard.length > {before}")
        picked = page.evaluate("map.selected.id")
        check(page.evaluate("heard.at(-1)"), library, names[picked])
        assert page.evaluate("heard.at(-1).within"), "started by the click itself, without waiting for a decoder"
        assert page.text_content("#name") == names[picked].split("/")[-1]
    delays = page.evaluate("player.played.filter((p) => p.from === 'preview').map((p) => p.delayMs)")
    print(f"from click to start: median {np.median(delays):.1f} of {[round(d, 1) for d in delays]} ms")
    print("(the first opens the loudspeaker)")
    assert len(delays) == 3


def test_pointing_plays_after_the_first_gesture(page, folder):
    kick, snare = number_of(page, page.evaluate("data.names[0]")), page.evaluate("data.names.length - 1")
    page.mouse.move(*place(page, snare))
    page.wait_for_timeout(200)
    assert page.evaluate("heard.length") == 0, "browsers forbid sound before a gesture"
    page.mouse.click(*place(page, kick))
    until(page, "heard.length === 1 && player.running")
    page.mouse.move(*place(page, snare))
    until(page, "heard.length === 2")
    picked = page.evaluate("player.played.at(-1).index")
    check(page.evaluate("heard.at(-1)"), library_of(folder), page.evaluate("data.names")[picked])


def test_the_original_is_played_where_it_is_beside_the_page(page, folder):
    number = page.evaluate("data.names.length - 1")
    page.evaluate(f"map.select({number})")
    until(page, "document.getElementById('source').textContent === 'Plays the original file.'")
    page.click("#play")
    until(page, "player.played.at(-1)?.from === 'original'")
    samples, rate = soundfile.read(library_of(folder) / page.evaluate("data.names")[number])
    assert page.evaluate("player.original.audio.duration") == pytest.approx(len(samples) / rate, abs=0.03)
    page.evaluate("window.copied = ''; navigator.clipboard.writeText = async (text) => { copied = text; }")
    page.click("#copy")
    until(page, "copied !== ''")
    assert Path(page.evaluate("copied")).samefile(library_of(folder) / page.evaluate("data.names")[number])


def test_a_page_without_previews_says_that_it_plays_the_originals(browser, folder):
    options = MapOptions(cache=folder / "cache", audio=False)
    make_map(library_of(folder), folder / "small.html", options, lambda *step: None)
    with reading(browser, folder / "small.html") as page:
        page.mouse.click(*place(page, page.evaluate("data.names.length - 1")))
        until(page, "player.played.at(-1)?.from === 'original'")
        until(page, "document.getElementById('source').textContent === 'Plays the original file.'")
        page.click("#play")
        until(page, "player.played.length === 2")


def test_previews_that_cannot_be_decoded_give_way_to_the_originals(browser, folder, tmp_path):
    """As in a browser that does not know Ogg Opus: here it is the previews that are spoilt."""
    text = (folder / "map.html").read_text(encoding="utf-8")
    spoilt = re.sub(r'(id="sounds-\d+">)([^<]+)', lambda m: m[1] + "A" * len(m[2]), text)
    assert spoilt != text
    for file in (folder / "spoilt.html", tmp_path / "moved.html"):
        file.write_text(spoilt, encoding="utf-8")
        with reading(browser, file) as page:
            page.mouse.click(*place(page, page.evaluate("data.names.length - 1")))
            if file.parent == folder:
                until(page, "player.played.at(-1)?.from === 'original'")
            else:
                until(page, "document.getElementById('status').textContent.includes('cannot decode')")
            assert page.evaluate("heard.length") == 0


def test_the_page_alone_plays_its_previews_elsewhere(browser, folder, tmp_path):
    shutil.copy(folder / "map.html", tmp_path / "moved.html")
    with reading(browser, tmp_path / "moved.html") as page:
        number = page.evaluate("data.names.length - 1")
        page.mouse.click(*place(page, number))
        until(page, "heard.length >= 1")
        until(page, "document.getElementById('source').textContent.includes('preview')")
        picked = page.evaluate("map.selected.id")
        check(page.evaluate("heard.at(-1)"), library_of(folder), page.evaluate("data.names")[picked])
        page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
        page.keyboard.press("c")
        until(page, "window.copied")
        assert page.evaluate("copied").endswith(page.evaluate("data.names")[picked])


def test_the_keyboard_finds_walks_and_plays(page, folder):
    names = page.evaluate("data.names")
    page.keyboard.press("/")
    page.keyboard.type("snare ")
    until(page, f"map.visible.length === {sum('snare' in name for name in names)}")
    assert page.text_content('[data-tab="found"] span') == "6"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === map.canvas")
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "Enter"):
        page.keyboard.press(key)
    until(page, "player.played.length === 1")
    picked = page.evaluate("map.selected.id")
    assert names[picked].startswith("snare/") and page.evaluate("player.played[0].index") == picked
    assert names[picked].split("/")[-1] in page.text_content(".cm-live")


def test_kinds_groups_duplicates_and_refusals_are_listed(page):
    names = page.evaluate("data.names")
    page.select_option("#kind", "kick")
    until(page, f"map.visible.length === {sum(name.startswith('kick/') for name in names)}")
    page.select_option("#kind", "")
    page.locator("button.cm-entry", has_text="Snare").click()
    until(page, "map.visible.length === 6")
    page.locator("button.cm-entry", has_text="Snare").click()
    until(page, f"map.visible.length === {len(names)}")
    for colour in ("cluster", "brightness", "decay_time_20"):
        page.select_option("#colour", colour)
        assert page.evaluate("map.colourBy") == colour
    page.click('[data-tab="repeats"]')
    (copy,) = (name for name in names if "zz copy" in name)
    rows = page.locator("#repeats .item").all_text_contents()
    assert len(rows) == 2 and rows[1].startswith(copy.split("/")[-1])
    page.locator("#repeats .item.copy").click()
    until(page, f"map.selected?.id === {names.index(copy)}")
    assert page.text_content("#repeat") == f"The same file as {sorted(names)[0]}"
    page.click('[data-tab="refused"]')
    assert page.locator("#refused .refusal").all_text_contents()[0].startswith("<svg onload=hacked=1>.wav")


def test_names_are_text_everywhere(page, folder):
    assert page.text_content("h1") == library_of(folder).name
    for number in range(page.evaluate("data.names.length")):
        page.evaluate(f"map.select({number})")
        page.mouse.move(*place(page, number))
    assert page.evaluate("document.querySelectorAll('img, svg, script').length") == 3

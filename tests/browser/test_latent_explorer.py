"""The latent explorer as a musician meets it: real server, real model, real Chromium."""

from __future__ import annotations

import io
import json
import shutil
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from creativeml.files import project_folder, sha256_file

from .conftest import Studio, visit
from .hands import LISTEN, download, post, slide

TITLES = {"hat_closed": "Closed hat", "hat_open": "Open hat"}
STARTER = project_folder("datasets") / "starter"
OWN = ("cowbell/drum_cowbell.flac", "snare/drum_snare_hard.flac", "clap/29800__stomachache__3.flac")

# Notes whether the page's audio runs, and when the mouse or a key went down.
CONTEXTS = """
  window.contexts = [];
  const Real = window.AudioContext;
  window.AudioContext = class extends Real { constructor(...rest) { super(...rest); window.contexts.push(this); } };
  for (const kind of ["pointerdown", "pointerup", "pointermove", "keydown"])
    window.addEventListener(kind, () => { window.pressed = performance.now(); }, true);
"""
WHERE = """(id) => {
  const { map } = document.querySelector(".le-map"), point = map.point(id), box = map.canvas.getBoundingClientRect();
  const [x, y] = map.toScreen(point.x, point.y);
  return [x + box.left, y + box.top];
}"""
# The point of a kind that stands clearest of others: the one that a click there means.
CLEAREST = """(kind) => {
  const { map } = document.querySelector(".le-map");
  const places = map.points.map((p) => [p, ...map.toScreen(p.x, p.y)]);
  const far = ([p, x, y]) => ([other, a, b]) => (other === p ? Infinity : Math.hypot(x - a, y - b));
  const room = (place) => Math.min(...places.map(far(place)));
  const own = places.filter(([p]) => p.kind === kind && p.origin === "model");
  return own.sort((a, b) => room(b) - room(a))[0][0].id;
}"""
# The place in view that is farthest from every point, clear of the legend and the edges.
EMPTIEST = """() => {
  const { map } = document.querySelector(".le-map"), box = map.canvas.getBoundingClientRect();
  const places = map.points.map((p) => map.toScreen(p.x, p.y));
  let best = [0, 0, 0];
  for (let x = 220; x < map.width - 40; x += 10) for (let y = 40; y < map.height - 40; y += 10) {
    const far = Math.min(...places.map(([a, b]) => Math.hypot(a - x, b - y)));
    if (far > best[2]) best = [x + box.left, y + box.top, far];
  }
  return best;
}"""


@pytest.fixture(scope="module")
def explorer(tmp_path_factory) -> Iterator[Studio]:
    folder = tmp_path_factory.mktemp("own")
    for name in OWN:
        shutil.copy(STARTER / name, folder)
    (folder / "broken.wav").write_text("RIFF and nothing else")
    cache = str(tmp_path_factory.mktemp("cache"))
    started = Studio(verb="explore", options=("--sounds", str(folder), "--per-kind", "8"), CREATIVEML_CACHE=cache)
    yield started
    started.close()


def ready(tab: Any) -> None:
    """The map is there with everything on it."""
    tab.wait_for_selector('.le-progress[data-gathering=""]', state="attached", timeout=240_000)
    tab.wait_for_function(
        "document.querySelector('.le-map').map.points.filter((p) => p.origin === 'own').length >= 3"
        " && document.querySelector('.le-progress').hidden"
    )


@pytest.fixture
def page(browser, explorer) -> Iterator[Any]:
    with visit(browser, explorer, ready=".le[data-maps]") as tab:
        ready(tab)
        tab.evaluate(LISTEN)
        tab.evaluate(CONTEXTS)
        yield tab


def shown(page: Any, name: str, seconds: float = 30) -> None:
    """The sound of that name is the one that is spoken of, its wav at hand."""
    page.wait_for_function(
        "(name) => document.querySelector('.le-name').textContent === name && document.querySelector('.le-save').href"
        " && document.querySelector('.le-length').textContent !== ''",
        arg=name,
        timeout=1000 * seconds,
    )


def click_on(page: Any, kind: str) -> tuple[str, str]:
    """Click on a point of a kind, wait until its sound is there; give its id and its title."""
    point = page.evaluate(CLEAREST, kind)
    page.mouse.click(*page.evaluate(WHERE, point))
    title = f"{TITLES.get(kind, kind.capitalize())} {point.split(':')[1]}"
    shown(page, title)
    return point, title


def of_server(explorer: Studio, mix: Any) -> np.ndarray:
    event, (answer,) = post(explorer, "sounds", [[mix]])
    assert event == "complete"
    return soundfile.read(answer["files"][0]["path"])[0]


def first_heard(page: Any, at: int = -1) -> np.ndarray:
    return np.array([float(v) for v in page.evaluate("(at) => window.heard.at(at).first", at).split(",")])


def test_a_click_on_a_point_plays_the_sound_of_that_point(page, explorer, tmp_path):
    page.click(".le-check input")  # no sound by hovering
    for kind in ("kick", "hat_closed"):
        before = page.evaluate("window.heard.length")
        point, _ = click_on(page, kind)
        page.wait_for_function("(n) => window.heard.length > n", arg=before)
        expected = of_server(explorer, point)
        assert np.abs(first_heard(page) - expected[:64]).max() < 1e-6
        assert page.evaluate("window.contexts.length === 1 && window.contexts[0].state") == "running"
        saved = download(page, ".le-save", tmp_path)
        samples, rate = soundfile.read(saved)
        assert rate == 44100 and soundfile.info(saved).subtype == "PCM_24" and np.array_equal(samples, expected)
    assert page.evaluate("window.heard.length") == 2
    assert page.locator(".le-near button").count() == 6


def test_hovering_plays_at_once_and_clicks_need_no_wait(page):
    page.mouse.click(640, 26)  # the first gesture, on nothing
    page.wait_for_selector('.le[data-fetching=""]', timeout=180_000)  # what may be wanted is fetched meanwhile
    times = []
    kinds = ("kick", "snare", "tom", "clap", "ride", "hat_closed", "rim", "crash")
    for kind in kinds:
        x, y = page.evaluate(WHERE, page.evaluate(CLEAREST, kind))
        page.mouse.move(x, y)
        page.wait_for_function("document.querySelector('.le-map').map.hovered !== null")
        page.wait_for_timeout(150)
        before = page.evaluate("window.heard.length")
        page.mouse.click(x, y)
        page.wait_for_function("(n) => window.heard.length > n", arg=before)
        times.append(page.evaluate("window.heard.at(-1).at - window.pressed"))
    print(f"click to sound, {len(times)} cached points: median {np.median(times):.1f} ms, longest {max(times):.1f} ms")
    assert page.evaluate("window.heard.length") == 2 * len(kinds), "hovering has sounded too"


def test_a_click_between_points_makes_a_new_sound(page, explorer, tmp_path):
    x, y, far = page.evaluate(EMPTIEST)
    assert far > 30
    points = page.evaluate("document.querySelector('.le-map').map.points.length")
    page.mouse.click(x, y)
    page.wait_for_function("(n) => document.querySelector('.le-map').map.points.length === n + 1", arg=points)
    page.wait_for_function("document.querySelector('.le-name').textContent.includes(' mix ')")
    shown(page, page.text_content(".le-name"))
    made = page.evaluate("document.querySelector('.le-map').map.selected.shares")
    assert len(made) > 1 and sum(made.values()) == pytest.approx(1)
    samples, _ = soundfile.read(download(page, ".le-save", tmp_path))
    assert np.abs(first_heard(page) - samples[:64]).max() < 1e-6
    assert np.array_equal(samples, of_server(explorer, made))
    parts = [of_server(explorer, name) for name in made]
    assert min(np.abs(samples - part).max() for part in parts) > 0.01, "no copy of a point"


def test_a_drawn_path_is_played_and_exported(page, tmp_path):
    page.click(".le-draw")
    slide(page, ".le-steps", 6)
    box = page.locator(".le-map canvas").first.bounding_box()
    begin = page.evaluate("window.heard.length")
    page.mouse.move(box["x"] + 260, box["y"] + 100)
    page.mouse.down()
    for i in range(1, 41):
        page.mouse.move(box["x"] + 260 + 12 * i, box["y"] + 100 + 9 * i)
    page.mouse.up()
    page.wait_for_selector('.le-cells[data-count="6"]')
    page.wait_for_function("(n) => window.heard.length >= n + 6", arg=begin)
    heard = [first_heard(page, at) for at in range(-6, 0)]
    with zipfile.ZipFile(download(page, ".le-path-zip", tmp_path)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        names = [n for n in archive.namelist() if n.endswith(".wav")]
        sounds = [soundfile.read(io.BytesIO(archive.read(name)))[0] for name in names]
    assert [s["file"] for s in manifest["sounds"]] == names and len(names) == 6
    for sound, played in zip(sounds, heard, strict=True):
        assert len(sound) == 65536 and np.isfinite(sound).all() and np.abs(sound).max() > 0.1
        assert np.abs(sound[:64] - played).max() < 1e-6
    row, rate = soundfile.read(download(page, ".le-path-wav", tmp_path))
    assert rate == 44100 and len(row) == 5 * round(0.18 * 44100) + 65536
    page.click('.le-cells button[data-step="3"]')
    page.wait_for_function("(n) => window.heard.length >= n + 7", arg=begin)
    assert np.abs(first_heard(page) - sounds[3][:64]).max() < 1e-6
    page.click(".le-path-clear")
    assert page.locator(".le-cells button").count() == 0


def test_a_dropped_recording_lies_among_its_neighbours(page, explorer, tmp_path):
    own = STARTER / "kick" / "bd_fat.flac"
    page.set_input_files(".le-file", own)
    name = f"own:{sha256_file(own)[:16]}"
    page.wait_for_function("(id) => document.querySelector('.le-map').map.selected?.id === id", arg=name)
    shown(page, "bd_fat")
    assert "dB away" in page.text_content(".dg-status")
    page.wait_for_function("document.querySelectorAll('.le-near button').length === 6")
    near = page.evaluate("[...document.querySelectorAll('.le-near button')].map((b) => b.dataset.id)")
    rings = page.evaluate("[...document.querySelector('.le-map').map.highlights]")
    assert sorted(rings) == sorted(near)
    saved, _ = soundfile.read(download(page, ".le-save", tmp_path))
    assert np.array_equal(saved, of_server(explorer, name))
    # Dropped from the desktop, several at once; one of them is none.
    page.evaluate(
        """async () => {
             const data = new DataTransfer();
             data.items.add(new File(["no sound at all"], "letter.wav"));
             const target = document.querySelector(".le-map");
             for (const kind of ["dragover", "drop"])
               target.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
           }"""
    )
    page.wait_for_function("document.querySelector('.dg-error p').textContent.includes('letter.wav')")
    assert "not an audio file" in page.text_content(".dg-error p")
    page.click(".dg-dismiss")


def test_own_sounds_and_refused_files_are_told(page):
    assert page.text_content(".le-notes-open") == "1 note"
    page.click(".le-notes-open")
    assert "broken" in page.text_content(".le-notes li")
    page.keyboard.press("Escape")
    points = page.evaluate("document.querySelector('.le-map').map.points.map((p) => [p.origin, p.hollow, p.label])")
    assert {Path(name).stem for name in OWN} <= {
        label for origin, hollow, label in points if origin == "own" and hollow
    }


def test_four_corners_play_the_bilinear_mixture(page, explorer):
    page.click("#le-tab-pad")
    corners, titles = [], []
    for i, kind in enumerate(("kick", "snare", "tom", "crash")):
        point, title = click_on(page, kind)
        corners.append(point)
        titles.append(title)
        page.click(f'.le-corners button[data-corner="{i}"]')
        page.wait_for_timeout(300)
    box = page.locator(".le-square").bounding_box()
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 0.6 * box["height"])
    said = ", ".join(f"{share} % {title}" for share, title in zip((30, 10, 45, 15), titles, strict=True))
    page.wait_for_function("(said) => document.querySelector('.dg-status').textContent === said", arg=said)
    weights = dict(zip(corners, (0.3, 0.1, 0.45, 0.15), strict=True))
    assert np.abs(first_heard(page) - of_server(explorer, weights)[:64]).max() < 1e-6


def test_kept_sounds_survive_a_reload(page, tmp_path):
    point, ride = click_on(page, "ride")
    page.click(".le-star")
    x, y, _ = page.evaluate(EMPTIEST)
    page.mouse.click(x, y)
    page.wait_for_function("document.querySelector('.le-name').textContent.includes(' mix ')")
    shown(page, page.text_content(".le-name"))
    page.keyboard.press("f")
    made = page.text_content(".le-name")
    page.select_option(".le-colour", "brightness")
    page.reload()
    page.wait_for_selector(".dg-chip")
    ready(page)
    assert page.locator(".dg-chip-play").all_inner_texts() == [ride, made]
    assert page.input_value(".le-colour") == "brightness"
    page.evaluate(LISTEN)
    page.click(".dg-chip >> nth=1 >> .dg-chip-play")
    page.wait_for_function("window.heard.length === 1")
    with zipfile.ZipFile(download(page, ".dg-kept-zip", tmp_path)) as archive:
        names = archive.namelist()
        sounds = [soundfile.read(io.BytesIO(archive.read(n)))[0] for n in names[:2]]
    assert names[0] == f"001_Ride_m{int(point[5:]):04d}.wav" and len(names) == 3
    assert np.abs(first_heard(page) - sounds[1][:64]).max() < 1e-6
    page.click(".dg-chip >> nth=0 >> .dg-chip-drop")
    assert page.locator(".dg-chip").count() == 1


def test_everything_by_keyboard(page):
    name = ".le-name"
    press = page.keyboard.press
    press("m")
    page.wait_for_function("document.querySelector('.le-map').map.selected !== null")
    shown(page, page.text_content(name))
    outline = "getComputedStyle(document.activeElement).boxShadow"
    assert "inset" in page.evaluate(outline), "focus can be seen"
    first = page.text_content(name)
    press("Shift+A")
    heard = page.evaluate("window.heard.length")
    press("ArrowRight")
    page.wait_for_function("(name) => document.querySelector('.le-name').textContent !== name", arg=first)
    second = page.text_content(name)
    shown(page, second)
    page.wait_for_function("(n) => window.heard.length > n", arg=heard)
    press("Enter")
    page.wait_for_function("(n) => window.heard.length > n + 1", arg=heard)
    press("Shift+B")
    press("x")
    shown(page, first)
    press("x")
    shown(page, second)
    press("f")
    assert page.locator(".dg-chip-play").all_inner_texts() == [second]
    # One of the nearest, and half-way back; as soon as they are those of this sound, and not of the one before.
    page.wait_for_function(
        """() => {
            const near = [...document.querySelectorAll('.le-near button')].map((b) => b.dataset.id);
            return near.length === 6 && !near.includes(document.querySelector('.le-map').map.selected.id);
        }"""
    )
    press("1")
    page.wait_for_function("(name) => document.querySelector('.le-name').textContent !== name", arg=second)
    shown(page, page.text_content(name))
    count = page.evaluate("document.querySelector('.le-map').map.points.length")
    press("n")
    page.wait_for_function("(n) => document.querySelector('.le-map').map.points.length > n", arg=count)
    # A path of two points.
    press("p")
    press("ArrowLeft")
    page.wait_for_timeout(300)
    press("p")
    page.wait_for_selector('.le-cells[data-count="8"]')
    heard = page.evaluate("window.heard.length")
    press("l")
    page.wait_for_function("(n) => window.heard.length >= n + 8", arg=heard)
    # Every control is reached with Tab, and shows it.
    reached = set()
    for _ in range(80):
        press("Tab")
        found = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e);
                 return [String(e.className || e.id), s.outlineStyle !== 'none' || s.boxShadow.includes('inset')]; }"""
        )
        reached.add(found[0])
        assert found[1] or not found[0], found
    for wanted in (
        "le-colour",
        "le-projection",
        "le-groups",
        "le-draw",
        "le-add",
        "le-star",
        "le-slot",
        "le-play-path",
    ):
        assert any(wanted in place for place in reached), (wanted, reached)
    # The pad.
    page.focus("#le-tab-path")
    press("ArrowRight")
    page.focus(".le-square")
    heard = page.evaluate("window.heard.length")
    press("ArrowRight")
    press("ArrowDown")
    page.wait_for_function("(n) => window.heard.length > n", arg=heard)
    assert page.evaluate("document.querySelector('.le-dot').style.left") == "55%"


def test_a_to_b_in_steps(page):
    ends = []
    for key, kind in (("Shift+A", "kick"), ("Shift+B", "cowbell")):
        ends.append(click_on(page, kind)[1])
        page.keyboard.press(key)
    page.click(".le-a-to-b")
    page.wait_for_selector('.le-cells[data-count="8"]')
    titles = page.evaluate("[...document.querySelectorAll('.le-cells button')].map((b) => b.title)")
    assert [titles[0], titles[-1]] == [f"1: {ends[0]}", f"8: {ends[1]}"]


def test_other_maps_and_groups(page):
    maps = int(page.get_attribute(".le", "data-maps"))
    before = page.evaluate("document.querySelector('.le-map').map.point('kick:0').x")
    page.select_option(".le-projection", "isomap")
    page.wait_for_selector(f'.le[data-maps="{maps + 1}"]')
    assert page.evaluate("document.querySelector('.le-map').map.point('kick:0').x") != before
    page.select_option(".le-colour", "cluster")
    page.fill(".le-groups", "5")
    page.keyboard.press("Tab")
    page.wait_for_selector(f'.le[data-maps="{maps + 2}"]')
    assert page.locator(".cm-entry").count() == 5
    page.select_option(".le-arrange", "model")
    page.wait_for_selector(f'.le[data-maps="{maps + 3}"]')
    page.locator("button.cm-entry").first.click()
    visible = page.evaluate("document.querySelector('.le-map').map.visible.map((p) => p.cluster)")
    assert set(visible) == {1}
    pressed = "[...document.querySelectorAll('.cm-entry')].map((e) => e.getAttribute('aria-pressed'))"
    assert page.evaluate(pressed) == ["true", *["false"] * 4]
    # Other groups: none of them is picked out.
    page.fill(".le-groups", "3")
    page.keyboard.press("Tab")
    page.wait_for_selector(f'.le[data-maps="{maps + 4}"]')
    assert page.evaluate(pressed) == ["false"] * 3
    assert page.evaluate("(({ map }) => map.visible.length === map.points.length)(document.querySelector('.le-map'))")
    # What is made on the map belongs to none.
    x, y, _ = page.evaluate(EMPTIEST)
    page.mouse.click(x, y)
    page.wait_for_function("document.querySelector('.le-map').map.points.some((p) => p.origin === 'made')")
    assert page.evaluate(
        "[...document.querySelectorAll('.cm-entry span:first-of-type')].map((e) => e.textContent)"
    ) == [
        *"123",
        "not known",
    ]


def test_kept_sounds_whose_recordings_are_gone_spoil_no_other(page, tmp_path):
    point, title = click_on(page, "ride")
    page.keyboard.press("f")
    gone = {"shares": {"own:0123456789abcdef": 1}, "label": "Lost kick", "kind": "kick"}
    page.evaluate(
        """(gone) => { const name = Object.keys(localStorage).find((n) => n.startsWith("creativeml.explorer."));
          const saved = JSON.parse(localStorage.getItem(name));
          localStorage.setItem(name, JSON.stringify({ ...saved, kept: [gone, ...saved.kept] })); }""",
        gone,
    )
    page.reload()
    page.wait_for_selector(".dg-chip")
    ready(page)
    assert page.locator(".dg-chip-play").all_inner_texts() == ["Lost kick", title]
    with zipfile.ZipFile(download(page, ".dg-kept-zip", tmp_path)) as archive:
        assert archive.namelist() == [f"001_Ride_m{int(point[5:]):04d}.wav", "manifest.json"]
    page.wait_for_selector(".dg-error:not([hidden])")
    told = page.text_content(".dg-error p")
    assert told.startswith("Saved 1 of 2; ") and "Lost kick" in told


@pytest.mark.parametrize("width", [1280, 1024])
def test_one_screen_holds_it(browser, explorer, width):
    with visit(browser, explorer, width=width, ready=".le[data-maps]") as tab:
        assert tab.evaluate("document.documentElement.scrollHeight") <= 720
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        for selector in (".le-draw", ".le-map canvas", ".le-ab", ".le-morph", ".dg-foot"):
            box = tab.locator(selector).first.bounding_box()
            assert box["height"] > 20 and box["y"] + box["height"] <= 720, selector
            assert box["x"] >= 0 and box["x"] + box["width"] <= width, selector


def test_storage_cannot_become_markup(page):
    click_on(page, "rim")
    page.keyboard.press("f")
    page.evaluate(
        """() => {
             const markup = '<img src=x onerror=hacked=1>';
             const named = { label: markup, kind: markup };
             const wrong = [null, 7, { ...named, shares: {} }, { ...named, shares: { "kick:0": 9 } }];
             const kept = [{ ...named, shares: { [markup]: 1 } }, ...wrong];
             const wish = { projection: markup, groups: 1e9 };
             const values = JSON.stringify({ wish, colour: markup, steps: "x", kept });
             const ours = Object.keys(localStorage).filter((key) => key.startsWith("creativeml."));
             if (!ours.length) throw new Error("nothing is stored");
             for (const key of ours) localStorage.setItem(key, values);
           }"""
    )
    page.reload()
    ready(page)
    assert page.locator(".dg-chip-play").all_inner_texts() == ["<img src=x onerror=hacked=1>"]
    page.click(".dg-chip-play")
    page.wait_for_function("document.querySelector('.dg-error p').textContent.includes('there is no point')")
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.input_value(".le-projection") == "t-sne"


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("sounds", [["../../etc/passwd"]], "there is no point"),
        ("sounds", [["kick:0"] * 65], "1 to 64"),
        ("walk", ["nowhere", [[0, 0]], 1], "no longer there"),
        ("map", ["sound", "../x", "k-means", 8], "projection must be"),
        ("add", ["nowhere", {"path": "/etc/passwd"}], "no longer there"),
        ("row", [["kick:0"], 1e300], "step_s"),
    ],
)
def test_wrong_values_sent_past_the_page_get_a_clear_error(explorer, name, data, words):
    event, answer = post(explorer, name, data)
    assert event == "error" and words in answer["error"] and "Traceback" not in str(answer)


def test_places_that_are_no_numbers_do_no_harm(explorer, page):
    chart = post(explorer, "map", ["sound", "pca", "k-means", 8])[1][0]["chart"]
    try:
        event, answer = post(explorer, "walk", [chart, [[float("nan"), 0]], 1])
        assert event == "error" and "off the map" in answer["error"]
    except urllib.error.HTTPError as refused:
        assert refused.code < 500
    assert post(explorer, "walk", [chart, [[0, 0]], 1])[0] == "complete"


def test_the_endpoints_serve_programs(explorer, page, tmp_path):
    from gradio_client import Client, handle_file

    client = Client(explorer.url, verbose=False, download_files=str(tmp_path))
    chart = client.predict(projection="pca", api_name="/map")["chart"]
    own = STARTER / "kick" / "bd_ada.flac"
    added = client.predict(chart=chart, file=handle_file(str(own)), api_name="/add")
    assert added["point"]["id"] == f"own:{sha256_file(own)[:16]}" and len(added["near"]) == 6
    path = [[added["point"]["x"], added["point"]["y"]], [0, 0]]
    answer = client.predict(chart=chart, path=path, steps=3, api_name="/walk")
    assert answer["records"][0]["mix"] == added["point"]["id"] and len(answer["files"]) == 3
    for file, record in zip(answer["files"], answer["records"], strict=True):
        assert sha256_file(file) == record["sha256"]


def test_too_large_uploads_are_refused(explorer):
    boundary = "x" * 20
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n\r\n'.encode()
        + bytes(33 << 20)
        + f"\r\n--{boundary}--\r\n".encode()
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    request = urllib.request.Request(f"{explorer.url}/gradio_api/upload", body, headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.URLError) as caught:
        opener.open(request, timeout=60)
    assert not isinstance(caught.value, urllib.error.HTTPError) or caught.value.code == 413

"""The canvas map by hand, finger and keyboard, in a real Chromium. Its truth is computed here, not asked of the map."""

from __future__ import annotations

import base64
import json
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from creativeml.maps.component import script, style

KINDS = ("kick", "snare", "hat_closed", "hat_open", "tom", "rim", "clap", "cowbell", "crash", "ride", "perc")
PAGE = """<!DOCTYPE html><meta charset="utf-8"><title>map</title>
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'">
<style>body{margin:0}#map{width:900px;height:600px}STYLE</style><div id="map"></div>
<script>SCRIPT
window.told = [];
const tell = (name) => (...what) => told.push([name, ...what.map((w) => (w && w.id !== undefined ? w.id : w))]);
const scales = { brightness: { title: "Brightness", unit: "points" } };
const options = { label: "Test", kinds: KINDS, theme: "light", scales };
for (const name of ["onHover", "onPick", "onSelect", "onEmpty", "onPath"]) options[name] = tell(name);
options.onDrop = (files) => told.push(["onDrop", ...files.map((f) => f.name)]);
options.onLegend = tell("onLegend");
window.map = new CanvasMap(document.getElementById("map"), options);
map.setPoints(POINTS);
</script>"""

# By way of a small copy: reading the map's own canvas would slow it down.
COLOUR = """([x, y]) => {
  const one = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const pen = one.getContext("2d", { willReadFrequently: true });
  pen.drawImage(map.canvas, -Math.round(x * map.ratio), -Math.round(y * map.ratio));
  return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


def scattered(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Points in as many heaps as there are kinds."""
    chance = random.Random(seed)
    points = []
    for number in range(count):
        kind = number % len(KINDS)
        angle = 2 * math.pi * kind / len(KINDS)
        x, y = (8 * part + chance.gauss(0, 1.2) for part in (math.cos(angle), math.sin(angle)))
        values = {"brightness": 40 + 5 * x + chance.gauss(0, 2)}
        label = f"{KINDS[kind]} {number}.wav"
        points.append({"id": number, "x": x, "y": y, "kind": KINDS[kind], "values": values, "label": label})
        points[-1]["cluster"] = f"{KINDS[kind]}s"
    return points


@contextmanager
def shown(browser: Any, folder: Any, points: list[dict[str, Any]], **context: Any) -> Iterator[Any]:
    file = folder / "map.html"
    text = PAGE.replace("STYLE", style()).replace("SCRIPT", script()).replace("KINDS", json.dumps(KINDS))
    file.write_text(text.replace("POINTS", json.dumps(points)), encoding="utf-8")
    visitor = browser.new_context(viewport={"width": 900, "height": 600}, offline=True, **context)
    tab = visitor.new_page()
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    tab.goto(file.as_uri())
    yield tab
    visitor.close()
    assert complaints == []


@pytest.fixture
def points() -> list[dict[str, Any]]:
    return scattered(300)


@pytest.fixture
def page(browser, tmp_path, points) -> Iterator[Any]:
    with shown(browser, tmp_path, points) as tab:
        yield tab


def told(page: Any, name: str) -> list[Any]:
    return [rest for first, *rest in page.evaluate("told") if first == name]


def place(page: Any, point: dict[str, Any]) -> tuple[float, float]:
    """Where a point stands on the page, from the view alone."""
    view = page.evaluate("({...map.view, w: map.width, h: map.height})")
    return (
        (point["x"] - view["x"]) * view["scale"] + view["w"] / 2,
        (view["y"] - point["y"]) * view["scale"] + view["h"] / 2,
    )


def loneliest(points: list[dict[str, Any]]) -> dict[str, Any]:
    """The point furthest from its nearest neighbour."""
    return max(points, key=lambda p: min(math.dist((p["x"], p["y"]), (q["x"], q["y"])) for q in points if q is not p))


def colour_at(page: Any, x: float, y: float) -> tuple[int, ...]:
    page.wait_for_timeout(60)
    return tuple(page.evaluate(COLOUR, [x, y]))


def until(page: Any, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        page.wait_for_timeout(20)


def test_all_points_are_in_view_and_drawn_in_their_kinds_colour(page, points):
    for point in (points[0], points[1], points[4], loneliest(points)):
        x, y = place(page, point)
        assert 0 < x < 900 and 0 < y < 600
    alone = loneliest(points)
    look = page.evaluate("(id) => map.colours.looks[map.lookOf[map.byId.get(id)]].colour", alone["id"])
    assert colour_at(page, *place(page, alone)) == tuple(bytes.fromhex(look[1:]))
    assert page.evaluate("map.colours.looks.filter((l) => l.count).length") == len(KINDS)


def test_hover_and_click_tell_the_point_and_empty_space_its_coordinates(page, points):
    alone = loneliest(points)
    x, y = place(page, alone)
    page.mouse.move(x + 2, y - 2)
    assert told(page, "onHover") == [[alone["id"]]]
    assert page.text_content(".cm-tip b") == alone["label"]
    page.mouse.click(x + 2, y - 2)
    assert told(page, "onPick") == [[alone["id"]]]
    assert alone["label"] in page.text_content(".cm-live")
    middle = tuple(map(round, place(page, {"x": 0, "y": 0})))  # of the ring of heaps
    page.mouse.move(*middle)
    assert told(page, "onHover")[-1] == [None]
    page.mouse.click(*middle)
    ((ex, ey),) = told(page, "onEmpty")
    assert place(page, {"x": ex, "y": ey}) == pytest.approx(middle, abs=0.01)


def test_a_drag_moves_the_map_and_picks_nothing(page, points):
    x, y = place(page, points[0])
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y + 30, steps=6)
    page.mouse.up()
    assert place(page, points[0]) == pytest.approx((x - 60, y + 30), abs=0.01)
    assert told(page, "onPick") == [] and told(page, "onEmpty") == []


def test_the_wheel_zooms_around_the_cursor(page, points):
    x, y = map(round, place(page, points[7]))  # a wheel's place is told in whole pixels
    start = place(page, points[7])
    before = page.evaluate("map.view.scale")
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    until(page, lambda: page.evaluate("map.view.scale") > 1.5 * before)
    grown = page.evaluate("map.view.scale") / before
    expected = (x + (start[0] - x) * grown, y + (start[1] - y) * grown)
    assert place(page, points[7]) == pytest.approx(expected, abs=0.01)


def test_two_fingers_zoom_and_a_tap_picks(browser, tmp_path, points):
    with shown(browser, tmp_path, points, has_touch=True) as page:
        alone = loneliest(points)
        page.touchscreen.tap(*place(page, alone))
        assert told(page, "onPick") == [[alone["id"]]]
        before = page.evaluate("map.view.scale")
        hands = page.context.new_cdp_session(page)

        def touch(kind: str, *fingers: tuple[float, float]) -> None:
            spots = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(fingers)]
            hands.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": spots})

        touch("touchStart", (400, 300))
        touch("touchStart", (400, 300), (500, 300))
        touch("touchMove", (350, 300), (550, 300))
        touch("touchEnd")
        # Both fingers went apart from 100 to 200 pixels.
        assert page.evaluate("map.view.scale") == pytest.approx(2 * before, rel=0.02)
        assert len(told(page, "onPick")) == 1 and told(page, "onEmpty") == []


def test_the_keyboard_walks_plays_zooms_and_shows_all(page, points):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement === map.canvas && map.canvas.getAttribute('role') === 'application'")
    page.keyboard.press("ArrowRight")
    here = page.evaluate("map.selected")
    middle = page.evaluate("map.view")
    nearest = min(points, key=lambda p: math.dist((p["x"], p["y"]), (middle["x"], middle["y"])))
    assert here["id"] == nearest["id"]
    for key, way in (("ArrowRight", (1, 0)), ("ArrowUp", (0, 1)), ("ArrowLeft", (-1, 0)), ("ArrowDown", (0, -1))):
        before = page.evaluate("map.selected")
        page.keyboard.press(key)
        after = page.evaluate("map.selected")
        assert (after["x"] - before["x"]) * way[0] + (after["y"] - before["y"]) * way[1] > 0
        assert after["label"] in page.text_content(".cm-live")
    page.keyboard.press("Enter")
    page.keyboard.press(" ")
    assert told(page, "onPick") == [[after["id"]], [after["id"]]]
    scale = page.evaluate("map.view.scale")
    page.keyboard.press("+")
    assert page.evaluate("map.view.scale") > scale
    page.keyboard.press("Home")
    assert page.evaluate("map.view.scale") == pytest.approx(scale)
    page.keyboard.press("Escape")
    assert page.evaluate("map.selected") is None


def test_a_drawn_path_is_told_in_map_coordinates(page):
    page.evaluate("map.setMode('draw')")
    spots = [(200, 200), (300, 260), (420, 240)]
    page.mouse.move(*spots[0])
    page.mouse.down()
    for spot in spots[1:]:
        page.mouse.move(*spot)
    page.mouse.up()
    ((path,),) = told(page, "onPath")
    assert [place(page, {"x": x, "y": y}) for x, y in path] == [pytest.approx(spot, abs=0.01) for spot in spots]
    page.mouse.move(*spots[0])
    page.mouse.down()
    page.mouse.move(*spots[1])
    page.keyboard.press("Escape")
    page.mouse.up()
    assert len(told(page, "onPath")) == 1 and page.evaluate("map.path.length") == 0


def test_dropped_files_are_handed_on(page):
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["x"], "kick.wav"));
          for (const kind of ["dragover", "drop"])
            map.canvas.dispatchEvent(new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    assert told(page, "onDrop") == [["kick.wav"]]
    assert page.evaluate("!map.element.classList.contains('is-dropping')")


def test_colour_by_a_descriptor_runs_from_its_low_to_its_high_values(page, points):
    page.evaluate("map.setColour('brightness')")
    looks = page.evaluate("[...map.lookOf]")
    order = sorted(points, key=lambda p: p["values"]["brightness"])
    ranked = [looks[p["id"]] for p in order]
    assert ranked == sorted(ranked) and ranked[0] == 0 and ranked[-1] == 23
    low, _, high = (float(text) for text in page.locator(".cm-ramp-ends span").all_text_contents())
    assert low == pytest.approx(order[6]["values"]["brightness"], abs=0.6)
    assert high == pytest.approx(order[-7]["values"]["brightness"], abs=0.6)


def test_the_legend_names_and_counts_and_the_filter_hides(page, points):
    entries = page.locator(".cm-entry").all_text_contents()
    assert entries[0] == "Kick28" and len(entries) == len(KINDS)
    page.locator(".cm-entry").first.click()
    assert told(page, "onLegend") == [["kick"]]
    page.evaluate("map.setChosen(['kick'])")
    assert page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
    page.evaluate("map.setFilter((p) => p.kind === 'kick')")
    snare = loneliest([p for p in points if p["kind"] == "snare"])
    page.mouse.click(*place(page, snare))
    assert told(page, "onPick") == []
    assert page.evaluate("map.visible.length") == sum(p["kind"] == "kick" for p in points)


def test_a_point_is_added_marked_and_what_repeats_another_is_hollow(page, points):
    added = {"id": "new", "x": 0, "y": 0, "kind": "kick", "label": "new one", "duplicateOf": points[0]["id"]}
    page.evaluate("(p) => { map.addPoint(p); map.setHighlights(['new']); }", added)
    x, y = place(page, added)
    ground = colour_at(page, 1, 1)
    assert colour_at(page, x, y) == ground, "hollow"
    assert page.evaluate("map.hit(...map.toScreen(0, 0)).id") == "new"
    page.evaluate("map.select('new')")
    assert "a duplicate" in page.text_content(".cm-live")


def test_the_nearest_points_are_those_of_a_full_search(page, points):
    for x, y in ((0, 0), (8, 0), (-20, 30), (3.3, -7.1)):
        found = [p["id"] for p in page.evaluate(f"map.near({x}, {y}, 12)")]
        truth = sorted(points, key=lambda p: math.dist((p["x"], p["y"]), (x, y)))[:12]
        assert found == [p["id"] for p in truth]


def test_names_are_shown_as_text(browser, tmp_path):
    evil = "<img src=x onerror=hacked=1></script>'\"&"
    points = [{"id": evil, "x": 0, "y": 0, "kind": evil, "cluster": evil, "label": evil}, {"id": 2, "x": 1, "y": 1}]
    with shown(browser, tmp_path, []) as page:
        page.evaluate("(points) => map.setPoints(points)", points)
        page.mouse.move(*place(page, points[0]))
        assert page.text_content(".cm-tip b") == evil
        assert page.evaluate("document.querySelectorAll('img').length") == 0
        assert page.evaluate("typeof hacked") == "undefined"


def test_fifty_thousand_points_follow_the_hand(browser, tmp_path):
    with shown(browser, tmp_path, []) as page:
        page.evaluate("(points) => map.setPoints(points)", scattered(50_000))
        page.wait_for_timeout(500)
        page.evaluate("map.frameTimes.length = map.drawTimes.length = 0")
        page.mouse.move(450, 300)
        page.mouse.down()
        for step in range(60):
            page.mouse.move(450 + 300 * math.sin(step / 6), 300 + 100 * math.cos(step / 5))
        page.mouse.up()
        draws = sorted(page.evaluate("map.drawTimes"))
        frames = page.evaluate("map.frameTimes")
        print(
            f"50,000 points dragged: drawing {draws[len(draws) // 2]:.1f} ms (median), {draws[-1]:.1f} ms (worst), "
            f"{1000 * len(frames) / sum(frames):.0f} frames/s"
        )
        # The mean, as other programs on the machine may hold up single frames.
        assert sum(draws) / len(draws) < 16, draws


def test_dark_and_light_follow_the_system(browser, tmp_path, points):
    with shown(browser, tmp_path, points, color_scheme="dark") as page:
        page.evaluate("map.setTheme('auto')")
        assert page.evaluate("map.theme") == "dark"
        assert sum(colour_at(page, 2, 2)) < 120
        page.emulate_media(color_scheme="light")
        until(page, lambda: page.evaluate("map.theme") == "light")
        assert sum(colour_at(page, 2, 2)) > 600


def test_the_map_fits_a_new_size(page, points):
    page.evaluate("document.getElementById('map').style.width = '500px'")
    until(page, lambda: page.evaluate("map.width") == 500)
    for point in points:
        x, _ = place(page, point)
        assert 0 < x < 500
    picture = base64.b64decode(page.evaluate("map.canvas.toDataURL().split(',')[1]"))
    assert len(picture) > 5_000

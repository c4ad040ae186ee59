"""Takes the README's pictures of the pages: `python tests/browser/take_screenshot.py [drum_generator]`, or another.

It starts the page with the bundled model as a user does, does what the pictures show, and writes
apps/screenshots/NAME.png, without a name of all pages. Needs playwright and a Chromium, as the tests here do, and
Pillow.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent))
from conftest import FLAGS, Studio, find_chromium
from hands import slide, wait_for_row

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "apps" / "screenshots"


MOVED = {"warmth": 0.7, "decay_time_20": 0.45}
"""Controls that are fixed in the picture, at a share of their sliders' way."""


def drum_generator(page: Any) -> None:
    """Two rows, two sounds kept, two sliders moved if the model has controls, a sound struck."""
    page.click('.dg-kind[data-kind="snare"]')
    wait_for_row(page, 1)
    page.keyboard.press("Shift+Digit2")
    page.click('.dg-kind[data-kind="kick"]')
    wait_for_row(page, 2)
    page.keyboard.press("Shift+Digit6")
    page.keyboard.press("3")
    for name, share in MOVED.items():
        slider = f'.dg-shaper[data-control="{name}"] input'
        if page.locator(slider).count():
            number = int(page.get_attribute(".dg-row", "data-made")) + 1
            slide(page, slider, 200 * share)
            wait_for_row(page, number)
    # The exact measures of the last card come last.
    unfinished = ".dg-card-measures:text-matches('[≈…]')"
    page.locator(unfinished).first.wait_for(state="detached", timeout=600_000)
    page.wait_for_timeout(2000)
    page.keyboard.press("3")
    page.wait_for_timeout(120)


def latent_explorer(page: Any) -> None:
    """A recording among its neighbours, two sounds kept and compared, and a path that is being played."""
    page.wait_for_selector('.le-progress[data-gathering=""]', state="attached", timeout=600_000)
    page.locator(".le-progress").wait_for(state="hidden", timeout=600_000)
    box = page.locator(".le-map canvas").first.bounding_box()
    for point, slot in (("snare:3", "Shift+A"), ("ride:9", "Shift+B")):
        page.evaluate("(id) => document.querySelector('.le-map').map.select(id)", point)
        page.wait_for_function("document.querySelector('.le-length').textContent !== ''", timeout=600_000)
        page.keyboard.press(slot)
        page.keyboard.press("f")
    page.keyboard.press("d")
    x, y = box["x"] + 0.3 * box["width"], box["y"] + 0.42 * box["height"]
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, 60):
        page.mouse.move(x + 8 * i, y + 110 * math.sin(i / 10))
    page.mouse.up()
    page.wait_for_selector('.le-cells[data-count="8"]', timeout=600_000)
    page.set_input_files(".le-file", ROOT / "datasets" / "starter" / "kick" / "bd_808.flac")
    page.wait_for_function("document.querySelector('.le-name').textContent === 'bd_808'", timeout=600_000)
    page.mouse.move(640, 26)
    page.wait_for_timeout(4000)
    page.keyboard.press("l")
    page.wait_for_timeout(700)


def style_transfer(page: Any) -> None:
    """A beat filtered to the colour of one rain and woven from another, which is heard as a blend."""
    page.wait_for_selector('.st[data-ready="yes"]', timeout=600_000)
    for method, content, style in (
        ("spectral", "House beat", "Rain of hats"),
        ("latent", "Breakbeat", "House beat"),
        ("texture", "Funk beat", "Rain of percussion"),
    ):
        for role, name in (("content", content), ("style", style)):
            page.select_option(f'[data-role="{role}"] .st-example', label=name)
            page.wait_for_selector(f'[data-role="{role}"] .st-name:text-is("{name}")')
        page.click(f'.st-methods button[data-method="{method}"]')
        page.click(".st-go")
        page.wait_for_selector('.st[data-state="idle"]', timeout=600_000)
    slide(page, ".st-blend", 17)
    page.wait_for_timeout(3000)
    page.keyboard.press(" ")
    page.mouse.move(640, 26)
    page.wait_for_timeout(1500)


def studio_kit(page: Any) -> None:
    """A kit with a recording, a pad that is shaped, favourites, and a beat that is being played."""
    page.wait_for_selector('[data-ready="16"]', timeout=600_000)
    page.select_option(".st-preset", "breakbeat_1")
    page.click('.st-pad[data-pad="7"] .st-hit')
    page.set_input_files(".st-own-file", ROOT / "datasets" / "starter" / "kick" / "bd_808.flac")
    page.wait_for_function("document.querySelector('.st-pad-title').value === 'bd_808'", timeout=600_000)
    for pad in (13, 2):
        page.click(f'.st-pad[data-pad="{pad}"] .st-hit')
        page.click(".st-star")
    page.click('.st-pad[data-pad="0"] .st-lock')
    slide(page, "#st-control-brightness", 150)
    page.wait_for_selector('.st-slider[data-control="brightness"].is-fixed', timeout=600_000)
    page.select_option('[data-field="layers"]', "3")
    page.select_option('[data-field="takes"]', "2")
    page.wait_for_function("document.querySelector('.st-facts').textContent.includes('3 layers')", timeout=600_000)
    page.wait_for_function(
        "!document.querySelector('.is-fixed .st-measured').textContent.includes('≈')", timeout=600_000
    )
    page.keyboard.press("Space")
    page.wait_for_timeout(1400)


def studio_about(page: Any) -> None:
    """The sounds of a new kit beside the training recordings that they are nearest to, one of which is being played."""
    page.wait_for_selector('[data-ready="16"]', timeout=600_000)
    page.wait_for_function("document.querySelector('.st-saved').textContent === 'Saved'", timeout=600_000)
    page.click(".st-nav >> text=About")
    page.wait_for_selector('.ab-new[aria-busy="false"]', timeout=600_000)
    page.wait_for_timeout(1000)
    page.locator(".ab-row").nth(4).locator(".ab-play").nth(1).click()
    page.wait_for_timeout(60)


PAGES: dict[str, tuple[dict[str, str], Callable[[Any], None]]] = {
    "studio_kit": ({"path": "/kit"}, studio_kit),
    "drum_generator": ({"path": "/sounds"}, drum_generator),
    "latent_explorer": ({"path": "/explore"}, latent_explorer),
    "style_transfer": ({"path": "/transfer"}, style_transfer),
    "studio_about": ({"path": "/kit"}, studio_about),
}


def take(name: str) -> None:
    """A picture in the dark and one in the light."""
    how, show = PAGES[name]
    studio = Studio(**how)
    try:
        with sync_playwright() as playwright:
            path = find_chromium(playwright.chromium.executable_path)
            chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
            page = chromium.new_page(viewport={"width": 1280, "height": 720}, color_scheme="dark")
            page.goto(f"{studio.url}/")
            show(page)
            keep(page, f"{name}.png")
            page.click(".dg-theme")
            page.mouse.move(640, 30)
            page.wait_for_timeout(900)
            keep(page, f"{name}_light.png")
            chromium.close()
    finally:
        studio.close()


def keep(page: Any, name: str) -> None:
    """Write what the page shows."""
    target = FOLDER / name
    target.parent.mkdir(exist_ok=True)
    picture = Image.open(io.BytesIO(page.screenshot()))
    # 256 colours look the same here and take a quarter of the space.
    picture.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(target, optimize=True)
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    for chosen in sys.argv[1:] or PAGES:
        take(chosen)

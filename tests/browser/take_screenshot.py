"""Takes the README's picture of the drum generator: `python tests/browser/take_screenshot.py [TARGET.png]`.

It starts the studio with the bundled model as a user does, makes two rows, keeps two sounds, moves two sliders if the
model has controls, strikes a sound, and writes apps/screenshots/drum_generator.png, or TARGET. Needs playwright and a
Chromium, as the tests here do, and Pillow.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent))
from conftest import FLAGS, Studio, find_chromium
from hands import slide, wait_for_row

TARGET = Path(__file__).resolve().parents[2] / "apps" / "screenshots" / "drum_generator.png"


MOVED = {"warmth": 0.7, "decay_time_20": 0.45}
"""Controls that are fixed in the picture, at a share of their sliders' way."""


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    studio = Studio()
    try:
        with sync_playwright() as playwright:
            path = find_chromium(playwright.chromium.executable_path)
            chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
            page = chromium.new_page(viewport={"width": 1280, "height": 720}, color_scheme="dark")
            page.goto(studio.url)
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
            target.parent.mkdir(exist_ok=True)
            picture = Image.open(io.BytesIO(page.screenshot()))
            # 256 colours look the same here and take a quarter of the space.
            picture.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(target, optimize=True)
            chromium.close()
    finally:
        studio.close()
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

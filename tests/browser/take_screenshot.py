"""Takes the README's picture of the drum generator: `python tests/browser/take_screenshot.py`.

It starts the studio with the bundled model as a user does, makes two rows, keeps two sounds, strikes one, and
writes apps/screenshots/drum_generator.png. Needs playwright and a Chromium, as the tests here do, and Pillow.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent))
from conftest import FLAGS, Studio, find_chromium

TARGET = Path(__file__).resolve().parents[2] / "apps" / "screenshots" / "drum_generator.png"


def main() -> None:
    studio = Studio()
    try:
        with sync_playwright() as playwright:
            path = find_chromium(playwright.chromium.executable_path)
            chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
            page = chromium.new_page(viewport={"width": 1280, "height": 720}, color_scheme="dark")
            page.goto(studio.url)
            page.click('.dg-kind[data-kind="snare"]')
            page.wait_for_selector('.dg-row[data-made="1"][aria-busy="false"]')
            page.keyboard.press("Shift+Digit2")
            page.click('.dg-kind[data-kind="kick"]')
            page.wait_for_selector('.dg-row[data-made="2"][aria-busy="false"]')
            page.keyboard.press("Shift+Digit6")
            page.wait_for_timeout(2000)
            page.keyboard.press("3")
            page.wait_for_timeout(120)
            TARGET.parent.mkdir(exist_ok=True)
            picture = Image.open(io.BytesIO(page.screenshot()))
            # 256 colours look the same here and take a quarter of the space.
            picture.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(TARGET, optimize=True)
            chromium.close()
    finally:
        studio.close()
    print(f"{TARGET}: {TARGET.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

"""Takes the README's picture of a library's map: `python tests/browser/take_map_screenshot.py [TARGET.png]`.

It maps the starter pack as a user does, opens the page, colours it by kind, picks a sound, and writes
apps/screenshots/map.png, or TARGET. Needs playwright and a Chromium, as the tests here do, and Pillow.
"""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent))
from conftest import FLAGS, find_chromium

from creativeml.files import project_folder
from creativeml.maps.make import MapOptions, make_map

TARGET = Path(__file__).resolve().parents[2] / "apps" / "screenshots" / "map.png"
PICKED = "snare/sn_dub.flac"


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        out = Path(folder) / "map.html"
        make_map(project_folder("datasets") / "starter", out, MapOptions(), lambda *step: None)
        path = find_chromium(playwright.chromium.executable_path)
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1280, "height": 720}, color_scheme="dark")
        page.goto(out.as_uri())
        page.wait_for_timeout(500)
        page.evaluate("(name) => map.select(Math.max(0, data.names.indexOf(name)))", PICKED)
        page.wait_for_timeout(500)
        target.parent.mkdir(exist_ok=True)
        picture = Image.open(io.BytesIO(page.screenshot()))
        # 256 colours look the same here and take a quarter of the space.
        picture.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE).save(target, optimize=True)
        chromium.close()
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

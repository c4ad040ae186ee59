"""How fast the studio is under a musician's hands: real server, real Chromium, the machine as it is.

    python tests/benchmarks/studio_timing.py [--sliders 60] [--minutes 1]

Told are: seconds from the command to the first sound, and for the second start (when files are in the system's cache);
milliseconds from a key to the call that starts its sound, and the browser's own output latency; from letting a slider
go to the new sound, median and 95th percentile; and how far onsets of a pattern lie from where they belong, measured in
the sound that the page sends to the loudspeaker. Needs Chromium and the package playwright.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import FLAGS, Studio, find_chromium
from tests.browser.hands import slide
from tests.browser.tap import TAP, listen, onsets, recorded

STRIKE = """() => {
  const start = AudioBufferSourceNode.prototype.start;
  window.delays = [];
  AudioBufferSourceNode.prototype.start = function (...rest) {
    window.delays.push(performance.now() - window.pressed);
    window.played = this.buffer;
    return start.apply(this, rest);
  };
  const note = (event) => { window.pressed = event.timeStamp; };
  for (const kind of ["keydown", "change"]) window.addEventListener(kind, note, true);
}"""


def opened(browser: Browser, server: Studio) -> Page:
    """The Kit page with all sounds."""
    page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
    page.add_init_script(TAP)
    page.goto(server.base + "/")
    page.wait_for_selector('[data-ready="16"]', timeout=120_000)
    return page


def cold_start(browser: Browser) -> float:
    """Seconds from the command to the first sound."""
    began = time.perf_counter()
    server = Studio(path="")
    try:
        page = browser.new_context(viewport={"width": 1280, "height": 720}).new_page()
        page.goto(server.base + "/")
        page.evaluate(STRIKE)
        while not page.evaluate("window.delays.length"):
            page.keyboard.press("z")
            page.wait_for_timeout(20)
        took = time.perf_counter() - began
        page.context.close()
    finally:
        server.close()
    return took


def keys(page: Page, count: int) -> np.ndarray:
    """Milliseconds from a key to the call that starts its sound."""
    page.evaluate(STRIKE)
    for number in range(count):
        page.keyboard.press("zxcvasdfqwer"[number % 12])
        page.wait_for_timeout(40)
    return np.array(page.evaluate("window.delays"))


def sliders(page: Page, count: int) -> np.ndarray:
    """Milliseconds from letting a slider go to the call that starts the new sound."""
    rng = np.random.default_rng(0)
    page.evaluate("() => { window.delays = []; }")
    names = ("brightness", "depth", "warmth", "hardness", "sharpness")
    for number in range(count):
        slide(page, f"#st-control-{names[number % 5]}", float(rng.integers(20, 180)))
        page.wait_for_function("(count) => window.delays.length > count", arg=number, timeout=60_000)
        page.wait_for_timeout(500)
    return np.array(page.evaluate("window.delays"))


def jitter(page: Page, seconds: float) -> tuple[int, float]:
    """Onsets of a kick on every beat that were found, and the furthest of them from its place, in milliseconds."""
    page.fill(".st-tempo", "150")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+KeyZ")
    kick = np.array(page.evaluate("() => Array.from(window.played.getChannelData(0).slice(0, 4096))"), np.float32)
    rate = page.evaluate("window.tap.rate")
    for step in range(0, 16, 4):
        page.click(f'.st-step[data-pad="0"][data-step="{step}"]')
    page.wait_for_timeout(1500)
    listen(page)
    page.click(".st-play")
    page.wait_for_timeout(1000 * seconds)
    page.click(".st-play")
    found = onsets(recorded(page), kick)
    beat = 60 / 150 * rate
    place = np.round((found - found[0]) / beat)
    return len(found), float(np.abs(found - found[0] - place * beat).max() / rate * 1000)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sliders", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=1.0)
    wanted = parser.parse_args()
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        print(
            "from the command to the first sound: " + ", then ".join(f"{cold_start(browser):.1f} s" for _ in range(2))
        )
        server = Studio(path="")
        try:
            page = opened(browser, server)
            page.wait_for_timeout(3000)
            struck = keys(page, 48)
            latency = 1000 * page.evaluate("window.tap.context.baseLatency")
            print(
                f"key to sound: median {np.median(struck):.1f} ms, longest {struck.max():.1f} ms, and {latency:.1f} ms "
                "until the browser hands it on"
            )
            waits = sliders(page, wanted.sliders)
            print(
                f"slider to new sound: median {np.median(waits):.0f} ms, 95 % within {np.quantile(waits, 0.95):.0f} ms"
            )
            count, worst = jitter(page, 60 * wanted.minutes)
            print(f"pattern: {count} onsets, none further than {worst:.3f} ms from its place")
        finally:
            server.close()


if __name__ == "__main__":
    main()

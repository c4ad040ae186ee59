"""What a visitor does with the page, and what can be read from it."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

DECODE = """async () => {
  const links = [...document.querySelectorAll(".dg-card .dg-save")];
  return Promise.all(links.map(async (link) => {
    const bytes = await (await fetch(link.href)).arrayBuffer();
    const sound = await new OfflineAudioContext(1, 1, 44100).decodeAudioData(bytes);
    const samples = sound.getChannelData(0);
    let peak = 0, energy = 0, finite = true;
    for (const v of samples) {
      peak = Math.max(peak, Math.abs(v)); energy += v * v; finite &&= Number.isFinite(v);
    }
    const rms = Math.sqrt(energy / samples.length);
    const { sampleRate: rate, numberOfChannels: channels } = sound;
    return { name: link.download, length: samples.length, rate, channels, peak, rms, finite };
  }));
}"""

HASHES = """async () => Promise.all([...document.querySelectorAll(".dg-card .dg-save")].map(async (link) => {
  const digest = await crypto.subtle.digest("SHA-256", await (await fetch(link.href)).arrayBuffer());
  const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [link.download, hex];
}))"""

# Notes every sound that the page hands to the loudspeaker.
LISTEN = """
  window.heard = [];
  const start = AudioBufferSourceNode.prototype.start;
  AudioBufferSourceNode.prototype.start = function (...rest) {
    const first = this.buffer.getChannelData(0).slice(0, 64).join();
    window.heard.push({ length: this.buffer.length, first, inKey: window.inKey });
    return start.apply(this, rest);
  };
  window.inKey = false;  // until the browser has done all that a key asks for at once
  window.addEventListener("keydown", () => {
    window.inKey = true;
    setTimeout(() => { window.inKey = false; });
  }, true);
"""


def rows_made(page: Any) -> int:
    return int(page.get_attribute(".dg-row", "data-made"))


def wait_for_row(page: Any, number: int, seconds: float = 60) -> None:
    page.wait_for_selector(f'.dg-row[data-made="{number}"][aria-busy="false"]', timeout=1000 * seconds)


def generate(page: Any) -> None:
    number = rows_made(page) + 1
    page.click(".dg-generate")
    wait_for_row(page, number)


def choose(page: Any, kind: str) -> None:
    number = rows_made(page) + 1
    page.click(f'.dg-kind[data-kind="{kind}"]')
    wait_for_row(page, number)


def download(page: Any, selector: str, folder: Path) -> Path:
    with page.expect_download() as event:
        page.click(selector)
    target = folder / event.value.suggested_filename
    event.value.save_as(target)
    return target


def row(page: Any) -> dict[str, str]:
    """Names and hashes of the files that the eight download links give."""
    return dict(page.evaluate(HASHES))


def slide(page: Any, selector: str, value: float) -> None:
    """Move a slider and let it go."""
    page.locator(selector).evaluate(
        """(slider, value) => {
             slider.value = value;
             for (const kind of ["input", "change"]) slider.dispatchEvent(new Event(kind, { bubbles: true }));
           }""",
        value,
    )


def post(studio: Any, name: str, data: list[Any]) -> tuple[str, Any]:
    """Event and answer of a call by plain HTTP, past the page."""
    call = f"{studio.url}/gradio_api/call/{name}"
    body = json.dumps({"data": data}).encode()
    request = urllib.request.Request(call, body, {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        event_id = json.load(answer)["event_id"]
    with opener.open(f"{call}/{event_id}", timeout=60) as answer:
        lines = [line for line in answer.read().decode().split("\n") if line]
    return lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))

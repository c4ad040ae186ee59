"""Style transfer as a musician meets it: real server, real sounds, real Chromium."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from creativeml.data.loops import loop, texture
from creativeml.data.patterns import written_patterns

from .conftest import Studio, visit
from .hands import download, post, slide

RATE = 48000
# Notes what is handed to the loudspeaker, and every gain that is set while it plays.
LISTEN = """
  window.heard = [];
  window.gains = [];
  const start = AudioBufferSourceNode.prototype.start, target = AudioParam.prototype.setTargetAtTime;
  AudioBufferSourceNode.prototype.start = function (when, at) {
    const { length, numberOfChannels: channels } = this.buffer;
    window.heard.push({ length, channels, rate: this.context.sampleRate, when, at });
    return start.call(this, when, at);
  };
  AudioParam.prototype.setTargetAtTime = function (...rest) {
    window.gains.push(rest[0]);
    return target.apply(this, rest);
  };
  null; // a function as the last value would be called
"""

# Notes every share that the bar shows.
FOLLOW = """() => {
  window.shares = [];
  const bar = document.querySelector(".st-progress"), note = () => window.shares.push(Number(bar.ariaValueNow));
  new MutationObserver(note).observe(bar, { attributes: true });
}"""
HEADS = """() => ["content", "result"].map((role) => {
  return document.querySelector(`[data-role="${role}"] .st-at`).style.left;
})"""
# A file of nine gigabytes by its own account, dropped on the content.
DROP_LARGE = """() => {
  const file = new File(["x"], "ten hours.wav"), drop = new DragEvent("drop", { bubbles: true, cancelable: true });
  Object.defineProperty(file, "size", { value: 9e9 });
  Object.defineProperty(drop, "dataTransfer", { value: { types: ["Files"], files: [file] } });
  document.querySelector('[data-role="content"]').dispatchEvent(drop);
}"""
NAMES = """() => [...document.querySelectorAll(".st button, .st input:not([type='file']), .st select")]
  .filter((node) => !node.closest("dialog"))
  .map((node) => (node.ariaLabel || node.labels?.[0]?.textContent || node.textContent || "").trim())"""
WHERE = """() => {
  const { activeElement: node } = document, part = node.closest("[data-role], .st-bar, .dg-top, .dg-foot");
  return part ? part.dataset.role || part.className : "";
}"""


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """A stereo beat of 1.5 s at 48 kHz, a rain of 1 s at 44.1 kHz, and what is no sound."""
    folder = tmp_path_factory.mktemp("own")
    beat = loop(written_patterns()[0], RATE, seed=1, tempo=110).numpy()[: round(1.5 * RATE)]
    soundfile.write(folder / "my beat.wav", np.stack([beat, 0.6 * beat], 1), RATE, subtype="PCM_24")
    soundfile.write(folder / "rain.flac", texture("snare", 44100, 1.0, seed=2).numpy(), 44100)
    (folder / "letter.wav").write_text("dear drummer")
    soundfile.write(folder / "silence.wav", np.zeros(RATE), RATE)
    return {path.stem: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def server() -> Iterator[Studio]:
    started = Studio(script="style_transfer")
    yield started
    started.close()


@pytest.fixture
def page(browser, server) -> Iterator[Any]:
    with visit(browser, server, ready='.st[data-ready="yes"]') as tab:
        tab.evaluate(LISTEN)
        yield tab


def put(page: Any, role: str, path: Path) -> None:
    page.set_input_files(f'[data-role="{role}"] .st-file', path)
    page.wait_for_selector(f'[data-role="{role}"] .st-name:text-is("{path.stem}")')


def method(page: Any, name: str) -> None:
    page.click(f'.st-methods button[data-method="{name}"]')


def transfer(page: Any, seconds: float = 90) -> None:
    page.click(".st-go")
    page.wait_for_selector('.st[data-state="idle"]', timeout=1000 * seconds)
    page.wait_for_selector('[data-role="result"]:not(.is-empty)', timeout=5000)


def error(page: Any) -> str:
    page.wait_for_selector(".dg-error:not([hidden])")
    return page.inner_text(".dg-error p")


def test_two_files_become_a_third_with_progress(page, files, tmp_path):
    put(page, "content", files["my beat"])
    put(page, "style", files["rain"])
    assert page.inner_text('[data-role="content"] .st-facts') == "1.5 s · 48 kHz · stereo"
    page.evaluate(FOLLOW)
    transfer(page)
    shares = page.evaluate("window.shares")
    assert shares == sorted(shares) and len(set(shares)) >= 3, shares
    assert "my beat in the style of rain · texture 100 %" in page.inner_text(".dg-status")
    assert "of hits kept" in page.inner_text('[data-role="result"] .st-cut')
    target = download(page, ".st-save", tmp_path)
    assert target.name.isascii() and target.name.startswith("my_beat_as_rain_texture100_")
    info = soundfile.info(target)
    assert (info.format, info.subtype, info.samplerate, info.channels) == ("WAV", "PCM_24", RATE, 2)
    samples, content = soundfile.read(target)[0], soundfile.read(files["my beat"])[0]
    assert samples.shape == content.shape and np.abs(samples).max() <= 1
    assert np.sqrt(np.mean((samples - content) ** 2)) > 0.2 * np.sqrt(np.mean(content**2))


def test_a_transfer_is_cancelled_and_another_finished(page, files):
    put(page, "style", files["rain"])
    page.fill(".st-seed", str(np.random.default_rng().integers(1, 2**31)))  # not made before
    page.click(".st-go")
    page.wait_for_function(
        "Number(document.querySelector('.st-progress').getAttribute('aria-valuenow')) > 5", timeout=60000
    )
    began = page.evaluate("performance.now()")
    page.keyboard.press("Escape")
    page.wait_for_selector('.st[data-state="idle"]', timeout=10_000)
    assert page.evaluate("performance.now()") - began < 4000
    assert page.inner_text(".dg-status") == "Cancelled"
    assert page.locator('[data-role="result"].is-empty').count() == 1
    method(page, "spectral")
    transfer(page)
    assert page.locator(".st-chip").count() == 1


def test_content_and_result_are_compared_at_the_same_place(page, files, tmp_path):
    put(page, "content", files["my beat"])
    put(page, "style", files["rain"])
    method(page, "spectral")
    transfer(page)
    page.evaluate("window.heard = []")
    page.keyboard.press(" ")
    heard = page.evaluate("window.heard")
    assert len(heard) == 2 and {(h["length"], h["rate"], h["channels"]) for h in heard} == {(72000, RATE, 2)}
    assert heard[0]["when"] == heard[1]["when"] and heard[0]["at"] == heard[1]["at"] == 0
    page.evaluate("window.gains = []")
    page.keyboard.press("a")
    assert page.evaluate("window.gains") == [1, 0]
    assert page.get_attribute('[data-heard="content"]', "aria-pressed") == "true"
    page.keyboard.press("b")
    assert page.evaluate("window.gains.slice(2)") == [0, 1]
    assert len(page.evaluate("window.heard")) == 2  # nothing was begun anew
    slide(page, ".st-blend", 8)
    gains = page.evaluate("window.gains.slice(-2)")
    # Two play-heads, at one place.
    places = page.evaluate(HEADS)
    assert places[0] == places[1] != ""
    page.keyboard.press(" ")
    blend = soundfile.read(download(page, ".st-save", tmp_path))[0]
    slide(page, ".st-blend", 20)
    result = soundfile.read(download(page, ".st-save", tmp_path))[0]
    content = soundfile.read(files["my beat"])[0]
    # What was heard is what was saved.
    assert np.abs(blend - (gains[0] * content + gains[1] * result)).max() < 2**-22


def test_the_list_plays_restores_saves_and_drops_and_survives_a_reload(page, files, tmp_path):
    put(page, "content", files["my beat"])
    put(page, "style", files["rain"])
    method(page, "spectral")
    slide(page, "#st-strength", 0.75)
    transfer(page)
    slide(page, "#st-strength", 0.25)
    slide(page, "#st-dynamics", 0.5)
    transfer(page)
    chips = page.locator(".st-chip-play span")
    assert chips.all_inner_texts() == ["Spectral 25 % · dynamics 50 %", "Spectral 75 %"]
    page.reload()
    page.wait_for_selector('.st[data-ready="yes"]')
    page.evaluate(LISTEN)
    assert chips.all_inner_texts() == ["Spectral 25 % · dynamics 50 %", "Spectral 75 %"]
    assert page.inner_text('[data-role="content"] .st-name') == "my beat"
    page.click(".st-chip >> nth=1 >> .st-chip-play")
    page.wait_for_function("window.heard.length === 1")
    page.click(".st-chip >> nth=1 >> .st-chip-restore")
    page.wait_for_selector(".st-chip >> nth=1 >> visible=true")
    page.wait_for_function("document.querySelectorAll('.st-chip')[1].classList.contains('is-shown')")
    assert page.input_value("#st-strength") == "0.75"
    saved = download(page, ".st-chip >> nth=0 >> .st-chip-save", tmp_path)
    assert "_spectral25_" in saved.name
    page.click(".st-chip >> nth=1 >> .st-chip-drop")
    assert chips.all_inner_texts() == ["Spectral 25 % · dynamics 50 %"]
    assert page.locator('[data-role="result"].is-empty').count() == 1


def test_a_sound_that_has_gone_is_said(page, server):
    method(page, "spectral")
    slide(page, "#st-timbre", 0.55)
    transfer(page)
    entry = page.evaluate("JSON.parse(localStorage.getItem('creativeml.transfer')).history[0]")
    assert post(server, "drop", [entry["id"]]) == ("complete", [True])
    page.click(".st-chip-play")
    assert "has gone" in error(page)
    page.click(".st-chip-restore")
    page.wait_for_function(
        "document.querySelector('.dg-error p').textContent.includes('Press Transfer to make it again')"
    )
    assert page.input_value("#st-timbre") == "0.55"
    transfer(page)
    assert page.locator(".st-chip.is-lost").count() == 0


def test_bad_files_are_said_and_the_page_goes_on(page, files):
    page.set_input_files('[data-role="style"] .st-file', files["letter"])
    assert error(page).startswith("letter.wav: ")
    page.set_input_files('[data-role="style"] .st-file', files["silence"])
    page.wait_for_function(
        "document.querySelector('.dg-error p').textContent.startsWith('silence.wav: the sound is silent')"
    )
    # By name too large, before it is sent.
    page.evaluate(DROP_LARGE)
    page.wait_for_selector(".dg-error p:text('ten hours')")
    assert "ten hours.wav: too large (8584 MiB, at most 256 MiB); cut out" in error(page)
    page.click(".dg-dismiss")
    method(page, "spectral")
    transfer(page)


def test_the_microphone_is_recorded_as_it_is(browser, server):
    with visit(browser, server, ready='.st[data-ready="yes"]') as page:
        page.context.grant_permissions(["microphone"])
        page.click('[data-role="style"] .st-record')
        page.wait_for_function("parseFloat(document.querySelector('[data-role=\"style\"] .st-note').textContent) > 1.2")
        page.click('[data-role="style"] .st-record')
        page.wait_for_selector('[data-role="style"] .st-name:text-is("Recording 1")')
        assert "kHz" in page.inner_text('[data-role="style"] .st-facts')
        method(page, "spectral")
        transfer(page)


def test_a_microphone_that_is_not_allowed_is_said(page):
    page.click('[data-role="content"] .st-record')
    assert "may not use the microphone" in error(page)
    assert page.get_attribute('[data-role="content"] .st-record', "aria-pressed") == "false"


def test_what_does_not_act_rests_with_a_reason(page):
    method(page, "spectral")
    row = '.st-slider[data-name="rhythm"]'
    assert (
        page.is_disabled(f"{row} input")
        and page.inner_text(f"{row} .st-rests") == "does not act: a filter moves no hit"
    )
    assert page.is_disabled(".st-seed")
    method(page, "latent")
    assert page.is_disabled('.st-slider[data-name="dynamics"] input') and page.is_enabled(".st-seed")
    page.select_option(".st-preset", "sinking")
    assert page.is_enabled(f"{row} input") and page.input_value(f"{row} input") == "0.4"
    assert page.get_attribute('[data-method="texture"]', "aria-checked") == "true"


def test_a_wrong_seed_is_said(page):
    page.fill(".st-seed", "minus one")
    page.click(".st-go")
    assert "whole number from 0 to 4294967295" in error(page)


def test_others_wait_their_turn_and_are_told(browser, server, page, files):
    content = page.evaluate("JSON.parse(localStorage.getItem('creativeml.transfer')).inputs")
    settings = {"method": "texture", "strength": 0.9, "seed": int(np.random.default_rng().integers(1, 2**31))}
    _, (begun,) = post(server, "start", [content["content"], content["style"], settings])
    page.fill(".st-seed", "17")
    page.click(".st-go")
    page.wait_for_selector(".st-stage-text:text-is('Busy: 1 before you')")
    _, (state,) = post(server, "cancel", [begun["job"]])
    assert state["job"]["state"] in ("stopping", "stopped")
    page.wait_for_selector('.st[data-state="running"]')
    page.keyboard.press("Escape")
    page.wait_for_selector('.st[data-state="idle"]', timeout=10_000)


@pytest.mark.parametrize("size", [(1280, 720), (1440, 900)])
def test_one_screen_without_scrolling(browser, server, size):
    with visit(browser, server, *size, ready='.st[data-ready="yes"]') as tab:
        method(tab, "spectral")
        transfer(tab)
        height, width = tab.evaluate("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]")
        assert (width, height) == size
        for selector in (".st-go", ".st-save", ".st-blend", ".st-chip-drop"):
            box = tab.locator(selector).first.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= size[0] and box["y"] + box["height"] <= size[1]


def test_a_tablet_scrolls_down_and_not_sideways(browser, server):
    with visit(browser, server, 820, 1180, ready='.st[data-ready="yes"]') as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == 820


def test_everything_has_a_name_and_the_order_is_that_of_the_page(page):
    names = page.evaluate(NAMES)
    assert len(names) > 25 and all(names)
    page.evaluate("document.activeElement.blur()")
    order = []
    for _ in range(30):
        page.keyboard.press("Tab")
        order.append(page.evaluate(WHERE))
    groups = [name for n, name in enumerate(order) if n == 0 or order[n - 1] != name]
    wanted = ["dg-top", "content", "style", "st-bar"]
    found = [next((w for w in wanted if w in g), "") for g in groups]
    assert [f for f in found if f][: len(wanted)] == wanted


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("start", ["../../etc/passwd", "x", {}], "no longer there"),
        ("start", [None, {}, []], "settings"),
        ("add", [{"path": "/etc/passwd"}], "give a file"),
        ("result", ["nothing"], "has gone"),
        ("download", ["nothing", 1e300], "has gone"),
        ("known", ["x"], "list of up to"),
    ],
)
def test_wrong_values_sent_past_the_page_get_a_clear_error(server, name, data, words):
    event, answer = post(server, name, data)
    assert event == "error"
    # Paths that it has not taken in Gradio refuses itself, before the app is asked, and says no more.
    assert words in answer["error"] if name != "add" or answer else answer is None


def test_a_name_cannot_become_markup_and_a_spoilt_memory_does_no_harm(browser, server, files, tmp_path):
    markup = "<img src=x onerror=hacked=1>"
    with visit(browser, server, ready='.st[data-ready="yes"]') as page:
        sound = {"name": f"{markup}.wav", "mimeType": "audio/wav", "buffer": files["my beat"].read_bytes()}
        page.set_input_files('[data-role="content"] .st-file', sound)
        page.wait_for_function("document.querySelector('[data-role=content] .st-name').textContent.includes('onerror')")
        method(page, "spectral")
        transfer(page)
        assert "onerror" in page.inner_text(".st-chip-play b")
        spoilt = {"settings": {"method": markup, "seed": -1}, "blend": 1e9, "volume": "x", "inputs": markup}
        entry = {"id": "x", "content": {"id": "a", "name": markup, "seconds": 1}, "style": None}
        for history in ([None, 7, entry], markup):
            page.evaluate(
                "(values) => localStorage.setItem('creativeml.transfer', JSON.stringify(values))",
                {**spoilt, "history": history},
            )
            page.reload()
            page.wait_for_selector('.st[data-ready="yes"]')
            assert page.locator(".st-chip").count() == 0 and page.input_value(".st-seed") == "0"
        assert page.evaluate("typeof hacked") == "undefined"


def test_a_reload_goes_on_with_the_work(page):
    page.fill(".st-seed", str(np.random.default_rng().integers(1, 2**31)))
    page.click(".st-go")
    page.wait_for_selector('.st[data-state="running"]', timeout=60_000)
    page.reload()
    page.wait_for_selector('.st[data-state="running"]', timeout=60_000)
    page.wait_for_selector('.st[data-state="idle"]', timeout=90_000)
    assert page.locator(".st-chip").count() == 1


def test_a_lost_server_is_said(page):
    page.route("**/gradio_api/call/**", lambda route: route.abort())
    method(page, "spectral")
    slide(page, "#st-strength", 0.35)
    page.click(".st-go")
    assert "does not answer" in error(page)
    page.unroute("**/gradio_api/call/**")
    page.click(".dg-retry")
    page.wait_for_selector(".st-chip")
    assert page.locator(".dg-error").is_hidden()
    # The browser itself reports the request that was cut off; nothing else may be wrong.
    page.watch.complaints[:] = [c for c in page.watch.complaints if "ERR_FAILED" not in c]


def test_the_endpoints_serve_programs(server, files, tmp_path):
    from gradio_client import Client, handle_file

    client = Client(server.url, verbose=False, download_files=str(tmp_path))
    content, style = (client.predict(file=handle_file(str(files[n])), api_name="/add") for n in ("my beat", "rain"))
    settings = {"method": "spectral", "strength": 0.6}
    begun = client.predict(content=content["id"], style=style["id"], settings=settings, api_name="/start")
    while begun["job"] and client.predict(job=begun["job"], api_name="/state")["job"]["state"] != "done":
        time.sleep(0.1)
    saved = client.predict(result=begun["result"], blend=10, api_name="/download")
    assert soundfile.info(saved).frames == 72000
    assert "_spectral60_" in Path(saved).name and Path(saved).name.endswith("_blend50.wav")


@pytest.mark.parametrize("path", ["/etc/passwd", "../../etc/passwd"])
def test_other_files_are_not_served(server, path):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(f"{server.url}/gradio_api/file={path}", timeout=60)
    assert caught.value.code in (403, 404)

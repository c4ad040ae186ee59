"""The real app in a process of its own, and a real Chromium that notes what it asks for and complains of."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from urllib.parse import urlsplit

import pytest

from creativeml.files import project_folder

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    # A microphone that beeps; pages still have to be allowed to listen.
    "--use-fake-device-for-media-stream",
]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
START_S = 180
PAGE_NAMES = "Drum generator|Latent explorer|Style transfer"
# The tests are for the model that is shipped; a developer may let them drive another one.
MODEL = os.environ.get("CREATIVEML_BROWSER_MODEL", "drums")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


def missing(reason: str, remedy: str) -> None:
    """Skip for want of a browser; where the tests must run (CI), fail instead."""
    text = f"{reason}; install it with: {remedy}"
    if os.environ.get("CREATIVEML_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{text} (CREATIVEML_REQUIRE_BROWSER=1 forbids to skip)")
    pytest.skip(text)


def find_chromium(bundled: str) -> str:
    found = [shutil.which(name) for name in NAMES]
    candidates = [*filter(None, found), *PLACES, bundled]
    path = next((c for c in candidates if Path(c).exists()), "")
    if not path:
        missing(
            "no Chromium or Chrome was found",
            "apt install chromium  (or: python -m playwright install chromium)",
        )
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("the package playwright is not installed", "pip install 'creativeml[dev]'")
    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


class Studio:
    """`creativeml studio`, another verb that serves a page, or the script of an app, as a user starts it."""

    def __init__(
        self,
        model: str = MODEL,
        *,
        verb: str = "studio",
        script: str = "",
        path: str = "/sounds",
        options: Sequence[str] = (),
        **variables: str,
    ) -> None:
        # Where the page lies at its address.
        self._path = path if verb == "studio" and not script else ""
        how = ["-m", "creativeml", verb, "--model", model]
        if script:
            how = [str(project_folder("apps") / f"{script}.py")]
        program = [sys.executable, *how, "--no-browser", *options]
        # Nothing of a test stays with the person who runs it.
        self._projects = tempfile.TemporaryDirectory()
        own = {"PYTHONUNBUFFERED": "1", "CREATIVEML_PROJECTS": self._projects.name}
        environment = {**os.environ, **own, **variables}
        # The first free port from 7860 on: what two people on one machine rely on.
        self.process = subprocess.Popen(
            program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        self._lines: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.base = self._wait_for_base()
        self.url = self.base + self._path

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def _wait_for_base(self) -> str:
        said = ""
        while True:
            try:
                line = self._lines.get(timeout=START_S)
            except Empty:
                raise AssertionError(f"no address after {START_S} s; the studio said: {said}") from None
            said += line
            if address := re.search(
                r"(?:creativeml studio|Latent explorer|Style transfer): (http://127\.0\.0\.1:\d+)/", line
            ):
                return address[1]
            assert line, f"the studio ended before it was up: {said}"

    def close(self) -> int:
        self.process.terminate()
        try:
            return self.process.wait(timeout=60)
        finally:
            self.process.kill()
            self._projects.cleanup()


@pytest.fixture(scope="session")
def studio() -> Iterator[Studio]:
    started = Studio()
    yield started
    started.close()


class Watch:
    """What a page asked for and complained of."""

    def __init__(self, page: Any) -> None:
        self.outside: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self._note(request.url))
        page.on("websocket", lambda socket: self._note(socket.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("blob", "data") and parts.hostname != "127.0.0.1":
            self.outside.append(url)


@contextmanager
def visit(browser: Any, studio: Studio, width: int = 1280, height: int = 720, ready: str = ".dg-kind") -> Iterator[Any]:
    """A fresh visitor at the page. No test may leave a complaint or a request to elsewhere."""
    context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
    context.set_default_timeout(60_000)
    tab = context.new_page()
    tab.watch = Watch(tab)
    tab.goto(studio.url)
    tab.wait_for_selector(ready)
    yield tab
    context.close()
    assert tab.watch.outside == []
    assert tab.watch.complaints == []


@pytest.fixture
def page(browser, studio) -> Iterator[Any]:
    """A visitor at 1280 x 720."""
    with visit(browser, studio) as tab:
        yield tab

"""Who is let in: asked of the real studio in a process of its own, by plain requests."""

from __future__ import annotations

import asyncio
import base64
import http.client
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

LOGIN = {"Authorization": "Basic " + base64.b64encode(b"anna:se:cret").decode()}
# The page itself, what Gradio serves beside it, its own endpoints, uploads and streams of events.
PATHS = (
    ("GET", "/"),
    ("GET", "/favicon.ico"),
    ("GET", "/kit/"),
    ("GET", "/kit/config"),
    ("GET", "/kit/theme.css"),
    ("GET", "/kit/assets/index.js"),
    ("GET", "/kit/static/img/logo.svg"),
    ("GET", "/kit/gradio_api/info"),
    ("GET", "/kit/gradio_api/file=/etc/hostname"),
    ("GET", "/kit/gradio_api/queue/data?session_hash=x"),
    ("GET", "/kit/gradio_api/heartbeat/x"),
    ("POST", "/kit/gradio_api/queue/join"),
    ("POST", "/kit/gradio_api/call/fresh"),
    ("POST", "/kit/gradio_api/upload"),
    ("OPTIONS", "/kit/gradio_api/queue/join"),
    ("GET", "/sounds/"),
    ("GET", "/explore/"),
    ("GET", "/transfer/"),
    ("GET", "/nowhere"),
)


@contextmanager
def served(verb: str, *options: str) -> Iterator[int]:
    """The port of the studio, or of one page of it."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "CREATIVEML_PROJECTS": folder}
        program = [sys.executable, "-m", "creativeml", verb, "--no-browser", *options]
        process = subprocess.Popen(
            program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )
        try:
            assert process.stdout is not None
            said = ""
            for line in process.stdout:
                said += line
                if found := re.search(r"\w: http://\S+?:(\d+)/", line):
                    break
            else:
                pytest.fail(f"the studio ended: {said}")
            yield int(found[1])
        finally:
            process.terminate()
            try:
                process.wait(timeout=60)
            finally:
                process.kill()


@pytest.fixture(scope="module")
def here() -> Iterator[int]:
    with served("studio") as port:
        yield port


@pytest.fixture(scope="module")
def guarded() -> Iterator[int]:
    with served("studio", "--host", "0.0.0.0", "--auth", "anna:se:cret") as port:
        yield port


def ask(port: int, method: str, path: str, headers: dict[str, str] | None = None, body: str = "") -> tuple[int, str]:
    """Status and the beginning of what came."""
    given = {"Host": f"127.0.0.1:{port}", **(headers or {})}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(method, path, skip_host=True)
        for name, value in given.items():
            if value:
                connection.putheader(name, value)
        if method == "POST":
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode())
        response = connection.getresponse()
        stream = "event-stream" in (response.getheader("content-type") or "")
        return response.status, "" if stream else response.read(4000).decode("utf-8", "replace")
    finally:
        connection.close()


def refused(answer: tuple[int, str], status: int) -> bool:
    return answer[0] == status and "\n" not in answer[1] and 0 < len(answer[1]) < 120


def test_the_page_of_this_machine_is_served(here):
    for host in (f"127.0.0.1:{here}", f"localhost:{here}", f"[::1]:{here}", "LOCALHOST", f"127.0.0.1:{here + 1}"):
        assert ask(here, "GET", "/kit/", {"Host": host})[0] == 200, host
        assert ask(here, "GET", "/kit/config", {"Host": host, "Origin": f"http://{host}"})[0] == 200, host


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_name_that_somebody_lets_lead_here_is_refused(here, method, path):
    for host in (
        "evil.example",
        f"evil.example:{here}",
        "192.168.1.5",
        "127.0.0.1.evil.example",
        "[",
        "127.0.0.1@evil",
    ):
        assert refused(ask(here, method, path, {"Host": host, "Origin": f"http://{host}"}), 403), host
        assert refused(ask(here, method, path, {"Host": host}), 403), host


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_another_site_is_refused(here, method, path):
    for origin in (
        "https://evil.example",
        f"http://evil.example:{here}",
        "http://127.0.0.1",
        f"http://127.0.0.1:{here + 1}",
        f"http://localhost:{here}",
        f"https://127.0.0.1.evil.example:{here}",
        "null",
        "x",
        "http://[",
    ):
        assert refused(ask(here, method, path, {"Origin": origin}), 403), origin


def called(port: int, name: str, values: list) -> tuple[str, object]:
    """How an endpoint of the Kit page ended, and what it gave, in the way of a page of this address."""
    own = {"Origin": f"http://127.0.0.1:{port}"}
    status, text = ask(port, "POST", f"/kit/gradio_api/call/{name}", own, json.dumps({"data": values}))
    assert status == 200, text
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", f"/kit/gradio_api/call/{name}/{json.loads(text)['event_id']}")
    told = connection.getresponse().read().decode()
    connection.close()
    end = told.strip().split("\n\n")[-1]
    event, data = (line.partition(": ")[2] for line in end.splitlines())
    return event, json.loads(data)


def test_nothing_is_begun_for_another_site(here):
    body = json.dumps({"data": [5]})
    assert refused(ask(here, "POST", "/kit/gradio_api/call/fresh", {"Origin": "https://evil.example"}, body), 403)
    event, (project,) = called(here, "fresh", [5])
    assert event == "complete" and len(project["pads"]) == 16


def test_a_kit_is_kept_with_its_revision(here):
    project, name = called(here, "fresh", [5])[1][0], "a" * 32
    assert called(here, "open", [name]) == ("complete", [None])
    assert called(here, "save", [name, project, 0]) == ("complete", [1])
    assert called(here, "save", [name, project, 1]) == ("complete", [2])
    event, told = called(here, "save", [name, project, 1])
    assert event == "error" and told["error"].startswith("This kit was changed in another window")
    assert called(here, "open", [name]) == ("complete", [{"project": project, "revision": 2, "notes": []}])


def test_a_proxy_may_tell_the_name_that_was_asked_for(here):
    headers = {"Origin": "https://studio.example", "X-Forwarded-Host": "studio.example"}
    assert ask(here, "GET", "/kit/config", headers)[0] == 200


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_without_the_password_nothing_is_served(guarded, method, path):
    wrong = base64.b64encode(b"anna:secret").decode()
    for headers in ({}, {"Authorization": f"Basic {wrong}"}, {"Authorization": "Basic"}, {"Authorization": "Bearer é"}):
        assert refused(
            ask(guarded, method, path, {k: v.encode("utf-8").decode("latin-1") for k, v in headers.items()}), 401
        )
    foreign = {**LOGIN, "Origin": "https://evil.example"}
    assert refused(ask(guarded, method, path, foreign), 403)


def test_with_the_password_a_studio_is_open_by_any_name(guarded):
    for host in (f"127.0.0.1:{guarded}", "studio.example", "192.168.1.5:7860"):
        assert ask(guarded, "GET", "/kit/", {**LOGIN, "Host": host})[0] == 200
        assert ask(guarded, "GET", "/kit/", {**LOGIN, "Host": host, "Origin": f"https://{host}"})[0] == 200
    assert ask(guarded, "GET", "/kit/config")[0] == 401


def test_a_page_of_its_own_is_guarded_too():
    with served("explore") as port:
        for method, path in (("GET", "/"), ("GET", "/config"), ("POST", "/gradio_api/queue/join")):
            assert refused(ask(port, method, path, {"Host": f"evil.example:{port}"}), 403)
            assert refused(ask(port, method, path, {"Origin": "https://evil.example"}), 403)
        assert ask(port, "GET", "/config", {"Origin": f"http://127.0.0.1:{port}"})[0] == 200


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_websockets_do_not_lead_past_the_guard(guarded, here):
    assert ask(guarded, "GET", "/kit/gradio_api/queue/join", UPGRADE)[0] in (401, 403)
    assert ask(here, "GET", "/kit/gradio_api/queue/join", {**UPGRADE, "Origin": "https://evil.example"})[0] == 403


@pytest.mark.parametrize(
    ("login", "host", "asked", "passes"),
    [
        (None, "127.0.0.1", "127.0.0.1:7860", True),
        (None, "127.0.0.1", "evil.example", False),
        (None, "::1", "[::1]:7860", True),
        (("anna", "x"), "127.0.0.1", "evil.example", False),
        (("anna", "x"), "0.0.0.0", "evil.example", True),
        (("anna", "x"), "studio.example", "other.example", True),
    ],
)
def test_a_websocket_is_closed_before_it_is_open(apps_folder, login, host, asked, passes):
    """By the protocol that servers speak to apps, whichever library the server has for websockets."""
    reached, sent = [], []

    async def app(scope, receive, send) -> None:
        reached.append(scope)

    async def send(message) -> None:
        sent.append(message)

    guard = importlib.import_module("_shared.guard").Guard(app, host, login)
    headers = [(b"host", asked.encode())]
    if login:
        headers.append((b"authorization", b"Basic " + base64.b64encode(":".join(login).encode())))
    asyncio.run(guard({"type": "websocket", "headers": headers}, None, send))
    assert bool(reached) == passes and sent == ([] if passes else [{"type": "websocket.close", "code": 1008}])
    if login:
        asyncio.run(guard({"type": "websocket", "headers": headers[:1]}, None, send))
        assert len(reached) == passes and sent[-1] == {"type": "websocket.close", "code": 1008}

"""Several pages at one address, each a Gradio app of its own below a path of its own."""

from __future__ import annotations

import base64
import hmac
import threading
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from _shared import serving
from _shared.serving import MAX_UPLOAD, QUEUE_LENGTH, Address, port_error, wait

if TYPE_CHECKING:
    import gradio


@dataclass(frozen=True)
class Page:
    """One of them.

    Attributes:
        path: below which it lies, e.g. "/kit".
        demo: the page.
        css: its style sheet, that of no other.
        max_upload: size of the largest file that it takes.
    """

    path: str
    demo: gradio.Blocks
    css: str
    max_upload: str = MAX_UPLOAD


def links(titles: Sequence[tuple[str, str]], here: str) -> list[dict[str, Any]]:
    """What a page shows to lead to the others: (path, title) of all, and the path of the page itself.

    Addresses go from the page up and down again, so that they hold behind a proxy too.
    """
    return [{"title": title, "address": f"..{path}/", "here": path == here} for path, title in titles]


def serve_pages(
    pages: Sequence[Page],
    address: Address,
    *,
    name: str,
    browser: bool,
    when_up: Callable[[], None] = lambda: None,
) -> None:
    """Serve pages until Ctrl+C; the first one opens. As `serving.serve`, otherwise.

    Raises:
        CreativeMLError: the address is taken or not this machine's.
    """
    import gradio
    from fastapi import FastAPI
    from fastapi.responses import RedirectResponse, Response
    from gradio.http_server import start_server

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard, login=address.login, host=address.host)
    app.add_api_route("/", lambda: RedirectResponse(f".{pages[0].path}/"), methods=["GET"])
    # Browsers ask for it whatever the page says; there is none.
    app.add_api_route("/favicon.ico", lambda: Response(status_code=204), methods=["GET"])
    for page in pages:
        page.demo.queue(max_size=QUEUE_LENGTH)
        options = serving.options(page.css, page.max_upload)
        gradio.mount_gradio_app(app, page.demo, page.path, server_name=address.host, **options)
    try:
        _, _, url, server = start_server(app, address.host, address.port)  # type: ignore[arg-type]
    except OSError as error:
        raise port_error(address) from error
    print(f"{name}: {url}  (Ctrl+C ends it)", flush=True)
    when_up()
    if browser:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    wait(server.close)


class Guard:
    """Lets in who may come: with user and password, asked for once for all pages in the way that every browser knows.

    Other sites are kept out, which a browser would let ask on behalf of who reads them: requests that say they come
    from elsewhere (`Origin`), and those to a name that is not the studio's, as anybody may let a name lead to this very
    machine (DNS rebinding). A studio for other machines has names that it does not know; there the password must do.

    Args:
        app: what is guarded.
        login: user and password; None lets everybody in.
        host: what the studio listens on.
    """

    def __init__(self, app: Any, login: tuple[str, str] | None, host: str = "127.0.0.1") -> None:
        self._app = app
        self._wanted = None if login is None else b"Basic " + base64.b64encode(":".join(login).encode())
        self._host = host.strip("[]").lower()
        self._any_name = login is not None and not serving.is_this_machine(host)

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        status, text, more = self._refused(scope["headers"])
        if not status:
            return await self._app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        body = text.encode()
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body)), *more]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
        return None

    def _refused(self, headers: Sequence[tuple[bytes, bytes]]) -> tuple[int, str, list[tuple[bytes, bytes]]]:
        """Status (0 lets it pass), a line on why, and headers."""
        given: dict[bytes, list[str]] = {}
        for name, value in headers:
            given.setdefault(name.lower(), []).append(value.decode("latin-1"))
        hosts = given.get(b"host", [])
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return 403, "refused: the studio is not known by this name; open it at the address that it printed", []
        # A proxy in front of the studio tells the name that the browser asked for; no other site could add that.
        asked = [*hosts, *given.get(b"x-forwarded-host", [])]
        if not all(any(_same(origin, host) for host in asked) for origin in given.get(b"origin", [])):
            return 403, "refused: another site asks; open the studio at the address that it printed", []
        if self._wanted is not None:
            told = "".join(given.get(b"authorization", [])).encode("latin-1")
            if not hmac.compare_digest(told, self._wanted):
                challenge = (b"www-authenticate", b'Basic realm="creativeml", charset="UTF-8"')
                return 401, "give user and password", [challenge]
        return 0, "", []

    def _is_ours(self, host: str) -> bool:
        if self._any_name:
            return True
        name = _place(f"http://{host}")[0]
        return bool(name) and (name == self._host or serving.is_this_machine(name))


def _same(origin: str, host: str) -> bool:
    """Whether a page at `origin` was loaded from `host`."""
    scheme = origin.partition("://")[0]
    place = _place(origin)
    return bool(place[0]) and place == _place(f"{scheme}://{host}")


def _place(address: str) -> tuple[str, int]:
    """Name and port; no name if it is no address."""
    try:
        parts = urlsplit(address)
        return (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        return "", 0

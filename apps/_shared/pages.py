"""Several pages at one address, each a Gradio app of its own below a path of its own."""

from __future__ import annotations

import threading
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from _shared import serving
from _shared.guard import Guard
from _shared.serving import MAX_UPLOAD, QUEUE_LENGTH, SESSIONS, Address, port_error, wait

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
    app.add_middleware(Guard, host=address.host, login=address.login)
    app.add_api_route("/", lambda: RedirectResponse(f".{pages[0].path}/"), methods=["GET"])
    # Browsers ask for it whatever the page says; there is none.
    app.add_api_route("/favicon.ico", lambda: Response(status_code=204), methods=["GET"])
    for page in pages:
        page.demo.queue(max_size=QUEUE_LENGTH)
        page.demo.state_session_capacity = SESSIONS
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

"""What every page of creativeml shares: private temporary files, a local address, no telemetry."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from _shared.guard import Guard, is_this_machine
from creativeml.data.folders import printable
from creativeml.errors import CreativeMLError
from creativeml.interruptions import Stop, leave_with
from creativeml.memory import share_arenas

if TYPE_CHECKING:
    import gradio

SHARED = Path(__file__).resolve().parent
STYLE = SHARED / "page.css"
# For pages that take no uploads: the bound stops a stranger from filling the disk through Gradio's own route.
MAX_UPLOAD = "1mb"
QUEUE_LENGTH = 32
# Gradio takes every call for a session of its own and keeps 10,000 of them, 43 KiB each; no page here has any state.
SESSIONS = 256


def prepare_environment() -> Path:
    """Settings that Gradio reads while it is imported, so call this before. Returns the folder for
    temporary files.

    The folder belongs to this process alone and goes when the process ends.
    """
    share_arenas()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # It keeps figures of every call, which nobody looks at here.
    os.environ["GRADIO_ANALYTICS_MAX_EVENTS"] = "64"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    # Gradio calls its own server to see whether it is up; a company's proxy must not stand in between.
    for name in ("no_proxy", "NO_PROXY"):
        known = [h for h in os.environ.get(name, "").split(",") if h]
        os.environ[name] = ",".join(dict.fromkeys([*known, "127.0.0.1", "localhost"]))
    # Where the temporary folder is a link, Gradio and we shall spell paths alike.
    folder = Path(tempfile.mkdtemp(prefix="creativeml-")).resolve()
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@dataclass(frozen=True)
class Address:
    """Where to listen, and who may come in. Refuses to open a page to other machines without a password.

    Attributes:
        host: name or number of the address to listen on.
        port: 1 to 65535; None takes the first free one from 7860 on.
        auth: "user:password", or None on this machine alone.
    """

    host: str = "127.0.0.1"
    port: int | None = None
    auth: str | None = None

    def __post_init__(self) -> None:
        if self.port is not None and not 1 <= self.port <= 65535:
            raise CreativeMLError(f"--port must lie between 1 and 65535, got {self.port}")
        if self.auth is not None and not all(self.auth.partition(":")):
            raise CreativeMLError("--auth must be user:password, neither of them empty")
        if self.auth is None and not is_this_machine(self.host):
            raise CreativeMLError(
                f"--host {self.host} opens the page to other machines: protect it with --auth user:password, "
                "or leave --host out to stay on this machine"
            )

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password."""
        if self.auth is None:
            return None
        user, _, password = self.auth.partition(":")
        return user, password


def joined(paths: Iterable[Path]) -> str:
    """Style sheets, or scripts, in one: in the browser they share a scope, so the order is that of use."""
    return "\n".join(path.read_text(encoding="utf-8") for path in paths)


def uploaded(file: Any, folder: Path, remedy: str = "give it again") -> tuple[Path, str]:
    """Where an uploaded file lies and what it is called: only what Gradio put into our own folder is touched.

    Gradio puts each into a folder of its own there. Files that pages have made lie deeper, and are no uploads.

    Args:
        file: what an endpoint was given for it.
        folder: that uploads lie in.
        remedy: what to do if it is gone.

    Raises:
        CreativeMLError: it is none, or is gone.
    """
    given = file.get("path") if isinstance(file, dict) else None
    path = Path(given).resolve() if isinstance(given, str) and 0 < len(given) < 1000 and "\0" not in given else None
    if path is None or path.parent.parent != folder:
        raise CreativeMLError("give a file; what came is none")
    if not path.is_file():
        raise CreativeMLError(f"the file is no longer there; {remedy}")
    name = file.get("orig_name")
    shown = printable(Path(name).name)[-80:] if isinstance(name, str) else ""
    return path, shown or path.name


@contextlib.contextmanager
def shown_errors() -> Iterator[None]:
    """Turn an error that is meant for the user into one that Gradio passes on to the page."""
    import gradio

    try:
        yield
    except CreativeMLError as error:
        raise gradio.Error(str(error), print_exception=False) from error


def options(css: str, max_upload: str = MAX_UPLOAD) -> dict[str, Any]:
    """How Gradio serves each page: nothing goes out, nothing of Gradio's own is shown, no file beyond our folder."""
    from gradio.themes import Base

    return {
        "show_error": False,
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "max_file_size": max_upload,
        "allowed_paths": [],
        "ssr_mode": False,
        "mcp_server": False,
        "pwa": False,
        "theme": Base(),
        "css": css,
    }


def serve(
    demo: gradio.Blocks,
    address: Address,
    *,
    name: str,
    css: str,
    browser: bool,
    when_up: Callable[[], None] = lambda: None,
    max_upload: str = MAX_UPLOAD,
) -> None:
    """Serve a page until Ctrl+C.

    Args:
        demo: the page.
        address: where.
        name: what the page is called in the line that tells its address.
        css: style sheet of the page.
        browser: whether to open the page.
        when_up: called once the page can be reached.
        max_upload: size of the largest file that it takes.

    Raises:
        CreativeMLError: the address is taken or not this machine's.
    """
    from starlette.middleware import Middleware

    demo.queue(max_size=QUEUE_LENGTH)
    try:
        _, url, _ = demo.launch(
            app_kwargs={"middleware": [Middleware(Guard, host=address.host)]},
            server_name=address.host,
            server_port=address.port,
            auth=address.login,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            state_session_capacity=SESSIONS,
            **options(css, max_upload),
        )
    except OSError as error:
        raise port_error(address) from error
    print(f"{name}: {url}  (Ctrl+C ends it)", flush=True)
    when_up()
    if browser:
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
    wait(lambda: demo.close(verbose=False))


def port_error(address: Address) -> CreativeMLError:
    """What to tell when nothing can be served there."""
    port = f"port {address.port}" if address.port is not None else "every port from 7860 to 7959"
    return CreativeMLError(
        f"cannot listen on {address.host}: {port} is taken, or the address is not this machine's; "
        "give another --port or --host"
    )


def wait(close: Callable[[], object]) -> None:
    """Until Ctrl-C or SIGTERM, then close."""
    with Stop():
        with contextlib.suppress(KeyboardInterrupt):
            while True:
                time.sleep(3600)  # on Windows, Ctrl-C does not end the waiting for a lock
        close()


def run(serve: Callable[..., None]) -> NoReturn:
    """The program of an app's script, with the arguments of `serve` for flags.

    Exit codes: 0 once it was told to end, 1 after an error that the user can mend, 130 and 143 if Ctrl-C or SIGTERM
    came before it was up.
    """
    import tyro

    def work() -> int:
        with Stop():
            try:
                tyro.cli(serve)
            except CreativeMLError as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
        return 0

    leave_with(work)

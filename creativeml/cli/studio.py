"""`creativeml studio`: open the studio in the browser."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

from creativeml.files import project_folder


def studio(
    *,
    model: str = "drums",
    data: Path | None = None,
    projects: Path | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    auth: str | None = None,
    browser: bool = True,
) -> int:
    """Open the studio: make a drum kit, write a beat, take both into a track. On this machine, without network.

    Args:
        model: a bundled model, a folder of a trained one, or user/name on the Hugging Face hub.
        data: a dataset that `creativeml prepare` made, whose recordings are on the map too, and can be played beside
            the sounds that they are nearest to.
        projects: folder in which kits are kept between two visits; by default the user's data folder.
        host: address to listen on; any other than this machine's own needs --auth.
        port: 1 to 65535; by default the first free one from 7860 on.
        auth: user:password that the pages ask for.
        browser: open the page in the browser (--no-browser only prints its address).
    """
    open_app("studio").serve(
        model=model, data=data, projects=projects, host=host, port=port, auth=auth, browser=browser
    )
    return 0


def open_app(name: str) -> Any:
    """The script of an app as a module."""
    # The apps are scripts in a plain folder; they find their shared parts beside them, as when run by hand.
    folder = str(project_folder("apps"))
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)

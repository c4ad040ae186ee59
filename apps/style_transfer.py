"""Style transfer: a page that plays a sound, a beat say, with the texture, the hits or the colour of another.

Run it by hand: `python apps/style_transfer.py`, or with `--help`. Files are transferred by `creativeml transfer`.
Programs use the same endpoints as the page: `/state`, `/examples`, `/add`, `/start`, `/cancel`, `/result`, `/known`,
`/download` and `/drop`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _shared import serving
from _shared.background import InBackground
from _style_transfer.server import MAX_HISTORY, PACES, Server, kept_in
from _style_transfer.sounds import BLENDS, LICENCE, LONGEST_S, MAX_BYTES_UPLOAD, MAX_UPLOAD, Sounds

from creativeml.errors import require
from creativeml.memory import keep_large_blocks
from creativeml.synthesis.catalog import LAST_SEED, ModelInfo, find_model
from creativeml.synthesis.style_transfer.presets import PRESETS

if TYPE_CHECKING:
    import gradio

PAGE = Path(__file__).resolve().parent / "_style_transfer"
# One scope in the browser, so the order is that of use.
SCRIPTS = tuple(serving.SHARED / name for name in ("sound.js", "picture.js", "icons.js", "parts.js")) + tuple(
    PAGE / name for name in ("player.js", "record.js", "page.js", "work.js", "view.js", "wiring.js")
)
STYLES = (serving.STYLE, PAGE / "page.css", PAGE / "bar.css")


def build(server: Server, info: ModelInfo, links: Sequence[Mapping[str, Any]] = ()) -> gradio.Blocks:
    """The page, not yet served.

    Args:
        server: answers it.
        info: of the model that the method *latent* plays.
        links: to other pages, where it is one of several.
    """
    import gradio
    from gradio.events import api

    with gradio.Blocks(title="Style transfer", analytics_enabled=False, delete_cache=(600, 3600)) as demo:
        gradio.HTML(
            html_template=(PAGE / "page.html").read_text(encoding="utf-8"),
            js_on_load=serving.joined(SCRIPTS),
            apply_default_css=False,
            setup=json.dumps({**page_setup(info), "pages": list(links)}),
            elem_id="style-transfer",
        )
        # None of these waits for a transfer: that has a worker of its own.
        for name in ("state", "examples", "start", "cancel", "result", "known", "drop"):
            api(getattr(server, name), api_name=name, concurrency_limit=None)
        for name in ("add", "download"):
            api(getattr(server, name), api_name=name, concurrency_id="files", concurrency_limit=1)
    return demo


def page_setup(info: ModelInfo) -> dict[str, Any]:
    """What the page must know."""
    return {
        "lastSeed": LAST_SEED,
        "longestS": LONGEST_S,
        "maxBytes": MAX_BYTES_UPLOAD,
        "maxHistory": MAX_HISTORY,
        "blends": BLENDS,
        "paces": PACES,
        "licence": LICENCE,
        "presets": [{"name": p.name, "sentence": p.sentence, "settings": asdict(p.settings)} for p in PRESETS],
        "model": {"name": info.name, "sha256": info.sha256, "licence": info.licence, "version": info.version},
    }


def prepared(folder: Path, info: ModelInfo) -> tuple[Server, Callable[[], None]]:
    """The server of a page, and what is to be called once it can be reached: it makes the examples."""
    sounds = Sounds(kept_in(folder))
    examples = InBackground(sounds.add_examples)
    server = Server(examples.get, sounds, folder, info.version)

    def start() -> None:
        examples.start()
        server.warm_up()

    return server, start


def serve(
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    auth: str | None = None,
    browser: bool = True,
) -> None:
    """Open style transfer: a page that plays a sound in the style of another, on this machine, without network.

    Args:
        host: address to listen on; any other than this machine's own needs --auth.
        port: 1 to 65535; by default the first free one from 7860 on.
        auth: user:password that the page asks for.
        browser: open the page in the browser (--no-browser only prints its address).
    """
    address = serving.Address(host, port, auth)
    keep_large_blocks()
    info = find_model("drums")
    folder = serving.prepare_environment()
    require("gradio", extra="apps")
    server, start = prepared(folder, info)
    demo = build(server, info)
    css = serving.joined(STYLES)
    serving.serve(
        demo,
        address,
        name="Style transfer",
        css=css,
        browser=browser,
        when_up=start,
        max_upload=MAX_UPLOAD,
    )


if __name__ == "__main__":
    serving.run(serve)

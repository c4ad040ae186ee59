"""The studio: kit, map and style transfer in one place, and what is known of the model.

Run it with `creativeml studio`, or by hand: `python apps/studio.py --help`.
Programs use the same endpoints as the pages; those of the Kit page lie below `/kit/gradio_api`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import drum_generator
import latent_explorer
import style_transfer
from _about import page as about
from _about.server import AboutServer
from _shared import pages, serving
from _shared.background import InBackground
from _studio.patterns import presets

from creativeml.errors import require
from creativeml.kits.project import FIRST_PAD
from creativeml.kits.store import ProjectStore, default_store
from creativeml.memory import keep_large_blocks
from creativeml.synthesis.catalog import ModelInfo, find_model

if TYPE_CHECKING:
    import gradio
    from _studio.server import Server

    from creativeml.synthesis.generate import Instrument

PAGE = Path(__file__).resolve().parent / "_studio"
SCRIPTS = tuple(
    serving.SHARED / name for name in ("sound.js", "picture.js", "icons.js", "parts.js", "scales.js")
) + tuple(
    PAGE / name for name in ("state.js", "rack.js", "pads.js", "editor.js", "sequencer.js", "files.js", "wiring.js")
)
STYLES = (serving.STYLE, PAGE / "kit.css")
TITLES = (
    ("/kit", "Kit"),
    ("/sounds", "Sounds"),
    ("/explore", "Explore"),
    ("/transfer", "Transfer"),
    ("/about", "About this model"),
)
MAX_UPLOAD_BYTES = 64 << 20
VARIATIONS = 4
FORMAT_TITLES = {"wav": "WAV (zip)", "sfz": "SFZ", "decentsampler": "DecentSampler", "hydrogen": "Hydrogen"}


def build(server: Server, links: Sequence[dict[str, Any]]) -> gradio.Blocks:
    """The Kit page, not yet served.

    Args:
        server: its functions.
        links: to the other pages.
    """
    import gradio
    from gradio.events import api

    with gradio.Blocks(title="creativeml studio", analytics_enabled=False, delete_cache=(600, 3600)) as demo:
        gradio.HTML(
            html_template=(PAGE / "kit.html").read_text(encoding="utf-8"),
            js_on_load=serving.joined(SCRIPTS),
            apply_default_css=False,
            setup=json.dumps(page_setup(server.info, links)),
            elem_id="studio-kit",
        )
        for name in ("fresh", "sounds", "pad_file", "own"):
            api(getattr(server, name), api_name=name, concurrency_id="model", concurrency_limit=1)
        # What takes longer lets no pad wait: its sounds are still made one at a time, between those of others.
        api(server.layers, api_name="layers", concurrency_id="layers", concurrency_limit=1)
        for name in ("export_kit", "play_kit", "open_file"):
            api(getattr(server, name), api_name=name, concurrency_id="files", concurrency_limit=1)
        for name in ("measure", "region"):
            api(getattr(server, name), api_name=name, concurrency_id="measure", concurrency_limit=1)
        api(server.like, api_name="like", concurrency_id="like", concurrency_limit=1)
        for name in ("save", "open", "stage", "midi", "project_file"):
            api(getattr(server, name), api_name=name, concurrency_limit=4)
    return demo


def page_setup(info: ModelInfo, links: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the page must know of the model and of the server."""
    return {
        **drum_generator.page_setup(info),
        "pages": list(links),
        "firstNote": FIRST_PAD,
        "formats": [{"name": name, "title": title} for name, title in FORMAT_TITLES.items()],
        "patterns": presets(),
        "variations": VARIATIONS,
        "uploadBytes": MAX_UPLOAD_BYTES,
    }


def studio_pages(
    info: ModelInfo,
    instrument: Callable[[], Instrument],
    folder: Path,
    store: ProjectStore,
    sources: latent_explorer.Sources,
) -> list[pages.Page]:
    """All pages, the first one first.

    Args:
        info: the model.
        instrument: gives it loaded.
        folder: for files on their way to the pages.
        store: of projects.
        sources: of the map; their dataset also holds training recordings to play.
    """
    from _studio.server import Server

    server = Server(info, instrument, folder, store)
    told = AboutServer(info, instrument, folder, store, sources.data)
    to = {path: pages.links(TITLES, path) for path, _ in TITLES}
    explorer = _explorer(info, folder, sources, to["/explore"])
    transfer, begin = style_transfer.prepared(folder, info)
    transferring = style_transfer.build(transfer, info, to["/transfer"])
    _at_first_visit(transferring, begin)
    generator = drum_generator.build(info, instrument, folder, to["/sounds"])
    return [
        pages.Page("/kit", build(server, to["/kit"]), serving.joined(STYLES), f"{MAX_UPLOAD_BYTES}b"),
        pages.Page("/sounds", generator, serving.joined(drum_generator.STYLES)),
        pages.Page("/explore", explorer, latent_explorer.css(), latent_explorer.MAX_UPLOAD),
        pages.Page("/transfer", transferring, serving.joined(style_transfer.STYLES), style_transfer.MAX_UPLOAD),
        pages.Page("/about", about.build(told, to["/about"]), serving.joined(about.STYLES)),
    ]


def _explorer(
    info: ModelInfo, folder: Path, sources: latent_explorer.Sources, links: Sequence[dict[str, Any]]
) -> gradio.Blocks:
    from _latent_explorer import wishes
    from _latent_explorer.server import Server

    progress = wishes.Progress()
    atlas = InBackground(lambda: latent_explorer.gathering(info, sources, progress))
    demo = latent_explorer.build(Server(info, atlas.get, progress, folder), links)
    _at_first_visit(demo, atlas.start)
    return demo


def _at_first_visit(demo: gradio.Blocks, begin: Callable[[], None]) -> None:
    """Compute for a page once somebody looks at it: until then the kit has the machine for itself."""
    begun = InBackground(begin)
    with demo:
        demo.load(begun.start, api_visibility="private", queue=False, show_progress="hidden")


def serve(
    *,
    model: str = "drums",
    data: Path | None = None,
    projects: Path | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    auth: str | None = None,
    browser: bool = True,
) -> None:
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
    address = serving.Address(host, port, auth)
    sources = latent_explorer.Sources(model, data)
    keep_large_blocks()
    info = find_model(model)
    store = ProjectStore(projects or default_store())
    folder = serving.prepare_environment()
    require("gradio", extra="apps")
    instrument = InBackground(lambda: drum_generator.played(model))
    made = studio_pages(info, instrument.get, folder, store, sources)
    pages.serve_pages(made, address, name="creativeml studio", browser=browser, when_up=instrument.start)


if __name__ == "__main__":
    serving.run(serve)

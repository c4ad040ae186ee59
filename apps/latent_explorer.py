"""The latent explorer: a map of a model's sounds, and of your own among them, to walk and to draw on.

Run it with `creativeml explore`, or by hand: `python apps/latent_explorer.py --help`.
Programs use the same endpoints as the page: `/state`, `/map`, `/sounds`, `/walk`, `/morph`, `/near`, `/add`, `/bundle`
and `/row`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _latent_explorer import wishes
from _latent_explorer.server import Server
from _shared import serving
from _shared.background import InBackground

from creativeml.audio.descriptors.scales import SCALES
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.projections import CLUSTERINGS, PROJECTIONS
from creativeml.maps import component
from creativeml.memory import keep_large_blocks
from creativeml.synthesis.catalog import ModelInfo, find_model

if TYPE_CHECKING:
    import gradio
    from _latent_explorer.atlas import Atlas

PAGE = Path(__file__).resolve().parent / "_latent_explorer"
FEWEST_PER_KIND, MOST_PER_KIND = 2, 200
MAX_UPLOAD = "32mb"
# One scope in the browser, so the order is that of use; the map itself comes before these.
SCRIPTS = tuple(serving.SHARED / name for name in ("sound.js", "picture.js", "icons.js", "parts.js")) + tuple(
    PAGE / name for name in ("page.js", "morph.js", "view.js", "wiring.js")
)
STYLES = (serving.STYLE, PAGE / "page.css")


def build(server: Server, links: Sequence[Mapping[str, Any]] = ()) -> gradio.Blocks:
    """The page, not yet served.

    Args:
        server: answers it.
        links: to other pages, where it is one of several.
    """
    import gradio
    from gradio.events import api

    with gradio.Blocks(title="Latent explorer", analytics_enabled=False, delete_cache=(600, 3600)) as demo:
        gradio.HTML(
            html_template=(PAGE / "page.html").read_text(encoding="utf-8"),
            js_on_load="\n".join([component.script(), serving.joined(SCRIPTS)]),
            apply_default_css=False,
            setup=json.dumps({**page_setup(server.info), "pages": list(links)}),
            elem_id="latent-explorer",
        )
        # To ask how far it is, and to arrange anew, waits for no sound and lets none wait.
        api(server.state, api_name="state", concurrency_limit=None)
        api(server.map, api_name="map", concurrency_id="map", concurrency_limit=1)
        for name in ("sounds", "walk", "morph", "near", "add", "bundle", "row"):
            api(getattr(server, name), api_name=name, concurrency_id="model", concurrency_limit=1)
    return demo


def css() -> str:
    """Style sheet of the page."""
    return "\n".join([component.style(), serving.joined(STYLES)])


def page_setup(info: ModelInfo) -> dict[str, Any]:
    """What the page must know of the model and of the server's wishes."""
    return {
        "kinds": list(info.kinds),
        "sampleRate": info.sample_rate,
        "lengthSamples": info.length_samples,
        "arrangements": list(wishes.ARRANGEMENTS),
        "projections": list(PROJECTIONS),
        "clusterings": list(CLUSTERINGS),
        "maxGroups": wishes.MOST_GROUPS,
        "maxRow": wishes.MAX_ROW,
        "reach": wishes.REACH,
        "measures": [
            {"name": s.name, "unit": s.unit, "doc": s.doc, "logarithmic": s.logarithmic}
            for s in map(SCALES.__getitem__, wishes.MEASURED)
        ],
        "model": {"name": info.name, "sha256": info.sha256, "licence": info.licence, "version": info.version},
    }


@dataclass(frozen=True)
class Sources:
    """Whose sounds are on the map.

    Attributes:
        model: by name.
        data: a prepared dataset.
        sounds: any folder of sound files.
        per_kind: of the model's own sounds, of each kind.

    Raises:
        CreativeMLError: a folder that is not there, or too few or many sounds.
    """

    model: str
    data: Path | None = None
    sounds: Path | None = None
    per_kind: int = 40

    def __post_init__(self) -> None:
        for folder in (self.data, self.sounds):
            if folder is not None and not folder.is_dir():
                raise CreativeMLError(f"{folder}: there is no such folder; give one that holds sounds")
        if not FEWEST_PER_KIND <= self.per_kind <= MOST_PER_KIND:
            raise CreativeMLError(
                f"--per-kind must be a number from {FEWEST_PER_KIND} to {MOST_PER_KIND}, got {self.per_kind}"
            )


def gathering(info: ModelInfo, sources: Sources, progress: wishes.Progress) -> Atlas:
    """The atlas of all sources, just begun."""
    from _latent_explorer.atlas import Atlas, warm_up
    from _latent_explorer.sounds import files_of_dataset

    from creativeml.data.gather import default_cache
    from creativeml.maps.library import Library, read_library
    from creativeml.synthesis.autoencoder_space import open_space

    libraries: list[Callable[[], Library]] = []
    if sources.data:
        libraries.append(partial(files_of_dataset, sources.data))
    if sources.sounds:
        libraries.append(partial(read_library, sources.sounds))
    try:
        require("sklearn", extra="apps")
        atlas = Atlas(
            open_space(sources.model),
            info.sha256,
            per_kind=sources.per_kind,
            libraries=libraries,
            cache=default_cache(),
            progress=progress,
        )
        atlas.start()
        warm_up()
    except Exception as error:
        progress.fail(error)
        progress.stage = ""
        raise
    return atlas


def serve(
    *,
    model: str = "drums",
    data: Path | None = None,
    sounds: Path | None = None,
    per_kind: int = 40,
    host: str = "127.0.0.1",
    port: int | None = None,
    auth: str | None = None,
    browser: bool = True,
) -> None:
    """Open the latent explorer: a map of a model's sounds to walk and draw on, on this machine, without network.

    Args:
        model: a bundled model, a folder of a trained one, or user/name on the Hugging Face hub.
        data: a dataset that `creativeml prepare` made, whose recordings are shown on the same map.
        sounds: any folder of wav, flac or other sound files, shown there too.
        per_kind: of the model's own sounds, so many of each kind are on the map, 2 to 200.
        host: address to listen on; any other than this machine's own needs --auth.
        port: 1 to 65535; by default the first free one from 7860 on.
        auth: user:password that the page asks for.
        browser: open the page in the browser (--no-browser only prints its address).
    """
    address = serving.Address(host, port, auth)
    sources = Sources(model, data, sounds, per_kind)
    keep_large_blocks()
    info = find_model(model)
    folder = serving.prepare_environment()
    require("gradio", extra="apps")
    progress = wishes.Progress()
    atlas = InBackground(lambda: gathering(info, sources, progress))
    demo = build(Server(info, atlas.get, progress, folder))
    serving.serve(
        demo, address, name="Latent explorer", css=css(), browser=browser, when_up=atlas.start, max_upload=MAX_UPLOAD
    )


if __name__ == "__main__":
    serving.run(serve)

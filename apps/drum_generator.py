"""The drum generator: a page that plays a trained model like an instrument.

Run it with `creativeml studio`, or by hand: `python apps/drum_generator.py --help`.
Programs use the same endpoints as the page: `/generate`, `/measure` and `/bundle`.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from _shared import serving
from _shared.background import InBackground
from _shared.shelf import FileShelf

from creativeml.audio.descriptors.scales import SCALES
from creativeml.config import from_dict
from creativeml.errors import CreativeMLError, quoted, require
from creativeml.files import sha256_bytes
from creativeml.memory import keep_large_blocks
from creativeml.synthesis import export
from creativeml.synthesis.catalog import (
    DEFAULT_TUNING,
    LAST_SEED,
    MAX_TRUNCATION,
    ModelInfo,
    check_request,
    find_model,
)
from creativeml.synthesis.request import kind_word

if TYPE_CHECKING:
    import gradio

    from creativeml.synthesis.generate import Instrument

PAGE = Path(__file__).resolve().parent / "_drum_generator"
# One scope in the browser, so the order is that of use.
SCRIPTS = tuple(
    serving.SHARED / name for name in ("sound.js", "picture.js", "icons.js", "parts.js", "scales.js")
) + tuple(PAGE / name for name in ("page.js", "shape.js", "view.js"))
STYLES = (serving.STYLE, PAGE / "page.css", PAGE / "shape.css")
MAX_ROW = 64
MAX_ROW_TUNING = 100
MAX_BUNDLE = 256
KEPT_FILES = 1024
KEPT_SOUNDS = 128


class Made:
    """The newest sounds as files with their lines in a manifest: each is made once, and measured once.

    Args:
        instrument: gives the loaded model; it computes for one caller at a time.
    """

    def __init__(self, instrument: Callable[[], Instrument]) -> None:
        self._instrument = instrument
        self._known: OrderedDict[export.Request, tuple[bytes, export.SoundRecord]] = OrderedDict()
        self._lock = Lock()

    def sound(self, request: export.Request) -> tuple[bytes, export.SoundRecord]:
        """As `export.render` gives it, measured only if `measured_sound` has measured it: that takes longer."""
        with self._lock:
            if request not in self._known:
                self._known[request] = export.render(self._instrument(), request, measure=False)
            self._known.move_to_end(request)
            while len(self._known) > KEPT_SOUNDS:
                self._known.popitem(last=False)
            return self._known[request]

    def measured_sound(self, request: export.Request) -> tuple[bytes, export.SoundRecord]:
        """With the exact measures of what was asked for; other sounds can be made meanwhile."""
        data, record = self.sound(request)
        if request.controls and not record.measured:
            record = replace(record, measured=export.measured([data], request.controls)[0])
            with self._lock:
                self._known[request] = data, record
        return data, record


class Server:
    """The functions behind the page. Nothing that comes from the page is trusted.

    Args:
        info: the model.
        instrument: gives the loaded model; called for every request.
        folder: where sounds are written before they are sent.
    """

    def __init__(self, info: ModelInfo, instrument: Callable[[], Instrument], folder: Path) -> None:
        self.info = info
        self._instrument = instrument
        self._shelf = FileShelf(folder / "generator", KEPT_FILES)
        self._made = Made(instrument)

    def generate(
        self,
        kind: str,
        count: int = 8,
        seed: int = 0,
        truncation: float = 1.0,
        controls: dict | None = None,
        tuning: int = 0,
    ) -> dict:
        """Make a row of drum sounds.

        Args:
            kind: one of the model's kinds, e.g. "kick", or a mixture with its shares: "snare:0.7,clap:0.3".
            count: 1 to 64 sounds.
            seed: number of the first sound, 0 to 4294967295; the others count up from it.
            truncation: variation, 0 (near the average) to 1.5 (wild); 1 is as trained.
            controls: of models that have some: descriptor to value in its unit, e.g. {"brightness": 60}.
            tuning: steps that bring each sound nearer to its controls, about ten times as long as a sound each; of all
                sounds together at most 100.

        Returns:
            "files": 24-bit wavs; "manifest": what makes them again, its "sounds" in the same order; "note": what was
            asked for that does not occur, and what was made instead, or "".
        """
        with serving.shown_errors():
            check_request(self.info.kinds, kind=kind, count=count, seed=seed, truncation=truncation, most=MAX_ROW)
            asked = _asked(controls)
            if isinstance(tuning, int) and count * tuning > MAX_ROW_TUNING:
                raise CreativeMLError(f"at most {MAX_ROW_TUNING} steps of tuning for all sounds together")
            instrument = self._instrument()
            requests = export.requests_for(instrument, [kind], count, seed, truncation, asked, tuning)
            note = instrument.feasible(kind, asked).message
            made = [self._made.sound(r) for r in requests]
            files = [self._shelf.place(record.file, data) for data, record in made]
            manifest = export.manifest_of(instrument, [record for _, record in made])
        return {"files": files, "manifest": export.plain(manifest), "note": note}

    def measure(self, sounds: list[dict], exact: bool = True) -> list[dict]:
        """What sounds have of the model's controls.

        Args:
            sounds: up to 64 of {"kind": "kick", "seed": 0}, and, where they differ from those of `generate`,
                "truncation", "controls" and "tuning".
            exact: the controls that each was asked for, as `creativeml describe` says; otherwise all that the model
                has, by faster measures that are nearly right.

        Returns:
            For each sound: descriptor to value in its unit.
        """
        with serving.shown_errors():
            requests = self._requests(sounds, MAX_ROW)
            if exact:
                return [dict(self._made.measured_sound(r)[1].measured) for r in requests]
            return export.measured([self._made.sound(r)[0] for r in requests], self.info.controls, smooth=True)

    def bundle(self, sounds: list[dict]) -> dict:
        """Zip archive of sounds with their manifest.

        Args:
            sounds: up to 256 of what `measure` takes.

        Returns:
            The archive as a file.
        """
        with serving.shown_errors():
            requests = self._requests(sounds, MAX_BUNDLE)
            data = export.zip_sounds(self._instrument(), requests, self._made.measured_sound)
            words = "-".join(sorted({kind_word(r.kind) for r in requests}))
            return self._shelf.place(f"{words[:40]}_x{len(requests)}_{sha256_bytes(data)[:8]}.zip", data)

    def _requests(self, sounds: Any, most: int) -> list[export.Request]:
        if not isinstance(sounds, list) or not 1 <= len(sounds) <= most:
            raise CreativeMLError(f"give a list of 1 to {most} sounds")
        requests = [from_dict(export.Request, s, where=f"sound {i + 1}") for i, s in enumerate(sounds)]
        return export.checked(self._instrument(), requests)


def build(
    info: ModelInfo,
    instrument: Callable[[], Instrument],
    folder: Path,
    links: Sequence[Mapping[str, Any]] = (),
) -> gradio.Blocks:
    """The page, not yet served; the arguments are those of `Server`, and links to other pages (`pages.links`)."""
    import gradio
    from gradio.events import api

    server = Server(info, instrument, folder)
    with gradio.Blocks(title="Drum generator", analytics_enabled=False, delete_cache=(600, 3600)) as demo:
        gradio.HTML(
            html_template=(PAGE / "page.html").read_text(encoding="utf-8"),
            js_on_load=serving.joined(SCRIPTS),
            apply_default_css=False,
            setup=json.dumps({**page_setup(info), "pages": list(links)}),
            elem_id="drum-generator",
        )
        # Measuring waits for nobody and lets nobody wait.
        api(server.generate, api_name="generate", concurrency_id="model", concurrency_limit=1)
        api(server.bundle, api_name="bundle", concurrency_id="model", concurrency_limit=1)
        api(server.measure, api_name="measure", concurrency_id="measure", concurrency_limit=1)
    return demo


def page_setup(info: ModelInfo) -> dict[str, Any]:
    """What the page must know of the model."""
    return {
        "kinds": list(info.kinds),
        "sampleRate": info.sample_rate,
        "lengthSamples": info.length_samples,
        "lastSeed": LAST_SEED,
        "maxVariation": MAX_TRUNCATION,
        "tuning": DEFAULT_TUNING,
        "controls": [
            {"name": s.name, "unit": s.unit, "doc": s.doc, "logarithmic": s.logarithmic, "low": s.low}
            for s in map(SCALES.__getitem__, info.controls)
        ],
        "ranges": {kind: _ranges(info, kind) for kind in info.kinds} if info.controls else {},
        "model": {
            "name": info.name,
            "sha256": info.sha256,
            "licence": info.licence,
            "version": info.version,
        },
    }


def _ranges(info: ModelInfo, kind: str) -> dict[str, tuple[float, float, float]]:
    """Control to the lowest, the usual and the highest value that can be asked for."""
    scales = [SCALES[name] for name in info.controls]
    found = {s.name: (s.low, s.value_at((s.place(s.low) + s.place(s.high)) / 2), s.high) for s in scales}
    if info.ranges is not None:
        found |= {name: ends for name, ends in info.ranges.ends(kind).items() if name in found}
    return found


def _asked(controls: Any) -> dict[str, Any]:
    if controls is None:
        return {}
    if not isinstance(controls, dict):
        raise CreativeMLError(f'controls must be an object like {{"brightness": 60}}, got {quoted(controls)}')
    return controls


def played(name: str) -> Instrument:
    """An instrument that has made its first sound, which takes longest: not at the musician's cost."""
    from creativeml.synthesis.generate import load

    instrument = load(name)
    instrument.sound(instrument.kinds[0], 0)
    return instrument


def serve(
    *,
    model: str = "drums",
    host: str = "127.0.0.1",
    port: int | None = None,
    auth: str | None = None,
    browser: bool = True,
) -> None:
    """Open the drum generator: a page that makes drum sounds, on this machine, without network.

    Args:
        model: a bundled model, a folder of a trained one, or user/name on the Hugging Face hub.
        host: address to listen on; any other than this machine's own needs --auth.
        port: 1 to 65535; by default the first free one from 7860 on.
        auth: user:password that the page asks for.
        browser: open the page in the browser (--no-browser only prints its address).
    """
    address = serving.Address(host, port, auth)
    keep_large_blocks()
    info = find_model(model)
    folder = serving.prepare_environment()
    require("gradio", extra="apps")
    instrument = InBackground(lambda: played(model))
    demo = build(info, instrument.get, folder)
    css = serving.joined(STYLES)
    serving.serve(demo, address, name="Drum generator", css=css, browser=browser, when_up=instrument.start)


if __name__ == "__main__":
    serving.run(serve)

"""The page *About this model*: what it is, what it was trained on, how it was measured, how new its sounds are."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _shared import serving

from _about.card import Section, sections
from creativeml.synthesis.catalog import LAST_SEED, ModelInfo

if TYPE_CHECKING:
    import gradio

    from _about.server import AboutServer

PAGE = Path(__file__).resolve().parent
SCRIPTS = tuple(serving.SHARED / name for name in ("sound.js", "picture.js", "icons.js", "parts.js")) + tuple(
    PAGE / name for name in ("facts.js", "novelty.js", "wiring.js")
)
STYLES = (serving.STYLE, PAGE / "about.css")
CREDITS = "CREDITS.md"
DATA = "open_drums"
"""What the models that come with the package were trained on."""
_YOURS = re.compile(r"sounds\s+(that\s+)?you\s+make\s+are\s+yours", re.IGNORECASE)


def build(server: AboutServer, links: Sequence[dict[str, Any]]) -> gradio.Blocks:
    """The page, not yet served.

    Args:
        server: its functions.
        links: to the other pages.
    """
    import gradio
    from gradio.events import api

    with gradio.Blocks(title="About this model", analytics_enabled=False, delete_cache=(600, 3600)) as demo:
        gradio.HTML(
            html_template=(PAGE / "about.html").read_text(encoding="utf-8"),
            js_on_load=serving.joined(SCRIPTS),
            apply_default_css=False,
            setup=json.dumps(page_setup(server.info, links)),
            elem_id="studio-about",
        )
        for name in ("novelty", "nearest"):
            api(getattr(server, name), api_name=name, concurrency_id="model", concurrency_limit=1)
        api(server.data, api_name="data", concurrency_limit=2)
    return demo


def page_setup(info: ModelInfo, links: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the page must know of the model: facts, and its card as sections of safe HTML."""
    text = info.card.read_text(encoding="utf-8", errors="replace") if info.card else ""
    card = sections(text)
    credited = info.folder / CREDITS
    credits = sections(credited.read_text(encoding="utf-8", errors="replace")) if credited.is_file() else []
    heard = str(info.details.get("trained_on", ""))
    return {
        "model": {"name": info.name, "sha256": info.sha256, "licence": info.licence, "version": info.version},
        "kinds": list(info.kinds),
        "controls": list(info.controls),
        "sampleRate": info.sample_rate,
        "lengthSamples": info.length_samples,
        "lastSeed": LAST_SEED,
        "trainedOn": heard,
        # Which data set to prepare, where the model says that it was trained on the one that everybody can have.
        "prepare": DATA if heard.startswith(DATA) else "",
        "yours": bool(_YOURS.search(text)),
        "intro": "".join(section.html for section in card if section.level < 2),
        "figures": [_shown(section) for section in card if section.level >= 2 and not section.limits],
        "limits": [_shown(section) for section in card if section.level >= 2 and section.limits],
        "credits": "".join(f"<h3>{escape(s.title)}</h3>{s.html}" if s.level > 1 else s.html for s in credits),
        "pages": list(links),
    }


def _shown(section: Section) -> dict[str, Any]:
    return {"title": section.title, "level": section.level, "html": section.html}

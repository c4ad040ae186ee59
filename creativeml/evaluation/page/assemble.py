"""The page as a whole: sections, style and script in one file, with a policy that forbids everything else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from creativeml.evaluation.page import sections
from creativeml.evaluation.page.controls import controls
from creativeml.evaluation.page.craft import cost, craft
from creativeml.evaluation.page.listening import Listening, Player, examples, pairs
from creativeml.evaluation.page.markup import Html, el, join
from creativeml.evaluation.page.overview import overview
from creativeml.evaluation.page.recognised import recognised
from creativeml.files import atomic_write_text

HERE = Path(__file__).resolve().parent
NAVIGATION = ("Overview", "Listen", "Realism", "Obedience", "Diversity", "Novelty", "Craft", "Cost", "About")


def write_page(report: Mapping[str, Any], listening: Listening, path: str | Path) -> Path:
    """Write the report as a page.

    Args:
        report: as `creativeml.evaluation.report.build_report` gives it.
        listening: the sounds to be heard.
        path: the file; replaced if it exists.

    Returns:
        the path.
    """
    atomic_write_text(path, page(report, listening))
    return Path(path)


def page(report: Mapping[str, Any], listening: Listening) -> str:
    """The page as text. Names in the report and of sounds are escaped; whatever else they hold cannot run either,
    since the policy admits one script, by its hash."""
    style = (HERE / "page.css").read_text(encoding="utf-8")
    script = (HERE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; media-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    player = Player(listening.sample_rate)
    # Before the examples, which take what room is left.
    novelty = pairs(report, listening, player)
    title = el("h2", "Obedience: do they do as asked?")
    obedience = el("section", title, recognised(report), controls(report), id="obedience")
    body = [
        overview(report),
        examples(report, listening, player),
        sections.realism(report),
        obedience,
        sections.diversity(report),
        novelty,
        craft(report),
        cost(report),
        sections.about(report),
    ]
    name = report["about"]["name"]
    # "<" would let a name end the element early; as an escape it means the same in JSON.
    sounds = json.dumps(player.sounds).replace("<", "\\u003c")
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=policy),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", f"Evaluation of {name}"),
        el("style", Html(style)),
    )
    links = (el("a", title, href=f"#{title.lower()}") for title in NAVIGATION)
    content = el(
        "body",
        el("header", el("h1", f"Evaluation of {name}"), el("nav", links, aria_label="sections")),
        el("main", body),
        el("script", Html(sounds), type="application/json", id="sounds"),
        el("script", Html(script)),
    )
    return join(Html("<!DOCTYPE html>\n"), el("html", head, content, lang="en")) + "\n"

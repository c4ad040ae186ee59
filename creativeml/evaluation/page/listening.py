"""The sounds of the page: what is played, as much of it as the page's size allows, and its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from creativeml.evaluation.page.markup import Html, Part, el
from creativeml.evaluation.page.pictures import encoded, sounding_seconds, spectrogram
from creativeml.evaluation.page.sections import Report, role_of
from creativeml.evaluation.tables import number, percent

BUDGET = 12_000_000
"""Bytes that sounds and pictures may take in the page."""


@dataclass(frozen=True)
class Sound:
    """A sound to be played.

    Attributes:
        title: what it is called: kind and seed, or its file.
        samples: `(n,)`, full scale = 1.
    """

    title: str
    samples: Tensor


@dataclass(frozen=True)
class PlayedPair:
    """A sound and the training sound nearest to it.

    Attributes:
        made, training: the two sounds.
        distance: in the embedding that novelty is measured in.
        correlation: of their waveforms; None if unknown.
    """

    made: Sound
    training: Sound
    distance: float
    correlation: float | None = None


@dataclass(frozen=True)
class Listening:
    """What is heard in a report.

    Attributes:
        sample_rate: in Hz.
        examples: row → kind → sounds; the first row is the model, the second the held-out recordings.
        pairs: the closest training pairs, the closest first.
    """

    sample_rate: int
    examples: Mapping[str, Mapping[str, Sequence[Sound]]]
    pairs: Sequence[PlayedPair] = ()

    @property
    def kinds(self) -> list[str]:
        """All kinds, in order of appearance."""
        return list(dict.fromkeys(kind for by_kind in self.examples.values() for kind in by_kind))


@dataclass
class Player:
    """Buttons that play, and the sounds behind them until `budget` bytes are spent.

    Attributes:
        sample_rate: in Hz.
        budget: bytes left.
        sounds: number of each sound → FLAC in base64.
        left_out: sounds that found no room.
    """

    sample_rate: int
    budget: int = BUDGET
    sounds: dict[str, str] = field(default_factory=dict)
    left_out: int = 0

    def button(self, sound: Sound, seconds: float) -> Html | None:
        """The sound's picture, which plays it; None where it would make the page too large."""
        data = encoded(sound.samples, self.sample_rate)
        picture = spectrogram(sound.samples, self.sample_rate, seconds)
        if len(data) + len(picture) > self.budget:
            self.left_out += 1
            return None
        self.budget -= len(data) + len(picture)
        number_ = f"s{len(self.sounds)}"
        self.sounds[number_] = data
        return el(
            "button",
            el("img", src=picture, alt="", width=128, height=72),
            type="button",
            cls="play",
            data_sound=number_,
            data_seconds=f"{seconds:.4f}",
            title=sound.title,
            aria_label=f"play {sound.title}",
            aria_pressed="false",
        )


def seconds_shown(sounds: Sequence[Sound], sample_rate: int) -> float:
    """Stretch that the pictures of some sounds show, the same for all: until the longest of them has died away."""
    longest = max(sounding_seconds(sound.samples, sample_rate) for sound in sounds)
    return min(longest * 1.04, max(len(sound.samples) for sound in sounds) / sample_rate)


def pairs(report: Report, listening: Listening, player: Player) -> Html:
    """Novelty: the share of suspicious sounds, and the closest pairs side by side."""
    parts: list[Part] = []
    if not report["novelty"]:
        parts.append(
            el("p", "All training recordings are of one source: how near different drums come cannot be said.")
        )
    for embedding, found in report["novelty"].items():
        share, threshold = found["share"], found["threshold"]
        if share["value"] is None:
            parts.append(el("p", "It could not be measured: the training recordings are too few.", cls="soft"))
            continue
        parts.append(
            el(
                "p",
                f"{percent(share['value'])} % of the sounds lie nearer to a training recording than "
                f"{number(threshold)} ({embedding}): nearer than 99 % of training recordings lie to other drums. "
                f"Of held-out recordings it is {percent(share['floor'])} % (floor), of shaped noise "
                f"{percent(share['ceiling'])} % (ceiling).",
            )
        )
        parts.append(el("p", *_verdict(found), cls=None if found["verdict"] in ("new", None) else "alarm"))
    items = [_pair(place, pair, player) for place, pair in enumerate(listening.pairs, 1)]
    return el(
        "section",
        el("h2", "Novelty: does it copy?"),
        parts,
        el("h3", "The closest pairs") if items else None,
        el("p", "Left: the sound. Right: the training recording nearest to it. Listen whether it is the same drum.")
        if items
        else None,
        el("ol", items, cls="pairs") if items else None,
        id="novelty",
    )


def _verdict(found: Mapping[str, Any]) -> tuple[str, ...]:
    copies = found["copies"]
    repeated = (
        f"{percent(copies['value'])} % repeat the waveform of a training recording (held-out recordings: "
        f"{percent(copies['floor'])} %). "
    )
    words = {
        "new": "Verdict: new. Neither is more than in recordings that were not trained on.",
        "near": "Verdict: near. Certainly more sounds lie suspiciously near than of held-out recordings.",
        "copies": "Verdict: copies. Training recordings recur. Listen to the pairs below.",
    }
    return repeated, words.get(found["verdict"], found["verdict"] or "")


def _pair(place: int, pair: PlayedPair, player: Player) -> Html:
    seconds = seconds_shown((pair.made, pair.training), player.sample_rate)
    alike = f", waveforms correlate {pair.correlation:.2f}" if pair.correlation is not None else ""
    figures = (
        el("figure", player.button(sound, seconds), el("figcaption", sound.title))
        for sound in (pair.made, pair.training)
    )
    return el("li", el("p", f"{place}. distance {number(pair.distance)}{alike}"), el("div", figures, cls="tiles"))


def examples(report: Report, listening: Listening, player: Player) -> Html:
    """Sounds of each kind, the model's beside recordings and the others'."""
    buttons = _buttons(listening, player)
    kinds = []
    for kind in listening.kinds:
        groups = []
        for place, name in enumerate(listening.examples):
            own = [b for b in buttons.get((kind, name), ()) if b is not None]
            role = "floor" if place == 1 else role_of(report, name)
            if own:
                title = f"{name} recordings" if place == 1 else name
                groups.append(el("div", el("p", title), el("div", own, cls="tiles"), cls=f"group {role}"))
        seconds = _seconds(listening, kind)
        title = el("h3", kind, " ", el("small", f"{seconds:.2f} s shown"))
        kinds.append(el("div", title, el("div", groups, cls="groups"), cls="kind"))
    return el(
        "section",
        el("h2", "Listen"),
        el(
            "p",
            "Click a picture to hear the sound, click again to stop; ← and → go to the neighbours, Enter plays. The "
            "sounds were taken evenly spaced from each set, not chosen. Pictures: time to the right, 30 Hz to 20 kHz "
            "upwards, brighter is louder; all sounds of a kind share one scale.",
        ),
        el("p", id="trouble", role="alert"),
        kinds,
        el("p", f"{player.left_out} more sounds would have made this page too large.", cls="soft")
        if player.left_out
        else None,
        id="listen",
    )


def _seconds(listening: Listening, kind: str) -> float:
    sounds = [s for by_kind in listening.examples.values() for s in by_kind.get(kind, ())]
    return seconds_shown(sounds, listening.sample_rate)


def _buttons(listening: Listening, player: Player) -> dict[tuple[str, str], list[Any]]:
    """(kind, row) → buttons. First one sound of every row and kind, then the second ones: what the budget leaves out
    are further examples, not whole kinds."""
    buttons: dict[tuple[str, str], list[Any]] = {}
    most = max((len(s) for by_kind in listening.examples.values() for s in by_kind.values()), default=0)
    lengths = {kind: _seconds(listening, kind) for kind in listening.kinds}
    for place in range(most):
        for kind in listening.kinds:
            for name, by_kind in listening.examples.items():
                sounds = by_kind.get(kind, ())
                if place < len(sounds):
                    button = player.button(sounds[place], lengths[kind])
                    buttons.setdefault((kind, name), []).append(button)
    return buttons

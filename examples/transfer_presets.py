"""The presets of `creativeml transfer` on loops and textures of the starter pack, as a page to look at and listen to.

    python examples/transfer_presets.py [--out transfer_presets.html]

Each preset is tried on three pairs of a content and a style. A result is fit to be shown if it went nearer to the style
(by a network that no method has seen), kept at least 0.7 of the onsets (F-measure, 50 ms; *sinking* is to lose some),
is as loud as the content within 3 LU, has no more clicks than content and style together, no clipped peak, a crest
factor and a spectral flatness that are not out of the range of content and style by more than 6 dB. Of those that are
fit the one with the highest product of fall and onsets is on the page, with all of its figures; a preset none of whose
results is fit is named there as such. Sounds are on the page as MP3 (figures are of the sounds before that). Some two
minutes of a core; `examples/transfer_presets.html` is what it wrote.
"""

from __future__ import annotations

import base64
import io
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
import torch
import tyro
from torch import Tensor

from creativeml.audio.log_mel import power_spectrogram
from creativeml.audio.loudness import integrated_loudness
from creativeml.data.loops import loop, texture
from creativeml.data.patterns import Pattern, written_patterns
from creativeml.errors import CreativeMLError
from creativeml.evaluation.craft import craft_figures
from creativeml.evaluation.page.markup import Html, el, table
from creativeml.evaluation.page.pictures import png_bytes, spectrogram
from creativeml.evaluation.style import held_out_distance, onsets_kept, style_distance
from creativeml.files import atomic_write_text
from creativeml.synthesis.style_transfer.engine import transfer
from creativeml.synthesis.style_transfer.presets import PRESETS, Preset

RATE, SECONDS = 44100, 3.6
CONTENTS = {"rock": 100, "funk": 104, "breakbeat": 112}
"""Written rhythms, and their tempo."""
STYLES = {"rock": "snare", "funk": "ride", "breakbeat": "disco"}
"""For each content a kind whose recordings rain down, or another rhythm."""
LEAST_KEPT, MOST_OUT_DB, MOST_AWAY_LU = 0.7, 6.0, 3.0
COLUMNS, WAVE_ROWS = 416, 56
CSS = """
:root { color-scheme: light dark; --ground: #f3f1ec; --panel: #fff; --edge: #d3cdc2; --text: #211f1c; --soft: #625c53 }
@media (prefers-color-scheme: dark) {
  :root { --ground: #131417; --panel: #1c1e22; --edge: #3a3e46; --text: #f1efea; --soft: #aaa7a0 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1180px; padding: 22px; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif }
section { margin: 0 0 18px; padding: 16px 20px; border: 1px solid var(--edge); border-radius: 12px;
  background: var(--panel) }
h1 { font-size: 22px; margin: 0 0 6px } h2 { font-size: 18px; margin: 0 } p { margin: 2px 0 10px; max-width: 92ch }
.soft, figcaption, caption { color: var(--soft) } caption { text-align: left }
.trio { display: grid; grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); gap: 16px }
figure { margin: 0 } img { width: 100%; display: block; image-rendering: pixelated }
figure img:first-of-type { height: 56px; border-radius: 6px 6px 0 0 }
figure img:last-of-type { height: 130px; border-radius: 0 0 6px 6px }
audio { width: 100%; margin-top: 6px }
.scroll { overflow-x: auto; margin-top: 10px } table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: 3px 14px 3px 0; text-align: left; font-weight: 400; white-space: nowrap }
thead th { color: var(--soft); border-bottom: 1px solid var(--edge) }
"""


@dataclass(frozen=True)
class Shape:
    """Plain figures of a sound.

    Attributes:
        peak, crest: in dB; crest is the peak above the root mean square.
        flatness: geometric by arithmetic mean of the mean power spectrum from 50 Hz to 16 kHz, in dB; 0 is white noise.
        clicks: jumps that stand out of their surroundings, after the first attack.
        loudness: in LUFS.
    """

    peak: float
    crest: float
    flatness: float
    clicks: int
    loudness: float


@dataclass(frozen=True)
class Rendered:
    """A preset on a pair.

    Attributes:
        pair: name of the content.
        sound: `(samples,)`.
        fall, held_out: shares by which the distance from the style fell.
        onsets: F-measure.
        shape: of the sound.
        faults: why it is not fit to be shown.
    """

    pair: str
    sound: Tensor
    fall: float
    held_out: float
    onsets: float
    shape: Shape
    faults: tuple[str, ...]


def main(*, out: Path = Path("transfer_presets.html"), presets: str = "all", seconds: float = SECONDS) -> int:
    """Render, choose, write the page and print the figures.

    Args:
        out: the page.
        presets: names, separated by commas.
        seconds: of each sound.
    """
    known = {preset.name: preset for preset in PRESETS}
    names = list(known) if presets == "all" else presets.split(",")
    for name in names:
        if name not in known:
            raise CreativeMLError(f"no preset '{name}'; known: {', '.join(known)}")
    if not 1.0 <= seconds <= 10.0:
        raise CreativeMLError("seconds must be 1 to 10")
    pairs = {name: a_pair(name, seconds) for name in CONTENTS}
    chosen = {}
    print("| preset | content | distance falls by | held out | onsets | crest dB | flatness dB | clicks | faults |")
    print("|---" * 9 + "|")
    for name in names:
        tried = [rendered(known[name], pair, *pairs[pair]) for pair in pairs]
        for one in tried:
            print(f"| {name} | {one.pair} | {' | '.join(cells(one))} | {', '.join(one.faults) or '-'} |", flush=True)
        fit = [one for one in tried if not one.faults]
        chosen[name] = max(fit, key=lambda one: one.held_out * one.onsets, default=None)
    atomic_write_text(out, page({known[name]: one for name, one in chosen.items()}, pairs))
    return 0


def a_pair(name: str, seconds: float) -> tuple[Tensor, Tensor]:
    """A content and a style, each `(samples,)`."""
    rhythms = {pattern.style: pattern for pattern in written_patterns()}
    content = loop(repeated(rhythms[name]), RATE, seed=3, tempo=CONTENTS[name])[: round(seconds * RATE)]
    kind = STYLES[name]
    if kind in rhythms:
        return content, loop(repeated(rhythms[kind]), RATE, seed=11, tempo=122)[: round(seconds * RATE)]
    return content, texture(kind, RATE, seconds, seed=5)


def repeated(pattern: Pattern, bars: int = 4) -> Pattern:
    """A pattern some times over."""
    return replace(pattern, lines={name: line * bars for name, line in pattern.lines.items()})


def rendered(preset: Preset, pair: str, content: Tensor, style: Tensor) -> Rendered:
    """A preset on a pair, and what is to be said against it."""
    sound = transfer(content, style, RATE, **asdict(preset.settings))
    before = style_distance(content, style, RATE), held_out_distance(content, style, RATE)
    fall = 1 - style_distance(sound, style, RATE) / before[0]
    held_out = 1 - held_out_distance(sound, style, RATE) / before[1]
    onsets, shape, beside = onsets_kept(content, sound, RATE), shape_of(sound), [shape_of(s) for s in (content, style)]
    said = {
        "farther from the style": held_out <= 0,
        "onsets lost": preset.settings.rhythm == 1 and onsets < LEAST_KEPT,
        "clipped": shape.peak > 0,
        "another loudness": abs(shape.loudness - beside[0].loudness) > MOST_AWAY_LU,
        "clicks": shape.clicks > sum(one.clicks for one in beside),
        "crest": out_of(shape.crest, [one.crest for one in beside]) > MOST_OUT_DB,
        "flatness": out_of(shape.flatness, [one.flatness for one in beside]) > MOST_OUT_DB,
    }
    return Rendered(pair, sound, fall, held_out, onsets, shape, tuple(name for name, is_so in said.items() if is_so))


def out_of(value: float, beside: list[float]) -> float:
    """How far a value lies below the lowest or above the highest of others; below 0 within."""
    return max(min(beside) - value, value - max(beside))


def shape_of(sound: Tensor) -> Shape:
    """Figures of a sound `(samples,)`."""
    figures = craft_figures(sound[None], RATE)
    peak, level = float(sound.abs().max()), float(sound.square().mean().sqrt())
    spectrum = power_spectrogram(sound[None], 2048, 512)[0].mean(1)
    bins = spectrum[round(50 * 2048 / RATE) : round(16000 * 2048 / RATE)] + 1e-12
    return Shape(
        20 * float(np.log10(peak)),
        20 * float(np.log10(peak / level)),
        10 * float(bins.log10().mean() - bins.mean().log10()),
        int(figures["clicks"][0]),
        integrated_loudness(sound.numpy(), RATE),
    )


def cells(one: Rendered) -> list[str]:
    """Its figures, as printed."""
    shape = one.shape
    falls = [f"{one.fall:.0%}", f"{one.held_out:.0%}", f"{one.onsets:.2f}"]
    return [*falls, f"{shape.crest:.1f}", f"{shape.flatness:.1f}", str(shape.clicks)]


def page(chosen: dict[Preset, Rendered | None], pairs: dict[str, tuple[Tensor, Tensor]]) -> str:
    """All of it in one file."""
    told = (
        "Each preset on one of three pairs of sounds from the starter pack, the one where it did best of those whose "
        "figures are sound. Pictures: the waveform, below it a mel spectrogram from 30 Hz to 20 kHz; all with the same "
        "scales. Use one with: creativeml transfer beat.wav style.wav --preset NAME --out made.wav"
    )
    body = [el("h1", "Presets of style transfer"), el("p", told, cls="soft")]
    body += [card(preset, one, pairs) for preset, one in chosen.items()]
    head = [el("meta", charset="utf-8"), el("meta", name="viewport", content="width=device-width")]
    head += [el("title", "Presets of style transfer"), el("style", Html(CSS))]
    return "<!doctype html>" + el("html", el("head", head), el("body", body), lang="en") + "\n"


def card(preset: Preset, one: Rendered | None, pairs: dict[str, tuple[Tensor, Tensor]]) -> Html:
    """One preset."""
    settings = ", ".join(f"{name} {value}" for name, value in asdict(preset.settings).items())
    head = [el("h2", preset.name), el("p", preset.sentence, " ", el("span", settings, cls="soft"))]
    if one is None:
        return el("section", head, el("p", "None of its results was fit to be shown."))
    content, style = pairs[one.pair]
    what = STYLES[one.pair]
    titles = {f"content: {one.pair}": content, f"style: {what}": style, "result": one.sound}
    shapes = {title: shape_of(sound) for title, sound in titles.items()}
    rows = [
        [t, f"{s.peak:.1f}", f"{s.crest:.1f}", f"{s.loudness:.1f}", f"{s.flatness:.1f}", s.clicks]
        for t, s in shapes.items()
    ]
    figures = f"{one.fall:.0%} nearer to the style ({one.held_out:.0%} by a network that no method has seen)"
    return el(
        "section",
        head,
        el("div", (heard(title, sound) for title, sound in titles.items()), cls="trio"),
        el("p", f"{figures}, onsets kept: {one.onsets:.2f}."),
        table(("", "peak dB", "crest dB", "LUFS", "flatness dB", "clicks"), rows, caption="Figures of the sounds"),
    )


def heard(title: str, sound: Tensor) -> Html:
    """A sound to look at and to play."""
    seconds = len(sound) / RATE
    return el(
        "figure",
        el("figcaption", title),
        el("img", src=waveform(sound), alt=f"waveform of the {title}"),
        el("img", src=spectrogram(sound, RATE, seconds, columns=COLUMNS), alt=f"spectrogram of the {title}"),
        el("audio", controls=True, preload="none", src="data:audio/mpeg;base64," + mp3(sound), aria_label=title),
    )


def waveform(sound: Tensor) -> str:
    """Data URI of a picture of the waveform, full scale from edge to edge."""
    parts = sound[: len(sound) // COLUMNS * COLUMNS].view(COLUMNS, -1)
    place = torch.linspace(1, -1, WAVE_ROWS)[:, None]
    half = 1 / (WAVE_ROWS - 1)
    inside = (place >= parts.amin(1) - half) & (place <= parts.amax(1) + half)
    return "data:image/png;base64," + base64.b64encode(png_bytes(0.8 * inside.float().numpy())).decode()


def mp3(sound: Tensor) -> str:
    """In base64."""
    buffer = io.BytesIO()
    soundfile.write(buffer, sound.numpy(), RATE, format="MP3", subtype="MPEG_LAYER_III", compression_level=0.3)
    return base64.b64encode(buffer.getvalue()).decode()


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

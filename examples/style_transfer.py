"""Three ways to give a drum loop the style of another sound, beside the recipe that they started from.

    python examples/style_transfer.py [--pairs 2] [--methods texture,latent,spectral,classical] [--out style_transfer]

Contents are drum loops, played from written patterns with recordings of the starter pack; styles are textures of many
overlapping recordings, and other loops. Of each method and pair is told by how much the distance from the style fell at
full strength (by the network that *texture* minds, by one that no method has seen, by that of *classical*), which share
of the onsets stayed (F-measure, 50 ms), seconds of work for a second of sound, and whether the distance fell steadily
with the strength. The folder `--out` keeps a line for each and the sounds of the first pairs, so a run that was
interrupted goes on. Some 20 s of a core for 2 pairs without *classical*, which takes many times as long.

*classical* is D. Ulyanov, V. Lebedev, "Audio texture synthesis and style transfer", 2016: one layer of 2,048 random
filters on a log spectrogram, L-BFGS from noise, 300 iterations, phases by D. Griffin, J. Lim, "Signal estimation from
modified short-time Fourier transform", 1984.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import cast

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor
from tqdm import tqdm

from creativeml.audio.io import write_wav
from creativeml.data.loops import loop, texture
from creativeml.data.patterns import varied_patterns
from creativeml.errors import CreativeMLError
from creativeml.evaluation.style import held_out_distance, onsets_kept, style_distance
from creativeml.losses.gram import gram, gram_distance
from creativeml.models.transfer.texture_net import at_level
from creativeml.synthesis.style_transfer.checks import as_loud
from creativeml.synthesis.style_transfer.engine import METHODS, Method, transfer
from creativeml.threads import threads

CLASSICAL = "classical"
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
STEADY = 1.05
"""A distance that is no more than so many times the last one counts as not having risen."""
LINES = "pairs.jsonl"
TEXTURES = ("hat_closed", "snare", "perc", "ride", "crash", "tom")


@dataclass(frozen=True)
class Tried:
    """One method on one pair.

    Attributes:
        method, pair, rate, bars, iterations: what was tried; iterations are those of *classical*, else 0.
        fall, held_out_fall, classical_fall: by which share of the content's distance from the style that of the result
            is smaller: by the network of *texture*, by one that no method has seen, by that of *classical*.
        onsets: F-measure.
        pace: seconds of work for a second of sound.
        distances: at the `STRENGTHS`, or at 1 alone.
    """

    method: str
    pair: int
    rate: int
    bars: int
    iterations: int
    fall: float
    held_out_fall: float
    classical_fall: float
    onsets: float
    pace: float
    distances: tuple[float, ...]

    @property
    def key(self) -> tuple[str, int, int, int, int]:
        """What tells one from the others."""
        return (self.method, self.pair, self.rate, self.bars, self.iterations)

    @property
    def steady(self) -> bool:
        """Whether the distance never rises with the strength."""
        return all(b <= STEADY * a for a, b in zip(self.distances, self.distances[1:], strict=False))


def main(
    *,
    pairs: int = 2,
    methods: str = ",".join(METHODS),
    rate: int = 22050,
    bars: int = 1,
    iterations: int = 300,
    out: Path = Path("style_transfer"),
) -> int:
    """Try all methods on all pairs and print the table.

    Args:
        pairs: of a loop and a style.
        methods: separated by commas; also classical.
        rate: of all sounds in Hz; from 40,000 on *texture* listens with the trained classifier too.
        bars: of each loop, about 2 s each.
        iterations: of *classical*.
        out: folder for the lines and the sounds.
    """
    wanted = methods.split(",")
    for method in wanted:
        if method not in (*METHODS, CLASSICAL):
            raise CreativeMLError(f"no method '{method}'; known: {', '.join((*METHODS, CLASSICAL))}")
    if pairs < 1 or bars < 1 or iterations < 1:
        raise CreativeMLError("pairs, bars and iterations must be at least 1")
    known, tried = read_lines(out / LINES), []
    out.mkdir(parents=True, exist_ok=True)
    with (out / LINES).open("a", encoding="utf-8") as lines:
        if lines.tell():
            # A line that was cut off ends here.
            lines.write("\n")
        for method, pair in tqdm([(m, p) for p in range(pairs) for m in wanted], unit="try", disable=None):
            steps = iterations if method == CLASSICAL else 0
            found = known.get((method, pair, rate, bars, steps))
            if found is None:
                found = attempt(method, pair, rate, bars, steps, out)
                lines.write(json.dumps(asdict(found)) + "\n")
                lines.flush()
            tried.append(found)
    tell(tried, wanted)
    return 0


def attempt(method: str, pair: int, rate: int, bars: int, iterations: int, out: Path) -> Tried:
    """One method on one pair, at all strengths."""
    content, style = a_pair(pair, rate, bars)
    before = style_distance(content, style, rate), held_out_distance(content, style, rate)
    way = ways(method, content, style, rate, pair, iterations)
    strengths = STRENGTHS[-1:] if method == CLASSICAL else STRENGTHS
    distances, made, pace = [], content, 0.0
    for strength in strengths:
        began = time.perf_counter()
        made = way(strength)
        pace = (time.perf_counter() - began) * rate / len(content)
        distances.append(style_distance(made, style, rate))
    held_out, network = held_out_distance(made, style, rate), Classical(pair)
    if pair < 2:
        for name, sound in {"content": content, "style": style, method: made}.items():
            write_wav(out / f"pair{pair}_{name}.wav", sound.numpy() / max(1.0, float(sound.abs().max())), rate)
    return Tried(
        method,
        pair,
        rate,
        bars,
        iterations,
        1 - distances[-1] / before[0],
        1 - held_out / before[1],
        1 - network.distance(made, style) / network.distance(content, style),
        onsets_kept(content, made, rate),
        pace,
        tuple(distances),
    )


def ways(
    method: str, content: Tensor, style: Tensor, rate: int, seed: int, iterations: int
) -> Callable[[float], Tensor]:
    """A method as a function of the strength."""
    if method == CLASSICAL:
        return lambda _: as_loud(Classical(seed).transfer(content, style, iterations)[None], content[None], rate)[0]
    known = cast(Method, method)
    return lambda strength: transfer(content, style, rate, strength=strength, method=known, seed=seed)


class Classical:
    """The recipe of 2016.

    Args:
        seed: of the filters, the noise at the start and the phases.
        filters, window: how many random filters on how many samples' spectrum.
    """

    def __init__(self, seed: int, *, filters: int = 2048, window: int = 2048) -> None:
        self._draw = torch.Generator().manual_seed(seed)
        self._window, self._hop, bins, kernel = torch.hann_window(window), window // 4, window // 2 + 1, 11
        spread = math.sqrt(2) * math.sqrt(2 / ((bins + filters) * kernel))
        self._weights = torch.randn(filters, bins, kernel, generator=self._draw) * spread

    def levels(self, sound: Tensor) -> Tensor:
        """`(samples,)` → `(bins, frames)`."""
        spectrum = torch.stft(sound, len(self._window), self._hop, window=self._window, return_complex=True)
        return spectrum.abs().log1p()

    def features(self, levels: Tensor) -> Tensor:
        """`(bins, frames)` → `(filters, frames)`."""
        return F.relu(F.conv1d(levels[None], self._weights))[0]

    @torch.no_grad()
    def distance(self, sound: Tensor, style: Tensor) -> float:
        """Between the Gram matrices of two sounds, relative to the second's, both at one level."""
        grams = [gram(self.features(self.levels(at_level(s)))) for s in (sound, style)]
        return float(gram_distance(grams[:1], grams[1:]))

    def transfer(self, content: Tensor, style: Tensor, iterations: int) -> Tensor:
        """Sounds `(samples,)` → one; the content counts a hundredth of the style, as published."""
        with threads(1):
            played, given = self.levels(content), self.levels(style)
            kept, aim = self.features(played), gram(self.features(given))
            picture = (torch.randn(played.shape, generator=self._draw) * 1e-3).requires_grad_(True)
            search = torch.optim.LBFGS([picture], max_iter=iterations, max_eval=iterations, tolerance_change=0)

            def closure() -> Tensor:
                search.zero_grad()
                made = self.features(picture)
                loss = (gram(made) - aim).square().sum() + 1e-2 * (made - kept).square().mean()
                loss.backward()
                return loss

            search.step(closure)  # pyright: ignore[reportArgumentType]
            return griffin_lim(picture.detach().clamp_min(0).expm1(), len(content), self._window, self._hop, self._draw)


def griffin_lim(
    magnitudes: Tensor, samples: int, window: Tensor, hop: int, draw: torch.Generator, iterations: int = 100
) -> Tensor:
    """A sound `(samples,)` whose spectrum has nearly these magnitudes `(bins, frames)`."""
    phases = torch.rand(magnitudes.shape, generator=draw) * 2 * math.pi
    sound = torch.zeros(samples)
    for _ in range(iterations):
        sound = torch.istft(torch.polar(magnitudes, phases), len(window), hop, window=window, length=samples)
        phases = torch.stft(sound, len(window), hop, window=window, return_complex=True).angle()
    return sound


def a_pair(number: int, rate: int, bars: int) -> tuple[Tensor, Tensor]:
    """A loop and a style, each `(samples,)` with a peak of 0.9: even numbers have a texture, odd ones another loop."""
    patterns = varied_patterns(2 * number + 2, seed=1, bars=bars)
    content = loop(patterns[2 * number], rate, seed=number, tempo=96 + 7 * (number % 5))
    if number % 2:
        return content, loop(patterns[2 * number + 1], rate, seed=1000 + number, tempo=126)
    return content, texture(TEXTURES[number // 2 % len(TEXTURES)], rate, 3.0, seed=number)


def read_lines(path: Path) -> dict[tuple[str, int, int, int, int], Tried]:
    """What earlier runs have measured; a line that was cut off by an interruption is measured again."""
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            values = json.loads(line)
            one = Tried(**{**values, "distances": tuple(values["distances"])})
        except (ValueError, TypeError, KeyError):
            continue
        found[one.key] = one
    return found


def tell(tried: list[Tried], methods: list[str]) -> None:
    """The table: means over the pairs, and the worst."""
    heads = ("method", "pairs", "distance falls by", "worst", "held out", "by classical", "onsets", "worst", "s per s")
    print("| " + " | ".join((*heads, "steady")) + " |")
    print("|---" * (len(heads) + 1) + "|")
    for method in methods:
        rows = [one for one in tried if one.method == method]
        falls, onsets = [one.fall for one in rows], [one.onsets for one in rows]
        others = ([one.held_out_fall for one in rows], [one.classical_fall for one in rows])
        cells = [method, str(len(rows)), f"{mean(falls):.0%}", f"{min(falls):.0%}"]
        cells += [f"{mean(values):.0%}" for values in others]
        cells += [f"{mean(onsets):.2f}", f"{min(onsets):.2f}", f"{mean([one.pace for one in rows]):.2f}"]
        cells.append("-" if method == CLASSICAL else f"{mean([float(one.steady) for one in rows]):.0%}")
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

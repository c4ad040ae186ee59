"""How evenly sounds change between two of a model's drums, for each way to go: straight, spherical, geodesic.

    python examples/latent_smoothness.py [--model drums] [--pairs 200] [--geodesic-pairs 20] [--out latent_smoothness]

Between random pairs of one kind lie 16 stops. Told is of how many pairs the brightness goes steadily from end to end
(its rank correlation with the stop is 0.95 or more; of pairs whose ends differ by 5 points), of how many no step is
heard as longer than three mean ones, and the worst of either. Brightness is measured by its smooth face. The folder
`--out` keeps a line for every pair, so a run that was interrupted goes on, and a picture. Some 4 minutes on one core,
of which the geodesic ways of `--geodesic-pairs` take a third; `--pairs 20` takes a tenth.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import tyro
from torch import Tensor
from tqdm import tqdm

from creativeml.audio.descriptors.registry import describe
from creativeml.audio.log_mel import log_mel
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.synthesis.autoencoder_space import open_space
from creativeml.synthesis.catalog import find_model
from creativeml.synthesis.latent_paths import WAYS, GeodesicConfig, interpolate
from creativeml.synthesis.latent_space import LatentSpace

APART, STEADY, LONGEST = 5.0, 0.95, 3.0
FOR_MEAN = 40
"""Points of a kind of which the mean is taken that spherical ways go around."""
GEODESIC = GeodesicConfig()
LINES, PICTURE = "pairs.jsonl", "walks.png"


@dataclass(frozen=True)
class Gone:
    """One way between one pair.

    Attributes:
        model, sha256, stops, way, kind, seed: what was gone; the pair are the kind's points of `seed` and the next.
        apart: brightness of the ends, by how many points it differs.
        steadiness: rank correlation of brightness and stop, without its sign.
        unevenness: the longest step in mean steps.
        length: of the way in dB as heard.
    """

    model: str
    sha256: str
    stops: int
    way: str
    kind: str
    seed: int
    apart: float
    steadiness: float
    unevenness: float
    length: float

    @property
    def key(self) -> tuple[str, int, str, str, int]:
        """What tells one from the others."""
        return (self.sha256, self.stops, self.way, self.kind, self.seed)


def main(
    *,
    model: str = "drums",
    pairs: int = 200,
    geodesic_pairs: int = 20,
    stops: int = 16,
    seed: int = 0,
    out: Path = Path("latent_smoothness"),
) -> int:
    """Go all ways and print the table.

    Args:
        model: as in `creativeml generate`.
        pairs: that the straight and the spherical way are gone between, evenly of all kinds.
        geodesic_pairs: that the geodesic way is gone between, the first of them.
        stops: on every way.
        seed: of the first pair.
        out: folder for the lines and the picture.
    """
    if pairs < 1 or geodesic_pairs < 0 or stops < 3:
        raise CreativeMLError("there must be at least 1 pair, 0 geodesic pairs and 3 stops")
    space, sha256 = open_space(model), find_model(model).sha256
    known = read_lines(out / LINES)
    plan = [
        (way, space.kinds[number % len(space.kinds)], seed + 2 * number)
        for way in WAYS
        for number in range(min(pairs, geodesic_pairs) if way == "geodesic" else pairs)
    ]
    means = {kind: space.sample(kind, FOR_MEAN, seed=1_000_000).mean(0) for kind in space.kinds}
    gone = []
    out.mkdir(parents=True, exist_ok=True)
    with (out / LINES).open("a", encoding="utf-8") as lines:
        if lines.tell():
            # A line that was cut off ends here.
            lines.write("\n")
        for way, kind, first in tqdm(plan, unit="way", disable=None):
            found = known.get((sha256, stops, way, kind, first))
            if found is None:
                found = go(space, sha256, way, kind, first, stops, means[kind])
                lines.write(json.dumps(asdict(found)) + "\n")
                lines.flush()
            gone.append(found)
    tell(gone)
    draw(space, gone, means, out / PICTURE)
    return 0


def go(space: LatentSpace, sha256: str, way: str, kind: str, seed: int, stops: int, mean: Tensor) -> Gone:
    """Go one way and measure it."""
    start, end = space.sample(kind, 2, seed=seed)
    route = interpolate(space, start, end, stops, way, mean=mean, config=GEODESIC)
    bright = brightness(route.sounds, space.sample_rate)
    apart = abs(float(bright[-1] - bright[0]))
    return Gone(
        space.name, sha256, stops, way, kind, seed, apart, steadiness(bright), route.unevenness, float(route.length)
    )


def brightness(sounds: Tensor, sample_rate: int) -> Tensor:
    """In points, `(n,)`, by the smooth face."""
    with torch.no_grad():
        return describe(sounds, sample_rate, ["brightness"], smooth=True)["brightness"]


def steadiness(values: Tensor) -> float:
    """Spearman's rank correlation of values with their order, without its sign."""
    if bool((values == values[0]).all()):
        return 1.0
    return abs(float(require("scipy.stats", extra="train").spearmanr(range(len(values)), values.tolist()).statistic))


def read_lines(path: Path) -> dict[tuple[str, int, str, str, int], Gone]:
    """What earlier runs have measured; a line that was cut off by an interruption is measured again."""
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            gone = Gone(**json.loads(line))
        except (ValueError, TypeError):
            continue
        found[gone.key] = gone
    return found


def tell(gone: list[Gone]) -> None:
    """The table."""
    print("| way | pairs | apart in brightness | of these steady | worst | no step too long | worst | length in dB |")
    print("|---|---|---|---|---|---|---|---|")
    for way in WAYS:
        rows = [one for one in gone if one.way == way]
        if not rows:
            continue
        apart = [one.steadiness for one in rows if one.apart >= APART]
        steady = f"{sum(s >= STEADY for s in apart) / len(apart):.0%} | {min(apart):.2f}" if apart else "- | -"
        even = sum(one.unevenness <= LONGEST for one in rows) / len(rows)
        worst, length = max(one.unevenness for one in rows), sum(one.length for one in rows) / len(rows)
        print(f"| {way} | {len(rows)} | {len(apart)} | {steady} | {even:.0%} | {worst:.2f} | {length:.1f} |")


def draw(space: LatentSpace, gone: list[Gone], means: dict[str, Tensor], path: Path) -> None:
    """The stops of each way between the pair that is furthest apart, and how brightness and steps go on them."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    ways = [way for way in WAYS if any(one.way == way for one in gone)]
    pair = max((one for one in gone if one.way == ways[-1]), key=lambda one: one.apart)
    start, end = space.sample(pair.kind, 2, seed=pair.seed)
    figure = plt.figure(figsize=(14, 2.2 * len(ways) + 2.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(2.2 * len(ways), 2.6))
    rows = upper.subplots(len(ways), pair.stops, squeeze=False)
    curves = lower.subplots(1, 2)
    for axes, way in zip(rows, ways, strict=True):
        route = interpolate(space, start, end, pair.stops, way, mean=means[pair.kind], config=GEODESIC)
        levels = log_mel(route.sounds[:, : space.sample_rate // 2], space.sample_rate, bands=64)
        for axis, level in zip(axes, levels, strict=True):
            axis.imshow(level.numpy(), origin="lower", aspect="auto", vmin=-80, vmax=0, cmap="magma")
            axis.set(xticks=[], yticks=[])
        axes[0].set_ylabel(way, fontsize=11)
        curves[0].plot(range(1, pair.stops + 1), brightness(route.sounds, space.sample_rate), ".-", label=way)
        curves[1].plot(range(1, pair.stops), route.steps, ".-", label=way)
    for axis, name in zip(
        curves, ("brightness in points, by stop", "step to the next stop in dB, as heard"), strict=True
    ):
        axis.set_title(name, fontsize=11)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    curves[1].set_ylim(bottom=0)
    curves[0].legend(frameon=False)
    upper.suptitle(f"from one {pair.kind} to another: log-mel spectrograms of the first half second")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

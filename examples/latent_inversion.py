"""How near a model's space comes to recordings that it has not heard, beside what is already there.

    python examples/latent_inversion.py --data DATA [--model drums] [--sounds 176] [--out latent_inversion]

DATA is a dataset folder made by `creativeml prepare`; taken are recordings of its test and validation splits, evenly
of all kinds, with their kinds. The encoder's proposal and the refined point (`synthesis.inversion`) are compared with
the nearest recording of the training split and with the nearest of 1,000 random sounds of all kinds, by the
multi-resolution STFT distance (`losses.spectral.stft_distance`), which nothing has followed; all sounds have the
recording's energy. The nearest are looked for among the `--candidates` nearest as heard (`audible.heard`), since the
exact distance to all takes 10 s a recording; `--check 5` tells what that misses, from five recordings. Intervals of
medians are bootstrap 95 % intervals, drawn over source groups. The folder `--out` keeps a line for every recording, so
a run that was interrupted goes on, and a picture. Some one and a half CPU seconds a recording.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor
from tqdm import tqdm

from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.losses.spectral import stft_distance
from creativeml.synthesis.autoencoder_space import open_space
from creativeml.synthesis.catalog import find_model
from creativeml.synthesis.inversion import InversionConfig, cloud_of, invert
from creativeml.synthesis.latent_neighbours import Neighbours
from creativeml.synthesis.latent_space import LatentSpace

SPLITS = ("test", "validation")
COLUMNS = {
    "refined": "inverted: refined",
    "proposed": "inverted: encoder alone",
    "training": "nearest training recording",
    "random": "nearest of the random sounds",
}
LINES, PICTURE = "recordings.jsonl", "inversion.png"
RESAMPLES = 1000


def main(
    data: Path,
    *,
    model: str = "drums",
    sounds: int = 176,
    steps: int = 30,
    random: int = 1000,
    candidates: int = 8,
    check: int = 0,
    seed: int = 0,
    out: Path = Path("latent_inversion"),
) -> int:
    """Compare and print the table.

    Args:
        data: dataset folder.
        model: as in `creativeml generate`.
        sounds: recordings, or all there are if there are fewer.
        steps: of the refinement.
        random: sounds that are drawn, spread over the kinds.
        candidates: nearest ones as heard of which the nearest is taken.
        check: recordings that are compared with all training recordings, to see what the candidates miss.
        seed: of the choice of recordings.
        out: folder for the lines and the picture.
    """
    if sounds < 2 or candidates < 1 or random < candidates:
        raise CreativeMLError("there must be at least 2 sounds, 1 candidate and as many random sounds as candidates")
    space = open_space(model)
    parts = {split: opened(data, split, space) for split in (*SPLITS, "train")}
    chosen = evenly(parts, sounds, seed)
    settings = {"sha256": find_model(model).sha256, "steps": steps, "drawn": random, "candidates": candidates}
    out.mkdir(parents=True, exist_ok=True)
    lines = read_lines(out / LINES, settings)
    missing = [(split, i) for split, i in chosen if parts[split].rows[i]["path"] not in lines]
    if missing:
        measure(space, parts, missing, settings, out / LINES)
        lines = read_lines(out / LINES, settings)
    rows = [lines[parts[split].rows[i]["path"]] for split, i in chosen]
    tell(rows)
    draw(rows, out / PICTURE)
    if check:
        checked(space, parts, chosen[:check], candidates)
    return 0


def opened(data: Path, split: str, space: LatentSpace) -> OneShotDataset:
    """A split, which must have sounds as the space has them."""
    part = OneShotDataset(data, split)
    if (part.sample_rate, part.length_samples) != (space.sample_rate, space.length_samples):
        raise CreativeMLError(f"{data}: has another rate or length than the model; prepare it for this model")
    return part


def evenly(parts: dict[str, OneShotDataset], count: int, seed: int) -> list[tuple[str, int]]:
    """Split and index of recordings: one of each kind in turn, those of the test split first."""
    queues: dict[str, list[tuple[str, int]]] = {}
    for split in SPLITS:
        order = torch.randperm(len(parts[split]), generator=torch.Generator().manual_seed(seed)).tolist()
        for index in order:
            queues.setdefault(parts[split].rows[index]["class"], []).append((split, index))
    turns = [
        queue[turn] for turn in range(max(map(len, queues.values()))) for queue in queues.values() if turn < len(queue)
    ]
    return turns[:count]


def measure(
    space: LatentSpace,
    parts: dict[str, OneShotDataset],
    chosen: Sequence[tuple[str, int]],
    settings: dict[str, object],
    path: Path,
) -> None:
    """Invert recordings and compare them, a line for each."""
    train, random = parts["train"], int(str(settings["drawn"]))
    recordings = train.batch(range(len(train)))[0]
    each = -(-random // len(space.kinds))
    points = torch.cat([space.sample(kind, each, seed=1_000_000) for kind in space.kinds])[:random]
    drawn = space.decode(points)
    known = {
        "training": (recordings, Neighbours([row["path"] for row in train.rows], recordings, space.sample_rate)),
        "random": (drawn, Neighbours([str(i) for i in range(random)], drawn, space.sample_rate)),
    }
    cloud, config = cloud_of(space), InversionConfig(steps=int(str(settings["steps"])))
    bar = tqdm(total=len(chosen), unit="recording", disable=None)
    with path.open("a", encoding="utf-8") as file, bar:
        if file.tell():
            # A line that was cut off ends here.
            file.write("\n")
        for start in range(0, len(chosen), config.batch):
            part = chosen[start : start + config.batch]
            wanted = torch.cat([parts[split].batch([i])[0] for split, i in part])
            rows = [parts[split].rows[i] for split, i in part]
            kinds = [row["class"] for row in rows]
            began = time.process_time()
            found = invert(space, wanted, kinds, cloud, config)
            seconds = (time.process_time() - began) / len(part)
            made = {
                "refined": away(space.decode(torch.stack([one.point for one in found])), wanted),
                "proposed": away(space.decode(space.encode(wanted, kinds)), wanted),
            }
            for name, (sounds, neighbours) in known.items():
                nearest = neighbours.nearest(wanted, int(str(settings["candidates"])))
                made[name] = torch.stack(
                    [
                        away(sounds[[near.index for near in row]], one[None]).amin()
                        for row, one in zip(nearest, wanted, strict=True)
                    ]
                )
            for number, row in enumerate(rows):
                line = {**settings, "path": row["path"], "kind": row["class"], "group": row["group"]}
                line |= {name: float(values[number]) for name, values in made.items()}
                line |= {"before": found[number].before, "after": found[number].after, "seconds": seconds}
                file.write(json.dumps(line) + "\n")
            file.flush()
            bar.update(len(part))


def away(sounds: Tensor, wanted: Tensor) -> Tensor:
    """Multi-resolution STFT distance of sounds `(b, samples)`, at the energy of the wanted ones, from these: `(b,)`."""
    energies = sounds.square().sum(1, keepdim=True).clamp_min(1e-12)
    return stft_distance(sounds * (wanted.square().sum(1, keepdim=True) / energies).sqrt(), wanted)


def read_lines(path: Path, settings: dict[str, object]) -> dict[str, dict[str, float | str]]:
    """By recording what earlier runs with the same settings have measured; cut-off lines are left out."""
    found = {}
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if all(line.get(name) == value for name, value in settings.items()):
            found[line["path"]] = line
    return found


def tell(rows: list[dict[str, float | str]]) -> None:
    """The table, and how often what was found is the nearest."""
    groups = sorted({str(row["group"]) for row in rows})
    members = [[i for i, row in enumerate(rows) if row["group"] == group] for group in groups]
    generator = np.random.default_rng(0)
    draws = [
        np.concatenate([members[g] for g in generator.integers(0, len(groups), len(groups))]) for _ in range(RESAMPLES)
    ]

    def interval(values: np.ndarray) -> str:
        low, high = np.quantile([np.median(values[draw]) for draw in draws], (0.025, 0.975))
        return f"{np.median(values):.3f} | {low:.3f} to {high:.3f}"

    columns = {name: np.array([float(row[name]) for row in rows]) for name in COLUMNS}
    print(f"{len(rows)} recordings of {len(groups)} source groups; median distance with its 95 % interval\n")
    print("| | STFT distance | interval | minus refined | interval | refined is nearer |\n|---|---|---|---|---|---|")
    for name, title in COLUMNS.items():
        less = columns[name] - columns["refined"]
        beside = "- | - | -" if name == "refined" else f"{interval(less)} | {np.mean(less > 0):.0%}"
        print(f"| {title} | {interval(columns[name])} | {beside} |")
    before, after, seconds = (np.median([float(row[name]) for row in rows]) for name in ("before", "after", "seconds"))
    print(f"\nwhat is followed (losses.matching): {before:.2f} dB proposed, {after:.2f} dB refined")
    print(f"CPU seconds a recording: {seconds:.2f}")


def checked(
    space: LatentSpace, parts: dict[str, OneShotDataset], chosen: Sequence[tuple[str, int]], candidates: int
) -> None:
    """What the candidates miss of the nearest training recording."""
    recordings = parts["train"].batch(range(len(parts["train"])))[0]
    neighbours = Neighbours([str(i) for i in range(len(recordings))], recordings, space.sample_rate)
    missed = []
    for split, index in chosen:
        wanted = parts[split].batch([index])[0]
        exact = min(float(away(part, wanted).amin()) for part in recordings.split(16))
        few = [near.index for near in neighbours.nearest(wanted, candidates)[0]]
        missed.append(float(away(recordings[few], wanted).amin()) - exact)
    hit = sum(miss < 1e-4 for miss in missed)
    print(f"of {len(missed)} recordings the nearest of all is among the {candidates} candidates {hit} times;", end=" ")
    print(f"what they miss is {np.mean(missed):.3f} on average and {max(missed):.3f} at most")


def draw(rows: list[dict[str, float | str]], path: Path) -> None:
    """Each recording as a dot: how near the refined point comes (up) beside the nearest known sounds (across)."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained", sharey=True)
    most = 1.05 * max(float(row[name]) for row in rows for name in ("refined", "training", "random"))
    for axis, name in zip(axes, ("training", "random"), strict=True):
        for number, kind in enumerate(dict.fromkeys(str(row["kind"]) for row in rows)):
            own = [row for row in rows if row["kind"] == kind]
            places = [[float(row[column]) for row in own] for column in (name, "refined")]
            axis.plot(*places, "o", ms=4, alpha=0.7, label=kind, color=plt.cm.tab20(number % 20))
        axis.plot([0, most], [0, most], color="grey", lw=1)
        axis.set(xlim=(0, most), ylim=(0, most), xlabel=f"STFT distance of the {COLUMNS[name]}", aspect="equal")
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("STFT distance of what was found in the space")
    axes[1].legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    figure.suptitle("below the line the model's space is nearer to the recording")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

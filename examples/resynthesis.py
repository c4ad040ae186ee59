"""How near a model comes to recordings that it has not heard, and to changes of them: the table of `resynthesize`.

    python examples/resynthesis.py --data DATA [--model drums] [--sounds 22] [--out FOLDER]

DATA is a dataset folder made by `creativeml prepare`; taken are recordings of its test split, evenly of all kinds.
Distances are those of `losses.spectral`, the mean absolute difference of log-mel spectrograms at three resolutions in
dB, which no search follows; sounds are brought to one peak first. Of each recording two descriptors are changed by 10
points (the decay time to the half or the double) where that occurs among recordings. Some 8 s per recording on a core.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro
from torch import Tensor

import creativeml
from creativeml.audio.descriptors.registry import DESCRIPTORS
from creativeml.audio.descriptors.scales import SCALES
from creativeml.audio.io import write_wav
from creativeml.audio.log_mel import FLOOR_DB
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError
from creativeml.losses.spectral import log_mel_pyramid, pyramid_distance
from creativeml.synthesis.generate import Instrument
from creativeml.synthesis.recordings import PEAK
from creativeml.synthesis.resynthesis import Found, analyze, measured

CHANGE, FRESH = 10.0, 8


@dataclass(frozen=True)
class Change:
    """One descriptor of one recording, changed.

    Attributes:
        name: of the descriptor.
        held, moved, error: in just-noticeable differences: mean change of the other descriptors, how far the
            descriptor was asked to move, and by how much it was missed.
    """

    name: str
    held: float
    moved: float
    error: float


def main(
    data: Path, model: str = "drums", sounds: int = 22, changes: int = 2, seed: int = 0, out: Path | None = None
) -> int:
    """Print the table.

    Args:
        data: dataset folder.
        model: as in `creativeml resynthesize`.
        sounds: how many recordings.
        changes: how many descriptors of each are changed, one at a time.
        seed: of the choice of recordings, and of the random sounds.
        out: folder for the recordings and their reconstructions.
    """
    instrument = creativeml.load(model)
    train, test = OneShotDataset(data, "train"), OneShotDataset(data, "test")
    if (test.sample_rate, test.length_samples) != (instrument.sample_rate, instrument.length_samples):
        raise CreativeMLError(f"{data}: has another rate or length than the model; prepare it for this model")
    order = _evenly(test, sounds, seed)
    columns: dict[str, list[float]] = {}
    made: list[Change] = []
    for place, index in enumerate(order):
        kind = test.kinds[int(test.labels[index])]
        line, found = _compared(instrument, test.batch([index])[0][0], kind, train, seed)
        for name, value in line.items():
            columns.setdefault(name, []).append(value)
        print(f"{kind:11s}" + "".join(f" {name} {value:.1f}" for name, value in line.items()), flush=True)
        if out is not None:
            for word, sound in (("recording", test.batch([index])[0][0]), ("reconstruction", found.sound())):
                write_wav(out / f"{place:02d}_{kind}_{word}.wav", sound.numpy(), instrument.sample_rate)
        names = list(found.descriptors)
        for i in range(changes):
            one = _changed(found, names[(place * changes + i) % len(names)], up=place % 2 == 0)
            made += [one] if one is not None else []
    print(f"\n{len(order)} recordings: mean, median")
    for name, values in columns.items():
        print(f"{name:32s} {statistics.mean(values):6.2f} {statistics.median(values):6.2f}")
    _tell(made, len(order) * changes)
    return 0


def _tell(changes: Sequence[Change], tried: int) -> None:
    errors = [change.error for change in changes]
    if not errors:
        return
    points = [5.0 * change.error for change in changes if SCALES[change.name].unit == "points"]
    within = sum(error <= 1.0 for error in errors)
    moved = statistics.mean(change.moved for change in changes)
    print(f"\n{len(errors)} changes (of {tried}; the others do not occur) of {moved:.2f} just-noticeable differences")
    of_points = f" ({statistics.mean(points):.1f} points of those in points)" if points else ""
    print(f"error {statistics.mean(errors):.2f} on average{of_points}")
    held = statistics.mean(change.held for change in changes)
    print(f"{within} of {len(errors)} within one; the other descriptors off by {held:.2f}")


def _evenly(data: OneShotDataset, count: int, seed: int) -> list[int]:
    """Indices, one of each kind in turn."""
    shuffled = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed)).tolist()
    queues = [[i for i in shuffled if int(data.labels[i]) == label] for label in range(len(data.kinds))]
    turns = [queue[turn] for turn in range(max(map(len, queues))) for queue in queues if turn < len(queue)]
    return turns[:count]


def _compared(
    instrument: Instrument, sound: Tensor, kind: str, train: OneShotDataset, seed: int
) -> tuple[dict[str, float], Found]:
    away = _distance_from(sound, instrument.sample_rate)
    fresh = instrument.generate(kind, FRESH, seed)
    known = torch.nonzero(train.labels == train.kinds.index(kind)).flatten()
    nearest = min(float(away(train.batch(part)[0]).min()) for part in known.split(32))
    proposal = analyze(instrument, sound, instrument.sample_rate, kind, steps=0, tries=0)
    begun = time.process_time()
    found = analyze(instrument, sound, instrument.sample_rate, kind)
    seconds = time.process_time() - begun
    variations = torch.stack([found.sound(variation=0.3, seed=seed + i) for i in range(3)])
    line = {
        "random sound of the kind": float(away(fresh).mean()),
        "nearest training recording": nearest,
        "encoder alone": float(away(proposal.sound()[None])),
        "reconstruction": float(away(found.sound()[None])),
        "variations of 0.3": float(away(variations).mean()),
        "CPU seconds to find it": seconds,
        "kind recognised": float(analyze(instrument, sound, instrument.sample_rate, steps=0).kind == kind),
    }
    return line, found


def _distance_from(recording: Tensor, sample_rate: int) -> Callable[[Tensor], Tensor]:
    def pyramid(sounds: Tensor) -> list[Tensor]:
        return log_mel_pyramid(PEAK * sounds / sounds.abs().amax(1, keepdim=True), sample_rate)

    wanted = pyramid(recording[None])
    return lambda sounds: -FLOOR_DB * pyramid_distance(pyramid(sounds), wanted)


def _changed(found: Found, name: str, *, up: bool) -> Change | None:
    """None if what was to be asked for does not occur among recordings of the kind."""
    own, scale = found.descriptors[name], SCALES[name]
    asked = own * (2.0 if up else 0.5) if scale.logarithmic else own + (CHANGE if up else -CHANGE)
    value = found.feasible({name: asked}).values[name]
    if abs(scale.place(value) - scale.place(asked)) > 1e-6:
        return None
    has = measured(found.sound({name: asked}), found.instrument)
    held = [_jnds(other, has[other], found.descriptors[other]) for other in has if other != name]
    return Change(name, statistics.mean(held), _jnds(name, asked, own), _jnds(name, has[name], asked))


def _jnds(name: str, one: float, other: float) -> float:
    first, second = DESCRIPTORS[name].in_jnds(torch.tensor([one, other])).tolist()
    return abs(first - second)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

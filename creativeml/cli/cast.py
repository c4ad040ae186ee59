"""Who takes part in an evaluation: recordings as target and floor, shaped noise as ceiling, and the contestants."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from creativeml.cli.contestants import (
    NOISE,
    REAL,
    Plan,
    Source,
    distinct,
    joined,
    open_source,
    recordings,
    shaped_noise,
)
from creativeml.data.one_shots import OneShotDataset, fingerprint
from creativeml.errors import CreativeMLError
from creativeml.evaluation.shaped_noise import ShapedNoise


@dataclass(frozen=True)
class Cast:
    """All sources of an evaluation by name.

    Attributes:
        train, reference, noise: the floor, the target, the ceiling.
        contestants: what is in question, the model first; may be the floor or the ceiling itself.
        sample_rate: in Hz.
        left_out: recordings that are no part of the reference.
        kept: split -> places in it of the recordings that are part of it.
    """

    train: Source
    reference: Source
    noise: Source
    contestants: tuple[Source, ...]
    sample_rate: int
    left_out: int
    kept: Mapping[str, Sequence[int]]

    def rows(self) -> tuple[Source, ...]:
        """Everything that is compared with the reference, each once."""
        named = {s.name: s for s in (self.train, *self.contestants, self.noise)}
        return tuple(named.values())


def cast(plan: Plan) -> Cast:
    """Open everything that the plan names; nothing is heard yet.

    Raises:
        CreativeMLError: unusable data, a name that is neither a model nor a folder, a model of another sample rate.
    """
    train = OneShotDataset(plan.data, "train", peak=None)
    named = tuple(dict.fromkeys((plan.model, *plan.against)))
    names = [name for name in named if name not in (REAL, NOISE)]
    target = " + ".join(plan.reference)
    sources = distinct((open_source(name, plan, train) for name in names), {REAL, NOISE, target})
    opened = dict(zip(names, sources, strict=True))
    splits = {split: _unheard(plan.data, split, opened.values()) for split in plan.reference}
    floor = recordings(train, REAL)
    noise = shaped_noise(ShapedNoise((b.kind, b.sounds) for b in floor.batches()), plan.count, plan.seed)
    known = {REAL: floor, NOISE: noise, **opened}
    held_out = {split: (data.subset(kept), len(data) - len(kept)) for split, (data, kept) in splits.items()}
    players = Cast(
        floor,
        joined(target, [recordings(data, split) for split, (data, _) in held_out.items()]),
        noise,
        tuple(known[name] for name in named),
        train.sample_rate,
        sum(left_out for _, left_out in held_out.values()),
        {split: kept for split, (_, kept) in splits.items()},
    )
    _check_comparable(players)
    return players


def _check_comparable(players: Cast) -> None:
    """Refuse sets that have no kind in common with two sounds in each."""
    sets = (players.reference, *players.rows())
    for source in sets:
        if len(source) < 2:
            raise CreativeMLError(f"{source.name} holds {len(source)} sound; a comparison needs two, better hundreds")
    counts = [Counter(source.kinds) for source in sets]
    if all(source.labelled for source in sets) and not any(
        all(count[kind] >= 2 for count in counts) for kind in players.reference.kinds
    ):
        names = ", ".join(source.name for source in sets)
        raise CreativeMLError(f"no kind has two sounds in each of {names}; add sounds, or leave one of them out")


def _unheard(data: Path, split: str, contestants: Iterable[Source]) -> tuple[OneShotDataset, list[int]]:
    """The recordings of a split, and the places of those that no contestant was trained on.

    A split holds heard ones when a model meets data other than those it was trained on: prepared anew with other
    sources or labels, or a user's own collection that has sounds of ours.
    """
    held_out = OneShotDataset(data, split, peak=None)
    digests = [fingerprint(row.get("sha256", "")) for row in held_out.rows]
    by = [source for source in contestants if source.trained_on.intersection(digests)]
    heard = frozenset().union(*(source.trained_on for source in by))
    kept = [i for i, digest in enumerate(digests) if digest not in heard]
    left_out, names = len(held_out) - len(kept), ", ".join(source.name for source in by)
    if not kept:
        raise CreativeMLError(
            f"{data}: every recording of the {split} split is one that {names} was trained on; evaluate it on others"
        )
    if left_out:
        count = f"{left_out} of {len(held_out)} recordings"
        print(f"left out of {split}: {count} that {names} was trained on", file=sys.stderr)
    return held_out, kept

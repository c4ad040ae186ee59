"""What is measured of a set of sounds, in one pass over them, and its comparison with recordings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError
from creativeml.evaluation.craft import craft_figures
from creativeml.evaluation.distances import frechet_infinity_interval, kernel_distance_interval, principal_axes
from creativeml.evaluation.embeddings import Embedding
from creativeml.evaluation.judge import Judge
from creativeml.evaluation.points import Interval, Points, standardise
from creativeml.evaluation.transients import from_onset

JUDGE = "judge"
POOLED = "pooled"
MIN_REAL_PER_KIND = 20
"""Real sounds that a kind needs for a distance of its own."""
BATCH = 16
HEAD_S = 0.25
HEAD_ONSET_DB = -20.0
"""A sound's head begins with its first sample within 20 dB of the peak."""


@dataclass(frozen=True)
class SoundBatch:
    """Some sounds of one kind.

    Attributes:
        kind: its name.
        sounds: `(b, samples)`.
        groups: source of each sound, e.g. the drum it was recorded from; None if all are independent.
        sha256: hash of each sound's file; None if there are no files.
    """

    kind: str
    sounds: Tensor
    groups: tuple[str, ...] | None = None
    sha256: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Measured:
    """What is kept of a set of sounds once it has been heard.

    Attributes:
        name: of the model, folder or split that the sounds come from.
        kinds, groups, sha256: of each sound; an empty hash if it has no file.
        points: embedding → `(n, dimensions)`.
        craft: figure → `(n,)`.
        heads: `(n, samples)` float16, the first `HEAD_S` from the onset, peak 1: what novelty compares. The whole
            sounds are not kept; whoever wants to play them again must ask their source for them, by index.
        sample_rate: in Hz.
    """

    name: str
    kinds: tuple[str, ...]
    groups: tuple[str, ...]
    sha256: tuple[str, ...]
    points: Mapping[str, Tensor]
    craft: Mapping[str, Tensor]
    heads: Tensor
    sample_rate: int

    def __len__(self) -> int:
        return len(self.kinds)

    def counts(self) -> dict[str, int]:
        """Sounds of each kind, in order of appearance."""
        return {kind: self.kinds.count(kind) for kind in dict.fromkeys(self.kinds)}


def measure(
    name: str,
    batches: Iterable[SoundBatch],
    sample_rate: int,
    embeddings: Mapping[str, Embedding],
    progress: Callable[[int], object] = lambda count: None,
) -> Measured:
    """Hear a set of sounds once, a few at a time.

    Args:
        name: of the set.
        batches: the sounds; they are not kept.
        sample_rate: in Hz.
        embeddings: by name.
        progress: told how many more sounds are done.

    Raises:
        CreativeMLError: there is no sound, or one is not finite.
    """
    kinds: list[str] = []
    groups: list[str] = []
    hashes: list[str] = []
    points: dict[str, list[Tensor]] = {key: [] for key in embeddings}
    craft: list[dict[str, Tensor]] = []
    heads: list[Tensor] = []
    for batch in batches:
        for start in range(0, len(batch.sounds), BATCH):
            sounds = batch.sounds[start : start + BATCH]
            if not bool(torch.isfinite(sounds).all()):
                raise CreativeMLError(f"{name}: a {batch.kind} holds values that are not finite; it cannot be judged")
            for key, embedding in embeddings.items():
                points[key].append(embedding(sounds, sample_rate).float().cpu())
            craft.append(craft_figures(sounds, sample_rate))
            heads.append(from_onset(sounds, round(HEAD_S * sample_rate), HEAD_ONSET_DB).half().cpu())
            progress(len(sounds))
        first, count = len(kinds), len(batch.sounds)
        kinds.extend([batch.kind] * count)
        groups.extend(batch.groups or (f"{name} {first + i}" for i in range(count)))
        hashes.extend(batch.sha256 or [""] * count)
    if not kinds:
        raise CreativeMLError(f"{name}: there are no sounds to judge")
    figures = {figure: torch.cat([part[figure] for part in craft]) for figure in craft[0]}
    joined = {key: torch.cat(parts) for key, parts in points.items()}
    names = (tuple(kinds), tuple(groups), tuple(hashes))
    return Measured(name, *names, joined, figures, torch.cat(heads), sample_rate)


def comparable_kinds(reference: Measured, others: Iterable[Measured]) -> tuple[str, ...]:
    """Kinds with at least two sounds in the reference and in every other set, in the reference's order."""
    sets = [reference.counts(), *(other.counts() for other in others)]
    return tuple(kind for kind in sets[0] if all(counts.get(kind, 0) >= 2 for counts in sets))


def realism(
    reference: Measured,
    floor: Measured,
    evaluated: Measured,
    kinds: tuple[str, ...],
    *,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, dict[str, Interval]]]:
    """Distances to recordings: `[kind or "pooled"][embedding]["kad" or "fad_inf"]`.

    Pooled distances give all kinds equal shares. One ruler serves all kinds and all sets: dimensions are
    scaled by the pooled reference, and principal axes are those of the reference and the floor together.
    Kinds with fewer than `MIN_REAL_PER_KIND` real sounds get no distance of their own.
    """
    counts = reference.counts()
    alone = [kind for kind in kinds if counts[kind] >= MIN_REAL_PER_KIND]
    figures: dict[str, dict[str, dict[str, Interval]]] = {kind: {} for kind in (POOLED, *alone)}
    for embedding in reference.points:
        target = as_points(reference, embedding, kinds)
        _, others = standardise(target, as_points(floor, embedding, kinds))
        real, made = standardise(target, as_points(evaluated, embedding, kinds))
        axes = principal_axes(torch.cat([real.values, others.values]))
        for name, values in figures.items():
            pair = [p if name == POOLED else p.select(p.strata == kinds.index(name)) for p in (real, made)]
            values[embedding] = {
                "kad": kernel_distance_interval(*pair, z_score=False, resamples=resamples, seed=seed),
                "fad_inf": frechet_infinity_interval(*pair, axes=axes, z_score=False, resamples=resamples, seed=seed),
            }
    return figures


def as_points(measured: Measured, embedding: str, kinds: tuple[str, ...]) -> Points:
    """The sounds of the given kinds as points with their kind as stratum and their source as group."""
    rows = [i for i, kind in enumerate(measured.kinds) if kind in kinds]
    number = {group: n for n, group in enumerate(dict.fromkeys(measured.groups))}
    return Points(
        measured.points[embedding][rows],
        strata=torch.tensor([kinds.index(measured.kinds[i]) for i in rows]),
        groups=torch.tensor([number[measured.groups[i]] for i in rows]),
    )


def diversity(reference: Measured, evaluated: Measured, kinds: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Mean distance between two sounds of a kind: `[kind or "pooled"][embedding]`, the mean over kinds as
    "pooled".

    Distances are taken between different sources, in the embedding scaled by the reference.
    """
    result: dict[str, dict[str, float]] = {}
    for embedding in reference.points:
        _, made = standardise(*(as_points(m, embedding, kinds) for m in (reference, evaluated)))
        spreads = {kind: _spread(made.select(made.strata == i)) for i, kind in enumerate(kinds)}
        known = [spread for spread in spreads.values() if not math.isnan(spread)]
        spreads[POOLED] = sum(known) / len(known) if known else math.nan
        for kind, spread in spreads.items():
            result.setdefault(kind, {})[embedding] = spread
    return result


def _spread(points: Points) -> float:
    distances = torch.cdist(points.values, points.values)
    apart = points.groups[:, None] != points.groups[None]
    return float(distances[apart].mean()) if bool(apart.any()) else math.nan


def recognition(judge: Judge, measured: Measured, *, unheard_only: bool = False) -> dict[str, Any]:
    """What the judge makes of the sounds, as plain values.

    Args:
        judge: the classifier.
        measured: holds the judge's embedding.
        unheard_only: leave out the recordings that the judge was trained on.
    """
    rows = [i for i, digest in enumerate(measured.sha256) if not (unheard_only and judge.was_trained_on(digest))]
    found = judge.recognise(measured.points[JUDGE][rows], [measured.kinds[i] for i in rows])
    return {"sounds": len(rows), **found.as_json()}


def craft_summary(measured: Measured) -> dict[str, dict[str, dict[str, float]]]:
    """`[kind][figure]` → median and the 10th and 90th percentile."""
    shares = torch.tensor([0.5, 0.1, 0.9])
    summary: dict[str, dict[str, dict[str, float]]] = {}
    for kind in dict.fromkeys(measured.kinds):
        rows = torch.tensor([k == kind for k in measured.kinds])
        summary[kind] = {
            figure: dict(zip(("median", "p10", "p90"), torch.quantile(v[rows], shares).tolist(), strict=True))
            for figure, v in measured.craft.items()
        }
    return summary

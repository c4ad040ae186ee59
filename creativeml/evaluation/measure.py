"""What is measured of a set of sounds, in one pass over them, and its comparison with recordings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from creativeml.data.one_shots import fingerprint
from creativeml.errors import CreativeMLError
from creativeml.evaluation.craft import craft_figures
from creativeml.evaluation.distances import (
    axis_count,
    frechet_infinity,
    frechet_infinity_interval,
    kernel_distance,
    kernel_distance_interval,
    median_distance,
    principal_axes,
)
from creativeml.evaluation.embeddings import Embedding
from creativeml.evaluation.judge import Judge
from creativeml.evaluation.points import Interval, Points, halves, standardise
from creativeml.evaluation.transients import from_onset
from creativeml.kinds import UNLABELLED

JUDGE = "judge"
POOLED = "pooled"
MIN_REAL_PER_KIND = 20
"""Real sounds that a kind needs for a distance of its own."""
MIN_GROUPS_PER_KIND = 6
"""Source groups that they must come from."""
DIVISIONS = 10
"""Times that the recordings of a kind are divided into halves."""
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

    "pooled" compares with the held-out recordings alone, kinds in equal shares: no model has heard them, so it is the
    figure to judge by.

    Hardly a kind has enough held-out recordings for a distance of its own. So by kind the recordings of both sets
    together (held-out ones and the training split) are divided into two halves without a common source group,
    `DIVISIONS` times at random (repeated two-fold cross-validation, Dietterich 1998), and every figure is the mean
    over the halves:

    - of sounds: distance from each half to the sounds;
    - of `floor`, the real-vs-real floor: distance from each half to the other one. 0 is expected; how far it is from
      0 says how far the few recordings of a kind can be trusted.

    Both have a reference of the same size. What a model was trained on is part of that reference (see `share_heard`):
    by kind a model that copies its training sounds looks perfect, which `creativeml.evaluation.novelty` hears. Nor has
    the judge's embedding heard all recordings alike.

    One ruler serves all sets: dimensions are scaled by the held-out recordings, principal axes are those of all
    recordings (by kind, of that kind), and the kernel's bandwidth is the median distance between the recordings that
    are compared with (`rulers`). Intervals resample
    source groups; by kind those of all recordings at once, since every one of them takes part in the mean.

    Args:
        reference: held-out recordings.
        floor: other recordings, the training split.
        evaluated: the sounds in question; `floor` itself for the real-vs-real floor.
        kinds: to take into account, see `comparable_kinds`.
        resamples: of the bootstrap.
        seed: of everything random.

    Returns:
        also a kind's name as key where it has `MIN_REAL_PER_KIND` recordings from `MIN_GROUPS_PER_KIND`
        source groups.
    """
    figures: dict[str, dict[str, dict[str, Interval]]] = {}
    for embedding in reference.points:
        scales = _Ruler(reference, floor, embedding, kinds)
        made = scales.scaled(as_points(evaluated, embedding, kinds))
        options = {"axes": scales.axes, "z_score": False, "resamples": resamples, "seed": seed}
        figures.setdefault(POOLED, {})[embedding] = {
            "kad": kernel_distance_interval(scales.target, made, z_score=False, resamples=resamples, seed=seed),
            "fad_inf": frechet_infinity_interval(scales.target, made, **options),
        }
        for kind in scales.alone:
            own = None if evaluated.name == floor.name else made.select(made.strata == kinds.index(kind))
            figures.setdefault(kind, {})[embedding] = scales.by_kind(kind, own, resamples, seed)
    return figures


def rulers(reference: Measured, floor: Measured, kinds: tuple[str, ...]) -> dict[str, dict[str, dict[str, float]]]:
    """What `realism` measures with: `[kind or "pooled"][embedding]` →

    bandwidth: of the Gaussian kernel, in the z-scored embedding; dimensions: principal axes of the Fréchet distance;
    recordings, groups: what is compared with, and of how many sources it is.
    """
    result: dict[str, dict[str, dict[str, float]]] = {}
    for embedding in reference.points:
        scales = _Ruler(reference, floor, embedding, kinds)
        result.setdefault(POOLED, {})[embedding] = _described(scales.target, axis_count(len(scales.target)))
        for kind in scales.alone:
            real = scales.recordings(kind)
            result.setdefault(kind, {})[embedding] = _described(real, axis_count(len(real) // 2))
    return result


def _described(points: Points, axes: int) -> dict[str, float]:
    return {
        "bandwidth": median_distance(points.values),
        "dimensions": axes,
        "recordings": len(points),
        "groups": len(points.groups.unique()),
    }


def share_heard(
    reference: Measured, floor: Measured, kinds: tuple[str, ...], trained_on: Collection[str]
) -> dict[str, float]:
    """Share of the recordings a model was trained on, among those that `realism` compares its sounds of a kind with.

    Args:
        reference, floor, kinds: as for `realism`.
        trained_on: fingerprints (see `creativeml.data.one_shots.fingerprint`).

    Returns:
        kind or "pooled" → 0 to 1.
    """
    heard = {POOLED: [fingerprint(h) in trained_on for k, h in zip(reference.kinds, reference.sha256, strict=True)]}
    for kind in kinds:
        of_kind = [h for m in (reference, floor) for k, h in zip(m.kinds, m.sha256, strict=True) if k == kind]
        heard[kind] = [fingerprint(digest) in trained_on for digest in of_kind]
    return {kind: sum(flags) / len(flags) for kind, flags in heard.items() if flags}


class _Ruler:
    """The scale and the recordings that distances in one embedding are taken with.

    Attributes:
        target: held-out recordings.
        axes: principal axes of all recordings.
        alone: kinds with enough recordings for figures of their own.
    """

    def __init__(self, reference: Measured, floor: Measured, embedding: str, kinds: tuple[str, ...]) -> None:
        self._kinds = kinds
        self._unscaled = as_points(reference, embedding, kinds)
        self.target = self.scaled(self._unscaled)
        # Held-out and training recordings have no group in common, their numbers must not seem to.
        others = self.scaled(as_points(floor, embedding, kinds))
        others = replace(others, groups=others.groups + 1 + int(self.target.groups.max()))
        self._all = Points(*(torch.cat([getattr(p, f.name) for p in (self.target, others)]) for f in fields(Points)))
        self.axes = principal_axes(self._all.values)
        self.alone = [kind for kind in kinds if kind != UNLABELLED and self._is_enough(self.recordings(kind))]

    def scaled(self, points: Points) -> Points:
        """Points with each dimension z-scored by the held-out recordings."""
        return standardise(self._unscaled, points)[1]

    def recordings(self, kind: str) -> Points:
        """All recordings of a kind."""
        return self._all.select(self._all.strata == self._kinds.index(kind))

    def _is_enough(self, real: Points) -> bool:
        return len(real) >= MIN_REAL_PER_KIND and len(real.groups.unique()) >= MIN_GROUPS_PER_KIND

    def by_kind(self, kind: str, made: Points | None, resamples: int, seed: int) -> dict[str, Interval]:
        """Figures of the sounds `made`, or of one half of the recordings against the other."""
        real = self.recordings(kind)
        divisions = [(real.select(a), real.select(b)) for a, b in halves(real, DIVISIONS, 0)]
        pairs = divisions if made is None else [(half, made) for division in divisions for half in division]
        whole = divisions[0] if made is None else (real, made)
        axes, dimensions = principal_axes(real.values), axis_count(len(real) // 2)
        bandwidth = median_distance(real.values)
        kernel = partial(kernel_distance_interval, *whole, bandwidth=bandwidth, resamples=resamples, seed=seed)
        frechet = partial(frechet_infinity_interval, *whole, axes=axes, dimensions=dimensions, resamples=resamples)
        kad = [kernel_distance(*pair, bandwidth=bandwidth, z_score=False) for pair in pairs]
        thin = partial(frechet_infinity, axes=axes, dimensions=dimensions, z_score=False, repeats=2, seed=seed)
        fad = [thin(*pair) for pair in pairs]
        return {
            "kad": kernel(z_score=False).around(sum(kad) / len(kad)),
            "fad_inf": frechet(z_score=False, seed=seed).around(sum(fad) / len(fad)),
        }


def as_points(measured: Measured, embedding: str, kinds: tuple[str, ...]) -> Points:
    """The sounds of the given kinds as points with their kind as stratum and their source as group."""
    rows = [i for i, kind in enumerate(measured.kinds) if kind in kinds]
    number = {group: n for n, group in enumerate(dict.fromkeys(measured.groups))}
    return Points(
        measured.points[embedding][rows],
        strata=torch.tensor([kinds.index(measured.kinds[i]) for i in rows]),
        groups=torch.tensor([number[measured.groups[i]] for i in rows]),
    )


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

"""Known damage: does every figure of the evaluation move the right way when sounds are made worse on purpose?

Recordings are damaged in ways whose effect is certain, at three strengths each, and every figure is taken of them as if
they came from a model. A figure that stays still, or moves back, cannot be trusted to hear that fault.
`monotonicity` gives the table; `python examples/evaluation_damage.py` prints it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from creativeml.evaluation.distances import frechet_infinity, kernel_distance
from creativeml.evaluation.embeddings import Embedding
from creativeml.evaluation.manifold import manifold, variety
from creativeml.evaluation.measure import Measured, SoundBatch, as_points, comparable_kinds, measure
from creativeml.evaluation.novelty import novelty
from creativeml.evaluation.tables import table

UP, DOWN, NO_MORE = "up", "down", "no more"
SLACK = 0.25
"""Part of a figure's whole way that a single step may go back: so much is chance, or a figure at its limit."""


def low_pass(sounds: Tensor, sample_rate: int, cutoff_hz: float, generator: torch.Generator) -> Tensor:
    """Fourth-order Butterworth magnitude without phase."""
    spectrum = torch.fft.rfft(sounds)
    frequency_hz = torch.fft.rfftfreq(sounds.shape[-1], 1 / sample_rate)
    return torch.fft.irfft(spectrum / (1 + (frequency_hz / cutoff_hz) ** 8).sqrt(), sounds.shape[-1])


def add_noise(sounds: Tensor, sample_rate: int, level_db: float, generator: torch.Generator) -> Tensor:
    """White noise of this RMS relative to the peak."""
    level = 10 ** (level_db / 20) * sounds.abs().amax(-1, keepdim=True)
    return sounds + level * torch.randn(sounds.shape, generator=generator)


def clip(sounds: Tensor, sample_rate: int, drive_db: float, generator: torch.Generator) -> Tensor:
    """Cut off whatever is less than so many decibels below the peak."""
    ceiling = 10 ** (-drive_db / 20) * sounds.abs().amax(-1, keepdim=True)
    return torch.clamp(sounds, -ceiling, ceiling)


def smear(sounds: Tensor, sample_rate: int, length_ms: float, generator: torch.Generator) -> Tensor:
    """Random phases within so many milliseconds: transients blur, the spectrum of each sound as a whole stays."""
    length = round(length_ms * sample_rate / 1000)
    angles = 2 * math.pi * torch.rand(len(sounds), length // 2 + 1, generator=generator)
    angles[:, 0] = 0
    blur = torch.fft.irfft(torch.exp(1j * angles), length)
    size = sounds.shape[-1] + length
    blurred = torch.fft.irfft(torch.fft.rfft(sounds, size) * torch.fft.rfft(blur, size), size)
    return blurred[..., : sounds.shape[-1]]


def late(sounds: Tensor, sample_rate: int, delay_ms: float, generator: torch.Generator) -> Tensor:
    """So much silence before the sound."""
    delay = round(delay_ms * sample_rate / 1000)
    return torch.nn.functional.pad(sounds, (delay, 0))[..., : sounds.shape[-1]]


def add_offset(sounds: Tensor, sample_rate: int, level_db: float, generator: torch.Generator) -> Tensor:
    """A constant of this level relative to the peak."""
    return sounds + 10 ** (level_db / 20) * sounds.abs().amax(-1, keepdim=True)


def add_clicks(sounds: Tensor, sample_rate: int, count: float, generator: torch.Generator) -> Tensor:
    """So many single samples of 20 dB below the peak, anywhere."""
    places = torch.randint(sounds.shape[-1], (len(sounds), int(count)), generator=generator)
    return sounds.scatter_add(1, places, 0.1 * sounds.abs().amax(-1, keepdim=True).expand(-1, int(count)))


@dataclass(frozen=True)
class Damage:
    """One way to make a set of sounds worse.

    Attributes:
        strengths: growing.
        unit: of the strengths.
        expected: figure → `UP`, `DOWN` or `NO_MORE`; figures that need not hear it are left out.
        weak: (figure, embedding) that are known to hear it poorly, "" for any embedding; the table says so.
    """

    strengths: tuple[float, ...]
    unit: str
    expected: Mapping[str, str]
    weak: frozenset[tuple[str, str]] = frozenset()


_DISTANCES = {"kad": UP, "fad_inf": UP}
_WORSE = {**_DISTANCES, "precision": DOWN, "density": DOWN, "coverage": DOWN, "copied": NO_MORE}
_LOUD_END = {"noise_floor": UP, "tail": UP, "end_step": UP}
_FEWER = {**_DISTANCES, "recall": DOWN, "coverage": DOWN, "spread": DOWN, "nearest": DOWN}
# Precision asks only whether a sound lies in any ball, and the balls around unusual recordings are wide; density is
# an average over the same balls. Time smear of a few milliseconds is what `onset` is for: the other two see frames of
# 46 ms and the like, and only the kernel distance of the log-mel statistics notices it reliably.
_WEAK = frozenset({("precision", "")})
_WEAK_NOISE = _WEAK | {("density", "onset"), ("density", "judge")}
_WEAK_SMEAR = _WEAK | {("density", ""), ("coverage", "log_mel"), ("coverage", "judge")}
_WEAK_SMEAR |= {("fad_inf", "log_mel"), ("kad", "judge"), ("fad_inf", "judge")}
CHANGES: dict[str, Callable[[Tensor, int, float, torch.Generator], Tensor]] = {
    "low_pass": low_pass,
    "noise": add_noise,
    "clipping": clip,
    "smear": smear,
    "late": late,
    "offset": add_offset,
    "clicks": add_clicks,
}
"""Damages that change each sound."""
COLLAPSE, COPIES = "collapse", "copies"
DAMAGES: dict[str, Damage] = {
    "low_pass": Damage((8000.0, 4000.0, 2000.0), "Hz", {**_WORSE, "bandwidth": DOWN, "centroid": DOWN}, _WEAK),
    "noise": Damage(
        (-40.0, -30.0, -20.0), "dB", {**_WORSE, "noise_floor": UP, "tail": UP, "end_step": UP}, _WEAK_NOISE
    ),
    "clipping": Damage((6.0, 12.0, 24.0), "dB", _WORSE, _WEAK),
    "smear": Damage((5.0, 20.0, 80.0), "ms", _WORSE, _WEAK_SMEAR),
    COLLAPSE: Damage((0.5, 0.25, 0.1), "of the sounds", _FEWER),
    COPIES: Damage((0.1, 0.3, 1.0), "of the sounds", {"near": UP, "copied": UP}),
    "late": Damage((2.0, 10.0, 50.0), "ms", {"onset": UP}),
    "offset": Damage((-60.0, -40.0, -20.0), "dB", {"offset": UP}),
    "clicks": Damage((1.0, 4.0, 16.0), "per sound", {"clicks": UP}),
}
"""`collapse` leaves only that share of a kind's sounds, each several times; `copies` puts training sounds, at another
level, with either polarity and up to 3 ms late, in place of that share."""


@dataclass(frozen=True)
class Parts:
    """Recordings in three parts without a common group, ordered by kind.

    Attributes:
        training, reference: as of a model and of an evaluation.
        base: one sound of each group, to be damaged.
    """

    training: tuple[SoundBatch, ...]
    reference: tuple[SoundBatch, ...]
    base: tuple[SoundBatch, ...]


def parts(recordings: Sequence[SoundBatch], *, at_most: int = 120, seed: int = 0) -> Parts:
    """Divide recordings (one batch for each kind, with groups) by chance; kinds with too few groups are left out.

    Args:
        recordings: with groups.
        at_most: sounds in the base; twice as many in the other two parts.
        seed: of the division.

    Raises:
        ValueError: no kind has nine groups.
    """
    generator = torch.Generator().manual_seed(seed)
    divided: tuple[list[SoundBatch], ...] = ([], [], [])
    usable = [batch for batch in recordings if len(set(batch.groups or ())) >= 9]
    if not usable:
        raise ValueError("no kind has nine source groups: too few to damage one part and compare it with another")
    for batch in usable:
        names = list(dict.fromkeys(batch.groups or ()))
        order = torch.randperm(len(names), generator=generator).tolist()
        part_of = {names[n]: place % 3 for place, n in enumerate(order)}
        for number, part in enumerate(divided):
            rows = [i for i, group in enumerate(batch.groups or ()) if part_of[group] == number]
            if number == 2:
                rows = list({(batch.groups or ())[i]: i for i in rows}.values())
            rows = rows[: max(3, (at_most if number == 2 else 2 * at_most) // len(usable))]
            part.append(SoundBatch(batch.kind, batch.sounds[rows], tuple((batch.groups or ())[i] for i in rows)))
    return Parts(*map(tuple, divided))


@dataclass(frozen=True)
class Line:
    """How one figure followed one damage.

    Attributes:
        damage, figure: their names.
        embedding: that the figure was taken in; empty for those that need none.
        expected: `UP`, `DOWN` or `NO_MORE`.
        weak: the figure is known to hear this damage poorly.
        values: undamaged, and at each strength.
    """

    damage: str
    figure: str
    embedding: str
    expected: str
    weak: bool
    values: tuple[float, ...]

    @property
    def verdict(self) -> str:
        """`ok`, `FAIL`, or `deaf` for a weak figure that did not go its way."""
        return "ok" if self.followed else "deaf" if self.weak else "FAIL"

    @property
    def followed(self) -> bool:
        """Whether the figure went its way, no single step going back by more than `SLACK` of the whole."""
        if self.expected == NO_MORE:
            return max(self.values) == self.values[0]
        sign = 1.0 if self.expected == UP else -1.0
        way = sign * (self.values[-1] - self.values[0])
        steps = [sign * (after - before) for before, after in pairwise(self.values)]
        return way > 0 and min(steps) >= -SLACK * way


def monotonicity(
    divided: Parts,
    sample_rate: int,
    embeddings: Mapping[str, Embedding],
    *,
    damages: Mapping[str, Damage] = DAMAGES,
    seed: int = 0,
    progress: Callable[[str], object] = lambda name: None,
) -> list[Line]:
    """Damage the base in every way and follow every figure that ought to hear it.

    Args:
        divided: recordings.
        sample_rate: in Hz.
        embeddings: by name, each to be tried.
        damages: by name.
        seed: of noise, smear and choice.
        progress: told each damage before its turn.
    """
    training, reference = (measure(n, getattr(divided, n), sample_rate, embeddings) for n in ("training", "reference"))
    undamaged = _figures(training, reference, measure("base", _made(divided.base), sample_rate, embeddings))
    lines = []
    for name, damage in damages.items():
        progress(name)
        followed = [undamaged]
        needed = embeddings if {"kad", "copied", "near"} & set(damage.expected) else {}
        for strength in damage.strengths:
            generator = torch.Generator().manual_seed(seed)
            sounds = _made(_damaged(divided, name, strength, sample_rate, generator))
            followed.append(_figures(training, reference, measure(name, sounds, sample_rate, needed)))
        for figure, expected in damage.expected.items():
            for embedding in dict.fromkeys(e for f, e in undamaged if f == figure):
                values = tuple(found[figure, embedding] for found in followed)
                weak = bool({(figure, ""), (figure, embedding)} & damage.weak)
                lines.append(Line(name, figure, embedding, expected, weak, values))
    return lines


def _made(batches: Iterable[SoundBatch]) -> Iterator[SoundBatch]:
    """The same sounds as if a model had made them: each on its own."""
    return (SoundBatch(batch.kind, batch.sounds) for batch in batches)


def _damaged(
    divided: Parts, name: str, strength: float, sample_rate: int, generator: torch.Generator
) -> Iterator[SoundBatch]:
    for batch, copied in zip(divided.base, divided.training, strict=True):
        sounds, count = batch.sounds, len(batch.sounds)
        if name == COLLAPSE:
            kept = max(1, round(strength * count))
            sounds = sounds[torch.arange(count) % kept]
        elif name == COPIES:
            sounds = sounds.clone()
            for i in range(max(1, round(strength * count))):
                sounds[i] = _disguised(copied.sounds[i % len(copied.sounds)], sample_rate, generator)
        else:
            sounds = CHANGES[name](sounds, sample_rate, strength, generator)
        yield SoundBatch(batch.kind, sounds, batch.groups)


def _disguised(sound: Tensor, sample_rate: int, generator: torch.Generator) -> Tensor:
    gain, polarity, delay_ms = torch.rand(3, generator=generator).tolist()
    delayed = late(sound[None], sample_rate, 3 * delay_ms, generator)[0]
    return delayed * (0.2 + 0.8 * gain) * (1 if polarity < 0.5 else -1)


def _figures(training: Measured, reference: Measured, made: Measured) -> dict[tuple[str, str], float]:
    """(figure, embedding) → value; embeddings that `made` lacks are left out."""
    kinds = comparable_kinds(reference, [made])
    found: dict[tuple[str, str], float] = {}
    for embedding in made.points:
        target, sounds = (as_points(m, embedding, kinds) for m in (reference, made))
        found["kad", embedding] = kernel_distance(target, sounds)
        found["fad_inf", embedding] = frechet_infinity(target, sounds)
        shares = {**manifold(target, sounds, resamples=0), **variety(target, sounds, resamples=0)}
        found |= {(name, embedding): figure.value for name, figure in shares.items()}
    if made.points:
        novel = novelty(training, made)
        found |= {("near", ""): novel.share.value, ("copied", ""): novel.copies}
    return found | {(name, ""): float(values.median()) for name, values in made.craft.items()}


def as_table(lines: Iterable[Line], damages: Mapping[str, Damage] = DAMAGES) -> str:
    """The lines as a table for people: what was measured, which way it should go, whether it did."""
    rows = []
    for line in lines:
        damage = damages[line.damage]
        strengths = " ".join(f"{strength:g}" for strength in damage.strengths)
        values = [f"{value:.4g}" for value in line.values]
        arrow = {UP: "↑", DOWN: "↓", NO_MORE: "≤"}[line.expected]
        named = [f"{line.damage} {strengths} {damage.unit}", line.figure, line.embedding]
        rows.append([*named, values[0], " ".join(values[1:]), arrow, line.verdict])
    return table(["damage", "figure", "embedding", "undamaged", "damaged", "", ""], rows)

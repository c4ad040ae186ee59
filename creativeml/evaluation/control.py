"""What is asked of an instrument with controls, and what it, or a search that stands in for it, answers.

Two kinds of questions, after the studies of NeuroDrum and StyleWaveGAN (A. Ramires et al. 2020, A. Lavault et al.
2022): *sweeps* ask for one descriptor at 20, 50 and 80 % of the range of a kind and leave the others free; *joint*
questions ask for the whole descriptor vector of a recording that the instrument has not heard, which is therefore
known to exist. Answers are measured by the exact faces of the descriptors. `creativeml.evaluation.obedience` makes
figures of them.

Instruments without controls take part by search: a `Bank` of sounds whose descriptors are known gives the nearest one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from creativeml.audio.descriptors.registry import DESCRIPTORS, chosen
from creativeml.audio.descriptors.scales import TIMBRE
from creativeml.data.descriptor_table import read_descriptors
from creativeml.data.joint_distribution import LEAST_SOUNDS, DescriptorRanges
from creativeml.data.one_shots import read_dataset, select_rows
from creativeml.errors import CreativeMLError
from creativeml.evaluation.descriptor_values import in_jnds, measured

LEVELS = (0.2, 0.5, 0.8)
"""Places within a kind's range at which errors are taken."""
CURVE_LEVELS = (0.0, *LEVELS, 1.0)
"""Places that are asked for: the ends too, so that saturation is seen."""
COUNT = 2
"""Sounds per question. The seven timbre descriptors take 0.16 s of one core per sound, nearly all of it hardness."""
_BATCH = 16


class Controlled(Protocol):
    """An instrument with controls.

    Called with a kind, the values asked for by descriptor (what is not named is free), a number of sounds and a seed,
    it gives the sounds `(count, samples)`. Sound `i` of seed `s` is made from the same random numbers as sound 0 of
    seed `s + i`, whatever is asked.
    """

    def __call__(self, kind: str, targets: Mapping[str, float], count: int, seed: int) -> Tensor: ...


@dataclass(frozen=True)
class Question:
    """Something asked of an instrument.

    Attributes:
        kind: of sound.
        targets: descriptor -> value asked for, in its unit.
        swept: the descriptor that is asked for alone; empty in a joint question.
        level: its place in the kind's range, 0 to 1; NaN in a joint question.
        group: source of the recording whose descriptors are asked for; empty in a sweep.
    """

    kind: str
    targets: Mapping[str, float]
    swept: str = ""
    level: float = float("nan")
    group: str = ""


@dataclass(frozen=True)
class Examination:
    """Questions, and the scale on which the answers are judged.

    Attributes:
        names: the descriptors, in the order of every table.
        questions: sweeps first, then the joint ones.
        ranges: kind -> (descriptors, 2) float64, the ends of what its recordings span, in units.
        left_out: what could not be asked, a line each.
    """

    names: tuple[str, ...]
    questions: tuple[Question, ...]
    ranges: Mapping[str, Tensor]
    left_out: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds that something is asked of."""
        return tuple(dict.fromkeys(q.kind for q in self.questions))

    def of(self, kinds: Sequence[str]) -> Examination:
        """The same questions, reduced to some kinds."""
        kept = tuple(q for q in self.questions if q.kind in kinds)
        return Examination(self.names, kept, self.ranges, self.left_out)


@dataclass(frozen=True)
class Bank:
    """Sounds whose descriptors are known: recordings, or what a model made of itself.

    Attributes:
        names: the descriptors.
        kinds: of each sound.
        values: (sounds, descriptors) float64, in units.
        groups: source of each sound, e.g. the drum that was recorded; empty where there is none.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    values: Tensor
    groups: tuple[str, ...]

    def members(self, kind: str, *, without: str = "") -> list[int]:
        """Places of the sounds of a kind, those of the source `without` left out."""
        pairs = enumerate(zip(self.kinds, self.groups, strict=True))
        return [i for i, (own, group) in pairs if own == kind and not (without and group == without)]


def recordings(data: str | os.PathLike[str], split: str, names: Sequence[str] | None = None) -> Bank:
    """The recordings of one split of a dataset, with the descriptors that stand in its descriptors.csv.

    Args:
        data: dataset folder that has been described (`creativeml describe --data`).
        split: train, validation, test or all.
        names: descriptors; None = the seven of timbre.

    Raises:
        DatasetError: no dataset, an empty split, or sounds that have not been described.
    """
    wanted = tuple(d.name for d in chosen(TIMBRE if names is None else names))
    info = read_dataset(data)
    _, rows = select_rows(info, split, None)
    values = torch.from_numpy(read_descriptors(info, rows, wanted))
    return Bank(wanted, tuple(r["class"] for r in rows), values, tuple(r.get("group", "") for r in rows))


def plan(ranges: DescriptorRanges, held_out: Bank, kinds: Sequence[str] | None = None) -> Examination:
    """The questions of an evaluation.

    The range of a kind goes from the 5th to the 95th percentile of its training recordings, what sliders show.
    Places within it are linear, of logarithmic descriptors on their logarithmic scale.

    Args:
        ranges: of the training recordings.
        held_out: recordings whose descriptor vectors are asked for jointly; their descriptors must be in `ranges`.
        kinds: to ask about; None = all that have ranges.

    Raises:
        CreativeMLError: there is nothing to ask.
    """
    known = [k.kind for k in ranges.kinds if kinds is None or k.kind in kinds]
    ends = {kind: _ends(ranges, kind, held_out.names) for kind in known}
    questions: list[Question] = []
    left_out: list[str] = []
    for kind in known:
        if ranges.of(kind).sounds < LEAST_SOUNDS:
            left_out.append(f"sweeps of {kind}: {ranges.of(kind).sounds} training recordings, {LEAST_SOUNDS} needed")
            continue
        for name, pair in zip(held_out.names, ends[kind].tolist(), strict=True):
            low, high = DESCRIPTORS[name].in_jnds(torch.tensor(pair).double()).tolist()
            if high - low < 1:
                left_out.append(f"{name} of {kind}: its recordings span less than can be heard")
                continue
            questions += [
                Question(kind, {name: _value_at(name, pair, level)}, swept=name, level=level) for level in CURVE_LEVELS
            ]
    for kind in known:
        for i in held_out.members(kind):
            targets = dict(zip(held_out.names, held_out.values[i].tolist(), strict=True))
            questions.append(Question(kind, targets, group=held_out.groups[i]))
    if not questions:
        raise CreativeMLError("no kind has enough recordings for its controls to be examined; add recordings")
    return Examination(held_out.names, tuple(questions), ends, tuple(left_out))


def _ends(ranges: DescriptorRanges, kind: str, names: Sequence[str]) -> Tensor:
    shown = ranges.shown(kind)
    return torch.tensor([[shown[name][0], shown[name][-1]] for name in names]).double()


def _value_at(name: str, ends: Sequence[float], level: float) -> float:
    """The value at a place of a range, in the descriptor's unit."""
    low, high = ends
    descriptor = DESCRIPTORS[name]
    if not descriptor.logarithmic:
        return low + level * (high - low)
    # The inverse of `in_jnds`, log(1 + value / descriptor.low), between the ends.
    ratio = (descriptor.low + high) / (descriptor.low + low)
    return (descriptor.low + low) * ratio**level - descriptor.low


# --- answers


def answer(
    make: Controlled,
    examination: Examination,
    sample_rate: int,
    *,
    count: int = COUNT,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int], object] = lambda sounds: None,
) -> Tensor:
    """Ask an instrument all questions and measure what it makes.

    All levels of a sweep, and all sweeps of a kind, get the same seeds, so that what changes was asked for.

    Args:
        make: the instrument.
        examination: the questions.
        sample_rate: of its sounds, in Hz.
        count: sounds per question.
        seed: other seeds ask for other sounds.
        workers: threads that measure; None = one per core, up to 8.
        progress: told how many more sounds are done, of `len(examination.questions) * count`.

    Returns:
        (questions, count, descriptors) float64: measured values in units.

    Raises:
        CreativeMLError: it makes another number of sounds, or some that are not finite.
    """
    place = {kind: i for i, kind in enumerate(examination.kinds)}

    def parts() -> Iterator[Tensor]:
        for number, question in enumerate(examination.questions):
            own = place[question.kind] if question.swept else len(place) + number
            first = (seed * (len(place) + len(examination.questions)) + own) * count
            sounds = make(question.kind, question.targets, count, first)
            if sounds.ndim != 2 or len(sounds) != count:
                raise CreativeMLError(f"asked for {count} sounds, got an array of shape {tuple(sounds.shape)}")
            yield sounds

    if not examination.questions:
        return torch.zeros(0, count, len(examination.names)).double()
    values = measured(parts(), sample_rate, examination.names, workers=workers, progress=progress)
    return values.unflatten(0, (-1, count))


def bank_of(
    make: Callable[[str, int, int], Tensor],
    kinds: Sequence[str],
    per_kind: int,
    sample_rate: int,
    *,
    names: Sequence[str] = TIMBRE,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int], object] = lambda sounds: None,
) -> Bank:
    """A bank of what an instrument without controls makes.

    Args:
        make: called with kind, count and seed; gives sounds `(count, samples)`.
        kinds: of sound.
        per_kind: sounds of each: among so many a search chooses.
        sample_rate: in Hz.
        names: descriptors.
        seed: the first sound's; every kind has seeds of its own.
        workers, progress: as in `answer`; the total is `len(kinds) * per_kind`.
    """

    def parts() -> Iterator[Tensor]:
        for place, kind in enumerate(kinds):
            first = (seed * len(kinds) + place) * per_kind
            for start in range(0, per_kind, _BATCH):
                yield make(kind, min(_BATCH, per_kind - start), first + start)

    values = measured(parts(), sample_rate, names, workers=workers, progress=progress)
    of_sound = tuple(kind for kind in kinds for _ in range(per_kind))
    return Bank(tuple(names), of_sound, values, ("",) * len(of_sound))


def search(bank: Bank, examination: Examination) -> Tensor:
    """The nearest sound of a bank to every question: what a search reaches without any control.

    Near is the mean absolute difference of what was asked for, in just-noticeable differences. A question that was
    taken from a recording is not answered by recordings of the same source.

    Returns:
        (questions, 1, descriptors) float64, in units.

    Raises:
        CreativeMLError: the bank has no sound of a kind that is asked for.
    """
    scaled = in_jnds(bank.values, bank.names)
    found = []
    for question in examination.questions:
        members = _members(bank, question)
        columns = [bank.names.index(name) for name in question.targets]
        asked = in_jnds(torch.tensor(list(question.targets.values()), dtype=torch.double), tuple(question.targets))
        distance = (scaled[members][:, columns] - asked).abs().mean(1)
        found.append(members[int(distance.argmin())])
    return _columns(bank, examination)[found][:, None]


def draw(bank: Bank, examination: Examination, count: int | None = None) -> Tensor:
    """Sounds of the right kind, whatever else is asked: what an instrument that ignores its controls answers.

    Args:
        bank: its sounds.
        examination: the questions.
        count: sounds per question, the same ones for all questions of a kind; None = as many as every kind has.

    Returns:
        (questions, count, descriptors) float64, in units.

    Raises:
        CreativeMLError: the bank has too few sounds of a kind.
    """
    members = [_members(bank, question) for question in examination.questions]
    least = min(map(len, members), default=count or 1)
    count = least if count is None else count
    if count > least:
        raise CreativeMLError(f"{count} sounds of every kind were asked for, the bank has only {least} of one")
    values = _columns(bank, examination)
    chosen = torch.tensor([own[:count] for own in members], dtype=torch.long).view(-1, count)
    return values[chosen]


def _members(bank: Bank, question: Question) -> list[int]:
    members = bank.members(question.kind, without=question.group)
    if not members:
        raise CreativeMLError(f"there is no {question.kind} to choose from; leave that kind out of the questions")
    return members


def _columns(bank: Bank, examination: Examination) -> Tensor:
    missing = [name for name in examination.names if name not in bank.names]
    if missing:
        raise CreativeMLError(f"the sounds were not measured for {', '.join(missing)}; measure them too")
    return bank.values[:, [bank.names.index(name) for name in examination.names]]

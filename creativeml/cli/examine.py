"""Asks everything in an evaluation for sounds of given descriptors, as far as it can be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from creativeml.audio.descriptors import TIMBRE
from creativeml.cli.cast import Cast
from creativeml.cli.contestants import BATCH, Plan, Source
from creativeml.data.descriptor_ranges import measure_ranges
from creativeml.data.descriptor_table import TABLE
from creativeml.evaluation import control
from creativeml.evaluation.obedience import obedience

SEARCHED = 32
"""Sounds of each kind among which a row without controls is searched. Measuring one takes a core 0.16 s."""


def questions(plan: Plan, players: Cast) -> control.Examination:
    """What is asked of every row; the data must have been described.

    Raises:
        CreativeMLError: descriptors of some recordings are missing.
    """
    return control.plan(measure_ranges(plan.data, TIMBRE), _held_out(plan, players))


def sounds_to_measure(players: Cast, examination: control.Examination) -> dict[str, int]:
    """Row -> number of sounds that `examine` measures; recordings have been measured before."""
    return {
        s.name: len(_answerable(s, examination).questions) * control.COUNT if _obeys(s) else len(_searched(s))
        for s in players.rows()
        if s.labelled and s is not players.train
    }


def reason_against(plan: Plan) -> str:
    """Why descriptors cannot be asked for; empty if they can."""
    if (plan.data / TABLE).is_file():
        return ""
    return f"the data have not been described; `creativeml describe --data {plan.data.name}` does it once"


def examine(
    plan: Plan,
    players: Cast,
    examination: control.Examination,
    *,
    resamples: int,
    progress: Callable[[str, int], object],
) -> dict[str, dict[str, Any]]:
    """Obedience to descriptors of every row with kinds.

    A model with controls is asked. For anything else the nearest of its sounds answers: a search.

    Args:
        plan: what is compared.
        players: the sources.
        examination: of `questions`.
        resamples: of the bootstrap.
        progress: told a row's name and how many more of its sounds have been measured.

    Returns:
        row -> figures of `creativeml.evaluation.obedience`, and under `answered` "asked" (and how tuned) or "searched".
    """
    found = {}
    for row in players.rows():
        if not row.labelled:
            continue
        if _obeys(row):
            known = _answerable(row, examination)
            answers = _ask(row, known, plan, players, progress)
            found[row.name] = {
                "answered": f"asked, tuned {plan.tuning} steps" if plan.tuning else "asked",
                **obedience(known, answers, resamples=resamples, seed=plan.seed),
            }
            continue
        if row is players.train:
            bank = control.recordings(plan.data, "train")
        else:
            bank = _bank(row, players.sample_rate, progress)
        known = examination.of(tuple(dict.fromkeys(bank.kinds)))
        answers = control.search(bank, known)
        found[row.name] = {"answered": "searched", **obedience(known, answers, resamples=resamples, seed=plan.seed)}
    return found


def _obeys(source: Source) -> bool:
    return source.instrument is not None and set(TIMBRE) <= set(source.instrument.controls)


def _answerable(source: Source, examination: control.Examination) -> control.Examination:
    return examination.of(tuple(dict.fromkeys(source.kinds)))


def _ask(
    source: Source,
    examination: control.Examination,
    plan: Plan,
    players: Cast,
    progress: Callable[[str, int], object],
) -> Tensor:
    instrument = source.instrument
    assert instrument is not None

    def make(kind: str, targets: Mapping[str, float], count: int, seed: int) -> Tensor:
        return instrument.generate(kind, count, seed, controls=targets, tuning=plan.tuning)

    return control.answer(
        make, examination, players.sample_rate, seed=plan.seed, progress=lambda count: progress(source.name, count)
    )


def _held_out(plan: Plan, players: Cast) -> control.Bank:
    """The reference recordings as a bank: those that a contestant has heard are left out here too."""
    banks = [(control.recordings(plan.data, split), kept) for split, kept in players.kept.items()]
    return control.Bank(
        banks[0][0].names,
        tuple(bank.kinds[i] for bank, kept in banks for i in kept),
        torch.cat([bank.values[list(kept)] for bank, kept in banks]),
        tuple(bank.groups[i] for bank, kept in banks for i in kept),
    )


def _searched(source: Source) -> list[int]:
    taken: dict[str, int] = {}
    chosen = []
    for index, kind in enumerate(source.kinds):
        taken[kind] = taken.get(kind, 0) + 1
        if taken[kind] <= SEARCHED:
            chosen.append(index)
    return chosen


def _bank(source: Source, sample_rate: int, progress: Callable[[str, int], object]) -> control.Bank:
    chosen = _searched(source)

    def parts() -> Iterator[Tensor]:
        for start in range(0, len(chosen), BATCH):
            yield source.read(chosen[start : start + BATCH])

    values = control.measured(parts(), sample_rate, TIMBRE, progress=lambda count: progress(source.name, count))
    return control.Bank(tuple(TIMBRE), tuple(source.kinds[i] for i in chosen), values, ("",) * len(chosen))

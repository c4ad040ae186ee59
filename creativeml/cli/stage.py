"""Hears everything that an evaluation names, once, and keeps what the report and its page need."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from creativeml.cli.cast import Cast, cast
from creativeml.cli.contestants import NOISE, REAL, Plan, Source
from creativeml.cli.examine import examine, questions, reason_against, sounds_to_measure
from creativeml.cli.progress import Overall
from creativeml.evaluation.control import Examination
from creativeml.evaluation.cost import TURNS, Player, measure_costs
from creativeml.evaluation.embeddings import Embedding, log_mel_statistics
from creativeml.evaluation.judge import Judge
from creativeml.evaluation.measure import JUDGE, Measured, measure
from creativeml.evaluation.novelty import Novelty
from creativeml.evaluation.page import Listening, PlayedPair, Sound
from creativeml.evaluation.report import LOG_MEL, Built, Contest, build_report
from creativeml.evaluation.transients import ONSET, onset_windows

OWN = (LOG_MEL, JUDGE, ONSET)
"""Names of the embeddings that every evaluation has."""
EXAMPLES, FURTHER_EXAMPLES = 3, 1
"""Sounds of each kind that the page plays: of the model and the recordings, and of every other row."""
_HEARING_S, _EXTRA_S, _DESCRIBING_S, _SPEED_S, _FIGURES_S = 0.02, 0.05, 0.1, 5.0, 4.0
"""What a sound, a sound by each further embedding, its descriptors, the timing of a model and the distances of a row by
an embedding take, roughly; for the progress bar."""


@dataclass(frozen=True)
class Staged:
    """A finished evaluation: its report, and what of it can be heard."""

    report: dict[str, Any]
    listening: Listening


def stage(
    plan: Plan,
    judge: Judge,
    outside: Mapping[str, Embedding],
    about: Mapping[str, Any],
    *,
    resamples: int,
    controls: bool = True,
) -> Staged:
    """Hear everything that the plan names and build its report, with a progress bar.

    Args:
        plan: what is compared.
        judge: of the kinds.
        outside: further embeddings by name.
        about: facts for the record.
        resamples: of the bootstrap.
        controls: whether to ask for descriptors too, if the data have been described.

    Raises:
        CreativeMLError: as in `cast`, or sounds that cannot be judged.
    """
    players = cast(plan)
    embeddings = {LOG_MEL: log_mel_statistics, JUDGE: judge.embedding, ONSET: onset_windows, **outside}
    rows = players.rows()
    for row in rows:
        if row.unused_files:
            print(f"{row.name}: {row.unused_files} audio files in no folder of a kind were left out", file=sys.stderr)
    reason = reason_against(plan) if controls else "it was not wanted"
    if controls and reason:
        print(f"descriptor controls are left out: {reason}", file=sys.stderr)
    examination = None if reason else questions(plan, players)
    described = {} if examination is None else sounds_to_measure(players, examination)
    timed = _players(rows)
    with Overall(_steps(players, embeddings, described, timed, resamples)) as bar:
        # First the contestants: what is wrong with a user's files is said before anything long is done.
        order = dict.fromkeys((*players.contestants, players.reference, *rows))
        heard = [_measure(s, players.sample_rate, embeddings, bar) for s in order]
        found = {m.name: m for m in heard}
        examined = {} if examination is None else _examined(plan, players, examination, described, bar, resamples)
        contest = Contest(
            found[players.reference.name],
            found[REAL],
            found[NOISE],
            tuple(found[s.name] for s in players.contestants),
            players.left_out,
            controls=examined,
            costs=_costs(rows, timed, players.sample_rate, bar),
            trained_on={s.name: s.trained_on for s in rows if s.trained_on},
            unused_files={s.name: s.unused_files for s in rows if s.unused_files},
        )
        built = build_report(
            contest,
            judge,
            {**about, "controls_left_out": reason},
            resamples=resamples,
            seed=plan.seed,
            read={s.name: s.read for s in rows},
            progress=lambda name: bar.advance(f"distances of {name}", 1.0),
        )
    return Staged(_named(built, players), _listening(players, built.novelty))


def _steps(
    players: Cast,
    embeddings: Mapping[str, Embedding],
    described: Mapping[str, int],
    timed: Mapping[str, Player],
    resamples: int,
) -> dict[str, float]:
    """Step → seconds it is expected to take."""
    rows = players.rows()
    per_sound = _HEARING_S + _EXTRA_S * (len(embeddings) - len(OWN))
    steps = {f"hearing {s.name}": per_sound * len(s) for s in (players.reference, *rows)}
    steps |= {f"descriptors of {name}": _DESCRIBING_S * count for name, count in described.items()}
    steps |= {f"speed of {name}": _SPEED_S for name in timed}
    return steps | {f"distances of {s.name}": _FIGURES_S * len(embeddings) * resamples / 200 for s in rows}


def _examined(
    plan: Plan,
    players: Cast,
    examination: Examination,
    described: Mapping[str, int],
    bar: Overall,
    resamples: int,
) -> dict[str, dict[str, Any]]:
    def progress(name: str, sounds: int) -> None:
        bar.advance(f"descriptors of {name}", sounds / described[name])

    return examine(plan, players, examination, resamples=resamples, progress=progress)


def _measure(source: Source, sample_rate: int, embeddings: Mapping[str, Embedding], bar: Overall) -> Measured:
    def progress(sounds: int) -> None:
        bar.advance(f"hearing {source.name}", sounds / len(source))

    return measure(source.name, source.batches(), sample_rate, embeddings, progress)


def _players(rows: Sequence[Source]) -> dict[str, Player]:
    """What can be timed: whatever makes its sounds itself."""
    players = {}
    for row in rows:
        if row.instrument is not None:
            players[row.name] = Player(_play(row), row.instrument.model, row.instrument.info.folder)
        elif row.name == NOISE:
            players[row.name] = Player(_play(row))
    return players


def _play(source: Source) -> Callable[[int], Tensor]:
    return lambda seed: source.read([seed % len(source)])[0]


def _costs(
    rows: Sequence[Source], players: Mapping[str, Player], sample_rate: int, bar: Overall
) -> dict[str, dict[str, float | None]]:
    turn = 1.0 / (TURNS + 1)

    def tick() -> None:
        for name in players:
            bar.advance(f"speed of {name}", turn / len(players))

    costs = measure_costs({row.name: players.get(row.name) for row in rows}, sample_rate, tick=tick)
    bar.finish(f"speed of {name}" for name in players)
    return costs


def _named(built: Built, players: Cast) -> dict[str, Any]:
    """The report with the closest sounds by their names instead of their places."""
    titles = {source.name: source.titles for source in players.rows()}
    report = built.report
    for name, own in {report["about"]["name"]: report, **report["against"]}.items():
        for found in own["novelty"].values():
            for pair in found["closest"]:
                pair["sound"] = titles[name][pair["sound"]]
                pair["training"] = players.train.titles[pair["training"]]
    return report


def _listening(players: Cast, novelty: Novelty | None) -> Listening:
    model, reference = players.contestants[0], players.reference
    others = [s for s in players.rows() if s.name not in (model.name, players.train.name)]
    shown = [(model, EXAMPLES), (reference, EXAMPLES), *((s, FURTHER_EXAMPLES) for s in others)]
    pairs = []
    for pair in novelty.closest if novelty else ():
        made = _sound(model, pair.evaluated)
        correlation = pair.correlation[0]
        known = None if correlation != correlation else correlation
        pairs.append(PlayedPair(made, _sound(players.train, pair.training), pair.distance, known))
    examples = {source.name: _examples(source, count, reference.kinds) for source, count in shown}
    return Listening(players.sample_rate, examples, pairs)


def _examples(source: Source, count: int, kinds: Sequence[str]) -> dict[str, list[Sound]]:
    """Sounds evenly spaced through those of each kind, in the order of `kinds`: neighbours are often of one drum."""
    ordered = [kind for kind in dict.fromkeys((*kinds, *source.kinds)) if kind in source.kinds]
    examples = {}
    for kind in ordered:
        own = [i for i, k in enumerate(source.kinds) if k == kind]
        chosen = own if len(own) <= count else [own[(2 * n + 1) * len(own) // (2 * count)] for n in range(count)]
        examples[kind] = [_sound(source, i) for i in chosen]
    return examples


def _sound(source: Source, index: int) -> Sound:
    return Sound(source.titles[index], source.read([index])[0])

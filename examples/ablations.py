"""Train variants of `fast` at equal cost and write one table of what helped.

    python examples/ablations.py DATA --out ABLATIONS --minutes 12

DATA is a dataset folder made by `creativeml prepare` and measured by `creativeml describe --data`. Every variant (see
`creativeml.training.ablation.VARIANTS`) gets so many minutes of one core after a common start, then all that
`creativeml evaluate` would say of its realism, coverage, kinds and controls is measured against the validation
recordings, so that the test recordings stay unseen by whoever chooses between variants. The whole takes hours. It can
be stopped or killed at any time; the same command goes on. ABLATIONS/ablations.md and .csv hold the table so far.
"""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import tyro

from creativeml.cli.cast import cast
from creativeml.cli.contestants import NOISE, REAL, Plan, Source, open_source
from creativeml.cli.examine import questions
from creativeml.config import read_json
from creativeml.data.one_shots import OneShotDataset, read_dataset
from creativeml.errors import CreativeMLError
from creativeml.evaluation import control
from creativeml.evaluation.ablation_table import Row, comma_separated, markdown
from creativeml.evaluation.embeddings import log_mel_statistics
from creativeml.evaluation.judge import load_judge
from creativeml.evaluation.manifold import equal_sizes
from creativeml.evaluation.measure import JUDGE, Measured, as_points, comparable_kinds, measure
from creativeml.evaluation.paired import control_error, figures
from creativeml.evaluation.points import Redrawn
from creativeml.evaluation.report import LOG_MEL
from creativeml.evaluation.weighted import finite
from creativeml.files import atomic_write_json, atomic_write_text
from creativeml.memory import keep_large_blocks
from creativeml.training.ablation import VARIANTS, Ablation, Variant
from creativeml.training.config import ALL_CONTROLS, changed_training, training_preset

START = "start"
STOPPED = 130


def main(
    data: tyro.conf.Positional[Path],
    *,
    out: Path,
    minutes: float = 12.0,
    only: tuple[str, ...] = (),
    base: tuple[str, ...] = (),
    count: int = 64,
) -> int:
    """Train, examine, and write the table.

    Args:
        data: dataset folder.
        out: folder of the variants; made if missing, gone on with if it was begun.
        minutes: of one core for each variant.
        only: names of variants; all by default, the unchanged runs first.
        base: fields of the preset that are changed for all variants, as for `creativeml train --set`.
        count: sounds of each kind that are made for the examination.
    """
    chosen = [_named(name) for name in only] or list(VARIANTS)
    keep_large_blocks()
    # On one thread a second of the processor is a second of the clock.
    torch.set_num_threads(1)
    preset = training_preset("fast", read_dataset(data).kinds, controls=ALL_CONTROLS)
    ablation = Ablation(data, out, changed_training(preset, base), minutes=minutes)
    if not work_through(ablation, Examiner(data, count), chosen):
        return STOPPED
    print((out / "ablations.md").read_text(encoding="utf-8"))
    return 0


def work_through(ablation: Ablation, examiner: Examiner, chosen: Sequence[Variant]) -> bool:
    """Train and examine what has not been, and write the table after each; whether it got to the end."""
    for variant in chosen:
        result = ablation.folder(variant) / "result.json"
        if not result.is_file():
            try:
                if ablation.train(variant):
                    print(f"stopped in {variant.name}; the same command goes on", file=sys.stderr)
                    return False
                found = {"figures": examiner.examine(ablation.folder(variant) / "run" / "last")}
            except CreativeMLError as error:
                if variant.unchanged:
                    raise
                found = {"failure": str(error)}
            atomic_write_json(result, found)
        write_table(ablation, examiner)
    return True


class Examiner:
    """Measures sets of sounds against the validation recordings.

    Args:
        data: dataset folder.
        count: sounds of each kind that a model makes.
    """

    def __init__(self, data: Path, count: int) -> None:
        self._plan = Plan(data, REAL, (), ("validation",), count, 0)
        self._train = OneShotDataset(data, "train", peak=None)
        self._players = cast(self._plan)
        self._judge = load_judge()
        self._reference = self._heard(self._players.reference)
        beside = [self._heard(source) for source in (self._players.train, self._players.noise)]
        self._kinds = comparable_kinds(self._reference, beside)
        self._sizes = equal_sizes(*(as_points(m, LOG_MEL, self._kinds) for m in (self._reference, *beside)))
        asked = questions(self._plan, self._players)
        self._joint = control.Examination(asked.names, tuple(q for q in asked.questions if not q.swept), asked.ranges)
        found = control.search(control.recordings(data, "train"), self._joint)
        self.floor = self._figures(beside[0]) | {"control_error": self._control_error(found)}
        self.ceiling = self._figures(beside[1])

    def about(self) -> str:
        """What the figures rest on."""
        return (
            f"Against {len(self._reference)} validation recordings of {len(self._kinds)} kinds;"
            f" {self._plan.count} sounds of each kind; controls asked jointly at the descriptors of each recording."
        )

    def examine(self, model: Path) -> dict[str, dict[str, Any]]:
        """Figures of a model with their draws, as plain values; what could not be had is null."""
        source = open_source(str(model), self._plan, self._train)
        found = self._figures(self._heard(source))
        instrument = source.instrument
        if instrument is not None and set(self._joint.names) <= set(instrument.controls):

            def make(kind: str, targets: Mapping[str, float], count: int, seed: int) -> torch.Tensor:
                return instrument.generate(kind, count, seed, controls=targets)

            got = control.answer(make, self._joint, self._players.sample_rate, count=1, workers=1)
            found["control_error"] = self._control_error(got)
        return {n: {"value": finite(f.value), "draws": list(map(finite, f.draws))} for n, f in found.items()}

    def _heard(self, source: Source) -> Measured:
        embeddings = {LOG_MEL: log_mel_statistics, JUDGE: self._judge.embedding}
        return measure(source.name, source.batches(), self._players.sample_rate, embeddings)

    def _figures(self, made: Measured) -> dict[str, Redrawn]:
        return figures(self._judge, self._reference, made, self._kinds, sizes=self._sizes)

    def _control_error(self, got: torch.Tensor) -> Redrawn:
        joint = self._joint
        asked = torch.tensor([[q.targets[name] for name in joint.names] for q in joint.questions])
        kinds, groups = ([getattr(q, key) for q in joint.questions] for key in ("kind", "group"))
        return control_error(asked, got, kinds, groups, joint.names)


def write_table(ablation: Ablation, examiner: Examiner) -> None:
    """Write what is known so far of all variants."""
    start = ablation.start_of(VARIANTS[0])[0]
    known = start / "result.json"
    if not known.is_file():
        atomic_write_json(known, {"figures": examiner.examine(start / "last")})
    rows = [
        Row(REAL, "other recordings: the floor", figures=examiner.floor, compared=False),
        Row(START, "levels only, before the game", figures=_redrawn(known), compared=False),
    ]
    for variant in VARIANTS:
        result = ablation.folder(variant) / "result.json"
        if result.is_file():
            steps = ablation.steps_of(variant)
            row = Row(
                variant.name,
                variant.change,
                variant.settings,
                steps,
                steps * ablation.configuration(variant).sounds_per_step,
                ablation.relative_cost(variant),
                _redrawn(result),
                read_json(result).get("failure", ""),
                variant.unchanged,
            )
            rows.append(row)
    rows.append(Row(NOISE, "shaped noise: the ceiling", figures=examiner.ceiling, compared=False))
    plan = ablation.plan
    about = (
        f"Each variant: {plan.minutes:g} minutes of one core ({plan.base_steps} steps of the unchanged run) after"
        f" {plan.base.reconstruction.pretrain_steps} steps of level pre-training. {examiner.about()}"
    )
    atomic_write_text(ablation.out / "ablations.md", markdown(rows, about))
    atomic_write_text(ablation.out / "ablations.csv", comma_separated(rows))


def _redrawn(path: Path) -> dict[str, Redrawn]:
    def number(value: float | None) -> float:
        return math.nan if value is None else value

    known = read_json(path).get("figures", {})
    return {n: Redrawn(number(f["value"]), tuple(map(number, f["draws"]))) for n, f in known.items()}


def _named(name: str) -> Variant:
    known = {variant.name: variant for variant in VARIANTS}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known)}"
        raise CreativeMLError(f"there is no variant '{name}'; {hint}")
    return known[name]


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

"""`creativeml evaluate`: how near a model's sounds are to held-out recordings, beside other sounds."""

from __future__ import annotations

import contextlib
import json as json_format
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from creativeml.errors import CreativeMLError
from creativeml.files import check_writable
from creativeml.synthesis.catalog import DEFAULT_TUNING

if TYPE_CHECKING:
    from creativeml.evaluation.embeddings import Embedding


def evaluate(
    model: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="MODEL_OR_FOLDER")],
    *,
    data: Path,
    out: Path,
    against: tuple[str, ...] = (),
    embedding: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=PATH")] = (),
    count: int = 64,
    reference: Literal["test", "test+validation"] = "test",
    judge: Path | None = None,
    resamples: int = 200,
    controls: bool = True,
    tuning: int = DEFAULT_TUNING,
    seed: int = 0,
    json: bool = False,
) -> int:
    """Measure how near sounds are to held-out recordings; write report.html, .json, .md and .csv.

    Beside the model stand the floor (other recordings from the same sources) and the ceiling (filtered noise
    with the envelope of each kind). What is measured: realism (kernel and Fréchet distances with 95 % intervals),
    obedience (kinds recognised by a classifier of real recordings), diversity, novelty (whether it copies), craft and
    cost. The same seed gives the same report but for times. report.html plays and shows the sounds, without network.

    Args:
        model: a bundled model, a model folder, the folder of a training run (its best checkpoint), a folder
            of audio files (best in sub-folders named by kind), `real` (the train recordings) or `noise` (shaped
            noise).
        data: dataset folder made by `creativeml prepare`.
        out: folder for the report; made if missing.
        against: further models or folders to stand beside it.
        embedding: further networks to measure distances by, which others trained: a known name and the path of its
            weights.
        count: sounds to generate per kind, 2 to 1024.
        reference: the recordings to compare with. `test` has seen nothing of the training; with `validation`
            there are more, but training picked its checkpoint by them. Recordings that the model or one
            of `against` says it was trained on are left out (told by the prepared file: another rate or
            another way of preparing makes others).
        judge: folder of a classifier; by default the one that comes with the package.
        resamples: bootstrap draws for the intervals, 2 to 10000.
        controls: ask for sounds of given descriptors too, if `creativeml describe --data` has measured those of the
            recordings. It takes longest (--no-controls leaves it out).
        tuning: steps by which a model with controls brings those sounds nearer to what was asked, 0 to 100, as
            `creativeml generate` does.
        seed: of generated sounds, noise and bootstrap, 0 to 1000000.
        json: print the report as JSON instead of the tables.
    """
    _check("count", count, 2, 1024)
    _check("resamples", resamples, 2, 10_000)
    _check("seed", seed, 0, 1_000_000)
    _check("tuning", tuning, 0, 100)
    if out.exists() and not out.is_dir():
        raise CreativeMLError(f"{out} is a file; --out names a folder for the report")
    with _writing(out):
        check_writable(out)
    # Not at the top: torch loads for a second, which `--help` need not wait for.
    from creativeml import __version__
    from creativeml.cli.contestants import Plan
    from creativeml.cli.stage import stage
    from creativeml.evaluation.judge import load_judge
    from creativeml.evaluation.page import write_page
    from creativeml.evaluation.report import write_report
    from creativeml.evaluation.tables import markdown

    heard_by = load_judge() if judge is None else load_judge(judge)
    plan = Plan(data, model, against, reference.split("+"), count, seed, tuning)
    about = {"data": data.resolve().name, "count_per_kind": count, "seed": seed, "version": __version__}
    staged = stage(plan, heard_by, _outside(embedding), about, resamples=resamples, controls=controls)
    with _writing(out):
        paths = write_report(staged.report, out)
        paths.append(write_page(staged.report, staged.listening, out / "report.html"))
    print(json_format.dumps(staged.report, indent=2, ensure_ascii=False) if json else markdown(staged.report))
    print("written: " + ", ".join(map(str, paths)), file=sys.stderr)
    return 0


@contextlib.contextmanager
def _writing(out: Path) -> Iterator[None]:
    """Turns errors of the disk into one line."""
    try:
        yield
    except OSError as error:
        reason = f"cannot be written ({error.strerror or error})"
        raise CreativeMLError(f"{out}: {reason}; free space or choose another --out") from error


def _outside(specifications: tuple[str, ...]) -> dict[str, Embedding]:
    if not specifications:
        return {}
    from creativeml.cli.stage import OWN
    from creativeml.evaluation.outside import load_outside

    loaded: dict[str, Embedding] = {}
    for text in specifications:
        name, network = load_outside(text)
        if name in loaded or name in OWN:
            raise CreativeMLError(f"--embedding gives two rulers the name '{name}'; give each network once")
        loaded[name] = network
    return loaded


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise CreativeMLError(f"--{name} must be a whole number from {low} to {high}, got {value}")

"""Kill `creativeml prepare` at random moments, start it again, and see that the dataset is that of a quiet run.

    python tests/attacks/kill_prepare.py --times 100 --seed 0

Moments are uniform over the time that a whole run takes, and a little more. Of five kills, four hit the program, one a
worker process of it (the program must then go on by itself). A round ends when a run got through; the folder must then
hold, byte for byte, what an uninterrupted run makes: sounds, manifest, report, nothing else. Children may not outlive
their parent.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from killing import PATIENCE_S, contents, kill, left_behind, members, start, told

from creativeml.files import project_folder

_STEP_S = 0.005
_LONGEST_S = 300.0


@dataclass
class Outcome:
    """What the kills did.

    Attributes:
        kills: so many hit a living process.
        rounds: datasets that were finished after at least one kill.
        stages: where the kills hit, by what lay in the folder.
        faults: everything that should not be, a line each.
    """

    kills: int = 0
    rounds: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def kill_prepare(times: int, seed: int, sounds: int, work: Path, workers: int = 2) -> Outcome:
    """Kill it so often.

    Args:
        times: kills of a living process.
        seed: of the moments.
        sounds: of the starter pack that are prepared; more than a hundred have worker processes.
        work: an empty folder.
        workers: processes.
    """
    random_ = random.Random(seed)
    source = work / "source"
    files = sorted((project_folder("datasets") / "starter").rglob("*.flac"))
    for file in files[:: max(1, len(files) // sounds)][:sounds]:
        (source / file.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(file, source / file.parent.name)
    quiet = work / "quiet"
    began = time.monotonic()
    code, text = _finish(_begin(source, quiet, workers))
    assert code == 0, text
    whole_s, expected = time.monotonic() - began, contents(quiet)
    outcome, rounds = Outcome(), 0
    while outcome.kills < times:
        before, rounds = outcome.kills, rounds + 1
        out = work / f"data-{rounds}"
        _round(out, source, workers, whole_s, random_, times, outcome)
        outcome.rounds += outcome.kills > before
        found = contents(out)
        if found != expected:
            other = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
            outcome.faults.append(f"{out.name}: differs from the quiet run in {other[:5]}")
        shutil.rmtree(out)
    return outcome


def _begin(source: Path, out: Path, workers: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "creativeml", "prepare", str(source), "--out", str(out), "--json"]
    shape = ["--length", "16384", "--workers", str(workers)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return start([*command, *shape], {"OMP_NUM_THREADS": "1"}, **pipes)


def _finish(process: subprocess.Popen) -> tuple[int, str]:
    text, _ = process.communicate(timeout=_LONGEST_S)
    return process.returncode, text


def _round(
    out: Path, source: Path, workers: int, whole_s: float, random_: random.Random, times: int, outcome: Outcome
) -> None:
    """Runs in one folder until one gets through; after the first, every second one at random is let through."""
    finished, first = False, True
    while not finished:
        process = _begin(source, out, workers)
        if outcome.kills < times and (first or random_.random() < 0.5):
            moment, aim = random_.uniform(0, 1.05 * whole_s), random_.random() < 0.2
            until = time.monotonic() + moment
            while time.monotonic() < until and process.poll() is None:
                time.sleep(_STEP_S)
            stage = _stage(out)
            if process.poll() is None and not (aim and _kill_worker(process, outcome)):
                kill(process)
                outcome.kills += 1
                outcome.stages[stage] += 1
                for line in left_behind(process.pid).values():
                    outcome.faults.append(f"{out.name}: outlived its parent by {PATIENCE_S} s: {line}")
                assert process.stdout is not None
                process.stdout.close()
                first = False
                continue
        first = False
        complete = (out / "dataset.json").is_file() and not (out / "prepare-journal.jsonl").exists()
        code, text = _finish(process)
        # Killed after its last step, it had done everything: the same command then says so.
        finished = code == 0 or (complete and "already holds a dataset" in text)
        if not finished:
            outcome.faults.append(f"{out.name}: exit code {code}: {text.strip()[-300:]}")
            return
        for line in left_behind(process.pid).values():
            outcome.faults.append(f"{out.name}: outlived its parent: {line}")


def _kill_worker(process: subprocess.Popen, outcome: Outcome) -> bool:
    """Kill a worker of a run, if it has one; the run must finish by itself."""
    workers = [number for number, line in members(process.pid).items() if "spawn_main" in line]
    if not workers:
        return False
    try:
        os.kill(workers[-1], signal.SIGKILL)
    except ProcessLookupError:
        return False
    outcome.kills += 1
    outcome.stages["a worker process"] += 1
    return True


def _stage(out: Path) -> str:
    """How far a run had come, by what lies in its folder."""
    if not out.exists():
        return "before the folder"
    present = {path.name for path in out.iterdir()}
    if "dataset.json" in present:
        return "after the description" if "prepare-journal.jsonl" in present else "after the end"
    if "manifest.csv" in present:
        return "after the manifest"
    if "report.json" in present:
        return "after the report"
    if "prepare-journal.jsonl" not in present:
        return "before the journal"
    lines = (out / "prepare-journal.jsonl").read_bytes().count(b"\n")
    return "before the first sound" if lines < 2 else "while sounds are read" if not _all_read(out) else "comparing"


def _all_read(out: Path) -> bool:
    """Whether the journal knows every sound of the source."""
    known = sum(1 for line in (out / "prepare-journal.jsonl").read_bytes().split(b"\n")[1:-1] if json.loads(line))
    return known >= sum(1 for path in (out.parent / "source").rglob("*.flac"))


def main() -> int:
    """Kill, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=100, help="kills")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--sounds", type=int, default=110, help="of the starter pack, up to 192")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        began = time.monotonic()
        outcome = kill_prepare(arguments.times, arguments.seed, arguments.sounds, Path(work))
    print(f"{outcome.kills} kills in {time.monotonic() - began:.0f} s: {told(outcome.stages)}")
    print(f"{outcome.rounds} datasets finished afterwards, all byte-equal to the quiet run: {not outcome.faults}")
    for fault in outcome.faults:
        print(f"FAULT {fault}")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())

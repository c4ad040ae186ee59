"""Thousands of mutated files against every reader of the library: each must become a sound, or one line that says why.

python tests/attacks/fuzz.py --audio 20000 --models 700 --projects 700 --kits 600 --foreign 500 [--seed 0] [--keep DIR]

A fault is whatever is neither: another exception, a crash, more than 5 s of work, more than 1 GiB, a refusal of several
lines or one that does not name the file. Every case follows from the seed, its area and its number. The exit code is 1
if there is any.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import foreign_cases
import kit_cases
import model_cases
import project_cases
import sound_cases
from watched import Area, Case, Verdict, Watched

AREAS = {
    "audio": sound_cases.sounds,
    "models": model_cases.models,
    "projects": project_cases.projects,
    "kits": kit_cases.kits,
    "foreign": foreign_cases.foreign,
}


def draw(area: str, number: int, seed: int = 0, cases: Area | None = None) -> Case:
    """The case of that number."""
    return (cases or AREAS[area]())(random.Random(f"{seed} {area} {number}"))


def table(verdicts: list[Verdict]) -> str:
    """Counts by format, with the longest time and the highest peak."""
    forms = sorted({v.form for v in verdicts})
    lines = [f"{'format':<26}{'cases':>7}{'sound':>8}{'refused':>9}{'FAULT':>7}{'longest s':>11}{'peak MiB':>10}"]
    for form in [*forms, "all"]:
        found = [v for v in verdicts if form in (v.form, "all")]
        counts = Counter(v.kind for v in found)
        longest, peak = max(v.seconds for v in found), max(v.peak for v in found) >> 20
        cells = f"{len(found):>7}{counts['sound']:>8}{counts['refused']:>9}{counts['FAULT']:>7}"
        lines.append(f"{form:<26}{cells}{longest:>11.2f}{peak:>10}")
    return "\n".join(lines)


def keep(verdict: Verdict, area: str, seed: int, folder: Path, cases: Area) -> None:
    """Write the files of a case down."""
    case = draw(area, verdict.number, seed, cases)
    place = folder / f"{area}-{seed}-{verdict.number}"
    for name, data in case.files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (place / "verdict.txt").write_text(f"{case.form}: {case.how}\n{verdict.line}\n", encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Run all cases that were asked for and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for area in AREAS:
        parser.add_argument(f"--{area}", type=int, default=0, help=f"cases of {area}")
    parser.add_argument("--seed", type=int, default=0, help="of all cases")
    parser.add_argument("--first", type=int, default=0, help="number of the first case of each area")
    parser.add_argument("--keep", type=Path, help="folder for the files of faults")
    options = parser.parse_args(arguments)
    verdicts: list[Verdict] = []
    begun = time.perf_counter()
    for area, make in AREAS.items():
        count = getattr(options, area)
        if not count:
            continue
        cases = make()
        for verdict in Watched(cases, area, options.seed).run(range(options.first, options.first + count)):
            verdicts.append(verdict)
            if verdict.kind == "FAULT":
                print(f"FAULT {area} {verdict.number} ({verdict.form}, {verdict.how}): {verdict.line}", flush=True)
                if options.keep is not None:
                    keep(verdict, area, options.seed, options.keep, cases)
    if not verdicts:
        parser.error("ask for some cases")
    print(table(verdicts))
    print(f"{len(verdicts)} cases in {time.perf_counter() - begun:.0f} s, seed {options.seed}")
    return int(any(v.kind == "FAULT" for v in verdicts))


if __name__ == "__main__":
    sys.exit(main())

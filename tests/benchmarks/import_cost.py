"""What importing costs: creativeml and its parts beside torch alone, each in interpreters of their own.

    python tests/benchmarks/import_cost.py [REPETITIONS]

Printed is the least of the repetitions, in which all take turns (whatever else runs can only add to it); the
interpreter's own start is taken off.
"""

from __future__ import annotations

import subprocess
import sys
import time

STATEMENTS = {
    "import torch": "import torch",
    "import creativeml": "import creativeml",
    "creativeml.load": "import creativeml; creativeml.load",
    "creativeml.models, all of them": "import creativeml; creativeml.models.list(); creativeml.models.StyleWaveGAN",
}


def seconds(statement: str) -> float:
    """Of an interpreter that does nothing but this."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def measure(repetitions: int) -> dict[str, float]:
    """Least seconds of each statement, without those of an interpreter that does nothing."""
    taken: dict[str, list[float]] = {}
    for _ in range(repetitions):
        for name, statement in {"nothing": "", **STATEMENTS}.items():
            taken.setdefault(name, []).append(seconds(statement))
    least = {name: min(values) for name, values in taken.items()}
    nothing = least.pop("nothing")
    return {name: value - nothing for name, value in least.items()}


def main(repetitions: int = 5) -> None:
    """Measure and print."""
    found = measure(repetitions)
    for name, value in found.items():
        print(f"{name:32s} {value:7.3f} s, {value / found['import torch']:5.1%} of import torch")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

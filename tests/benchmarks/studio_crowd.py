"""Many people on one studio: does each get the sound of its own seed, how long does it take, does memory stay?

    python tests/benchmarks/studio_crowd.py [--people 32] [--minutes 10]

A real server on this machine; each person asks for one sound after the other with a pause of a quarter to two
seconds, as somebody does who tries seeds. Every sound is compared with what the instrument itself makes of that seed.
Told are how many were asked for, how many failed or were another's, the median and the 95th percentile of the wait,
and the server's memory in the first minute and at the end.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from creativeml.synthesis.generate import load
from tests.browser.conftest import Studio

KINDS = ("kick", "snare", "hat_closed", "tom")
SEEDS = 200


def call(base: str, name: str, arguments: list[Any]) -> Any:
    """What an endpoint answers; RuntimeError with its message if it refuses."""
    request = urllib.request.Request(
        f"{base}/call/{name}", json.dumps({"data": arguments}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as response:
        event = json.load(response)["event_id"]
    with urllib.request.urlopen(f"{base}/call/{name}/{event}", timeout=120) as stream:
        blocks = stream.read().decode().split("\n\n")
    for block in blocks:
        if block.startswith("event: complete"):
            return json.loads(block.split("data: ", 1)[1])[0]
        if block.startswith("event: error"):
            raise RuntimeError(block[:300])
    raise RuntimeError("no answer")


def resident_mb(process: int) -> float:
    """Memory of a process in MB."""
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


class Crowd:
    """People who ask, and what became of it.

    Args:
        base: where the endpoints of the Kit page lie.
        expected: (kind, seed) → the samples that are right.
        until: when to stop.
    """

    def __init__(self, base: str, expected: dict[tuple[str, int], np.ndarray], until: float) -> None:
        self._base, self._expected, self._until = base, expected, until
        self._lock = threading.Lock()
        self.waits: list[float] = []
        self.failed: list[str] = []
        self.wrong = 0

    def person(self, number: int) -> None:
        """Ask until time is up."""
        rng = random.Random(number)
        while time.perf_counter() < self._until:
            kind, seed = rng.choice(list(self._expected))
            began = time.perf_counter()
            try:
                [answer] = call(self._base, "sounds", [[{"sound": {"kind": kind, "seed": seed}}]])
                with urllib.request.urlopen(answer["file"]["url"], timeout=60) as response:
                    data = response.read()
            except (OSError, RuntimeError, ValueError) as error:
                with self._lock:
                    self.failed.append(str(error)[:200])
                continue
            wait = time.perf_counter() - began
            samples = soundfile.read(io.BytesIO(data), dtype="float32")[0]
            right = bool(np.abs(samples - self._expected[kind, seed]).max() <= 2**-22)
            with self._lock:
                self.waits.append(wait)
                self.wrong += not right
            time.sleep(rng.uniform(0.25, 2.0))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=10.0)
    wanted = parser.parse_args()
    drums = load("drums")
    names = [(kind, seed) for kind in KINDS for seed in range(SEEDS)]
    expected = {name: drums.sound(*name).numpy() for name in names}
    server = Studio(path="")
    try:
        base = f"{server.base}/kit/gradio_api"
        call(base, "sounds", [[{"sound": {"kind": "kick", "seed": 0}}]])
        began = time.perf_counter()
        crowd = Crowd(base, expected, began + 60 * wanted.minutes)
        people = [threading.Thread(target=crowd.person, args=(n,)) for n in range(wanted.people)]
        for one in people:
            one.start()
        time.sleep(min(60.0, 30 * wanted.minutes))
        early = resident_mb(server.process.pid)
        for one in people:
            one.join()
        late = resident_mb(server.process.pid)
        waits = np.array(crowd.waits)
        print(f"{len(waits)} sounds for {wanted.people} people in {wanted.minutes:g} minutes")
        print(f"failed {len(crowd.failed)}, of another seed {crowd.wrong}")
        print(f"wait: median {1000 * np.median(waits):.0f} ms, 95 % within {1000 * np.quantile(waits, 0.95):.0f} ms")
        print(f"memory: {early:.0f} MB early, {late:.0f} MB at the end ({late / early - 1:+.1%})")
        for line in crowd.failed[:3]:
            print(f"  {line}")
    finally:
        server.close()


if __name__ == "__main__":
    main()

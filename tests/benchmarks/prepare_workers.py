"""What are worker processes worth in `creativeml prepare`, beside threads and beside one thread?

    python tests/benchmarks/prepare_workers.py FOLDER [--repeats 3] [--most 2000]

FOLDER holds recordings. They are prepared as the command does it (65,536 samples at 44,100 Hz), each way in turn, so
that whatever else the machine does meets all ways alike. Told are sounds a second, starting the workers and writing
the dataset included: the median, and the least and the most. All ways must make the same dataset.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from creativeml.data.dataset_folder import MANIFEST
from creativeml.data.folders import Found, NamingRules, scan_folder
from creativeml.data.prepare import PrepareOptions, default_workers, prepare_dataset
from creativeml.files import sha256_file

Way = tuple[PrepareOptions, Callable[[], Executor | None]]


def timed(found: Found, way: Way) -> tuple[float, str]:
    """Seconds that it takes, and what the manifest hashes to."""
    options, executor = way
    with tempfile.TemporaryDirectory() as name:
        out, begun = Path(name) / "data", time.perf_counter()
        pool = executor()
        prepare_dataset(found, out, options, executor=pool)
        if pool is not None:
            pool.shutdown()
        return time.perf_counter() - begun, sha256_file(out / MANIFEST)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--most", type=int, default=2000, help="so many recordings, spread over all")
    wanted = parser.parse_args()
    if not wanted.folder.is_dir():
        parser.error(f"{wanted.folder} is not a folder")
    everything = scan_folder(wanted.folder, "measured", NamingRules("auto", "auto", "unknown", "G"))
    step = max(1, len(everything.sounds) // wanted.most)
    found = replace(everything, sounds=everything.sounds[::step][: wanted.most])
    workers = default_workers()
    many = PrepareOptions(workers=workers)
    ways: dict[str, Way] = {
        "1 thread": (replace(many, workers=1), lambda: ThreadPoolExecutor(1)),
        f"{workers} threads": (many, lambda: ThreadPoolExecutor(workers)),
        f"{workers} processes": (many, lambda: None),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    hashes = set()
    for _ in range(wanted.repeats):
        for name, way in ways.items():
            took, sha256 = timed(found, way)
            seconds[name].append(took)
            hashes.add(sha256)
    if len(hashes) != 1:
        raise SystemExit("error: the datasets differ")
    print(f"{len(found.sounds)} recordings, {wanted.repeats} times each way, taken in turn")
    rates = {name: sorted(len(found.sounds) / took for took in times) for name, times in seconds.items()}
    for name, rate in rates.items():
        print(f"{name:12} {statistics.median(rate):7.1f} sounds/s  ({rate[0]:.1f} to {rate[-1]:.1f})")
    one, threads, processes = (statistics.median(rate) for rate in rates.values())
    print(f"processes are {processes / threads:.2f} times threads and {processes / one:.2f} times one thread")


if __name__ == "__main__":
    main()

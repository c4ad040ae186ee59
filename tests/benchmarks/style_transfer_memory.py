"""What a transfer of style costs by method and length: seconds of work for a second of sound, and peak memory.

    python tests/benchmarks/style_transfer_memory.py [METHOD:SECONDS ...]

Without names: spectral:590 latent:120 texture:30, some four minutes of a core. Each is run in a process of its own, on
a stereo content at 44.1 kHz: a bar of drums from the starter pack over and over, in the style of eight seconds of
pieces of cymbals. Printed is the peak of the resident memory; before the transfer, the package and the content lie in
it already. Beside it stands what the content alone takes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

RATE = 44100
TRIED = ("spectral:590", "latent:120", "texture:30")
BAR = {"kick": (0, 6, 10), "snare": (4, 12), "hat_closed": (0, 2, 4, 6, 8, 10, 12, 14)}


def measured(method: str, seconds: float) -> dict[str, float]:
    """One transfer in this process."""
    import resource

    import numpy as np
    import torch

    from creativeml.data.starter import starter_files
    from creativeml.synthesis.style_transfer.engine import transfer

    def hit(kind: str) -> np.ndarray:
        sound = next(file for file in starter_files() if file.kind == kind).mono(RATE)
        return (sound / np.abs(sound).max()).astype(np.float32)

    step = RATE // 8
    bar = np.zeros(16 * step + 4 * RATE, dtype=np.float32)
    for kind, places in BAR.items():
        for place in places:
            bar[place * step : place * step + len(hit(kind))] += 0.3 * hit(kind)
    samples = round(seconds * RATE)
    content = torch.empty(2, samples)
    for first in range(0, samples, 16 * step):
        length = min(16 * step, samples - first)
        content[0, first : first + length] = torch.from_numpy(bar[:length])
        content[1, first : first + length] = 0.7 * content[0, first : first + length]
    style = torch.from_numpy(np.tile(hit("crash")[: RATE // 4], 32))
    before = peak(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    began = time.perf_counter()
    transfer(content, style, RATE, method=method)  # pyright: ignore[reportArgumentType]
    taken = time.perf_counter() - began
    after = peak(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return {"pace": taken / seconds, "before": before, "peak": after, "content": content.nbytes / 1e9}


def peak(maximum: int) -> float:
    """Resident memory in GB of what the system says (bytes on macOS, else KiB)."""
    return maximum * (1 if sys.platform == "darwin" else 1024) / 1e9


def main(tried: list[str]) -> None:
    """Each in a process of its own, since a peak is one of the whole life of a process."""
    if tried[:1] == ["--one"]:
        print(json.dumps(measured(tried[1], float(tried[2]))))
        return
    print("method      seconds   s per s   peak GB   before GB   content GB")
    for one in tried or TRIED:
        method, _, seconds = one.partition(":")
        line = [sys.executable, __file__, "--one", method, seconds]
        told = subprocess.run(line, check=True, capture_output=True, text=True).stdout
        found = json.loads(told.splitlines()[-1])
        numbers = f"{found['pace']:9.3f} {found['peak']:9.2f} {found['before']:11.2f} {found['content']:12.2f}"
        print(f"{method:10s} {float(seconds):8.0f} {numbers}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

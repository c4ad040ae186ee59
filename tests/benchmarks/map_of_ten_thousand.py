"""How long `creativeml map` takes for a large library: `python tests/benchmarks/map_of_ten_thousand.py DATA [COUNT]`.

DATA is a dataset folder (`creativeml prepare`). COUNT files (10,000) are made from its training sounds: varied copies
in pitch, colour, attack, level and noise, every twentieth an exact copy, a third in folders whose names say nothing.
Then the command runs in a process of its own, and Chromium drags the page. All files are deleted afterwards. Pin the
whole to one core to measure that: `taskset -c 0 python ...`. Needs playwright and a Chromium, as the tests do.
"""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile
import torch

from creativeml.audio.augment import AugmentConfig, DrumAugment
from creativeml.data.one_shots import OneShotDataset

BATCH = 50
AUGMENTATIONS = ("pitch", "tilt", "attack", "tail", "gain", "polarity", "noise")


def make_files(data: Path, folder: Path, count: int) -> None:
    """Write the library."""
    torch.manual_seed(0)
    sounds = OneShotDataset(data, "train")
    config = AugmentConfig(sample_rate=sounds.sample_rate, pitch_semitones=4.0, tilt_db_per_octave=3.0)
    augment = DrumAugment(config, only=AUGMENTATIONS)
    generator = torch.Generator().manual_seed(0)
    for first in range(0, count, BATCH):
        numbers = [n % len(sounds) for n in range(first, min(first + BATCH, count))]
        samples, labels = sounds.batch(numbers)
        varied = augment(samples, generator=generator, probability=0.8) if first >= len(sounds) else samples
        for number, sound, label in zip(range(first, count), varied, labels.tolist(), strict=False):
            kind = sounds.kinds[label] if number % 3 else f"Pack {number % 7}"
            path = folder / kind / f"{number:05d}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            loud = (sound.abs() > 1e-4).nonzero()
            length = int(loud[-1]) + 200 if len(loud) else 1000
            soundfile.write(path, sound[:length].clamp(-1, 1).numpy(), sounds.sample_rate, subtype="PCM_16")
            if number % 20 == 19:
                shutil.copy(path, path.with_name(f"{number:05d} copy.wav"))


def run_map(folder: Path, out: Path, cache: Path) -> dict:
    """Run the command; its summary, with minutes and memory."""
    command = [sys.executable, "-m", "creativeml", "map", str(folder), "--out", str(out), "--cache", str(cache)]
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*command, "--json"], stdout=subprocess.PIPE, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    made = json.loads(done.stdout)
    made["wall_minutes"] = (time.monotonic() - begun) / 60
    made["cpu_minutes"] = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 60
    made["peak_mb"] = after.ru_maxrss / 1024
    return made


def drag(page_file: Path) -> dict:
    """Open the page and drag the map about for a while."""
    from playwright.sync_api import sync_playwright

    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))
    from conftest import FLAGS, find_chromium

    with sync_playwright() as playwright:
        path = find_chromium(playwright.chromium.executable_path)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        begun = time.monotonic()
        page.goto(page_file.as_uri(), timeout=120_000)
        opened = time.monotonic() - begun
        page.wait_for_timeout(1500)
        page.evaluate("map.frameTimes.length = map.drawTimes.length = 0")
        page.mouse.move(500, 400)
        page.mouse.down()
        for step in range(120):
            page.mouse.move(500 + 300 * math.sin(step / 8), 400 + 150 * math.cos(step / 7))
        page.mouse.up()
        times = page.evaluate("({frames: map.frameTimes, draws: map.drawTimes})")
        browser.close()
    frames, draws = times["frames"], sorted(times["draws"])
    return {
        "open_s": opened,
        "frames_per_s": 1000 * len(frames) / max(1.0, sum(frames)),
        "draw_ms_mean": sum(draws) / len(draws),
        "draw_ms_95": draws[int(0.95 * len(draws))],
    }


def main() -> None:
    """Make, map, drag, delete."""
    data, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    with tempfile.TemporaryDirectory() as scratch:
        folder, out, cache = (Path(scratch) / name for name in ("library", "map.html", "cache"))
        make_files(data, folder, count)
        made = run_map(folder, out, cache)
        same = sum(d["identical"] for d in made["duplicates"])
        print(
            f"{made['sounds']} sounds on {len(os.sched_getaffinity(0))} cores: {made['wall_minutes']:.1f} minutes",
            end="",
        )
        print(f" ({made['cpu_minutes']:.1f} of processor time), {made['peak_mb']:.0f} MB, page {made['megabytes']} MB")
        print(f"seconds: {made['seconds']}; duplicates {len(made['duplicates'])}, equal {same}; kinds {made['kinds']}")
        again = run_map(folder, out, cache)
        print(f"again: {again['wall_minutes']:.2f} minutes ({again['cpu_minutes']:.2f} of processor time)")
        shown = drag(out)
        print(", ".join(f"{name} {value:.1f}" for name, value in shown.items()))
        if len(sys.argv) > 3:
            shutil.copy(out, sys.argv[3])


if __name__ == "__main__":
    main()

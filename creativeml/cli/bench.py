"""`creativeml bench`: how fast this machine generates, trains, loads, augments and measures sounds."""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from creativeml.errors import CreativeMLError, require

DEFAULT = ("fast", "fast-pqmf", "paper", "wavegan")


def bench(
    *,
    models: tuple[str, ...] = DEFAULT,
    repetitions: int = 5,
    quick: bool = False,
    training: bool = True,
    descriptors: bool = False,
    original: Path | None = None,
    json: bool = False,
) -> int:
    """Measure speed and memory on this machine, all contestants in one run, taking turns.

    Generation is in float32, training in bf16 with all penalties at their real cadence. Weights are
    untrained: speed does not depend on them. A full run takes several minutes, most of them for WaveGAN's
        training steps.

    With --descriptors, measures instead how many sounds per second the seven timbre descriptors take, exact, smooth,
    and smooth with gradients.

    Args:
        models: presets to compare: fast, fast-pqmf, paper, wavegan.
        repetitions: turns of each contestant, 1 to 100; medians are printed.
        quick: one turn each, and no memory figures.
        training: measure training steps too (--no-training leaves them out).
        descriptors: measure the descriptors instead of the models.
        original: Python of an environment with the original package, timbral_models, to take turns with it.
        json: print the figures as JSON instead of tables.
    """
    require("lightning_fabric", extra="train")
    if not 1 <= repetitions <= 100:
        raise CreativeMLError(f"--repetitions must be a whole number from 1 to 100, got {repetitions}")
    if original is not None and not descriptors:
        raise CreativeMLError("--original goes with --descriptors only; add --descriptors")
    # Not at the top: torch loads for a second, which `--help` need not wait for.
    if descriptors:
        from creativeml.cli.bench_descriptors import descriptor_tables, run_descriptor_bench

        figures = run_descriptor_bench(1 if quick else repetitions, original)
        print(json_format.dumps(figures, indent=2) if json else descriptor_tables(figures))
        return 0
    from creativeml.training.speed import contestants

    entries = contestants(models)
    figures = run_bench(entries, 1 if quick else repetitions, training=training, memory=not quick)
    print(json_format.dumps(figures, indent=2) if json else tables(figures))
    return 0


def run_bench(entries: Sequence[Any], repetitions: int, *, training: bool, memory: bool) -> dict[str, Any]:
    """All measurements of the given contestants (`creativeml.training.speed.Contestant`), as plain values."""
    from creativeml.training import speed

    works = ("one", "training") if training else ("one",)
    total = repetitions * (len(entries) * (3 if training else 2) + 4) + memory * len(entries) * len(works)
    with tqdm(total=total, unit="turn", disable=None, leave=False) as bar:
        figures: dict[str, Any] = {"machine": speed.machine(), "repetitions": repetitions}
        figures["generation"] = speed.measure_generation(entries, repetitions, bar.update)
        figures["data"] = speed.measure_data(repetitions, bar.update)
        figures["training"] = speed.measure_training(entries, repetitions, bar.update) if training else {}
        figures["memory"] = {}
        if memory:
            figures["memory"]["torch alone"] = {"one": speed.memory_mb(None, "one")}
            for entry in entries:
                peaks = figures["memory"][entry.name] = {}
                for work in works:
                    peaks[work] = speed.memory_mb(entry.config, work)
                    bar.update()
    return figures


def tables(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown tables."""
    from creativeml.evaluation.tables import table

    m = figures["machine"]
    parts = [
        f"{m['processor']}, {m['cores']} cores, {m['threads']} threads, torch {m['torch']}, allocator: "
        f"{m['allocator']}; generation {m['generation_dtype']}, training {m['training_precision']}; "
        f"{figures['repetitions']} turns each, medians. One sound is 1.486 s."
    ]
    memory = figures["memory"]
    head = [
        "generation",
        "M par.",
        "GFLOP",
        "1: p50 ms",
        "p95 ms",
        "x real time",
        "16: ms/sound",
        "x real time",
        "peak MB",
    ]
    rows = [
        [
            name,
            f"{g['parameters_m']:.1f}",
            f"{g['gflop']:.2f}",
            f"{g['one_p50_ms']:.1f}",
            f"{g['one_p95_ms']:.1f}",
            f"{g['one_times_real_time']:.0f}",
            f"{g['batch_ms_per_sound']:.1f}",
            f"{g['batch_times_real_time']:.0f}",
            _megabytes(memory, name, "one"),
        ]
        for name, g in figures["generation"].items()
    ]
    parts.append(table(head, rows))
    if figures["training"]:
        head = ["training", "batch", "critic steps", "penalty every", "sounds/s", "range", "peak MB"]
        rows = [
            [
                name,
                f"{t['batch_size']:.0f}",
                f"{t['critic_steps']:.0f}",
                f"{t['penalty_every']:.0f}",
                f"{t['sounds_per_second']:.1f}",
                f"{t['slowest']:.1f} to {t['fastest']:.1f}",
                _megabytes(memory, name, "training"),
            ]
            for name, t in figures["training"].items()
        ]
        parts.append(table(head, rows))
    labels = {
        "read": "dataset read from FLAC",
        "batch": "batch from memory",
        "augment_all": "augmentation, every transform on every sound",
        "augment_half": "augmentation, every transform on half of the sounds",
    }
    parts.append(table(["data", "clips/s"], [[labels[k], f"{v:.0f}"] for k, v in figures["data"].items()]))
    if memory:
        alone = _megabytes(memory, "torch alone", "one")
        parts.append(f"Peak memory is of a process of its own; Python and torch alone take {alone} MB of it.")
    return "\n\n".join(parts)


def _megabytes(memory: Mapping[str, Any], name: str, work: str) -> str:
    value = memory.get(name, {}).get(work)
    return "–" if value is None else f"{value:.0f}"

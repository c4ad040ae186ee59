"""`creativeml bench`: how fast this machine generates, trains, loads, augments and measures sounds."""

from __future__ import annotations

import json as json_format
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from creativeml.errors import CreativeMLError, require

DEFAULT = ("fast", "fast-pqmf", "paper", "wavegan", "spectral", "drum_vae", "stylegan2", "rave")


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

    Generation is in float32 and, where the processor has it, in bfloat16; the faster one counts, for every contestant.
    Training is in bf16 with everything on, penalties at their real cadence, `fast` with all controls from the bundled
    weights. Otherwise weights are untrained. A full run takes several minutes, most of them for WaveGAN's training.

    With --descriptors, measures instead how many sounds per second the seven timbre descriptors take, exact, smooth,
    and smooth with gradients.

    Args:
        models: presets to compare (fast, fast-pqmf, paper, wavegan, spectral), drum_vae, and peers of which only the
            shape is known here: stylegan2 (one-dimensional), rave (decoder of RAVE v2).
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
    from creativeml.synthesis.catalog import DEFAULT_MODEL, find_model
    from creativeml.training.speed import contestants

    entries = contestants(models, find_model(DEFAULT_MODEL).folder)
    figures = run_bench(entries, 1 if quick else repetitions, training=training, memory=not quick)
    print(json_format.dumps(figures, indent=2) if json else tables(figures))
    return 0


def run_bench(entries: Sequence[Any], repetitions: int, *, training: bool, memory: bool) -> dict[str, Any]:
    """All measurements of the given contestants (`creativeml.training.speed.Contestant`), as plain values."""
    from creativeml.training import speed

    trained = [entry for entry in entries if training and entry.config is not None]
    pieces = [(entry, work) for work in ("one", "training") for entry in (entries if work == "one" else trained)]
    turns = repetitions * (2 * len(speed.formats()) * len(entries) + len(trained) + 4)
    total = turns + memory * len(pieces)
    with tqdm(total=total, unit="turn", disable=None, leave=False) as bar:
        figures: dict[str, Any] = {"machine": speed.machine(), "repetitions": repetitions}
        figures["generation"] = speed.measure_generation(entries, repetitions, bar.update)
        figures["data"] = speed.measure_data(repetitions, bar.update)
        figures["training"] = speed.measure_training(entries, repetitions, bar.update) if training else {}
        figures["memory"] = {}
        if memory:
            figures["memory"]["torch alone"] = {"one": speed.memory_mb(None, "one")}
            for entry, work in pieces:
                figures["memory"].setdefault(entry.name, {})[work] = speed.memory_mb(entry, work)
                bar.update()
    return figures


def tables(figures: Mapping[str, Any]) -> str:
    """The figures as Markdown tables."""
    from creativeml.evaluation.tables import table

    m = figures["machine"]
    parts = [
        f"{m['processor']}, {m['cores']} cores, {m['threads']} threads, torch {m['torch']}, allocator: "
        f"{m['allocator']}; training {m['training_precision']}; "
        f"{figures['repetitions']} turns each, medians. One sound is 1.486 s."
    ]
    memory = figures["memory"]
    head = [
        "generation",
        "M par.",
        "GFLOP",
        "first ms",
        "1: p50 ms",
        "p95 ms",
        "x real time",
        "16: ms/sound",
        "x real time",
        "share of limit",
        "format",
        "peak MB",
    ]
    rows = [
        [
            name,
            f"{g['parameters_m']:.1f}",
            f"{g['gflop']:.2f}",
            f"{g['first_ms']:.0f}",
            f"{g['one_p50_ms']:.1f}",
            f"{g['one_p95_ms']:.1f}",
            f"{g['one_times_real_time']:.0f}",
            f"{g['batch_ms_per_sound']:.2f}",
            f"{g['batch_times_real_time']:.0f}",
            f"{100 * g['share_of_limit']:.0f} %",
            " / ".join(dict.fromkeys((g["one_format"], g["batch_format"]))),
            _megabytes(memory, name, "one"),
        ]
        for name, g in figures["generation"].items()
    ]
    parts.append(table(head, rows))
    parts.append(
        "The first call prepares weights and kernels. The limit is the speed of one large convolution, measured in this"
        " run. The format is that which was faster, of one sound / of 16.\n\n" + _ratios(figures)
    )
    if figures["training"]:
        head = ["training", "batch", "critic steps", "every: penalty, reconstruction, controls", "sounds/s"]
        head += ["range", "peak MB"]
        rows = [
            [
                name,
                f"{t['batch_size']:.0f}",
                f"{t['critic_steps']:.0f}",
                ", ".join(str(t[f"{term}_every"] or "–") for term in ("penalty", "reconstruction", "control")),
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


def _ratios(figures: Mapping[str, Any]) -> str:
    """How many times as fast as each of the others the first contestant is."""
    generation, training = figures["generation"], figures["training"]
    first, *others = generation
    parts = []
    for name in others:
        one, batch = (generation[name][k] / generation[first][k] for k in ("one_p50_ms", "batch_ms_per_sound"))
        part = f"{name} {one:.1f} (one sound), {batch:.1f} (16)"
        if first in training and name in training:
            part += f", {training[first]['sounds_per_second'] / training[name]['sounds_per_second']:.1f} (training)"
        parts.append(part)
    return f"{first} is so many times as fast as: " + "; ".join(parts) + "." if parts else ""


def _megabytes(memory: Mapping[str, Any], name: str, work: str) -> str:
    value = memory.get(name, {}).get(work)
    return "–" if value is None else f"{value:.0f}"

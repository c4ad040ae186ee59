"""`creativeml bench --descriptors`: how fast sounds are measured, beside the original package if it is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm


def run_descriptor_bench(repetitions: int, original: Path | None) -> dict[str, Any]:
    """All measurements as plain values; `original`: Python that has timbral_models, or None.

    Raises:
        CreativeMLError: the original cannot be started or fails, or the starter pack is missing.
    """
    from creativeml.training import descriptor_speed, speed

    batches = descriptor_speed.timed_sounds(), descriptor_speed.timed_sounds(repeated=True)
    total = repetitions * descriptor_speed.turns(original is not None)
    with tqdm(total=total, unit="turn", disable=None, leave=False) as bar:
        figures = descriptor_speed.measure_descriptors(*batches, repetitions, bar.update, original=original)
    return {"machine": speed.machine(), "repetitions": repetitions, "descriptors": figures}


def descriptor_tables(figures: Mapping[str, Any]) -> str:
    """The figures as a Markdown table: clips per second, and how many times those of the original."""
    from creativeml.evaluation.tables import table

    m, d = figures["machine"], figures["descriptors"]
    rates = d["clips_per_second"]
    counts = sorted({1, d["cores"]})
    head = ["seven descriptors"]
    for cores in counts:
        head.append(f"clips/s, {cores} {'core' if cores == 1 else 'cores'}")
        head.append("x original")
    if len(counts) > 1:
        head.append("x original on 1 core")
    rows = []
    for name, rate in rates.items():
        cells = [name]
        for cores in counts:
            cells.append(_figure(rate[str(cores)]))
            cells.append(_times(rate[str(cores)], rates, cores))
        if len(counts) > 1:
            cells.append(_times(rate[str(d["cores"])], rates, 1))
        rows.append(cells)
    words = (
        f"{m['processor']}, {m['cores']} cores, {m['threads']} threads, torch {m['torch']}, allocator: "
        f"{m['allocator']}; {d['clips']} sounds of the starter pack, {d['samples']} samples at 44.1 kHz each, float32; "
        f"{figures['repetitions']} turns each, medians."
    )
    return f"{words}\n\n{table(head, rows)}"


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _times(rate: float, rates: Mapping[str, Mapping[str, float]], cores: int) -> str:
    return _figure(rate / rates["original"][str(cores)]) if "original" in rates else "–"

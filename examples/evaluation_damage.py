"""Damage recordings on purpose and print whether every figure of `creativeml evaluate` hears it.

    python examples/evaluation_damage.py [--data DATA]

DATA is a dataset folder made by `creativeml prepare`; without it the starter pack that comes with creativeml is used.
Half a minute of computing on one core. Ends with status 1 if a figure moved the wrong way.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import torch
import tyro

from creativeml.cli import run
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError
from creativeml.evaluation.damage import DAMAGES, as_table, monotonicity, parts
from creativeml.evaluation.embeddings import log_mel_statistics
from creativeml.evaluation.judge import load_judge
from creativeml.evaluation.measure import SoundBatch
from creativeml.evaluation.transients import onset_windows


def main(data: Path | None = None, at_most: int = 120, seed: int = 0) -> int:
    """Print the table.

    Args:
        data: dataset folder; the starter pack if none is given.
        at_most: sounds to damage; compared with, and trained on, are up to twice as many others.
        seed: of everything random.
    """
    if data is None:
        with tempfile.TemporaryDirectory() as folder:
            prepared = Path(folder) / "starter"
            if run(["prepare", "starter", "--out", str(prepared), "--json"]) != 0:
                return 1
            recordings = OneShotDataset(prepared, "all", peak=None)
    else:
        recordings = OneShotDataset(data, "all", peak=None)
    batches = []
    for label, kind in enumerate(recordings.kinds):
        chosen = torch.nonzero(recordings.labels == label).flatten().tolist()
        groups = tuple(recordings.rows[i]["group"] for i in chosen)
        batches.append(SoundBatch(kind, recordings.batch(chosen)[0], groups))
    embeddings = {"log_mel": log_mel_statistics, "judge": load_judge().embedding, "onset": onset_windows}
    divided = parts(batches, at_most=at_most, seed=seed)
    for name in ("training", "reference", "base"):
        counts = ", ".join(f"{len(batch.sounds)} {batch.kind}" for batch in getattr(divided, name))
        print(f"{name}: {counts}")
    lines = monotonicity(
        divided, recordings.sample_rate, embeddings, seed=seed, progress=lambda name: print(name, file=sys.stderr)
    )
    print(as_table(lines, DAMAGES))
    verdicts = [line.verdict for line in lines]
    print(", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("ok", "deaf", "FAIL")))
    return 1 if "FAIL" in verdicts else 0


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

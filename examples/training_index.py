"""What a model was trained on, as a file beside its weights: by it the studio tells how new a sound is.

    python examples/training_index.py DATA --model drums --out training_index.safetensors

DATA is the dataset folder that the model was trained with, made by `creativeml prepare`. Of each training recording the
file keeps 224 levels, name, kind, source, credit, licence and hash: no sound. Put it into the model's folder, where the
page *About this model* of `creativeml studio` looks for it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tyro

from creativeml.data.one_shots import OneShotDataset
from creativeml.data.starter import starter_files
from creativeml.errors import CreativeMLError
from creativeml.evaluation.training_index import FILE, index_of, with_starter
from creativeml.synthesis.catalog import find_model


def main(data: tyro.conf.Positional[Path], *, model: str = "drums", out: Path = Path(FILE)) -> int:
    """Write the index of a model's training set.

    Args:
        data: dataset folder that it was trained with.
        model: a bundled model or the folder of a trained one; only the recordings that it has heard are taken.
        out: file to write.
    """
    info = find_model(model)
    heard = frozenset(map(str, info.details.get("trained_on_sha256", ())))
    dataset = OneShotDataset(data, "train")
    index = with_starter(index_of(dataset, heard), starter_files(), dataset.length_samples)
    index.save(out)
    own = sum(bool(recording.starter) for recording in index.recordings)
    drums = len({recording.group for recording in index.recordings})
    print(f"{len(index)} recordings of {drums} drums, {own} of them in the starter pack")
    print(f"suspiciously near is what is nearer than {index.threshold:.2f}; another drum usually is", end=" ")
    print(f"{float(index.distances.median()):.2f} away")
    print(f"written: {out} ({out.stat().st_size / 1000:.0f} kB)")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

"""What `test_replicas.py` starts by torchrun: a small run, whose weights each process tells at the end."""

import hashlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

from creativeml.config import load_json
from creativeml.training.config import GANTrainingConfig
from creativeml.training.fit import fit
from creativeml.training.replicas import any_replica, average_over_replicas, fabric_for
from creativeml.training.run import FitOptions


def main(config: Path, data: Path, out: Path, steps: int, resume: bool, told: Path) -> None:
    fabric = fabric_for("cpu", "32-true")
    rank = fabric.global_rank
    gradients = [torch.full((2, 3), 1.0 + rank), torch.arange(4.0) * (1 - 2 * rank)]
    values = average_over_replicas(fabric, gradients, [10.0 * rank])
    options = FitOptions(steps, checkpoint_every=3, resume=resume)
    training = replace(load_json(GANTrainingConfig, config), parts=2)
    run = fit(training, data, out, fabric, options)
    weights = hashlib.sha256()
    for module in run.gan.modules().values():
        for tensor in module.state_dict().values():
            weights.update(tensor.contiguous().numpy().tobytes())
    lines = {
        "rank": rank,
        "gradients": [g.tolist() for g in gradients],
        "values": values,
        "any": [any_replica(fabric, rank == 1), any_replica(fabric, False)],
        "weights": weights.hexdigest(),
        "step": run.gan.step,
        "sounds_seen": run.sounds_seen,
        "probability": run.gan.probability,
    }
    (told / f"{rank}.json").write_text(json.dumps(lines), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), int(sys.argv[4]), sys.argv[5] == "resume", Path(sys.argv[6]))

"""Every family of networks for one task: what kind of drum is this?

    python examples/classifier_families.py [--out classifier_families.png]

Trains small ones for equally many steps on log-mel pictures of kicks, snares, toms and closed hats of the starter pack,
and prints for each its parameters, the seconds that training took, and the share of recordings from other sources that
it recognises. The picture shows the last two. With so few recordings a difference of ten points means little. Under a
minute on a core.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import tyro

from creativeml import models
from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path

KINDS = ("kick", "snare", "tom", "hat_closed")
BANDS, FRAMES = 32, 24
FAMILIES: dict[str, dict[str, Any]] = {
    "mlp": {},
    "lenet": {"activation": "tanh"},
    "alexnet": {},
    "vgg": {"stages": [1, 1, 1]},
    "resnet": {"stages": [1, 1, 1]},
    "tcn": {"dims": 2, "levels": 4, "causal": False},
    "recurrent_classifier": {"bands": BANDS, "summary": "mean"},
    "transformer_classifier": {"bands": BANDS},
}
"""Names in the registry, and what differs from their default configuration."""


def main(*, out: Path = Path("classifier_families.png"), steps: int = 60) -> int:
    """Train all, print, draw.

    Args:
        out: the picture.
        steps: of training for each.
    """
    pack = starter_sounds(KINDS)
    pictures = pack.pictures(bands=BANDS, frames=FRAMES)[:, None]
    known, unheard = pack.split(0.3)
    pictures = (pictures - pictures[known].mean()) / pictures[known].std()
    chance = pack.labels[unheard].bincount(minlength=len(KINDS)).max().item() / len(unheard)
    print(f"{len(known)} recordings to learn from, {len(unheard)} unheard; the most frequent kind alone: {chance:.0%}")
    print(f"{'network':24} {'parameters':>10} {'seconds':>8} {'recognised':>11}")
    found: dict[str, tuple[float, float]] = {}
    for name, options in FAMILIES.items():
        torch.manual_seed(0)
        model = models.build(name, classes=len(KINDS), **options)
        optimizer = torch.optim.Adam(model.parameters(), 2e-3)
        began = time.perf_counter()
        for _ in range(steps):
            chosen = known[torch.randint(len(known), (32,))]
            optimizer.zero_grad()
            F.cross_entropy(model(pictures[chosen]), pack.labels[chosen]).backward()
            optimizer.step()
        seconds = time.perf_counter() - began
        with torch.no_grad():
            right = model.eval()(pictures[unheard]).argmax(1) == pack.labels[unheard]
        found[name] = right.float().mean().item(), seconds
        parameters = sum(p.numel() for p in model.parameters())
        print(f"{name:24} {parameters:10,} {seconds:8.1f} {found[name][0]:11.0%}", flush=True)
    draw(found, chance, out)
    return 0


def draw(found: dict[str, tuple[float, float]], chance: float, out: Path) -> None:
    """Recognised recordings by the time that training took."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, (share, seconds) in found.items():
        axis.semilogx(seconds, 100 * share, "o")
        axis.annotate(name, (seconds, 100 * share), xytext=(4, 4), textcoords="offset points", fontsize=8)
    axis.axhline(100 * chance, linestyle=":", color="gray")
    axis.set(xlabel="seconds of training", ylabel="unheard recordings recognised (%)", ylim=(0, 105))
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

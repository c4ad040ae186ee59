"""Where in a drum hit a Transformer looks to tell its kind.

    python examples/attention_map.py [--out attention_map.png]

Trains a Transformer encoder on the log-mel frames of kicks, snares, toms and closed hats of the starter pack, which
start anywhere in the first half of the window. Printed are the share of recordings from other sources that is
recognised, and how much of the attention falls on the 50 ms from the onset on, beside what it would be if all frames
got the same. The picture shows a hit of each kind with the attention below it. Half a minute on a core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from torch import Tensor

from creativeml.audio.pictures import log_mel_pictures
from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.models.classifiers.transformer import TransformerClassifier, TransformerClassifierConfig

KINDS = ("kick", "snare", "tom", "hat_closed")
SAMPLE_RATE, SAMPLES, HOP, BANDS = 22050, 8192, 256, 24
FRAMES = SAMPLES // HOP
ONSET_FRAMES = round(0.05 * SAMPLE_RATE / HOP)


def main(*, out: Path = Path("attention_map.png"), steps: int = 200) -> int:
    """Train, print, draw.

    Args:
        out: the picture.
        steps: of training.
    """
    pack = starter_sounds(KINDS, length_samples=SAMPLES, sample_rate=SAMPLE_RATE)
    known, unheard = pack.split(0.3)
    torch.manual_seed(0)
    config = TransformerClassifierConfig(
        dims=2, classes=len(KINDS), width=32, heads=4, layers=2, hidden=64, bands=BANDS, dropout=0.1
    )
    model = TransformerClassifier(config)
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(steps):
        chosen = known[torch.randint(len(known), (32,))]
        pictures, _ = placed(pack.sounds[chosen])
        optimizer.zero_grad()
        F.cross_entropy(model(pictures), pack.labels[chosen]).backward()
        optimizer.step()
    model.eval()
    pictures, onsets = placed(pack.sounds[unheard])
    with torch.no_grad():
        right = (model(pictures).argmax(1) == pack.labels[unheard]).float().mean().item()
        # Of what falls on frames, since the vector for the whole looks at itself as well.
        maps = model.attention_map(pictures).mean((1, 2))
        maps = maps / maps.sum(1, keepdim=True)
    near = (torch.arange(FRAMES) >= onsets[:, None]) & (torch.arange(FRAMES) < onsets[:, None] + ONSET_FRAMES)
    share = (maps * near).sum(1).mean().item()
    chance = pack.labels[unheard].bincount(minlength=len(KINDS)).max().item() / len(unheard)
    print(f"recognised of {len(unheard)} unheard recordings: {right:.0%} (the most frequent kind alone: {chance:.0%})")
    print(f"attention on the first 50 ms of the hit: {share:.0%} (of all frames alike: {ONSET_FRAMES / FRAMES:.0%})")
    shown = [int((pack.labels[unheard] == kind).nonzero()[0]) for kind in range(len(KINDS))]
    draw(pictures[shown, 0].numpy(), maps[shown].numpy(), out)
    return 0


def placed(sounds: Tensor) -> tuple[Tensor, Tensor]:
    """Sounds `(b, samples)` moved to a start drawn at random → pictures `(b, 1, bands, frames)` and first frames."""
    onsets = torch.randint(FRAMES // 2, (len(sounds),))
    moved = torch.stack([F.pad(s, (int(n) * HOP, 0))[:SAMPLES] for s, n in zip(sounds, onsets, strict=True)])
    pictures = log_mel_pictures(moved, SAMPLE_RATE, bands=BANDS, frames=FRAMES, window_samples=512, silence=0.0)
    return pictures, onsets


def draw(pictures: np.ndarray, maps: np.ndarray, out: Path) -> None:
    """Pictures, and the attention to each frame below them."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(2, len(KINDS), figsize=(10, 4), height_ratios=(3, 1), sharex=True, layout="constrained")
    for n, kind in enumerate(KINDS):
        axes[0, n].imshow(pictures[n], origin="lower", aspect="auto", cmap="magma", vmin=0, vmax=1)
        axes[0, n].set(title=kind, yticks=[])
        axes[1, n].bar(range(FRAMES), maps[n], width=1.0)
        axes[1, n].set(ylim=(0, float(maps.max())), yticks=[], xlabel="frame")
    axes[0, 0].set_ylabel("mel band")
    axes[1, 0].set_ylabel("attention")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

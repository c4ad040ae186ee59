"""Kind and descriptors of drums from one trunk, beside a network for each (multi-task learning, Caruana 1997).

    python examples/two_heads.py [--out two_heads.png]

Three set-ups learn from log-mel pictures of the starter pack: one trunk with two heads; two separate networks of the
same trunk that share its number of steps, so that both set-ups cost as much; and two separate networks that take all
the steps each, at twice the cost. Asked for are source recordings that were not learnt from: the balanced accuracy of
the kinds, and the share of the variance of four descriptors that is explained (1 is perfect, 0 the mean). All is
repeated with several splits; the mean and the standard error of the paired difference to the two heads are printed.

It shows what two answers from one trunk save, half of the parameters and of what an answer costs, and what they cost:
the kinds are told about as well, the descriptors a little worse, and worse still with a smaller weight. That either
helps the other is not shown, and with some hundred sounds differences of a few points are noise. Some 20 s of one core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor, nn

from creativeml.audio.descriptors.registry import describe
from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.judge import recognition_of
from creativeml.evaluation.tables import table
from creativeml.files import atomic_path
from creativeml.layers.shared_trunk import TwoHeads
from creativeml.losses.likelihood import gaussian_nll
from creativeml.training.minibatches import LoopConfig, train_minibatches
from creativeml.training.supervised import SupervisedConfig, train_supervised, train_two_heads

KINDS = ("kick", "snare", "tom", "hat_closed", "perc")
DESCRIPTORS = ("brightness", "depth", "noisiness", "decay_time_20")
FEATURES = 32
Rows = tuple[Tensor, Tensor, Tensor]
"""Pictures, labels, descriptors."""


def main(*, out: Path = Path("two_heads.png"), steps: int = 160, splits: int = 5, weight: float = 4.0) -> int:
    """Train, print accuracy and explained variance, draw.

    Args:
        out: the picture.
        steps: of the training with two heads.
        splits: repetitions with other recordings held out, and other weights.
        weight: of the descriptors beside the kinds.
    """
    if splits < 2:
        raise CreativeMLError(f"--splits must be at least 2, to tell a difference from chance, not {splits}")
    pack = starter_sounds(KINDS)
    pictures = pack.pictures(bands=32, frames=32)[:, None]
    values = torch.stack(list(describe(pack.sounds, pack.sample_rate, DESCRIPTORS).values()), 1)
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(splits):
        known, asked = pack.split(0.4, seed=seed)
        scaled = (values - values[known].mean(0)) / values[known].std(0)
        data, test = ((pictures[rows], pack.labels[rows], scaled[rows]) for rows in (known, asked))
        answers = {
            "one trunk, two heads": both_at_once(data, test, steps, seed, weight),
            "two networks, half the steps each": one_by_one(data, test, steps // 2, seed),
            "two networks, all the steps each": one_by_one(data, test, steps, seed),
        }
        for name, (logits, said) in answers.items():
            right = recognition_of(logits.argmax(1), test[1], KINDS).balanced
            found.setdefault(name, []).append((float(right), explained(said, test[2])))
    scores = {name: np.array(rows) for name, rows in found.items()}
    print(f"{len(known)} sounds known, {len(asked)} asked for, {splits} splits; {', '.join(DESCRIPTORS)}")
    print(table(["set-up", "accuracy", "two heads ahead by", "variance", "two heads ahead by"], lines_of(scores)))
    draw(scores, out)
    return 0


def lines_of(scores: dict[str, np.ndarray]) -> list[list[str]]:
    """Means over the splits, and paired differences to the first set-up with their standard errors."""
    first = next(iter(scores.values()))
    lines = []
    for name, rows in scores.items():
        ahead = first - rows
        errors = ahead.std(0, ddof=1) / len(rows) ** 0.5
        cells = [(f"{rows[:, n].mean():.3f}", f"{ahead[:, n].mean():+.3f} ± {errors[n]:.3f}") for n in range(2)]
        lines.append([name, *cells[0], *cells[1]])
    return lines


def trunk() -> nn.Sequential:
    """Pictures `(b, 1, 32, 32)` → `(b, FEATURES)`: three convolutions that halve both axes, one dense layer."""
    layers: list[nn.Module] = []
    for inputs, channels in ((1, 8), (8, 16), (16, 32)):
        layers += [nn.Conv2d(inputs, channels, 3, stride=2, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 4 * 4, FEATURES), nn.ReLU())


def loop_of(steps: int, seed: int) -> LoopConfig:
    """The same for all set-ups, but for the steps."""
    return LoopConfig(steps=steps, batch_size=32, learning_rate=2e-3, schedule="cosine", weight_decay=1e-3, seed=seed)


def both_at_once(data: Rows, test: Rows, steps: int, seed: int, weight: float) -> tuple[Tensor, Tensor]:
    """Logits and descriptors of the test pictures from one network."""
    torch.manual_seed(seed)
    model = TwoHeads(trunk(), FEATURES, len(KINDS), len(DESCRIPTORS))
    train_two_heads(model, data, SupervisedConfig(loop_of(steps, seed), values_weight=weight))
    with torch.no_grad():
        return model(test[0])


def one_by_one(data: Rows, test: Rows, steps: int, seed: int) -> tuple[Tensor, Tensor]:
    """The same from two networks, each with so many steps."""
    torch.manual_seed(seed)
    namer = nn.Sequential(trunk(), nn.Linear(FEATURES, len(KINDS)))
    measurer = nn.Sequential(trunk(), nn.Linear(FEATURES, len(DESCRIPTORS)))
    train_supervised(namer, data[:2], SupervisedConfig(loop_of(steps, seed)))
    train_minibatches(measurer, lambda x, y: gaussian_nll(measurer(x), y).mean(), data[::2], loop_of(steps, seed))
    with torch.no_grad():
        return namer(test[0]), measurer(test[0])


def explained(said: Tensor, truth: Tensor) -> float:
    """Share of the variance of each descriptor `(n, values)` that is explained, on average over them."""
    return float((1 - (said - truth).square().sum(0) / (truth - truth.mean(0)).square().sum(0)).mean())


def draw(scores: dict[str, np.ndarray], out: Path) -> None:
    """Every split a line from set-up to set-up."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
    names = [name.replace(", ", ",\n") for name in scores]
    for n, (axis, title) in enumerate(zip(axes, ("balanced accuracy", "explained variance"), strict=True)):
        axis.plot(names, np.stack([rows[:, n] for rows in scores.values()]), marker="o", color="grey", linewidth=0.7)
        axis.plot(names, [rows[:, n].mean() for rows in scores.values()], marker="s", color="tab:orange")
        axis.tick_params(axis="x", labelsize=7)
        axis.set_title(title)
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

"""The hats for a kick and a snare: the Transformer from sequence to sequence completes drum patterns (Vaswani 2017).

    python examples/fill_in_patterns.py [--out fill_in_patterns.png]

The source is what kick and snare (or what stands for them) play in two bars, the target what keeps time there: hats,
ride or shaker. The patterns are rule-made variations of rhythms written down by hand (`creativeml.data.patterns`);
asked for are variations whose source never occurred in training, step by step from the network's own steps. Printed is
the share of right steps and of patterns that are right altogether, beside the most frequent answer at each step, and
the answer to the known source that differs least.

Which of the three instruments keeps time is by chance, so only where it plays is asked for. Several rhythms have equal
kicks and snares and different hats: nobody can be right always. All rhythms of the asked patterns are known, only the
variations are not, and then looking up the nearest known source is the better answer; the network comes close to it
without keeping the patterns, and far above the most frequent answer. Some 20 s of one core.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor

from creativeml.data.patterns import HITS, ROLES, Pattern, varied_patterns
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.tables import table
from creativeml.files import atomic_path
from creativeml.models.transformers.transformer import Transformer, TransformerConfig
from creativeml.training.minibatches import LoopConfig, train_minibatches

BARS = 2
REST, HIT, START = 1, 2, 3
"""Tokens of the target; 0 is the padding. Sources count on from 1: kick 1, backbeat 2, both 3."""


def main(*, out: Path = Path("fill_in_patterns.png"), patterns: int = 1500, steps: int = 600, seed: int = 0) -> int:
    """Train, print the accuracies, draw.

    Args:
        out: the picture.
        patterns: how many variations.
        steps: of training.
        seed: of patterns, weights and batches.
    """
    source, target = tokens_of(varied_patterns(patterns, seed=seed, bars=BARS))
    asked = unheard(source, 0.2, seed=seed)
    known = ~asked
    torch.manual_seed(seed)
    model = Transformer(TransformerConfig(5, 4, width=32, heads=4, hidden=64))
    loop = LoopConfig(steps=steps, batch_size=32, learning_rate=3e-3, schedule="cosine", warm_up=steps // 10, seed=seed)
    train_minibatches(model, lambda s, t: loss(model, s, t), (source[known], target[known]), loop)
    likeliest = target[known].mode(0).values.expand(int(asked.sum()), -1)
    answers = {
        "the most frequent answer": likeliest,
        "the nearest known source's": target[known][nearest(source[known], source[asked])],
        "Transformer": model.complete(source[asked], START, target.shape[1]),
    }
    print(f"{int(known.sum())} patterns known, {int(asked.sum())} asked for")
    rows = [[name, *(f"{share:.3f}" for share in right(answer, target[asked]))] for name, answer in answers.items()]
    print(table(["answer", "right steps", "right patterns"], rows))
    draw(source[asked], answers["Transformer"], target[asked], out)
    return 0


def tokens_of(patterns: Sequence[Pattern]) -> tuple[Tensor, Tensor]:
    """Kick and backbeat of patterns, and where time is kept: both `(n, steps)` int64."""

    def played(pattern: Pattern, role: str) -> Tensor:
        lines = [pattern.lines[name] for name in ROLES[role] if name in pattern.lines]
        return torch.tensor([any(line[step] in HITS for line in lines) for step in range(pattern.steps)]).long()

    sources = torch.stack([1 + played(p, "pulse") + 2 * played(p, "backbeat") for p in patterns])
    return sources, torch.stack([torch.where(played(p, "time") > 0, HIT, REST) for p in patterns])


def unheard(source: Tensor, share: float, *, seed: int) -> Tensor:
    """Which patterns are asked for: about a share of the different sources, every pattern of theirs, `(n,)` bool."""
    different, number = source.unique(dim=0, return_inverse=True)
    drawn = torch.rand(len(different), generator=torch.Generator().manual_seed(seed)) < share
    return drawn[number]


def loss(model: Transformer, source: Tensor, target: Tensor) -> Tensor:
    """Surprise at each step of the target, given those before."""
    before = F.pad(target[:, :-1], (1, 0), value=START)
    return F.cross_entropy(model(source, before).flatten(0, 1), target.flatten())


def nearest(known: Tensor, asked: Tensor) -> Tensor:
    """The known source with the fewest other steps: `(n,)`."""
    return (asked[:, None] != known[None]).sum(2).argmin(1)


def right(answer: Tensor, target: Tensor) -> tuple[float, float]:
    """Share of steps, and of patterns without a wrong step."""
    equal = answer == target
    return float(equal.float().mean()), float(equal.all(1).float().mean())


def draw(source: Tensor, answer: Tensor, target: Tensor, out: Path, *, count: int = 4) -> None:
    """Some patterns: what was given, what was answered, what was asked for."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(count, 1, figsize=(8, 1.6 * count), sharex=True, layout="constrained")
    for n, axis in zip(torch.linspace(0, len(source) - 1, count).long().tolist(), axes, strict=True):
        lines = {
            "kick": (source[n] - 1) % 2 == 1,
            "backbeat": source[n] > 2,
            "time, asked for": target[n] == HIT,
            "time, answered": answer[n] == HIT,
        }
        for height, (name, hits) in enumerate(lines.items()):
            colour = "tab:orange" if name == "time, answered" else "tab:blue"
            at = hits.nonzero()[:, 0].tolist()
            axis.scatter(at, [height] * len(at), marker="s", s=20, color=colour)
        axis.set(yticks=range(len(lines)), yticklabels=list(lines))
    axes[-1].set_xlabel("step")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

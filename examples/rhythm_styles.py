"""The style of a drum pattern, told by hierarchical attention (Yang et al. 2016) and by n-grams.

    python examples/rhythm_styles.py [--out rhythm_styles.png]

The patterns are rule-made variations of rhythms written down by hand (`creativeml.data.patterns`), four bars each. Two
questions are asked: to name the style of unheard variations of rhythms that are known, and of variations of a rhythm of
the style of which none was known: of each style the first rhythm is kept back, then the second. Beside it stand
logistic regressions of the counts of single steps and of runs of up to three steps, and a guess.

The first question is easy for all, and its bound is below 1 because disco and house share a rhythm to the step. The
second is the honest one, and with one or two rhythms to a style there is little to generalise from: nothing here shows
that attention is worth more than counting. The picture shows the attention over bars and steps; printed is the share
of a closing fill, which tells nothing of the style. Some 25 s of one core.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
import tyro
from torch import Tensor

from creativeml.data.patterns import ROLES, STEPS, Pattern, varied_patterns, written_patterns
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.bags import PatternNGrams
from creativeml.evaluation.tables import table
from creativeml.files import atomic_path
from creativeml.models.classifiers.hierarchical_attention import HierarchicalAttention, HierarchicalAttentionConfig
from creativeml.training.loop import LoopConfig
from creativeml.training.supervised import SupervisedConfig, train_supervised

BARS, UNKNOWN = 4, 1
ROLE = {name: role for role, names in ROLES.items() for name in names}
Named = list[tuple[Pattern, int]]
"""Patterns, and which rhythm of its style each is a variation of."""


def main(*, out: Path = Path("rhythm_styles.png"), patterns: int = 1200, steps: int = 300, seed: int = 0) -> int:
    """Train, print the accuracies, draw.

    Args:
        out: the picture.
        patterns: how many variations, before those that come twice and of styles with one rhythm are left out.
        steps: of each training of the network.
        seed: of patterns, weights and batches.
    """
    rhythms = {style: rows for style, rows in by_style().items() if len(rows) > 1 and style != "fill"}
    styles = sorted(rhythms)
    named = [
        (p, rhythm_of(p, rhythms[p.style]))
        for p in distinct(varied_patterns(patterns, seed=seed, bars=BARS))
        if p.style in rhythms
    ]
    half = len(named) // 2
    splits = {"variations": [(named[:half], named[half:])], "rhythms": [kept_back(named, turn) for turn in range(2)]}
    guesses: dict[str, dict[str, list[float]]] = {}
    network = None
    for question, parts in splits.items():
        for known, asked in parts:
            truth = [styles.index(p.style) for p, _ in asked]
            network_here, answers = answer_all(known, asked, styles, steps, seed)
            network = network or network_here
            for method, answer in answers.items():
                right = sum(a == t for a, t in zip(answer, truth, strict=True)) / len(truth)
                guesses.setdefault(method, {}).setdefault(question, []).append(right)
    print(f"{len(styles)} styles; {half} variations known and {len(named) - half} asked for; or one rhythm kept back")
    means = {m: [sum(found[q]) / len(found[q]) for q in splits] for m, found in guesses.items()}
    columns = ["accuracy", "unheard variations", "unheard rhythms"]
    print(table(columns, [[method, *(f"{a:.3f}" for a in line)] for method, line in means.items()]))
    model, vocabulary = network  # type: ignore[misc]
    ended = [p for p, _ in named[half:] if ends_with_fill(p)]
    with torch.no_grad():
        shares = model.explain(tokens_of(ended, vocabulary)).bars
    print(f"attention on a closing fill: {shares[:, -1].mean():.3f} of the whole (all bars alike: {1 / BARS:.3f})")
    draw(model, vocabulary, ended[:4], out)
    return 0


def by_style() -> dict[str, list[Pattern]]:
    """The written rhythms of each style."""
    found: dict[str, list[Pattern]] = {}
    for pattern in written_patterns():
        found.setdefault(pattern.style, []).append(pattern)
    return found


def distinct(patterns: Sequence[Pattern]) -> list[Pattern]:
    """Each sequence of steps of a style once, or the same would be known and asked for."""
    return list({(p.style, *p.words()): p for p in patterns}.values())


def in_roles(pattern: Pattern, bar: int) -> set[tuple[str, int]]:
    """Hits of a bar, instruments of one role taken for one another."""
    hits = pattern.hits()[STEPS * bar : STEPS * (bar + 1)]
    return {(ROLE.get(name, name), step) for step, names in enumerate(hits) for name in names}


def rhythm_of(pattern: Pattern, rhythms: Sequence[Pattern]) -> int:
    """Which of the rhythms a variation was made of: the one with the fewest other hits over all bars."""
    heard = [in_roles(pattern, bar) for bar in range(pattern.steps // STEPS)]
    return min(range(len(rhythms)), key=lambda n: sum(len(bar ^ in_roles(rhythms[n], 0)) for bar in heard))


def kept_back(named: Named, turn: int) -> tuple[Named, Named]:
    """Known patterns, and those of one rhythm of each style: the first, second, ... by turn."""
    return [n for n in named if n[1] != turn], [n for n in named if n[1] == turn]


def ends_with_fill(pattern: Pattern) -> bool:
    """Whether the last bar differs from the one before in more than the kick can."""
    return len(in_roles(pattern, BARS - 1) ^ in_roles(pattern, BARS - 2)) > 2


def tokens_of(patterns: Sequence[Pattern], vocabulary: dict[str, int]) -> Tensor:
    """Steps as tokens: `(n, bars, steps)`."""
    rows = [[vocabulary.get(word, UNKNOWN) for word in p.words()] for p in patterns]
    return torch.tensor(rows).unflatten(1, (-1, STEPS))


def answer_all(
    known: Named, asked: Named, styles: Sequence[str], steps: int, seed: int
) -> tuple[tuple[HierarchicalAttention, dict[str, int]], dict[str, list[int]]]:
    """Teach all methods the known patterns and ask them.

    Returns:
        the network with its vocabulary, and each method's answers, numbers of styles.
    """
    learnt, heard = ([p for p, _ in part] for part in (known, asked))
    labels = torch.tensor([styles.index(p.style) for p in learnt])
    words = sorted({word for p in learnt for word in p.words()})
    vocabulary = {word: number for number, word in enumerate(words, UNKNOWN + 1)}
    torch.manual_seed(seed)
    model = HierarchicalAttention(HierarchicalAttentionConfig(len(words) + 2, len(styles), 24))
    x = tokens_of(learnt, vocabulary)
    # Steps that were never heard are asked for; the network must have met some.
    x = torch.where(torch.rand(x.shape) < 0.05, UNKNOWN, x)
    loop = LoopConfig(steps=steps, batch_size=32, learning_rate=5e-3, weight_decay=1e-3, schedule="cosine", seed=seed)
    train_supervised(model, (x, labels), SupervisedConfig(loop))
    with torch.no_grad():
        answers = {"hierarchical attention": model(tokens_of(heard, vocabulary)).argmax(1).tolist()}
    for longest, name in ((3, "runs of 1 to 3 steps"), (1, "single steps, whatever order")):
        answers[name] = by_counts(learnt, heard, labels, longest)
    answers["the most frequent style"] = [int(labels.bincount().argmax())] * len(heard)
    return (model, vocabulary), answers


def by_counts(learnt: Sequence[Pattern], heard: Sequence[Pattern], labels: Tensor, longest: int) -> list[int]:
    """Logistic regression of how often each run of steps comes."""
    make: Callable = require("sklearn.linear_model", extra="train").LogisticRegression
    counts = PatternNGrams(longest, least=2).fit([p.words() for p in learnt])
    model = make(max_iter=2000).fit(counts.transform([p.words() for p in learnt]), labels.numpy())
    return model.predict(counts.transform([p.words() for p in heard])).tolist()


def draw(model: HierarchicalAttention, vocabulary: dict[str, int], patterns: Sequence[Pattern], out: Path) -> None:
    """Hits of patterns, coloured by the attention on their bar and step."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    with torch.no_grad():
        found = model.explain(tokens_of(patterns, vocabulary))
    figure, axes = plt.subplots(
        2 * len(patterns),
        1,
        figsize=(9, 2.2 * len(patterns)),
        layout="constrained",
        height_ratios=[2, 1] * len(patterns),
        sharex=True,
    )
    for n, pattern in enumerate(patterns):
        names = sorted(pattern.lines)
        hits = [(step, names.index(name)) for step, at in enumerate(pattern.hits()) for name in at]
        axes[2 * n].scatter(*zip(*hits, strict=True), marker="s", s=12)
        axes[2 * n].set(yticks=range(len(names)), yticklabels=names, title=f"{pattern.style}, a fill at the end")
        share = (found.bars[n, :, None] * found.steps[n]).flatten()
        axes[2 * n + 1].bar(range(len(share)), share.numpy(), color="tab:orange")
        axes[2 * n + 1].set(yticks=[], ylabel="attention")
        for bar in range(BARS):
            axes[2 * n + 1].text(STEPS * bar, float(share.max()) * 0.75, f"bar: {found.bars[n, bar]:.2f}", fontsize=8)
    axes[-1].set_xlabel("step")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

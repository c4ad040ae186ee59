"""What a hit is for can be read from what is played around it: word2vec on drum patterns (Mikolov et al. 2013).

    python examples/pattern_word2vec.py [--method skip_gram|cbow] [--out pattern_word2vec.png]

Learns an embedding of hits from variations of well-known rhythms, in which a role (keeping time, the backbeat, the
pulse) is played now on one instrument, now on another, and never on both at once. Prints each hit's nearest one, and
how much more alike hits of one role are than others, beside the same from shuffled patterns. A few seconds.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Literal

import tyro

from creativeml.data.patterns import ROLES, shuffled_hits, varied_patterns
from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.projections import project
from creativeml.files import atomic_path
from creativeml.models.embeddings.word2vec import Word2Vec
from creativeml.training.minibatches import LoopConfig
from creativeml.training.word2vec import Word2VecTrainingConfig, train_word2vec

ROLE = {name: role for role, names in ROLES.items() for name in names}


def main(
    *,
    method: Literal["skip_gram", "cbow"] = "skip_gram",
    out: Path = Path("pattern_word2vec.png"),
    patterns: int = 300,
    steps: int = 800,
) -> int:
    """Train on rhythms and on shuffled ones, print, draw.

    Args:
        method: foretell the surroundings from a hit, or a hit from its surroundings.
        out: the picture.
        patterns: how many variations.
        steps: of training.
    """
    rhythms = varied_patterns(patterns)
    config = Word2VecTrainingConfig(LoopConfig(steps=steps, batch_size=256, learning_rate=1e-2), method, dim=4)
    model, _ = train_word2vec([p.hits() for p in rhythms], config)
    control, _ = train_word2vec(shuffled_hits(rhythms), config)
    for name, role in ROLE.items():
        print(f"{role:9} {name:11} nearest: {', '.join(model.nearest(name, 2))}")
    print(f"cosine within a role above that between roles: {separation(model):.2f}, shuffled {separation(control):.2f}")
    draw(model, out)
    return 0


def separation(model: Word2Vec) -> float:
    """Mean cosine between hits of one role, above that between hits of different roles."""
    alike: dict[bool, list[float]] = {True: [], False: []}
    for first, second in itertools.combinations(ROLE, 2):
        alike[ROLE[first] == ROLE[second]].append(model.similarity(first, second))
    return sum(alike[True]) / len(alike[True]) - sum(alike[False]) / len(alike[False])


def draw(model: Word2Vec, out: Path) -> None:
    """All hits on the plane of their first principal components."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
    colours = dict(zip(ROLES, ("tab:blue", "tab:orange", "tab:green"), strict=True))
    for name, (x, y) in zip(model.config.vocabulary, project(model.vectors().numpy()), strict=True):
        axis.scatter(x, y, color=colours.get(ROLE.get(name, ""), "grey"))
        axis.annotate(name, (x, y), xytext=(4, 4), textcoords="offset points")
    axis.set(title="hits by what is played around them")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

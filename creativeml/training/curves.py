"""A picture of a training: how far it is from what it learns from, and from what it has not heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from creativeml.errors import require
from creativeml.files import atomic_path
from creativeml.training.loop import History


def draw_accuracies(
    path: Path,
    x: Sequence[float],
    found: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str = "accuracy on test recordings",
    guess: float | None = None,
    as_given: bool = False,
) -> None:
    """Accuracies of several methods over what was varied.

    Args:
        path: of the png; its folder is made if missing.
        x: what was varied.
        found: name of a method → accuracy at each of `x`.
        xlabel, ylabel: below and beside the picture.
        guess: accuracy of a guess, drawn as a dotted line.
        as_given: a logarithmic axis with a mark at each of `x`.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axis = plt.subplots(figsize=(5, 3.5), layout="constrained")
    for name, line in found.items():
        axis.plot(x, line, marker="o", label=name)
    if guess is not None:
        axis.axhline(guess, linestyle=":", color="grey", label="guess")
    axis.set(xlabel=xlabel, ylabel=ylabel, ylim=(0, 1))
    if as_given:
        axis.set_xscale("log")
        axis.set_xticks(x, labels=[str(value) for value in x])
    axis.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=90, format="png")
    plt.close(figure)


def draw_curves(path: Path, history: History, *, title: str = "") -> None:
    """Training and validation loss over the steps, and where the weights that were kept come from.

    Where both fall the model is underfitted still; where only the training loss falls it is overfitted.

    Args:
        path: of the png.
        history: of a loop.
        title: above the picture.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    axis.plot(history.steps, history.training, label="training")
    if history.validation:
        axis.plot(history.steps, history.validation, label="validation")
        axis.axvline(history.best, linestyle=":", color="grey", label=f"kept: step {history.best}")
    axis.set(xlabel="step", ylabel="loss / nats", title=title)
    axis.set_ylim(bottom=min(0.0, *history.training, *history.validation))
    axis.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=90, format="png")
    plt.close(figure)

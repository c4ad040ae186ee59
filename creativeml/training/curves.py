"""A picture of a training: how far it is from what it learns from, and from what it has not heard."""

from __future__ import annotations

from pathlib import Path

from creativeml.errors import require
from creativeml.files import atomic_path
from creativeml.training.loop import History


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

"""Brightness from the spectrum by least squares: the closed form, gradients on the way there, and the unheard.

    python examples/least_squares.py [--out least_squares.png]

The features are 16 mean mel levels of every sound of the starter pack, the target is its brightness as the descriptor
measures it. Prints how near plain gradient descent, momentum and Adam come to the closed-form solution in equally many
steps, and the share of variance that linear, polynomial, ridge and lasso regression explain of sounds from other
sources. The picture shows the way there. A few seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
import tyro
from torch import Tensor

from creativeml.audio.descriptors.registry import describe
from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.training.optimizers import make_optimizer

RATES = {"sgd": 1.9, "momentum": 1.0, "adam": 0.5}
"""Optimizers and their learning rates; those of the first two in units of the inverse of the greatest curvature."""


def main(*, out: Path = Path("least_squares.png"), steps: int = 400) -> int:
    """Fit, compare, print, draw.

    Args:
        out: the picture.
        steps: of each optimizer.
    """
    drums = starter_sounds(length_samples=32768)
    known, unheard = drums.split(0.3)
    features = drums.pictures().mean(2).double()
    features = (features - features[known].mean(0)) / features[known].std(0)
    target = describe(drums.sounds, drums.sample_rate, ("brightness",))["brightness"].double()
    x, y = with_bias(features[known]), target[known, None]
    solution = torch.linalg.lstsq(x, y).solution
    best = (x @ solution - y).square().mean()
    ways = {name: descend(x, y, name, rate, steps) - float(best) for name, rate in RATES.items()}
    print(f"closed form: mean squared error {best:.2f} points² on {len(known)} sounds")
    for name, excess in ways.items():
        print(f"{name}: {excess[-1]:.2g} points² above it after {steps} steps")
    for name, explained in on_unheard(features, target, known, unheard).items():
        print(f"{name} regression explains {100 * explained:.1f} % of {len(unheard)} unheard sounds' variance")
    draw(ways, out)
    return 0


def with_bias(features: Tensor) -> Tensor:
    """Features `(n, d)` with a column of ones: `(n, d + 1)`."""
    return torch.cat([features, torch.ones_like(features[:, :1])], dim=1)


def descend(x: Tensor, y: Tensor, name: str, rate: float, steps: int) -> np.ndarray:
    """Mean squared error before each step and after the last, `(steps + 1,)`, from weights of 0."""
    weights = torch.nn.Parameter(torch.zeros(x.shape[1], 1, dtype=x.dtype))
    # Beyond twice the inverse of the greatest curvature plain descent diverges; Adam's steps have a size of their own.
    curvature = 1.0 if name == "adam" else float(torch.linalg.eigvalsh(2.0 * x.T @ x / len(x))[-1])
    optimizer = make_optimizer(name, [weights], rate / curvature)  # type: ignore[arg-type]
    errors = []
    for _ in range(steps + 1):
        error = (x @ weights - y).square().mean()
        errors.append(float(error.detach()))
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    return np.array(errors)


def on_unheard(features: Tensor, target: Tensor, known: Tensor, unheard: Tensor) -> dict[str, float]:
    """Share of the variance of unheard sounds that each kind of regression explains, penalties by cross-validation."""
    linear = require("sklearn.linear_model", extra="train")
    polynomial = require("sklearn.preprocessing", extra="train").PolynomialFeatures(2, include_bias=False)
    x, y, new, truth = (part.numpy() for part in (features[known], target[known], features[unheard], target[unheard]))
    strengths = np.logspace(-2, 3, 16)
    curved, curved_new = polynomial.fit_transform(x), polynomial.transform(new)
    return {
        "linear": linear.LinearRegression().fit(x, y).score(new, truth),
        "ridge": linear.RidgeCV(strengths).fit(x, y).score(new, truth),
        "lasso": linear.LassoCV(cv=5, random_state=0).fit(x, y).score(new, truth),
        "polynomial": linear.LinearRegression().fit(curved, y).score(curved_new, truth),
        "polynomial ridge": linear.RidgeCV(strengths).fit(curved, y).score(curved_new, truth),
    }


def draw(ways: dict[str, np.ndarray], out: Path) -> None:
    """Distance from the best error over the steps."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, excess in ways.items():
        axis.semilogy(np.maximum(excess, 1e-12), label=name)
    axis.set(xlabel="step", ylabel="squared error above the closed form / points²", title="brightness by least squares")
    axis.legend()
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

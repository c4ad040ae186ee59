"""Search for a latent by evolution, where no gradient leads to it.

A population of latents, the better ones of which have offspring: SciPy's differential evolution (Storn and Price 1997).
It needs nothing but a figure for each latent, so the figure may come from anything: a descriptor that is not
differentiable, a judge outside of torch, an ear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from creativeml.config import check_range
from creativeml.errors import CreativeMLError, require


@dataclass(frozen=True)
class LatentSearchConfig:
    """How long and where latents are looked for."""

    generations: int = 20
    population: int = 20
    """Latents alive at a time."""
    bound: float = 2.5
    """Largest absolute value of an entry of the latent, in standard deviations."""
    tolerance: float = 0.0
    """Spread of the population's figures, beside their mean, at which the search ends early."""
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("generations", self.generations, 1)
        check_range("population", self.population, 5)
        check_range("tolerance", self.tolerance, 0.0)
        if not self.bound > 0:
            raise ValueError(f"bound must be above 0, not {self.bound}")


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes:
        latent: the best one, `(d,)`.
        distance: its figure.
        evaluations: latents that were tried.
        start: best figure of the first population.
    """

    latent: Tensor
    distance: float
    evaluations: int
    start: float


def search_latent(distance: Callable[[Tensor], Tensor], latent_dim: int, config: LatentSearchConfig) -> Found:
    """Find the latent with the smallest figure.

    Args:
        distance: latents `(b, latent_dim)` float32 → a figure for each `(b,)`, small where it is good; called without
            gradients, for a whole generation at a time.
        latent_dim: entries of a latent.
        config: how long and where.

    Raises:
        CreativeMLError: a figure that is not a number.
        MissingExtra: SciPy is not installed.
    """
    optimize = require("scipy.optimize", extra="train")
    numpy = require("numpy", extra="train")
    starts: list[float] = []
    tried = 0

    @torch.no_grad()
    def figures(columns: object) -> object:
        nonlocal tried
        latents = torch.from_numpy(numpy.ascontiguousarray(numpy.asarray(columns).T)).float().view(-1, latent_dim)
        values = distance(latents).double()
        if values.isnan().any():
            raise CreativeMLError("the distance of a latent is not a number; give inf for what shall not be chosen")
        tried += len(latents)
        starts.append(float(values.min()))
        return values.numpy()

    first = torch.randn(config.population, latent_dim, generator=torch.Generator().manual_seed(config.seed))
    result = optimize.differential_evolution(
        figures,
        [(-config.bound, config.bound)] * latent_dim,
        maxiter=config.generations,
        init=first.clamp(-config.bound, config.bound).double().numpy(),
        seed=config.seed,
        tol=config.tolerance,
        polish=False,
        vectorized=True,
        updating="deferred",
    )
    return Found(torch.from_numpy(result.x).float(), float(result.fun), tried, starts[0])

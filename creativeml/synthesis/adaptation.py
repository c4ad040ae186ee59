"""A generator adapted to one sound that it has never made: a recording, or what a recording shall become.

What a latent alone can reach is the sounds that the generator knows. A little further reach the numbers of which it has
one per channel: biases, scales of styles, strengths of noise; some ten thousand, 0.3 % of all. Tuning only those keeps
what the generator has learnt about sounds (as "BitFit" of E. Ben Zaken, S. Ravfogel and Y. Goldberg, 2022, does with
language models), and tuning a generator about the latent of one example is how images are inverted (D. Roich,
R. Mokady, A. Bermano, D. Cohen-Or, "Pivotal tuning for latent-based editing of real images", 2022).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.errors import CreativeMLError

RATE = 0.05
"""Of Adam, at its highest."""
WARM_UP = 5
"""Steps in which the rate rises."""


@dataclass(frozen=True, eq=False)
class Adaptation:
    """What leads from a generator to a sound.

    Attributes:
        latent: `(latent_dim,)`.
        vectors: the changed numbers of the generator, by name, as `vectors_of` gives them.
        steps: that were taken; fewer than asked for if numbers ceased to be finite.
    """

    latent: Tensor
    vectors: Mapping[str, Tensor]
    steps: int


def vectors_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters of which there is one number per channel."""
    return {name: p for name, p in model.named_parameters() if p.numel() == max(p.shape, default=0)}


def with_vectors(model: nn.Module, vectors: Mapping[str, Tensor], share: float = 1.0) -> nn.Module:
    """A copy of a model whose `vectors_of` have gone all or a share of the way to others."""
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for name, own in vectors_of(copied).items():
            own.lerp_(vectors[name].to(own), share)
    return copied


@torch.enable_grad()
def adapt(
    model: nn.Module,
    latent: Tensor,
    condition: Tensor,
    noise: Sequence[Tensor],
    away: Callable[[Tensor], Tensor],
    steps: int,
    on_step: Callable[[int, int], object] = lambda done, total: None,
) -> Adaptation:
    """Change a copy of a model, and the latent, until the sound is as near to its aim as can be found.

    Args:
        model: makes sounds, as `synthesis.generate.SoundModel` says; it is not changed.
        latent: `(1, latent_dim)` to start from.
        condition: `(1, condition_dim)`.
        noise: of the sound; it stays.
        away: sounds `(1, samples)` → how far from the aim, `(1,)`, with a gradient (`losses.matching.Match.distance`).
        steps: of gradient descent.
        on_step: is told how many of how many are done.

    Returns:
        The nearest of all steps, the start among them.

    Raises:
        CreativeMLError: the model makes a broken sound.
    """
    adapted = copy.deepcopy(model).requires_grad_(False)
    latent, vectors = latent.detach().clone(), vectors_of(adapted)
    moving = [latent, *vectors.values()]
    optimizer = torch.optim.Adam([t.requires_grad_(True) for t in moving], lr=RATE, betas=(0.9, 0.99))
    least, best, taken = math.inf, moving, 0
    for step in range(steps + 1):
        miss = away(adapted(latent, condition, noise=noise, truncation=1.0)).sum()
        found = float(miss.detach())
        if not math.isfinite(found):
            break
        if found < least:
            least, best = found, [t.detach().clone() for t in moving]
        if step < steps:
            optimizer.param_groups[0]["lr"] = RATE * schedule(step, steps)
            optimizer.zero_grad()
            miss.backward()
            for tensor in moving:
                if tensor.grad is not None:
                    tensor.grad.nan_to_num_(0.0, 0.0, 0.0)
            optimizer.step()
            taken = step + 1
            on_step(step + 1, steps)
    if not math.isfinite(least):
        raise CreativeMLError("the model makes a broken sound (not a number); get the model again")
    return Adaptation(best[0][0], dict(zip(vectors, best[1:], strict=True)), taken)


def schedule(step: int, steps: int) -> float:
    """Share of the highest rate at a step of so many: up over the first ones, then down along half a cosine."""
    return min(1.0, (step + 1) / WARM_UP) * (0.5 + 0.5 * math.cos(math.pi * step / steps))

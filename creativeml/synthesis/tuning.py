"""Bringing a generated sound nearer to the descriptors that were asked for.

A generator with controls answers in one pass, and misses by a little. The smooth faces of the descriptors have
gradients, so the remaining distance can be followed down through the generator, as in the projection of images into
the style space of StyleGAN2 (Karras et al. 2020): style and condition move, while the latent's noise stays what the
seed decided, and with it the sound's identity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.audio.descriptors.registry import chosen, describe

RATE = 0.1
"""Of Adam, relative to the spread of the style, and to one entry of the condition vector."""
GOOD_ENOUGH = 0.1
"""Mean distance in just-noticeable differences at which nothing is left to do."""


@runtime_checkable
class StyledModel(Protocol):
    """What a model must offer to be tuned (`creativeml.models.gans.style_wavegan.StyleWaveGAN` does)."""

    def map(self, latent: Tensor, condition: Tensor) -> Tensor:
        """Styles `(b, style_dim)` of latents `(b, latent_dim)`."""
        ...

    def truncate(self, style: Tensor, condition: Tensor, truncation: float) -> Tensor:
        """Styles moved towards the mean style of their condition."""
        ...

    def synthesize(self, style: Tensor, condition: Tensor, noise: Sequence[Tensor]) -> Tensor:
        """Sounds `(b, samples)` of styles `(b, style_dim)` and conditions `(b, condition_dim)`."""
        ...


def tuned(
    model: StyledModel,
    style: Tensor,
    condition: Tensor,
    noise: Sequence[Tensor],
    asked: Mapping[str, float],
    sample_rate: int,
    *,
    steps: int,
    fixed: int = 0,
) -> Tensor:
    """The nearest sounds found to what was asked, among those of every step and the untouched ones.

    Args:
        model: its weights are not changed.
        style: `(b, style_dim)`.
        condition: `(b, condition_dim)`.
        noise: what `synthesize` takes.
        asked: descriptor → value in its unit.
        sample_rate: in Hz.
        steps: gradient steps; 0 asks for nothing but the untouched sounds.
        fixed: so many entries of the condition, from the first on, stay (the kinds').

    Returns:
        `(b, samples)`.
    """
    if not asked or steps < 1:
        with torch.no_grad():
            return model.synthesize(style, condition, noise)
    # Copies, since what comes out of inference mode can take part in no gradient.
    with torch.inference_mode(False), torch.enable_grad():
        style, condition, noise = style.clone(), condition.clone(), [n.clone() for n in noise]
        return _descend(model, style, condition, noise, asked, sample_rate, steps, fixed)


def _descend(
    model: StyledModel,
    style: Tensor,
    condition: Tensor,
    noise: Sequence[Tensor],
    asked: Mapping[str, float],
    sample_rate: int,
    steps: int,
    fixed: int,
) -> Tensor:
    spread = style.square().mean(1, keepdim=True).sqrt()
    moves = [torch.zeros_like(style), torch.zeros_like(condition[:, fixed:])]
    for move in moves:
        move.requires_grad_(True)
    optimizer = torch.optim.Adam(moves, lr=RATE, betas=(0.8, 0.95))
    best: Tensor | None = None
    least = torch.full((len(style),), torch.inf, device=style.device)
    for step in range(steps + 1):
        entries = torch.cat([condition[:, :fixed], condition[:, fixed:] + moves[1]], dim=1)
        sounds = model.synthesize(style + spread * moves[0], entries, noise).float()
        missed = misses(sounds, asked, sample_rate)
        # Compared by what is heard, followed by what is smooth at its minimum.
        found = missed.detach().abs().mean(0)
        found = torch.where(found.isfinite(), found, torch.inf)
        nearer = found < least if best is not None else torch.ones_like(found, dtype=torch.bool)
        least = torch.where(nearer, found, least)
        best = sounds.detach() if best is None else torch.where(nearer[:, None], sounds.detach(), best)
        if step == steps or bool((least < GOOD_ENOUGH).all()):
            break
        optimizer.zero_grad()
        F.smooth_l1_loss(missed, torch.zeros_like(missed), reduction="sum").backward(inputs=moves)
        for move in moves:
            assert move.grad is not None
            move.grad.nan_to_num_(0.0, 0.0, 0.0)
        optimizer.step()
    assert best is not None
    return best


def misses(sounds: Tensor, asked: Mapping[str, float], sample_rate: int) -> Tensor:
    """By how much sounds `(b, samples)` miss what was asked: `(descriptors, b)`, in the order of `chosen(asked)`.

    In just-noticeable differences, by the smooth faces, signed: too much is positive.
    """
    values = describe(sounds, sample_rate, asked, smooth=True)
    rows = []
    for descriptor in chosen(asked):
        value = values[descriptor.name]
        rows.append(descriptor.in_jnds(value) - descriptor.in_jnds(torch.full_like(value, asked[descriptor.name])))
    return torch.stack(rows)

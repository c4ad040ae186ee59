"""Long sounds in stretches that overlap, so that memory does not grow with the length."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Stretch:
    """Samples `first` to `after` of a sound, and its number."""

    number: int
    first: int
    after: int


def stretches(samples: int, length: int, overlap: int) -> list[Stretch]:
    """Equal stretches, none longer than `length`, that cover a sound and overlap by `overlap`."""
    if samples <= length:
        return [Stretch(0, 0, samples)]
    count = math.ceil((samples - overlap) / (length - overlap))
    step = math.ceil((samples - overlap) / count)
    return [Stretch(n, n * step, min(samples, (n + 1) * step + overlap)) for n in range(count)]


def joined(parts: list[Stretch], samples: int, render: Callable[[Stretch], Tensor]) -> Tensor:
    """Render all stretches, one at a time, and fade them into one another.

    Args:
        parts: of `stretches`.
        samples: of the whole.
        render: a stretch → `(channels, its samples)`.

    Returns:
        `(channels, samples)`.
    """
    result = torch.zeros(0)
    for part in parts:
        made = render(part)
        if not part.number:
            result = torch.zeros(len(made), samples)
            result[:, : part.after] = made
            continue
        end = parts[part.number - 1].after
        shared = end - part.first
        result[:, part.first : end] = _faded(result[:, part.first : end], made[:, :shared])
        result[:, end : part.after] = made[:, shared:]
    return result


def _faded(before: Tensor, after: Tensor) -> Tensor:
    """From the one to the other at even power, however alike they are."""
    up = 0.5 - 0.5 * torch.cos(torch.linspace(0, math.pi, before.shape[-1]))
    power = (before.square().sum() * after.square().sum()).sqrt().clamp_min(1e-20)
    alike = ((before * after).sum() / power).clamp(0, 1)
    norm = (up.square() + (1 - up).square() + 2 * up * (1 - up) * alike).sqrt()
    return (before * (1 - up) + after * up) / norm

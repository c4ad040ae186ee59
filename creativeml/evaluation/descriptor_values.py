"""Descriptors of many sounds by their exact faces, on all cores, and on scales on which errors can be compared."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from creativeml.audio.descriptors.registry import DESCRIPTORS, describe
from creativeml.errors import CreativeMLError
from creativeml.threads import threads

# A call takes some 14,000 operations however many sounds it is given: with many, threads seldom wait for each other.
_PIECE = 8
_MOST_WORKERS = 8
"""Each needs some 250 MB."""


def in_jnds(values: Tensor, names: Sequence[str]) -> Tensor:
    """Values (..., descriptors) on scales on which 1 is a just-noticeable difference."""
    return torch.stack([DESCRIPTORS[name].in_jnds(values[..., i]) for i, name in enumerate(names)], -1)


def measured(
    batches: Iterable[Tensor],
    sample_rate: int,
    names: Sequence[str],
    *,
    workers: int | None = None,
    progress: Callable[[int], object] = lambda sounds: None,
) -> Tensor:
    """Descriptors of many sounds by their exact faces, measured in threads while the next ones are made.

    Args:
        batches: of sounds `(b, samples)`, one after the other; a bounded number is kept.
        sample_rate: in Hz.
        names: descriptors.
        workers: threads; None = one per core, up to 8.
        progress: told how many more sounds are done.

    Returns:
        (sounds, descriptors) float64, in units.

    Raises:
        CreativeMLError: a sound is not finite.
    """
    workers = workers or min(_MOST_WORKERS, os.cpu_count() or 1)
    rows: list[Tensor] = []
    pending: deque[Future[Tensor]] = deque()

    def piece(sounds: Tensor) -> Tensor:
        values = describe(sounds.detach().float().cpu(), sample_rate, names)
        return torch.stack([values[name].double() for name in names], 1)

    def finish(most: int) -> None:
        while len(pending) > most:
            rows.append(pending.popleft().result())
            progress(len(rows[-1]))

    # A sound is many small operations, which several threads of torch only slow down; sounds are spread instead.
    with threads(1), ThreadPoolExecutor(workers) as pool:
        for sounds in _pieces(batches):
            pending.append(pool.submit(piece, sounds))
            finish(2 * workers)
        finish(0)
    if not rows:
        raise CreativeMLError("there are no sounds to measure")
    return torch.cat(rows)


def _pieces(batches: Iterable[Tensor]) -> Iterator[Tensor]:
    waiting: list[Tensor] = []
    for sounds in batches:
        waiting += sounds.split(1)
        while len(waiting) >= _PIECE:
            yield torch.cat(waiting[:_PIECE])
            del waiting[:_PIECE]
    if waiting:
        yield torch.cat(waiting)

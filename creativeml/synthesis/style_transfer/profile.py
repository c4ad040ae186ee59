"""What is known of a whole sound before a stretch of it is changed: levels, spectra and how they vary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from creativeml.synthesis.style_transfer.equaliser import colour_power
from creativeml.synthesis.style_transfer.frames import Frames, to_db
from creativeml.synthesis.style_transfer.quantiles import interpolated

SPAN_DB = 60.0
"""Below the loudest frame, frames count as silence."""
_QUANTILES = 101
_BLOCK_S = 10.0
_MOST_SHAPES = 4000


@dataclass(frozen=True)
class Profile:
    """Statistics over the frames of a sound that are not silent.

    Attributes:
        power: mean power of each band over all frames, silent ones too, `(bands,)`.
        shapes: levels of the bands relative to their sum, of at most 4,000 frames from all over the sound,
            `(bands, n)` in dB.
        weights: by which each of these counts, that is by its amplitude; their sum is 1, `(n,)`.
        colour: mean power in the finer bands of an `Equaliser`.
        quantiles: of the frames' levels, evenly from the lowest to the highest, in dB.
        loudest: level of the loudest frame in dB.
    """

    power: Tensor
    shapes: Tensor
    weights: Tensor
    colour: Tensor
    quantiles: Tensor
    loudest: float


def profile_of(sound: Tensor, frames: Frames, before: Callable[[Tensor], Tensor] | None = None) -> Profile:
    """Statistics of a sound `(samples,)`, taken in stretches, so that memory does not grow with its length.

    Args:
        sound: as it is heard.
        frames: of its sample rate.
        before: what each stretch goes through first.
    """
    blocks, colours, heard_frames = [], torch.zeros(()), 0
    for block in sound.split(round(_BLOCK_S * frames.sample_rate)):
        block = block if before is None else before(block)
        blocks.append(frames.power(frames.analyse(block)))
        colour = colour_power(block, frames.sample_rate)
        colours, heard_frames = colours + colour.sum(1), heard_frames + colour.shape[1]
    power = torch.cat(blocks, 1)
    level, shape = levels_and_shapes(power)
    loudest = float(level.max())
    heard = (level > loudest - SPAN_DB).nonzero()[:, 0]
    quantiles = torch.quantile(
        _thinned(level[heard], 100_000).double(), torch.linspace(0, 1, _QUANTILES, dtype=torch.float64)
    )
    taken = _thinned(heard, _MOST_SHAPES)
    weights = torch.exp((level[taken].double() - loudest) * 0.1151)
    return Profile(
        power.double().mean(1).float(),
        shape[:, taken].double(),
        weights / weights.sum(),
        colours / heard_frames,
        quantiles,
        loudest,
    )


def levels_and_shapes(power: Tensor) -> tuple[Tensor, Tensor]:
    """Level of each frame `(frames,)` and of each band relative to it `(bands, frames)`, no lower than -60; in dB."""
    level = to_db(power.sum(0))
    return level, (to_db(power) - level).clamp_min(-SPAN_DB)


def levels_as_often(level: Tensor, source: Profile, target: Profile) -> Tensor:
    """Levels in dB of frames → those that the target reaches as often as the source does these, quantile by quantile.

    Both relative to the loudest frame, which stays where the source has it.
    """
    known, wanted = source.quantiles.to(level), target.quantiles.to(level)
    return interpolated(level[None], known[None], wanted[None])[0] - target.loudest + source.loudest


def _thinned(values: Tensor, most: int) -> Tensor:
    """At most so many of them, evenly."""
    return values if len(values) <= most else values[torch.linspace(0, len(values) - 1, most).round().long()]

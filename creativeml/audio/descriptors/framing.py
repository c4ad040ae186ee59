"""Power spectra of the frames of sounds in which something sounds.

Most of a batch of one-shots is the silence after them. Frames 80 dB below the loudest one of their sound have no
influence on any descriptor that anybody would hear; leaving them out makes the smooth faces about twice as fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from creativeml.audio.fourier import adjoint_weights, energies, scaled

_SILENT = 1e-8
"""Energy of a frame, in parts of that of the loudest frame of its sound, up to which it is left out."""
_AT_ONCE = 160
"""Frames that are transformed together on a CPU: they and their spectra stay within its cache."""


@dataclass(frozen=True)
class Rows:
    """Which frames of which sounds sound; the frames lie one after the other in rows.

    A frame is made of `count` units of equal length; frames of all sounds begin with a unit.
    """

    units: Tensor
    """(n * units of a sound, samples of a unit): the sounds in pieces."""
    first: Tensor
    """(rows,) the first unit of each row."""
    count: int
    sound: Tensor
    """(rows,) the number of the sound that each row belongs to."""
    frame: Tensor
    """(rows,) its number among the frames of its sound."""
    shape: tuple[int, int]
    """Sounds, and frames that each of them has in all."""

    @classmethod
    def of(cls, sounds: Tensor, unit: int, *, count: int, step: int = 1) -> Rows:
        """Whole frames only.

        Args:
            sounds: (n, samples), at least one frame long.
            unit: samples per unit.
            count, step: units per frame, and from the beginning of a frame to that of the next.
        """
        n, samples = sounds.shape
        frames = (samples - unit * count) // (unit * step) + 1
        whole = unit * (count + (frames - 1) * step)
        units = sounds[:, :whole].reshape(-1, unit)
        with torch.no_grad():
            energy = energies(units).view(n, -1).unfold(-1, count, step).sum(-1)
            sound, frame = torch.nonzero(energy > _SILENT * energy.amax(-1, keepdim=True), as_tuple=True)
        return cls(units, sound * (whole // unit) + frame * step, count, sound, frame, (n, frames))

    def frames(self) -> Tensor:
        """(rows, samples of a frame)."""
        index = self.first[:, None] + torch.arange(self.count, device=self.first.device)
        return self.units.index_select(0, index.flatten()).view(len(self.first), self.count * self.units.shape[-1])

    def powers(self, window: Tensor, size: int, *, centred: bool = False) -> Tensor:
        """Squared magnitudes (rows, size // 2 + 1) of the frames' transforms.

        Args:
            window: (samples of a frame,) to multiply them by.
            size: length of the transform, at least that of a frame.
            centred: subtract the frame's mean first.
        """
        return _FramePowers.apply(self.units, self.first, self.count, window, size, centred)  # pyright: ignore[reportReturnType]

    def total(self, values: Tensor) -> Tensor:
        """(rows, ...) → (n, ...): sums over the frames of each sound."""
        return values.new_zeros(self.shape[0], *values.shape[1:]).index_add(0, self.sound, values)

    def highest(self, values: Tensor) -> Tensor:
        """(rows,) not negative → (n,): the highest of each sound; 0 for silence."""
        return values.new_zeros(self.shape[0]).scatter_reduce(0, self.sound, values, "amax")

    def dense(self, values: Tensor) -> Tensor:
        """(rows, ...) → (n, frames, ...), 0 where nothing sounds."""
        whole = values.new_zeros(self.shape[0] * self.shape[1], *values.shape[1:])
        return whole.index_copy(0, self.sound * self.shape[1] + self.frame, values).unflatten(0, self.shape)


class _FramePowers(torch.autograd.Function):
    """A few frames at a time, so that nothing but the result ever leaves the cache; the way back transforms again."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, units: Tensor, first: Tensor, count: int, window: Tensor, size: int, centred: bool
    ) -> Tensor:
        ctx.save_for_backward(units, first, window)
        ctx.options = count, size, centred  # pyright: ignore[reportAttributeAccessIssue]
        powers = units.new_empty(len(first), size // 2 + 1)
        for part, spectra in _spectra(units, first, count, window, size, centred):
            torch.mul(spectra.real, spectra.real, out=powers[part]).addcmul_(spectra.imag, spectra.imag)
        return powers

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        units, first, window = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        count, size, centred = ctx.options  # pyright: ignore[reportAttributeAccessIssue]
        weights = 2 * adjoint_weights(size, units)
        result = torch.zeros_like(units)
        for part, spectra in _spectra(units, first, count, window, size, centred):
            back = torch.fft.irfft(scaled(spectra, gradients[0][part] * weights), size, norm="forward")
            back = back[:, : len(window)] * window
            if centred:
                back -= back.mean(-1, keepdim=True)
            for place, unit in enumerate(back.split(units.shape[-1], dim=-1)):
                result.index_add_(0, first[part] + place, unit)
        return result, None, None, None, None, None


def _spectra(
    units: Tensor, first: Tensor, count: int, window: Tensor, size: int, centred: bool
) -> Iterator[tuple[slice, Tensor]]:
    """Transforms of some frames after the other, with the rows that they are."""
    steps = torch.arange(count, device=first.device)
    at_once = _AT_ONCE if units.device.type == "cpu" else max(1, len(first))
    for start in range(0, len(first), at_once):
        part = slice(start, start + at_once)
        index = (first[part, None] + steps).flatten()
        frames = units.index_select(0, index).view(-1, len(window))
        if centred:
            frames -= frames.mean(-1, keepdim=True)
        yield part, torch.fft.rfft(frames.mul_(window), size)

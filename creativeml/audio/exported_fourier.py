"""Short-time Fourier transforms in operations that runtimes of exported models have, and have fast.

Few of them have complex numbers, or a transform at all. ONNX Runtime has one, but (1.32, frames of 256, one core) the
product with a matrix of cosines and sines takes a ninth of its time. That of long frames is taken in two steps (Cooley
and Tukey, "An algorithm for the machine calculation of complex Fourier series", 1965), which keeps the matrices small.
While nothing is exported, torch's own operations are taken.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

_LONGEST_AT_ONCE = 512
"""Frames up to this length are transformed by one product."""


def frames_of(sounds: Tensor, size: int, hop: int) -> Tensor:
    """Overlapping frames of sounds `(b, samples)`: `(b, 1 + (samples - size) // hop, size)`."""
    if not torch.compiler.is_exporting() or size % hop:
        return sounds.unfold(1, size, hop)
    # By whole hops put side by side: runtimes gather an `unfold` sample by sample.
    count, steps = 1 + (sounds.shape[1] - size) // hop, size // hop
    hops = sounds[:, : (count + steps - 1) * hop].unflatten(1, (-1, hop))
    return torch.cat([hops[:, step : step + count] for step in range(steps)], dim=2)


def rfft_parts(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Spectra of frames `(..., size)`: real and imaginary part, each `(..., size // 2 + 1)`."""
    if torch.compiler.is_exporting():
        return rfft_by_products(frames, frames.shape[-1])
    spectrum = torch.fft.rfft(frames)
    return spectrum.real, spectrum.imag


def irfft_parts(real: Tensor, imaginary: Tensor, size: int) -> Tensor:
    """Frames `(..., size)` of spectra given by real and imaginary part, each `(..., size // 2 + 1)`."""
    if not torch.compiler.is_exporting():
        return torch.fft.irfft(torch.complex(real, imaginary), n=size)
    # Every bin stands for its mirror image too, save the first and, of an even size, the last.
    counts = np.full(size // 2 + 1, 2.0)
    counts[0] = 1.0
    if size % 2 == 0:
        counts[-1] = 1.0
    inverse = (_waves(size, size // 2 + 1) * np.tile(counts, 2) / size).T
    return torch.cat([real, imaginary], dim=-1) @ _constant(inverse, real)


def rfft_by_products(frames: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """As `rfft_parts`, by matrix products whether or not a model is exported.

    Args:
        frames: `(..., n)`.
        size: length of the transform, at least n (silence is appended).
    """
    bins = size // 2 + 1
    frames = torch.nn.functional.pad(frames, (0, size - frames.shape[-1]))
    if size <= _LONGEST_AT_ONCE or size & (size - 1):
        real, imaginary = (frames @ _constant(_waves(size, bins), frames)).chunk(2, dim=-1)
        return real, imaginary
    # Sample columns * i + j goes into bin k + rows * l: over i first, then, turned by the rest of the phase, over j.
    rows = 2 ** math.ceil(math.log2(size) / 2)
    columns = size // rows
    first = frames.unflatten(-1, (rows, columns)).transpose(-1, -2) @ _constant(_waves(rows, rows), frames)
    real, imaginary = first.chunk(2, dim=-1)
    phase = 2.0 * math.pi * np.outer(np.arange(columns), np.arange(rows)) / size
    cosine, sine = _constant(np.cos(phase), frames), _constant(np.sin(phase), frames)
    turned = torch.cat([real * cosine + imaginary * sine, imaginary * cosine - real * sine], dim=-2)
    cosines, sines = np.split(_waves(columns, columns // 2 + 1), 2, axis=1)
    second = np.block([[cosines, sines], [-sines, cosines]])
    parts = turned.transpose(-1, -2) @ _constant(second, frames)
    real, imaginary = (part.transpose(-1, -2).flatten(-2)[..., :bins] for part in parts.chunk(2, dim=-1))
    return real, imaginary


def _waves(size: int, bins: int) -> np.ndarray:
    """`(size, 2 * bins)`: cosines, then minus sines, of the first bins."""
    # Whole turns first: many of them would take the digits that the rest needs.
    angle = 2.0 * math.pi * (np.outer(np.arange(size), np.arange(bins)) % size) / size
    return np.concatenate([np.cos(angle), -np.sin(angle)], axis=1)


def _constant(values: np.ndarray, like: Tensor) -> Tensor:
    kept = values.astype(np.float32) if like.dtype == torch.float32 else np.ascontiguousarray(values)
    return torch.from_numpy(kept).to(like)

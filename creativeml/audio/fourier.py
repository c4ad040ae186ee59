"""Transforms of real signals whose gradients cost as much as they do.

The gradients that torch derives run a complex transform of the full length and copy every half of a complex number to
and fro: four times the work of the forward pass. The adjoint of a real transform is an inverse real transform.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from creativeml.audio.exported_fourier import rfft_by_products

_AT_ONCE = 16
"""Signals that are filtered together: their spectra stay within the cache until they are signals again."""


def rfft(signals: Tensor, size: int | None = None) -> Tensor:
    """`torch.fft.rfft` along the last axis, of the same result and gradient, but without a second one.

    Args:
        signals: (..., samples) real.
        size: length of the transform, at least `samples` (silence is appended); None = `samples`.

    Returns:
        (..., size // 2 + 1) complex.
    """
    return _RealTransform.apply(signals, signals.shape[-1] if size is None else size)  # pyright: ignore[reportReturnType]


def filtered(spectra: Tensor, response: Tensor, size: int, samples: int) -> Tensor:
    """Signals behind a filter that acts by multiplication of their spectra.

    Args:
        spectra: (..., size // 2 + 1) complex, `rfft` of the signals.
        response: (size // 2 + 1,) complex, of the filter at the same frequencies; without gradient.
        size: length of the transforms.
        samples: of the signals. What rings on beyond the transform's end would come in again at its beginning.

    Returns:
        (..., samples).
    """
    return _Filtered.apply(spectra, response.to(spectra), size, samples)  # pyright: ignore[reportReturnType]


def power_spectrum(signals: Tensor, size: int | None = None) -> Tensor:
    """Squared magnitudes of `rfft`, real, with a gradient (0 where the magnitude is 0), but not a second one.

    Arguments are those of `rfft`; (..., size // 2 + 1) returned.
    """
    if torch.compiler.is_exporting():
        real, imaginary = rfft_by_products(signals, signals.shape[-1] if size is None else size)
        return real.square() + imaginary.square()
    return _PowerSpectrum.apply(signals, signals.shape[-1] if size is None else size)  # pyright: ignore[reportReturnType]


def energies(signals: Tensor) -> Tensor:
    """(..., samples) → (...): sums of squares, with one pass over the memory each way."""
    return _Energies.apply(signals)  # pyright: ignore[reportReturnType]


def scaled(spectra: Tensor, factors: Tensor) -> Tensor:
    """Spectra times real factors, in place; torch would make the factors complex first, ten times as slow."""
    spectra.real.mul_(factors)
    spectra.imag.mul_(factors)
    return spectra


def adjoint_weights(size: int, like: Tensor) -> Tensor:
    """(size // 2 + 1,) what makes the unscaled inverse transform the adjoint of the transform: it counts the bins
    between the ends twice, for their mirror images that nobody differentiated."""
    weights = torch.full((size // 2 + 1,), 0.5, dtype=like.dtype, device=like.device)
    weights[0] = 1.0
    if size % 2 == 0:
        weights[-1] = 1.0
    return weights


class _RealTransform(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, signals: Tensor, size: int) -> Tensor:
        ctx.lengths = size, signals.shape[-1]  # pyright: ignore[reportAttributeAccessIssue]
        return torch.fft.rfft(signals, size)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        size, samples = ctx.lengths  # pyright: ignore[reportAttributeAccessIssue]
        spectra = scaled(gradients[0].clone(), adjoint_weights(size, gradients[0].real))
        return torch.fft.irfft(spectra, size, norm="forward")[..., :samples], None


class _Filtered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, spectra: Tensor, response: Tensor, size: int, samples: int) -> Tensor:
        ctx.save_for_backward(response)
        ctx.size = size  # pyright: ignore[reportAttributeAccessIssue]
        result = spectra.real.new_empty(*spectra.shape[:-1], samples)
        for part, into in zip(spectra.split(_AT_ONCE), result.split(_AT_ONCE), strict=True):
            into.copy_(torch.fft.irfft(part * response, size)[..., :samples])
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (response,) = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        size = ctx.size  # pyright: ignore[reportAttributeAccessIssue]
        scale = response.conj() / (size * adjoint_weights(size, response.real))
        return torch.fft.rfft(gradients[0], size).mul_(scale), None, None, None


class _PowerSpectrum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, signals: Tensor, size: int) -> Tensor:
        # The library behind refuses to transform nothing.
        empty = signals.new_empty(*signals.shape[:-1], size // 2 + 1, dtype=signals.dtype.to_complex())
        spectra = torch.fft.rfft(signals, size) if signals.numel() else empty
        ctx.lengths = size, signals.shape[-1]  # pyright: ignore[reportAttributeAccessIssue]
        ctx.save_for_backward(spectra)
        return spectra.real.square().addcmul_(spectra.imag, spectra.imag)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        (spectra,) = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        size, samples = ctx.lengths  # pyright: ignore[reportAttributeAccessIssue]
        if not spectra.numel():
            return gradients[0].new_empty(*spectra.shape[:-1], samples), None
        spectra = scaled(spectra.clone(), 2 * adjoint_weights(size, gradients[0]) * gradients[0])
        return torch.fft.irfft(spectra, size, norm="forward")[..., :samples], None


class _Energies(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, signals: Tensor) -> Tensor:
        ctx.save_for_backward(signals)
        return torch.linalg.vector_norm(signals, dim=-1).square_()

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor]:
        (signals,) = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        return (signals * (2 * gradients[0])[..., None],)

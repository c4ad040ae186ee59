"""Transforms of real signals whose gradients cost as much as they do.

The gradients that torch derives run a complex transform of the full length and copy every half of a complex number to
and fro: four times the work of the forward pass. The adjoint of a real transform is an inverse real transform.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable


def rfft(signals: Tensor, size: int | None = None) -> Tensor:
    """`torch.fft.rfft` along the last axis, of the same result and gradient, which can be differentiated again.

    Args:
        signals: (..., samples) real.
        size: length of the transform, at least `samples` (silence is appended); None = `samples`.

    Returns:
        (..., size // 2 + 1) complex.
    """
    return _RealTransform.apply(signals, signals.shape[-1] if size is None else size)  # pyright: ignore[reportReturnType]


def power_spectrum(signals: Tensor, size: int | None = None) -> Tensor:
    """Squared magnitudes of `rfft`, real, with a gradient (0 where the magnitude is 0), but not a second one.

    Arguments are those of `rfft`; (..., size // 2 + 1) returned.
    """
    return _PowerSpectrum.apply(signals, signals.shape[-1] if size is None else size)  # pyright: ignore[reportReturnType]


def _adjoint(spectra: Tensor, size: int, samples: int) -> Tensor:
    """Gradient of the signals from the gradient of their spectra."""
    # The inverse transform counts the bins between the ends twice, for their mirror images that nobody differentiated.
    halved = torch.full((spectra.shape[-1],), 0.5, dtype=spectra.real.dtype, device=spectra.device)
    halved[0] = 1.0
    if size % 2 == 0:
        halved[-1] = 1.0
    return torch.fft.irfft(spectra * halved, size, norm="forward")[..., :samples]


class _RealTransform(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, signals: Tensor, size: int) -> Tensor:
        ctx.lengths = size, signals.shape[-1]  # pyright: ignore[reportAttributeAccessIssue]
        return torch.fft.rfft(signals, size)

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        return _adjoint(gradients[0], *ctx.lengths), None  # pyright: ignore[reportAttributeAccessIssue]


class _PowerSpectrum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, signals: Tensor, size: int) -> Tensor:
        spectra = torch.fft.rfft(signals, size)
        ctx.lengths = size, signals.shape[-1]  # pyright: ignore[reportAttributeAccessIssue]
        ctx.save_for_backward(spectra)
        return spectra.real.square().addcmul_(spectra.imag, spectra.imag)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> tuple[Tensor, None]:
        (spectra,) = ctx.saved_tensors  # pyright: ignore[reportAttributeAccessIssue]
        return _adjoint(spectra * (2 * gradients[0]), *ctx.lengths), None  # pyright: ignore[reportAttributeAccessIssue]

"""Convolutions whose frozen weights are kept in the order in which the processor's kernel reads them.

torch brings weights into that order at every call; for a single sound this takes an eighth of the time. The
operations are those that torch's own compiler emits. Where they are missing, on other processors and wherever a
gradient is wanted, the plain convolution is taken, which gives the same numbers.
"""

from __future__ import annotations

import functools
import platform

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.layers.frozen import Remembered


@functools.cache
def can_pack() -> bool:
    """Whether this processor and this torch have the operations."""
    if platform.machine().lower() not in ("x86_64", "amd64") or not torch.backends.mkldnn.is_available():
        return False
    return all(hasattr(torch.ops.mkldnn, name) for name in ("_reorder_convolution_weight", "_convolution_pointwise"))


class PackedConv:
    """`torch.nn.functional.conv2d` of height 1 and stride 1 with same-size padding, fast for frozen weights."""

    def __init__(self, padding: tuple[int, int], dilation: int) -> None:
        self._padding, self._dilation = padding, dilation
        self._packed = Remembered[Tensor | None]()

    def __call__(self, x: Tensor, weight: Tensor) -> Tensor:
        """`x (b, inputs, 1, t)`, `weight (outputs, inputs, 1, kernel)` → `(b, outputs, 1, t)`."""
        packed = None
        # A traced model (`torch.export`) must run on any processor.
        here = x.device.type == "cpu" and not torch.compiler.is_compiling()
        if here and not weight.requires_grad and not (x.requires_grad and torch.is_grad_enabled()):
            packed = self._packed.of((weight,), lambda: self._pack(weight, x), (x.shape, x.dtype))
        if packed is None:
            return F.conv2d(x, weight, padding=self._padding, dilation=self._dilation)
        convolve = torch.ops.mkldnn._convolution_pointwise
        dilation = [self._dilation, self._dilation]
        return convolve(x, packed, None, list(self._padding), [1, 1], dilation, 1, "none", [], "")

    def _pack(self, weight: Tensor, x: Tensor) -> Tensor | None:
        if not can_pack() or weight.dtype not in (torch.float32, torch.bfloat16) or x.dtype != weight.dtype:
            return None
        dilation = [self._dilation, self._dilation]
        return torch.ops.mkldnn._reorder_convolution_weight(
            weight, list(self._padding), [1, 1], dilation, 1, list(x.shape)
        )

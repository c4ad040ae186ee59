"""Values derived from weights, computed once when the weights are frozen instead of at every call."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Generic, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


class Remembered(Generic[T]):
    """The last value of a function of some weights.

    While one of the weights takes part in a gradient, nothing is remembered. Changes in place are noticed by the
    weights' versions (but not those made through `.data`, which have none).
    """

    def __init__(self) -> None:
        # The weights themselves, too: of one that is gone, another may take the place in memory, and be like it.
        self._kept: tuple[tuple[Tensor, ...], object, T] | None = None

    def __reduce__(self) -> tuple[type[Remembered[T]], tuple[()]]:
        # A copied or stored module has weights of its own; and what packing gives can be neither copied nor stored.
        return Remembered, ()

    def of(self, weights: tuple[Tensor, ...], compute: Callable[[], T], form: object = None) -> T:
        """`compute()`, or what it gave when the weights were last as they are now, and `form` the same."""
        # A trace (`torch.export`) has no weights in memory by which to know them again.
        if torch.compiler.is_compiling() or any(weight.requires_grad or weight.is_inference() for weight in weights):
            return compute()
        kept, state = self._kept, (form, *((weight.data_ptr(), weight._version) for weight in weights))
        if kept is not None and kept[1] == state and all(map(operator.is_, kept[0], weights)):
            return kept[2]
        # Outside of inference mode, since what is made there can take part in no gradient later.
        with torch.inference_mode(False), torch.no_grad():
            value = compute()
        self._kept = (weights, state, value)
        return value

"""Tensors that depend on sizes alone: windows, filters, carriers. They are made once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec

import torch
from torch import Tensor

P = ParamSpec("P")


def constant(make: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Decorator: the tensor that a function makes of numbers is kept for the next call with the same ones.

    It has to be an ordinary CPU tensor, whoever asks first. So it is made outside of inference mode, and while a model
    is traced (`torch.export`, `torch.compile`) it is made anew, since what a trace makes holds no numbers.
    """
    kept = functools.lru_cache(maxsize=16)(torch.inference_mode(False)(make))

    @functools.wraps(make)
    def remembered(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        return make(*args, **kwargs) if torch.compiler.is_compiling() else kept(*args, **kwargs)

    return remembered

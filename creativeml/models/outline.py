"""The shapes of a network's weights from its configuration alone: nothing is allocated, however large they are.

A configuration out of a file may ask for a network of terabytes, or for one that takes hours to build. So it is built
once without any numbers, on torch's device `meta`, with every step counted, and for real only if its weights are those
of the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from creativeml.errors import one_line, quoted

STEPS_OF_ALL, STEPS_OF_A_TENSOR = 4000, 60
"""Calls of torch while a network is built: the largest of the library need some 15 for each tensor of theirs."""
LARGEST_NUMBER = 1 << 24
"""Of samples, in a configuration: six minutes."""
LARGEST_SIZE = 1 << 16
"""Of anything else, unless the weights are that many."""
MOST_VALUES = 1 << 20
"""In a configuration, those of lists in it included."""
SPARE_BYTES = 256 << 20
"""Of what is no weight but follows from the configuration (windows, filterbanks), at once and altogether."""
_TIMES = {"length_samples", "sample_rate", "window_samples", "hop_samples"}
_COUNTS = {
    "depth", "levels", "layers", "steps", "couplings", "convs_per_level", "mapping_layers", "encoder_layers",
    "decoder_layers", "members", "stages", "patch_levels", "heads",
}  # fmt: skip
"""Fields that say how many layers there are: each of these has a tensor at least."""
_FEW = 16


class TooMuch(ValueError):
    """A configuration that asks for more than any network of the library needs."""


Shapes = dict[str, tuple[int, ...]]


def shapes_of(build: Callable[[], nn.Module], weights: Shapes) -> Shapes:
    """Names and shapes of a network's state, as `state_dict` has them.

    Args:
        build: makes the network; numbers that it takes from tensors are 1 here.
        weights: of the file from which it shall be filled.

    Raises:
        TooMuch: it would take far more memory or steps than such a file justifies.
        Exception: whatever `build` raises.
    """
    most_bytes = SPARE_BYTES + 32 * _size(weights)
    with _Outline(most_bytes, STEPS_OF_ALL + STEPS_OF_A_TENSOR * len(weights)):
        model = build()
        return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def misfit(build: Callable[[], nn.Module], weights: Shapes) -> str:
    """Why a network cannot be filled with a file's weights; "" if it can. Nothing is built to know it.

    Args:
        build: makes the network.
        weights: of the file.

    Raises:
        CreativeMLError: whatever of that kind `build` raises.
    """
    try:
        expected = shapes_of(build, weights)
    except (ArithmeticError, AssertionError, LookupError, RuntimeError, TypeError, ValueError, MemoryError) as error:
        # Nothing but the configuration has been at work, so whatever is raised is its fault.
        return f"it makes no network: {one_line(str(error))[:120] or type(error).__name__}"
    for name in (*expected, *weights):
        if name not in weights:
            return f"no '{name[:80]}'"
        if name not in expected:
            return f"an unknown '{name[:80]}'"
        if weights[name] != expected[name]:
            return f"'{name[:80]}' is {list(weights[name])}, not {list(expected[name])}"[:160]
    return ""


def check_numbers(values: Any, weights: Shapes | None = None) -> None:
    """Refuse configurations that would keep Python busy before torch is called at all.

    Args:
        values: of the configuration, as JSON has them.
        weights: of the file that comes with it, if one does: there are no more layers than tensors.

    Raises:
        TooMuch: with the field.
    """
    tensors = 1024 if weights is None else max(_FEW, len(weights))
    size = LARGEST_NUMBER if weights is None else max(LARGEST_SIZE, _size(weights))
    left, seen = [("", values)], 0
    while left:
        name, value = left.pop()
        most = LARGEST_NUMBER if name in _TIMES else tensors if name in _COUNTS else size
        if isinstance(value, (int, float)) and not abs(value) <= most:
            raise TooMuch(f"{quoted(name)} is {quoted(value)}, which is more than {most}")
        if isinstance(value, (list, tuple)):
            if len(value) > tensors and not all(isinstance(inner, str) for inner in value):
                raise TooMuch(f"{quoted(name)} has {len(value)} values, more than {tensors}")
            left += [(name, inner) for inner in value]
        elif isinstance(value, dict):
            left += value.items()
        seen += 1
        if seen + len(left) > MOST_VALUES:
            raise TooMuch(f"it holds more than {MOST_VALUES} values")


def _size(shapes: Shapes) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


class _Outline(TorchFunctionMode):
    """Every tensor that is made has a shape and no content; what would fill it is passed over."""

    def __init__(self, most_bytes: int, most_steps: int) -> None:
        super().__init__()
        self._most_bytes, self._most_steps, self._bytes, self._steps = most_bytes, most_steps, 0, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        self._steps += 1
        if self._steps > self._most_steps:
            raise TooMuch(f"building it takes more than {self._most_steps} steps")
        name = getattr(func, "__name__", "")
        if name in _NUMBERS and isinstance(args[0], Tensor) and args[0].is_meta:
            return _NUMBERS[name]
        # Filling takes most of the time of building, and there is nothing to fill.
        if name.endswith("_") and not name.endswith("__") and name not in _NOT_FILLING and _is_meta(args):
            return args[0]
        if func in _constructors():
            kwargs["device"] = "meta"
            kwargs.pop("generator", None)
        result = func(*args, **kwargs)
        if isinstance(result, Tensor) and result.is_meta and result._base is None:
            self._bytes += result.numel() * result.element_size()
            if self._bytes > self._most_bytes:
                raise TooMuch(f"it takes more than {self._most_bytes >> 20} MiB to build")
        return result


_NUMBERS: dict[str, Any] = {"item": 1, "__float__": 1.0, "__int__": 1, "__index__": 1, "__bool__": True}
_NOT_FILLING = {"requires_grad_", "detach_", "unsqueeze_", "squeeze_", "transpose_", "t_", "as_subclass"}


def _is_meta(args: Any) -> bool:
    return bool(args) and isinstance(args[0], Tensor) and args[0].is_meta


def _constructors() -> Any:
    from torch.utils._device import _device_constructors

    return _device_constructors()

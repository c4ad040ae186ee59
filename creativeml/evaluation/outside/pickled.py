"""Tensors out of pickled files without unpickling them.

A pickle is a programme: loading it calls whatever it names. Here its instructions are read one by one by a machine of
our own that can build plain values (numbers, text, lists, dictionaries) and tensors, and nothing else. No name in the
file is ever looked up, imported or called; a name that is not needed for tensors ends the reading.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from creativeml.errors import CreativeMLError

_STORAGES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# Instructions that bring their value along.
_NUMBERS = ("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT")
_TEXTS = ("UNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINUNICODE", "STRING", "BINSTRING", "SHORT_BINSTRING")
_BYTES = ("BINBYTES", "BINBYTES8", "SHORT_BINBYTES")
_VALUES = frozenset((*_NUMBERS, *_TEXTS, *_BYTES))
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_MARK = object()
_DEEPEST = 50


class RefusedPickle(CreativeMLError):
    """A pickled file that holds more than tensors and plain values."""


@dataclass(frozen=True)
class _Name:
    """A name found in the file; it stays a name."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass
class StoredTensor:
    """A tensor whose numbers lie elsewhere in the file.

    Attributes:
        key: of the storage.
        dtype: of its numbers.
        offset, shape, strides: which of them, in elements.
    """

    key: str
    dtype: torch.dtype
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def tensor(self, storage: Tensor) -> Tensor:
        """The tensor, from its one-dimensional storage.

        Raises:
            RefusedPickle: it would reach outside the storage.
        """
        count = int(np.prod(self.shape, dtype=object)) if self.shape else 1
        if count > storage.numel():
            raise RefusedPickle(f"a tensor of {count} numbers has a storage of {storage.numel()}")
        try:
            return storage.as_strided(self.shape, self.strides, self.offset).clone(
                memory_format=torch.contiguous_format
            )
        except (RuntimeError, TypeError) as error:
            raise RefusedPickle(f"a tensor reaches outside its storage ({self.shape}, {self.offset})") from error


@dataclass
class _Array:
    """A numpy array, or the type of one, while it is being described."""

    values: Any = None
    dtype: str | None = None


class _Machine:
    """The instructions of one pickle, on a stack."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, file: IO[bytes]) -> Any:
        """The value that the pickle at the file's position describes; the position is then behind it."""
        try:
            for instruction, argument, _ in pickletools.genops(file):
                if instruction.name == "STOP":
                    return self.stack.pop()
                self._step(instruction.name, argument)
        except (IndexError, KeyError, ValueError, TypeError, UnicodeDecodeError, AttributeError) as error:
            raise RefusedPickle(f"damaged, or not a pickle ({type(error).__name__}: {error})") from error
        raise RefusedPickle("it ends in the middle")

    def _step(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _EMPTY:
            self.stack.append(_EMPTY[name]())
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        elif name == "GLOBAL":
            self.stack.append(_Name(*argument.split(" ", 1)))
        else:
            method = getattr(self, f"_do_{name.lower()}", None)
            if method is None:
                raise RefusedPickle(f"it has the instruction {name}, which files of weights have no need of")
            method()

    def _do_proto(self) -> None:
        """The version; the instructions say all that matters."""

    _do_frame = _do_proto

    def _do_memoize(self) -> None:
        self.memo[len(self.memo)] = self.stack[-1]

    def _do_mark(self) -> None:
        self.stack.append(_MARK)

    def _do_pop(self) -> None:
        self.stack.pop()

    def _do_stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(_Name(str(module), str(name)))

    def _to_mark(self) -> list[Any]:
        items: list[Any] = []
        while (item := self.stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def _do_tuple(self) -> None:
        self.stack.append(tuple(self._to_mark()))

    def _do_tuple1(self) -> None:
        self._tuple(1)

    def _do_tuple2(self) -> None:
        self._tuple(2)

    def _do_tuple3(self) -> None:
        self._tuple(3)

    def _tuple(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.stack.append(items)

    def _do_list(self) -> None:
        self.stack.append(self._to_mark())

    def _do_dict(self) -> None:
        items = self._to_mark()
        self.stack.append(dict(zip(items[::2], items[1::2], strict=True)))

    def _do_append(self) -> None:
        item = self.stack.pop()
        _as(list, self.stack[-1]).append(item)

    def _do_appends(self) -> None:
        items = self._to_mark()
        _as(list, self.stack[-1]).extend(items)

    def _do_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _as(dict, self.stack[-1])[key] = value

    def _do_setitems(self) -> None:
        items = self._to_mark()
        _as(dict, self.stack[-1]).update(zip(items[::2], items[1::2], strict=True))

    def _do_binpersid(self) -> None:
        # torch names a storage so: ("storage", its type, key, place, number of elements, ...).
        identity = self.stack.pop()
        _, kind, key, *_ = identity if isinstance(identity, tuple) and len(identity) >= 5 else (None, None, None)
        if not isinstance(kind, _Name) or kind.module != "torch" or kind.name not in _STORAGES:
            what = str(kind)[:60] if isinstance(kind, _Name) else "unnamed"
            raise RefusedPickle(f"it refers to something outside that is no storage of numbers ({what})")
        self.stack.append((str(key), _STORAGES[kind.name]))

    def _do_reduce(self) -> None:
        arguments, called = self.stack.pop(), self.stack.pop()
        build = _BUILDERS.get(str(called)) if isinstance(called, _Name) else None
        if build is None:
            what = str(called)[:80] if isinstance(called, _Name) else "something that is no name"
            raise RefusedPickle(f"it wants to call {what}, which files of weights have no need of")
        self.stack.append(build(*arguments))

    def _do_build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, _Array):
            _describe(target, state)
        elif not isinstance(target, dict):
            raise RefusedPickle("it sets the state of something that is neither dictionary nor array")
        # The state of a dictionary is what torch notes on versions of modules: of no use here.


def _as(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise RefusedPickle(f"it fills something that is not a {kind.__name__}")
    return value


def _describe(target: _Array, state: Any) -> None:
    """The state of a numpy type: (version, byte order, ...); of an array: (version, shape, type, Fortran, numbers)."""
    if target.dtype is not None:
        if state[1] in ("<", ">", "|", "="):
            target.dtype = state[1] + target.dtype
        return
    _, shape, dtype, fortran, data = state
    if isinstance(data, list):
        target.values = data[0] if shape == () else data
        return
    if isinstance(data, str):
        data = data.encode("latin1")  # pickled by Python 2
    target.values = torch.from_numpy(_numbers(data, dtype).reshape(shape, order="F" if fortran else "C").copy())


def _numbers(data: bytes, dtype: _Array) -> np.ndarray:
    kind = np.dtype(str(dtype.dtype))
    if kind.kind not in "fiub":
        raise RefusedPickle(f"it holds an array of type {kind}")
    return np.frombuffer(data, kind).astype(kind.newbyteorder("="))


def _numpy_type(name: Any, *_: Any) -> _Array:
    if str(name)[:1] not in "fiubO" or not str(name)[1:].isdigit():
        raise RefusedPickle(f"it holds an array of type {str(name)[:20]!r}")
    return _Array(dtype=str(name))


def _scalar(dtype: _Array, data: Any) -> float:
    return _numbers(data.encode("latin1") if isinstance(data, str) else data, dtype)[0].item()


def _stored_tensor(storage: tuple[str, torch.dtype], offset: int, shape: Any, strides: Any, *_: Any) -> StoredTensor:
    numbers = (offset, *shape, *strides)
    if not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise RefusedPickle("a tensor has a size that is no natural number")
    return StoredTensor(storage[0], storage[1], offset, tuple(shape), tuple(strides))


# What stands for the few functions that files of weights name.
_BUILDERS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": lambda items=(): dict(items),
    "torch._utils._rebuild_tensor": _stored_tensor,
    "torch._utils._rebuild_tensor_v2": _stored_tensor,
    "torch._utils._rebuild_parameter": lambda data, *_: data,
    "numpy.core.multiarray._reconstruct": lambda *_: _Array(),
    "numpy._core.multiarray._reconstruct": lambda *_: _Array(),
    "numpy.core.multiarray.scalar": _scalar,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy.dtype": _numpy_type,
    "_codecs.encode": lambda text, *_: text.encode("latin1"),
}


def read_pickle(file: IO[bytes]) -> Any:
    """The plain value that a pickle describes, with `StoredTensor` where torch has its tensors.

    Args:
        file: open at the pickle's beginning; afterwards it stands behind its end.

    Raises:
        RefusedPickle: it names anything that is not needed for tensors, or is damaged.
    """
    return replaced(_Machine().run(file), _plain)


def _plain(leaf: Any) -> Any:
    if isinstance(leaf, _Name):
        raise RefusedPickle(f"it names {str(leaf)[:80]}, which files of weights have no need of")
    return leaf.values if isinstance(leaf, _Array) else leaf


def replaced(value: Any, change: Callable[[Any], Any]) -> Any:
    """A tree of dictionaries, lists and tuples with `change` applied to its leaves.

    What occurs in several places is changed once, so that a small file cannot become a large tree.

    Raises:
        RefusedPickle: a branch contains itself, or the tree is deeper than any that holds weights.
    """
    done: dict[int, Any] = {}

    def walk(node: Any, depth: int) -> Any:
        if id(node) not in done:
            done[id(node)] = _MARK
            if depth > _DEEPEST:
                raise RefusedPickle("it is nested deeper than files of weights are")
            if isinstance(node, dict):
                done[id(node)] = {key: walk(item, depth + 1) for key, item in node.items()}
            elif isinstance(node, (list, tuple)):
                done[id(node)] = type(node)([walk(item, depth + 1) for item in node])
            else:
                changed = change(node)
                done[id(node)] = changed if changed is node else walk(changed, depth + 1)
        if done[id(node)] is _MARK:
            raise RefusedPickle("it contains itself")
        return done[id(node)]

    return walk(value, 0)

"""TensorFlow's checkpoints (the "tensor bundle": `X.index` and `X.data-00000-of-00001`) without TensorFlow.

The index is a sorted table in LevelDB's format: blocks of entries whose keys are shortened by what they share with the
key before; a value says type, shape and place of a tensor as a protocol buffer. No code is in either file.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from creativeml.errors import CreativeMLError

_TABLE_MAGIC = 0xDB4775248B80FB57
_FOOTER = 48
_LONGEST_NAME, _MOST_ENTRIES = 4096, 100_000
_TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8"}


class _Damaged(Exception):
    """The file does not follow its format."""


def read_tf_checkpoint(index: Path) -> dict[str, Tensor]:
    """All numeric tensors of a checkpoint in one part, by name.

    Args:
        index: the file ending in `.index`; the one with the numbers lies beside it.

    Raises:
        CreativeMLError: a file is missing or damaged, or the checkpoint has several parts.
    """
    numbers = index.with_name(index.name.removesuffix(".index") + ".data-00000-of-00001")
    if not numbers.is_file():
        raise CreativeMLError(f"{index}: {numbers.name} is missing beside it; a checkpoint is both files")
    table, data = index.read_bytes(), numbers.read_bytes()
    try:
        return {name: tensor for name, value in _entries(table) if (tensor := _tensor(value, data)) is not None}
    except (_Damaged, IndexError, struct.error, UnicodeDecodeError, ValueError, OverflowError) as error:
        raise CreativeMLError(f"{index}: not a checkpoint of TensorFlow, or damaged ({error}); get it again") from error


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise _Damaged("a number is too long")


def _entries(table: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and descriptions of the tensors, from all blocks that the index block names."""
    if len(table) < _FOOTER or struct.unpack("<Q", table[-8:])[0] != _TABLE_MAGIC:
        raise _Damaged("its end is not that of a table")
    footer = table[-_FOOTER:]
    at = 0
    for _ in range(2):  # where the block of further information lies
        _, at = _varint(footer, at)
    start, at = _varint(footer, at)
    size, _ = _varint(footer, at)
    count = 0
    for _, handle in _block(table, start, size):
        start, at = _varint(handle, 0)
        size, _ = _varint(handle, at)
        for key, value in _block(table, start, size):
            count += 1
            if count > _MOST_ENTRIES:
                raise _Damaged(f"more than {_MOST_ENTRIES} tensors")
            if key:  # the empty name belongs to the header
                yield key.decode(), value


def _block(table: bytes, start: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    block = table[start : start + size]
    if len(block) != size or start + size >= len(table):
        raise _Damaged("a block reaches beyond the end")
    if table[start + size] != 0:
        raise _Damaged("its blocks are compressed")
    restarts = struct.unpack("<I", block[-4:])[0]
    end = size - 4 - 4 * restarts
    at, key = 0, b""
    while at < end:
        if len(key) > _LONGEST_NAME:
            raise _Damaged("a name is too long")
        shared, at = _varint(block, at)
        own, at = _varint(block, at)
        length, at = _varint(block, at)
        key = key[:shared] + block[at : at + own]
        yield key, block[at + own : at + own + length]
        at += own + length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Fields of a protocol buffer: (number, value)."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        if tag & 7 == 2:
            size, at = _varint(message, at)
        elif tag & 7 in (1, 5):
            size = 8 if tag & 7 == 1 else 4
        else:
            raise _Damaged("a description is unreadable")
        yield tag >> 3, message[at : at + size]
        at += size


def _tensor(description: bytes, data: bytes) -> Tensor | None:
    """The described tensor; None for what is not numeric."""
    fields = dict(_fields(description))
    kind = _TYPES.get(int(fields.get(1, 0)))
    if kind is None:
        return None
    if fields.get(3, 0) != 0 or 7 in fields:
        raise _Damaged("it has several parts, of which one is read")
    shape = []
    for number, dimension in _fields(bytes(fields.get(2, b""))):
        if number == 2:
            shape.append(int(dict(_fields(bytes(dimension))).get(1, 0)))
    start, size = int(fields.get(4, 0)), int(fields.get(5, 0))
    values = np.frombuffer(data[start : start + size], kind)
    if values.size != math.prod(shape):
        raise _Damaged(f"a tensor of shape {shape} has {values.size} numbers")
    return torch.from_numpy(values.reshape(shape).copy())

"""Checkpoints as others publish them, read as plain tensors: what `creativeml embedding convert` takes."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from creativeml.errors import CreativeMLError
from creativeml.evaluation.outside.pickled import RefusedPickle, StoredTensor, read_pickle, replaced
from creativeml.evaluation.outside.tf_checkpoint import read_tf_checkpoint

_MOST_SHARED, _FREE_NUMBERS = 8, 1 << 20
_NPY = b"\x93NUMPY"
_ZIP = b"PK\x03\x04"
_OLD_TORCH = bytes.fromhex("6cfc9c46f9206aa85019")
"""The number that the first of its pickles holds."""


def read_checkpoint(path: Path) -> Any:
    """The tree of plain values and tensors in a file of weights. Nothing in the file is executed.

    Read are torch's files (both forms), numpy's with a pickled dictionary, TensorFlow's checkpoints (name the file
    ending in `.index`) and safetensors.

    Raises:
        CreativeMLError: another kind of file, a damaged one, or one that names anything but tensors.
    """
    if not path.is_file():
        raise CreativeMLError(f"{path}: no such file; name the file of weights")
    if path.name.endswith(".index"):
        return read_tf_checkpoint(path)
    with path.open("rb") as file:
        head = file.read(32)
    try:
        return _reader(path, head)(path)
    except RefusedPickle as error:
        raise CreativeMLError(
            f"{path}: refused: {error}; nothing of it was executed. Get it from its authors"
        ) from error
    except CreativeMLError:
        raise
    except Exception as error:  # a damaged file breaks the readers of zip, numpy and pickle anywhere, each in its way
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise CreativeMLError(f"{path}: damaged ({reason}); get it again") from error


def _reader(path: Path, head: bytes) -> Callable[[Path], Any]:
    if head.startswith(_ZIP):
        return _torch_zip
    if _OLD_TORCH in head:
        return _old_torch
    if head.startswith(_NPY):
        return _numpy_file
    if head[8:9] == b"{" and path.suffix == ".safetensors":
        return lambda file: dict(load_file(file))
    raise CreativeMLError(
        f"{path}: of no kind that is read here: files of torch (.pt, .pth), numpy (.npy), safetensors, and "
        "TensorFlow's checkpoints by their .index file"
    )


def _torch_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
        if len(pickles) != 1 or any("/code/" in name for name in archive.namelist()):
            raise RefusedPickle("it is a zip, but not of torch weights (TorchScript holds programmes and is not read)")
        folder = pickles[0][: -len("data.pkl")]
        order = f"{folder}byteorder"
        if order in archive.namelist() and archive.read(order) != b"little":
            raise RefusedPickle("it was written on a big-endian machine")
        _check_stored(archive.getinfo(pickles[0]))
        with archive.open(pickles[0]) as file:
            tree = read_pickle(file)

        def storage(key: str, dtype: torch.dtype) -> Tensor:
            entry = archive.getinfo(f"{folder}data/{key}")
            _check_stored(entry)
            return _as_numbers(archive.read(entry), dtype)

        return _with_tensors(tree, storage)


def _check_stored(entry: zipfile.ZipInfo) -> None:
    if entry.compress_type != zipfile.ZIP_STORED:
        raise RefusedPickle("it is compressed, which torch never does")


def _old_torch(path: Path) -> Any:
    with path.open("rb") as file:
        read_pickle(file)  # the magic number
        read_pickle(file)  # the version
        if read_pickle(file).get("little_endian") is not True:
            raise RefusedPickle("it was written on a big-endian machine")
        tree = read_pickle(file)
        keys = read_pickle(file)
        wanted: dict[str, torch.dtype] = {}

        def note(leaf: Any) -> Any:
            if isinstance(leaf, StoredTensor):
                wanted[leaf.key] = leaf.dtype
            return leaf

        replaced(tree, note)
        storages = {str(key): _next_storage(file, wanted.get(str(key), torch.uint8)) for key in keys}
    return _with_tensors(tree, lambda key, _: storages[key])


def _next_storage(file: IO[bytes], dtype: torch.dtype) -> Tensor:
    count = int.from_bytes(_exactly(file, 8), "little")
    return _as_numbers(_exactly(file, count * dtype.itemsize), dtype)


def _exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) != size:
        raise RefusedPickle("it ends in the middle")
    return data


def _as_numbers(data: bytes, dtype: torch.dtype) -> Tensor:
    return torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.zeros(0, dtype=dtype)


def _with_tensors(tree: Any, storage: Callable[[str, torch.dtype], Tensor]) -> Any:
    storages: dict[str, Tensor] = {}
    made = 0

    def change(leaf: Any) -> Any:
        nonlocal made
        if not isinstance(leaf, StoredTensor):
            return leaf
        if leaf.key not in storages:
            storages[leaf.key] = storage(leaf.key, leaf.dtype)
        tensor = leaf.tensor(storages[leaf.key])
        # Networks share a few weights; a thousand views of one storage would be a small file's large copies.
        made += tensor.numel()
        if made > _MOST_SHARED * sum(s.numel() for s in storages.values()) + _FREE_NUMBERS:
            raise RefusedPickle("its tensors are many times what it stores")
        return tensor

    return replaced(tree, change)


def _numpy_file(path: Path) -> Any:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        if version != (1, 0):
            raise ValueError(f"version {version} of the format")
        _, _, dtype = np.lib.format.read_array_header_1_0(file)
        if not dtype.hasobject:
            raise CreativeMLError(f"{path}: holds one array without names; name the file with the whole network")
        return read_pickle(file)

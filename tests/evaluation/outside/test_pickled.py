"""Pickled weights are read as torch and numpy read them, and hostile ones do nothing."""

import io
import os
import pickle
import warnings
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

from creativeml.errors import CreativeMLError
from creativeml.evaluation.outside.checkpoint_files import read_checkpoint
from creativeml.evaluation.outside.pickled import RefusedPickle, read_pickle


def content():
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(6, 5, generator=generator)
    return {
        "epoch": 7,
        "name": "naïve",
        "rates": [0.1, 1e300, -3],
        "big": 2**70,
        "flags": (True, None, False),
        "sampler": {"indexes": np.arange(5), "pointer": np.float64(2.5)},
        "state_dict": OrderedDict(
            whole=base,
            part=base[1:4, ::2],
            turned=base.T,
            parameter=torch.nn.Parameter(torch.ones(3)),
            half=torch.randn(4).half(),
            brain=torch.randn(4).bfloat16(),
            count=torch.tensor(12),
            mask=torch.tensor([True, False]),
            bytes=torch.arange(5, dtype=torch.uint8),
            empty=torch.zeros(0, 3),
        ),
    }


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
def test_torch_files_are_read_as_torch_reads_them(tmp_path, zipped, protocol):
    path = tmp_path / "weights.pt"
    expected = content()
    torch.save(expected, path, _use_new_zipfile_serialization=zipped, pickle_protocol=protocol)
    tree = read_checkpoint(path)
    for key in ("epoch", "name", "rates", "big", "flags"):
        assert tree[key] == expected[key]
    assert torch.equal(tree["sampler"]["indexes"], torch.arange(5)) and tree["sampler"]["pointer"] == 2.5
    assert list(tree["state_dict"]) == list(expected["state_dict"])
    for key, value in expected["state_dict"].items():
        read = tree["state_dict"][key]
        assert read.dtype == value.dtype and torch.equal(read, value) and read.is_contiguous(), key


@pytest.mark.parametrize("protocol", [0, 2, 3, 4])
def test_numpy_dictionaries_are_read_as_numpy_reads_them(protocol):
    arrays = {
        "plain": np.arange(6, dtype=np.float32).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
        "big-endian": np.arange(4, dtype=">f4"),
        "scalar": np.array(3, np.int64),
    }
    pickled = pickle.dumps(arrays, protocol=protocol)
    tree = read_pickle(io.BytesIO(pickled))
    for key, value in arrays.items():
        assert np.array_equal(tree[key].numpy(), value), key


def test_npy_with_a_pickled_dictionary(tmp_path):
    path = tmp_path / "net.npy"
    np.save(path, {"conv1": {"weights": np.ones((2, 3), np.float32)}}, allow_pickle=True)
    assert torch.equal(read_checkpoint(path)["conv1"]["weights"], torch.ones(2, 3))
    np.save(path, np.ones(3))
    with pytest.raises(CreativeMLError, match="one array without names"):
        read_checkpoint(path)


class Hostile:
    """Pickles as a call of `os.system`, as an attacker would write it."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


class Stateful:
    """Sets its state through `__setstate__`."""

    def __setstate__(self, state):
        raise AssertionError("state was set")

    def __getstate__(self):
        return {"a": 1}


def hostile_files(folder, marker):
    torch.save({"model": Hostile(marker)}, folder / "zip.pt")
    torch.save({"model": Hostile(marker)}, folder / "old.pt", _use_new_zipfile_serialization=False)
    np.save(folder / "array.npy", Hostile(marker), allow_pickle=True)
    np.save(folder / "inside.npy", {"conv1": Hostile(marker)}, allow_pickle=True)
    return sorted(folder.iterdir())


def test_a_hostile_pickle_is_refused_and_not_executed(tmp_path):
    marker, folder = tmp_path / "executed", tmp_path / "files"
    folder.mkdir()
    paths = hostile_files(folder, marker)
    assert len(paths) == 4
    for path in paths:
        with pytest.raises(CreativeMLError, match=r"refused: it wants to call (posix|nt)\.system"):
            read_checkpoint(path)
        assert not marker.exists(), path
    # The file is what it claims to be: unpickled, it does execute.
    pickle.loads(pickle.dumps(Hostile(marker)))
    assert marker.exists()


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
def test_every_way_of_calling_is_refused(protocol, tmp_path):
    for value in (Hostile(tmp_path / "x"), Stateful(), os.system, getattr, {1, 2}, slice(3), b"".join):
        with pytest.raises(RefusedPickle, match=r"it (wants to call|names|has the instruction|sets the state)"):
            read_pickle(io.BytesIO(pickle.dumps({"model": value}, protocol=protocol)))
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "instructions",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"(cos\nsystem\nS'true'\no.",
        b"\x80\x02cbuiltins\neval\nS'1'\n\x85R.",
        b"\x80\x02c__builtin__\nobject\n)\x81.",
        b"\x80\x02\x82\x01.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"\x80\x02K\x01}b.",
        b"(lp0\n0",
        b"",
        b"garbage",
        b".",
        b"\x80\x02h\x05.",
        b"(0t.",
    ],
)
def test_instructions_by_hand(instructions):
    with pytest.raises(RefusedPickle):
        read_pickle(io.BytesIO(instructions))


def test_a_small_file_cannot_become_a_large_tree():
    node = []
    for _ in range(40):
        node = [node, node]
    tree = read_pickle(io.BytesIO(pickle.dumps(node)))
    assert tree[0] is tree[1]
    deep = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(RefusedPickle, match="deeper"):
        read_pickle(io.BytesIO(pickle.dumps(deep)))
    itself = []
    itself.append(itself)
    with pytest.raises(RefusedPickle, match="contains itself"):
        read_pickle(io.BytesIO(pickle.dumps(itself)))


def test_a_tensor_cannot_reach_outside_its_storage(tmp_path):
    path, changed = tmp_path / "a.pt", tmp_path / "b.pt"
    torch.save({"w": torch.arange(8.0)}, path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.infolist():
            data = old.read(entry)
            if entry.filename.endswith("data/0"):
                data = data[:16]
            new.writestr(entry, data)
    with pytest.raises(CreativeMLError, match="8 numbers has a storage of 4"):
        read_checkpoint(changed)


def test_other_zips_are_refused(tmp_path):
    path = tmp_path / "scripted.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is deprecated, and still found
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    with pytest.raises(CreativeMLError, match="TorchScript"):
        read_checkpoint(path)
    torch.save({"w": torch.zeros(1000)}, path)
    packed = tmp_path / "packed.pt"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry), zipfile.ZIP_DEFLATED)
    with pytest.raises(CreativeMLError, match="compressed"):
        read_checkpoint(packed)


@pytest.mark.parametrize("zipped", [True, False])
def test_truncated_files_are_named(tmp_path, zipped):
    path = tmp_path / "weights.pt"
    torch.save(content(), path, _use_new_zipfile_serialization=zipped)
    data = path.read_bytes()
    for size in (0, 3, 16, 60, len(data) // 3, len(data) - 5):
        path.write_bytes(data[:size])
        with pytest.raises(CreativeMLError, match=r"weights\.pt"):
            read_checkpoint(path)


@pytest.mark.parametrize("form", ["zip", "old", "numpy"])
def test_whatever_byte_is_changed_it_is_read_or_named(tmp_path, form):
    path = tmp_path / "weights"
    if form == "numpy":
        path = tmp_path / "weights.npy"
        np.save(path, {"conv1": {"weights": np.ones((2, 3), np.float32)}}, allow_pickle=True)
    else:
        model = {"a": torch.ones(3, 4), "b": torch.arange(5), "c": np.arange(3)}
        torch.save({"model": model}, path, _use_new_zipfile_serialization=form == "zip")
    data = path.read_bytes()
    generator = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        changed = bytearray(data)
        for place in generator.integers(len(data), size=3):
            changed[place] = int(generator.integers(256))
        path.write_bytes(bytes(changed))
        try:
            read_checkpoint(path)
        except CreativeMLError as error:
            refused += 1
            assert str(path) in str(error) and "\n" not in str(error)
    assert refused > 40

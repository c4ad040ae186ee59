"""TensorFlow's checkpoints. `tensorflow/tiny` was written by TensorFlow 2.21 (`tf.compat.v1.train.Saver`)."""

import shutil
from pathlib import Path

import pytest
import torch

from creativeml.errors import CreativeMLError
from creativeml.evaluation.outside.checkpoint_files import read_checkpoint

TINY = Path(__file__).parent / "tensorflow" / "tiny.index"


def test_what_tensorflow_wrote_is_read():
    tensors = read_checkpoint(TINY)
    assert len(tensors) == 27 and "name" not in tensors  # text is no weight
    for i in range(24):
        assert torch.equal(tensors[f"layer_{i}/kernel"], torch.arange(6.0).reshape(2, 3) + i)
    assert torch.equal(tensors["layer_1/bias"], torch.tensor([0.5, -2.0], dtype=torch.float64))
    assert torch.equal(tensors["step"], torch.tensor(12345678901))
    assert torch.equal(tensors["count"], torch.tensor([[7]], dtype=torch.int32))


def copy(folder):
    for path in TINY.parent.iterdir():
        shutil.copy(path, folder)
    return folder / TINY.name, folder / "tiny.data-00000-of-00001"


def test_both_files_are_needed(tmp_path):
    index, numbers = copy(tmp_path)
    numbers.unlink()
    with pytest.raises(CreativeMLError, match=r"tiny\.data-00000-of-00001 is missing"):
        read_checkpoint(index)


def test_damage_is_named_whatever_it_is(tmp_path):
    index, numbers = copy(tmp_path)
    table, data = index.read_bytes(), numbers.read_bytes()
    numbers.write_bytes(data[: len(data) // 2])
    with pytest.raises(CreativeMLError, match="damaged"):
        read_checkpoint(index)
    numbers.write_bytes(data)
    for size in range(0, len(table), 7):
        index.write_bytes(table[:size])
        with pytest.raises(CreativeMLError, match="damaged"):
            read_checkpoint(index)
    # A changed byte may only change values or names, or be noticed.
    for place in range(0, len(table), 3):
        changed = bytearray(table)
        changed[place] ^= 0xA5
        index.write_bytes(bytes(changed))
        try:
            assert all(isinstance(value, torch.Tensor) for value in read_checkpoint(index).values())
        except CreativeMLError as error:
            assert "damaged" in str(error)

"""BirdNET's file: what is refused, and where its outputs are found. Its points: `test_real_weights.py`."""

import struct

import pytest
import torch

from creativeml.errors import CreativeMLError
from creativeml.evaluation.outside import load_outside
from creativeml.evaluation.outside.birdnet import _Damaged, _output_position


def table(fields, base):
    """A FlatBuffer table at `base`: its list of fields, then itself; values are offsets that follow the table."""
    slots = max(fields) + 1
    size = 4 + 4 * len(fields)
    vtable = struct.pack("<HH", 4 + 2 * slots, size)
    places = {number: 4 + 4 * i for i, number in enumerate(fields)}
    vtable += b"".join(struct.pack("<H", places.get(n, 0)) for n in range(slots))
    vtable += b"\0" * (-len(vtable) % 4)
    body = struct.pack("<i", len(vtable)) + b"".join(
        struct.pack("<I", target - (base + len(vtable) + 4 + 4 * i)) for i, target in enumerate(fields.values())
    )
    return vtable + body, base + len(vtable)


def model_bytes(outputs, field=2):
    """A model with one part, as far as its outputs are concerned."""
    part_fields = {field: 200}
    part, part_at = table(part_fields, 100)
    root, root_at = table({2: 80}, 16)
    data = bytearray(240)
    data[0:8] = struct.pack("<I", root_at) + b"TFL3"
    data[16 : 16 + len(root)] = root
    data[80:88] = struct.pack("<II", 1, part_at - 84)
    data[100 : 100 + len(part)] = part
    data[200 : 204 + 4 * len(outputs)] = struct.pack(f"<I{len(outputs)}i", len(outputs), *outputs)
    return bytes(data)


def test_the_only_output_is_found():
    data = model_bytes([546])
    assert struct.unpack_from("<i", data, _output_position(data))[0] == 546
    with pytest.raises(_Damaged, match="several"):
        _output_position(model_bytes([1, 2]))
    with pytest.raises(_Damaged, match="missing"):
        _output_position(model_bytes([1], field=1))


def test_other_files_are_refused(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert: pip install 'creativeml[judges]'")
    path = tmp_path / "birdnet.tflite"
    for content, said in (
        (b"no network at all", "not a file of TensorFlow Lite"),
        (b"\x1c\0\0\0TFL3" + b"\0" * 200, "not BirdNET v2.4, or damaged"),
        (model_bytes([3]), "not BirdNET v2.4, or damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(CreativeMLError, match=said) as caught:
            load_outside(f"birdnet={path}")
        assert "\n" not in str(caught.value)
    assert torch.is_grad_enabled()

"""Any ONNX file from sounds to points. The files are written here byte by byte: nothing else can make them."""

import json
import struct
import sys

import numpy as np
import pytest
import torch

from creativeml.errors import CreativeMLError, MissingExtra
from creativeml.evaluation.outside import load_outside


def number(field, value):
    result, value = bytes([field << 3]), value & (1 << 64) - 1
    while value > 0x7F:
        result, value = result + bytes([value & 0x7F | 0x80]), value >> 7
    return result + bytes([value])


def part(field, content):
    content = content.encode() if isinstance(content, str) else content
    return bytes([field << 3 | 2]) + number(0, len(content))[1:] + content


def value_info(name, kind, shape):
    sizes = b"".join(part(1, part(2, s) if isinstance(s, str) else number(1, s)) for s in shape)
    return part(1, name) + part(2, part(1, number(1, kind) + part(2, sizes)))


def onnx_bytes(matrix, shape=("batch", "samples"), metadata=None, kind=1, elsewhere=None):
    """A network that multiplies the first `len(matrix)` samples with a matrix: Slice, then MatMul."""
    rows, columns = matrix.shape
    numbers = part(9, matrix.astype("<f4" if kind == 1 else "<f8").tobytes())
    if elsewhere:
        numbers = part(13, part(1, "location") + part(2, elsewhere)) + number(14, 1)
    tensors = [("matrix", kind, matrix.shape, numbers)]
    for name, value in (("start", 0), ("end", rows), ("axis", 1)):
        tensors.append((name, 7, (1,), part(9, struct.pack("<q", value))))
    stored = b"".join(
        part(5, b"".join(number(1, d) for d in dims) + number(2, dtype) + part(8, name) + content)
        for name, dtype, dims, content in tensors
    )
    slicing = b"".join(part(1, i) for i in ("sounds", "start", "end", "axis")) + part(2, "cut") + part(4, "Slice")
    product = part(1, "cut") + part(1, "matrix") + part(2, "points") + part(4, "MatMul")
    graph = part(1, slicing) + part(1, product) + part(2, "network") + stored
    graph += part(11, value_info("sounds", kind, shape)) + part(12, value_info("points", kind, (shape[0], columns)))
    said = b"".join(part(14, part(1, key) + part(2, value)) for key, value in (metadata or {}).items())
    return number(1, 8) + part(8, number(2, 13)) + part(7, graph) + said


MATRIX = np.random.default_rng(0).standard_normal((100, 6)).astype(np.float32)


def saved(path, **choices):
    path.write_bytes(onnx_bytes(MATRIX, **choices))
    return path


@pytest.fixture(autouse=True)
def runtime():
    pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install 'creativeml[judges]'")


def test_points_are_the_files_output_on_peak_one_at_its_rate(tmp_path):
    path = saved(tmp_path / "mine.onnx", metadata={"sample_rate": "44100", "name": "matrix"})
    name, embedding = load_outside(f"onnx={path}")
    assert (name, embedding.rate, embedding.dimensions) == ("matrix", 44100, 6)
    sounds = torch.randn(5, 300)
    expected = (sounds / sounds.abs().amax(1, keepdim=True))[:, :100] @ torch.from_numpy(MATRIX)
    torch.testing.assert_close(embedding(sounds, 44100), expected, rtol=1e-4, atol=1e-5)
    assert embedding(torch.randn(2, 600), 88200).shape == (2, 6)


def test_a_file_beside_it_says_the_rate_too(tmp_path):
    path = saved(tmp_path / "clap.onnx")
    (tmp_path / "clap.onnx.json").write_text(json.dumps({"sample_rate": 48000}))
    name, embedding = load_outside(f"onnx={path}")
    assert (name, embedding.rate) == ("clap", 48000)


@pytest.mark.parametrize(("shape", "parts"), [((1, 120), 3), ((4, 120), 3), (("batch", 120), 3), ((2, "samples"), 1)])
def test_fixed_sizes_are_met_with_silence_and_parts(tmp_path, shape, parts):
    path = saved(tmp_path / "fixed.onnx", shape=shape, metadata={"sample_rate": "44100"})
    _, embedding = load_outside(f"onnx={path}")
    sounds = torch.randn(3, 300)
    padded = torch.nn.functional.pad(sounds / sounds.abs().amax(1, keepdim=True), (0, 60))
    pieces = padded[:, :360].unfold(1, 120, 120) if parts == 3 else padded[:, None, :300]
    expected = (pieces[..., :100] @ torch.from_numpy(MATRIX)).mean(1)
    torch.testing.assert_close(embedding(sounds, 44100), expected, rtol=1e-4, atol=1e-5)


def test_what_does_not_fit_says_why(tmp_path):
    rate = {"sample_rate": "44100"}
    beside = saved(tmp_path / "beside.onnx")
    (tmp_path / "beside.onnx.json").write_text("[1]")
    text = tmp_path / "text.onnx"
    text.write_text("no network")
    for path, said in (
        (saved(tmp_path / "silent.onnx"), r"says no sample_rate; .*silent\.onnx\.json"),
        (saved(tmp_path / "slow.onnx", metadata={"sample_rate": "12"}), "2000 to 400000 Hz, not '12'"),
        (saved(tmp_path / "odd.onnx", metadata={"sample_rate": "fast"}), "not 'fast'"),
        (beside, "must hold an object"),
        (text, "not a complete ONNX file"),
        (
            saved(tmp_path / "double.onnx", kind=11, metadata=rate),
            r"needs one input, .*: sounds tensor\(double\)",
        ),
    ):
        with pytest.raises(CreativeMLError, match=said) as caught:
            load_outside(f"onnx={path}")
        assert "\n" not in str(caught.value)


def test_numbers_in_another_file_are_not_fetched(tmp_path):
    """What is hashed is all there is: a file that points to numbers elsewhere is refused."""
    (tmp_path / "elsewhere").write_bytes(MATRIX.tobytes())
    path = saved(tmp_path / "split.onnx", metadata={"sample_rate": "44100"}, elsewhere="elsewhere")
    with pytest.raises(CreativeMLError, match="not a complete ONNX file"):
        load_outside(f"onnx={path}")


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    path = saved(tmp_path / "mine.onnx", metadata={"sample_rate": "44100"})
    with pytest.raises(MissingExtra, match=r"creativeml\[judges\]"):
        load_outside(f"onnx={path}")

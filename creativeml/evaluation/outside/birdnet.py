"""BirdNET v2.4 (Kahl, Wood, Eibl, Klinck 2021, doi 10.1016/j.ecoinf.2021.101236): its 1,024 values before the species.

Its file is TensorFlow Lite's, which holds no code and is used as it is, by the optional package ai-edge-litert.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from creativeml.errors import CreativeMLError, require
from creativeml.evaluation.outside.front_end import pad_to

RATE = 48000
DIMENSIONS = 1024
_SAMPLES = 3 * RATE
_LAYER = "GLOBAL_AVG_POOL/Mean"
# Places of fields in the tables of the file's schema: a model's parts, a part's outputs.
_SUBGRAPHS, _OUTPUTS = 2, 2


class _Damaged(Exception):
    """The file does not follow its format."""


def open_network(path: Path) -> Callable[[Tensor], Tensor]:
    """The network as a function: `(b, samples)` at 48 kHz → `(b, 1024)`.

    Longer sounds than 3 s give the mean over parts of 3 s; silence fills up the last one.

    Raises:
        CreativeMLError: another file, or the package is missing.
    """
    litert = require("ai_edge_litert.interpreter", extra="judges")
    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise CreativeMLError(f"{path}: not a file of TensorFlow Lite; name BirdNET_GLOBAL_6K_V2.4_Model_FP32.tflite")
    try:
        interpreter = _interpreter(litert, data)
    except (_Damaged, struct.error, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0][:120]
        raise CreativeMLError(f"{path}: not BirdNET v2.4, or damaged ({reason}); get it again") from error
    taken, made = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def hear(sounds: Tensor) -> Tensor:
        count = max(1, -(-sounds.shape[1] // _SAMPLES))
        parts = pad_to(sounds, count * _SAMPLES).cpu().numpy().astype(np.float32).reshape(-1, 1, _SAMPLES)
        points = np.empty((len(parts), DIMENSIONS), np.float32)
        for place, part in enumerate(parts):
            interpreter.set_tensor(taken, part)
            interpreter.invoke()
            points[place] = interpreter.get_tensor(made)[0]
        return torch.from_numpy(points).view(len(sounds), count, DIMENSIONS).mean(1)

    return hear


def _interpreter(litert: Any, data: bytes) -> Any:
    """The network with the layer before its last one as output.

    Only outputs can be read at full speed, so the copy in memory is told that the layer is one.
    """
    threads = torch.get_num_threads()
    whole = litert.Interpreter(model_content=data, num_threads=threads)
    layers = [d["index"] for d in whole.get_tensor_details() if d["name"].endswith(_LAYER)]
    taken = whole.get_input_details()
    if len(layers) != 1 or len(taken) != 1 or tuple(taken[0]["shape"]) != (1, _SAMPLES):
        raise _Damaged(f"it has no layer '{_LAYER}' or does not take 3 s of sound")
    changed = bytearray(data)
    struct.pack_into("<i", changed, _output_position(data), layers[0])
    interpreter = litert.Interpreter(model_content=bytes(changed), num_threads=threads)
    interpreter.allocate_tensors()
    if tuple(interpreter.get_output_details()[0]["shape"]) != (1, DIMENSIONS):
        raise _Damaged(f"layer '{_LAYER}' has another size")
    return interpreter


def _output_position(data: bytes) -> int:
    """Where the file, a FlatBuffer, says which tensor is the only output of its only part."""

    def follow(position: int) -> int:
        return position + struct.unpack_from("<I", data, position)[0]

    def field(table: int, number: int) -> int:
        fields = table - struct.unpack_from("<i", data, table)[0]
        if 4 + 2 * number >= struct.unpack_from("<H", data, fields)[0]:
            raise _Damaged("a field is missing")
        return follow(table + struct.unpack_from("<H", data, fields + 4 + 2 * number)[0])

    def only(vector: int) -> int:
        if struct.unpack_from("<I", data, vector)[0] != 1:
            raise _Damaged("it has several parts or outputs")
        return vector + 4

    part = follow(only(field(follow(0), _SUBGRAPHS)))
    return only(field(part, _OUTPUTS))

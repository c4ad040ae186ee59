"""A generator whose convolutions compute in 8 bits: faster where the processor has instructions for it.

Weights are rounded for each output channel, activations by the range that they span over real draws of every kind
(static quantization, as in Jacob et al., "Quantization and training of neural networks for efficient
integer-arithmetic-only inference", 2018, arXiv 1712.05877). Only convolutions over time are: those of length 1 make
levels and carriers, where rounding is heard most and time is saved least. The rest stays in float32.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from creativeml.errors import CreativeMLError, require
from creativeml.synthesis.exporting.onnx_file import with_card, with_whole_convolutions
from creativeml.synthesis.exporting.parts import GeneratorGraph, Part, drawn_inputs

CALIBRATION_SOUNDS = 6
"""Of each kind."""
_CALIBRATION_SEED = 1_000_000
"""Far from the seeds that people take first, so that what is measured on those was not calibrated on."""


class _Calibration:
    """Hands out single sounds' inputs, as onnxruntime asks for them."""

    def __init__(self, inputs: dict[str, np.ndarray]) -> None:
        count = len(inputs["latent"])
        self._sounds: Iterator[dict[str, np.ndarray]] = iter(
            [{name: values[i : i + 1] for name, values in inputs.items()} for i in range(count)]
        )

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._sounds, None)


def check_int8(part: Part) -> GeneratorGraph:
    """Refuse, before any work, what is not exported in 8 bits."""
    if not isinstance(part.graph, GeneratorGraph):
        raise CreativeMLError(
            f"int8 is for generators: in a {part.role}, convolutions take too little of the time; export it in float32"
        )
    return part.graph


def int8_model(part: Part, model: Any) -> Any:
    """A part with convolutions in 8 bits, as an `onnx.ModelProto`.

    Args:
        part: what is exported.
        model: it as `onnx_model` makes it.

    Raises:
        CreativeMLError: it is no generator, or a package of the extra `export` is missing.
    """
    graph = check_int8(part)
    quantization = require("onnxruntime.quantization", extra="export")
    onnx = require("onnx", extra="export")
    # onnxruntime asks for its base class; made here, since the package may be missing.
    reader = type("Reader", (_Calibration, quantization.CalibrationDataReader), {})
    drawn = drawn_inputs(graph.model, CALIBRATION_SOUNDS * len(graph.model.config.kinds), _CALIBRATION_SEED)
    whole = with_whole_convolutions(model)
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
            onnx.save(whole, str(source))
            quantization.quantize_static(
                str(source),
                str(target),
                reader({name: values.numpy() for name, values in drawn.items()}),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                nodes_to_exclude=_of_length_one(whole),
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
                per_channel=True,
            )
            made = onnx.load(str(target))
    finally:
        root.setLevel(before)
    return with_card(made, part.card)


def _of_length_one(model: Any) -> list[str]:
    """Names of the convolutions whose kernel is 1 long."""
    dims = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    return [node.name for node in convolutions if dims.get(node.input[1], [1])[-1] == 1]

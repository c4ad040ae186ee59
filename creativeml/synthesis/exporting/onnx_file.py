"""A part as one ONNX file.

torch's own clean-up of the graph is not used: its rewriter (onnxscript 0.7) takes a constant of 1e-8 that is added for
0 and leaves it out, and the logarithm of silence is then minus infinity. What follows here folds constants alone.

Weights that 16 bits hold exactly, as those of the bundled models, are stored so and widened when the file is opened:
half the size, the same numbers.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from creativeml.errors import require
from creativeml.synthesis.exporting.card import ENTRY
from creativeml.synthesis.exporting.parts import Part

OPSET = 20
_LEAST_HALVED = 1024
"""Numbers of the smallest tensor that is worth storing in 16 bits."""
_LARGEST_FOLDED = 1 << 24
_WIDEN = "widened"


def onnx_model(part: Part) -> Any:
    """The part as an `onnx.ModelProto`, its card among the metadata.

    Raises:
        MissingExtra: a package of the extra `export` is missing.
    """
    require("onnx", extra="export")
    require("onnxscript", extra="export")
    batch = torch.export.Dim("batch")
    with torch.no_grad(), _quiet():
        program = torch.onnx.export(
            part.graph,
            tuple(part.inputs.values()),
            dynamo=True,
            optimize=False,
            verbose=False,
            opset_version=OPSET,
            input_names=list(part.inputs),
            output_names=list(part.outputs),
            dynamic_shapes=tuple({0: batch} for _ in part.inputs),
        )
        assert program is not None
        model = _folded(_halved(program.model_proto), whole_convolutions=False)
    _strip(model)
    model.producer_name, model.producer_version = "creativeml", part.card["version"]
    _describe(model, part.card)
    return model


def with_whole_convolutions(model: Any) -> Any:
    """A model of `onnx_model` with the weights of convolutions over time in float32, at their run-time scale."""
    return _folded(model, whole_convolutions=True)


def with_card(model: Any, card: dict[str, Any]) -> Any:
    """The model with another card."""
    del model.metadata_props[:]
    _describe(model, card)
    return model


def _describe(model: Any, card: dict[str, Any]) -> None:
    # The others are what `creativeml evaluate` asks of ONNX files that shall judge.
    said = {ENTRY: json.dumps(card), "name": card["model"]["name"], "sample_rate": str(card["sample_rate"])}
    for key, value in said.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value


def _halved(model: Any) -> Any:
    """Large weights that a float16 holds exactly as such, widened by a node."""
    import onnx
    from onnx import helper, numpy_helper

    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if values.size < _LEAST_HALVED or not np.array_equal(half.astype(np.float32), values):
            continue
        name, stored = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(half, stored))
        casts.append(helper.make_node("Cast", [stored], [name], name=f"{_WIDEN}.{name}", to=onnx.TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    return model


def _folded(model: Any, *, whole_convolutions: bool) -> Any:
    """What depends on constants alone computed once, save what widens weights (but of convolutions if so wanted)."""
    import onnx_ir
    import onnxscript.optimizer as optimizer
    from onnx_ir.passes import common

    graph = onnx_ir.from_proto(model)
    optimizer.inline(graph)

    def keep(node: onnx_ir.Node) -> bool | None:
        if not (node.name or "").startswith(_WIDEN):
            return None
        weight = node.inputs[0]
        sizes = [] if weight is None or weight.shape is None else weight.shape.numpy()
        return None if whole_convolutions and len(sizes) == 4 and sizes[3] > 1 else False

    for _ in range(2):
        optimizer.fold_constants(
            graph,
            onnx_shape_inference=True,
            input_size_limit=_LARGEST_FOLDED,
            output_size_limit=_LARGEST_FOLDED,
            should_fold=keep,
        )
        optimizer.remove_unused_nodes(graph)
    for tidy in (
        common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        common.DeduplicateInitializersPass(),
        common.CommonSubexpressionEliminationPass(),
    ):
        tidy(graph)
    optimizer.remove_unused_nodes(graph)
    return onnx_ir.to_proto(graph)


def _strip(model: Any) -> None:
    """Take out what the tracing wrote down: where the code lay on this machine is nobody's business."""
    for holder in (model, model.graph, *model.graph.node, *model.graph.initializer, *model.graph.value_info):
        if hasattr(holder, "metadata_props"):
            del holder.metadata_props[:]
        holder.doc_string = ""
    for value in (*model.graph.input, *model.graph.output):
        del value.metadata_props[:]
        value.doc_string = ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks, which say nothing to users."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)

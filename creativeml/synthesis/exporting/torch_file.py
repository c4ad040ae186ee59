"""A part as a `.pt2` file of `torch.export`: torch runs it without creativeml."""

from __future__ import annotations

import json
import warnings
from io import BytesIO

import torch
from torch.export import ExportedProgram

from creativeml.synthesis.exporting.card import ENTRY
from creativeml.synthesis.exporting.parts import Part

CARD_FILE = f"{ENTRY}.json"


@torch.no_grad()
def torch_program(part: Part) -> ExportedProgram:
    """The part as an exported program of any number of sounds."""
    batch = torch.export.Dim("batch")
    shapes = tuple({0: batch} for _ in part.inputs)
    program = torch.export.export(part.graph, tuple(part.inputs.values()), dynamic_shapes=shapes)
    graphs = [module.graph for module in program.graph_module.modules() if isinstance(module, torch.fx.GraphModule)]
    for graph in graphs:
        for node in graph.nodes:
            # Where the code lay on this machine is nobody's business.
            node.meta.pop("stack_trace", None)
    return program


def torch_bytes(part: Part, program: ExportedProgram) -> bytes:
    """The content of a `.pt2` file, with the part's card as an extra file in it."""
    buffer = BytesIO()
    with warnings.catch_warnings():
        # torch warns of weights that are stored as parts of others.
        warnings.simplefilter("ignore")
        torch.export.save(program, buffer, extra_files={CARD_FILE: json.dumps(part.card)})
    return buffer.getvalue()

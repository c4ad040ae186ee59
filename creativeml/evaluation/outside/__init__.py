"""Embeddings by networks that others trained, from weights that the user has.

`load_outside("soundnet=PATH")` gives one as an `Embedding`; `OUTSIDE` says which there are and where their weights
come from. Weights that are published as pickles are converted once (`creativeml embedding convert`), by a reader that
executes nothing; what is used afterwards is safetensors, ONNX or TensorFlow Lite.
"""

from __future__ import annotations

from pathlib import Path

from creativeml.errors import CreativeMLError
from creativeml.evaluation.outside.embedding import OutsideEmbedding
from creativeml.evaluation.outside.registry import OUTSIDE, Outside
from creativeml.evaluation.outside.weights import Converted, convert, home_of, known, open_converted
from creativeml.files import sha256_file

__all__ = ["OUTSIDE", "Converted", "Outside", "OutsideEmbedding", "convert", "load_outside"]


def load_outside(spec: str) -> tuple[str, OutsideEmbedding]:
    """A network of others by name and file.

    Args:
        spec: `NAME=PATH`, e.g. `soundnet=weights/soundnet.safetensors`; names are those of `OUTSIDE`.

    Returns:
        what reports call it (of an ONNX file the name that it gives itself), and the embedding.

    Raises:
        CreativeMLError: an unknown name, no such file, or a file that is not that network's.
    """
    name, equals, place = spec.partition("=")
    if not equals or not place:
        raise CreativeMLError(f"'{spec}': an embedding is given as NAME=PATH; names: {', '.join(OUTSIDE)}")
    entry, path = known(name), Path(place).expanduser()
    if not path.is_file():
        raise CreativeMLError(f"{path}: no such file; {name} needs {entry.where}")
    if name == "onnx":
        opened = home_of(entry).open_onnx(path)
        made = OutsideEmbedding(opened.name, entry, opened.rate, opened.dimensions, sha256_file(path), opened.hear)
        return opened.name, made
    network = open_converted(name, path) if entry.converted else home_of(entry).open_network(path)
    rate, dimensions = int(entry.rate or 0), int(entry.dimensions or 0)
    return name, OutsideEmbedding(name, entry, rate, dimensions, sha256_file(path), network)

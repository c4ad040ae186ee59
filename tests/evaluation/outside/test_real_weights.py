"""Published weights against the original packages. Runs where CREATIVEML_OUTSIDE_WEIGHTS names a folder that has them:

`soundnet.safetensors`, `musicnn.safetensors`, `resemblyzer.safetensors` as `creativeml embedding convert` makes them,
and `birdnet.tflite`. `reference.json` holds the points that the packages' own code gave.
"""

import os
from pathlib import Path

import pytest

from creativeml.evaluation.outside import load_outside

FOLDER = os.environ.get("CREATIVEML_OUTSIDE_WEIGHTS")
FILES = ("soundnet.safetensors", "musicnn.safetensors", "resemblyzer.safetensors", "birdnet.tflite")


@pytest.mark.skipif(FOLDER is None, reason="CREATIVEML_OUTSIDE_WEIGHTS names no folder of published weights")
@pytest.mark.parametrize("file", FILES)
def test_published_weights_give_the_packages_points(file, same_as_original):
    path = Path(str(FOLDER)) / file
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    name, embedding = load_outside(f"{path.stem}={path}")
    if name == "soundnet":  # the package leaves the padding out, see test_networks.py
        for convolution, norm in zip(embedding.network.convolutions, embedding.network.norms, strict=True):
            convolution.padding, norm.eps = (0,), 1e-3
    same_as_original(f"real/{name}", embedding.network)

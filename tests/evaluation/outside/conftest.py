"""Weights and sounds that a seed makes again, so that the originals' outputs for them can be compared."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent


def seeded_sounds(samples: int, rate: int) -> np.ndarray:
    """Two decaying sounds of noise and a tone: (2, samples) float32."""
    generator = np.random.default_rng(7)
    time = np.arange(samples) / rate
    noise = generator.standard_normal((2, samples))
    tone = np.sin(2 * np.pi * np.array([[180.0], [900.0]]) * time)
    decay = np.exp(-time / np.array([[0.3], [0.12]]))
    return (0.4 * (0.3 * noise + 0.7 * tone) * decay).astype(np.float32)


def seeded_weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Numbers for every tensor, in order of names, of a size that keeps signals alive through many layers."""
    generator = np.random.default_rng(3)
    # Drawing 80 million numbers takes seconds: a prime number of them is drawn and repeated, each tensor begun anew.
    normal = generator.standard_normal(1048583, np.float32)
    weights = {}
    for name in sorted(shapes):
        shape = tuple(shapes[name])
        if name.endswith("num_batches_tracked"):
            weights[name] = np.zeros(shape, np.int64)
        elif len(shape) > 1:
            fan_in = np.prod(shape[1:])
            count, start = int(np.prod(shape)), int(generator.integers(len(normal)))
            values = np.resize(np.roll(normal, -start), count).reshape(shape)
            # The first layer of the voice encoder hears powers far below 1.
            scale = 1 if "bias_table" in name else 500 if name.endswith("ih_l0") else np.sqrt(2 / fan_in)
            weights[name] = values * np.float32(scale)
        elif name.endswith(("running_var", "weight")):
            weights[name] = generator.random(shape, np.float32) + np.float32(0.5)
        else:
            weights[name] = (generator.random(shape, np.float32) - np.float32(0.4)) * np.float32(0.3)
    return weights


@pytest.fixture(scope="session")
def sounds():
    return seeded_sounds


@pytest.fixture(scope="session")
def seeded():
    """Networks with seeded weights, by name; the one asked for last is kept."""
    import torch

    from creativeml.evaluation.outside.registry import OUTSIDE
    from creativeml.evaluation.outside.weights import assign, new_network

    @functools.lru_cache(maxsize=1)
    def build(name: str):
        network = new_network(OUTSIDE[name])
        weights = seeded_weights({key: tuple(value.shape) for key, value in network.state_dict().items()})
        return assign(network, {key: torch.from_numpy(value) for key, value in weights.items()}, name)

    return build


@pytest.fixture(scope="session")
def same_as_original(seeded, sounds, reference):
    """Whether a network's points of the seeded sounds are those that the original code gave."""
    import torch

    def check(name: str, network=None) -> None:
        expected = reference[name]
        values = np.array(expected["values"])
        assert values.std(1).min() > 1e-3 and np.abs(values[0] - values[1]).max() > 0.01, "it must say something"
        with torch.no_grad():
            points = (network or seeded(name))(torch.from_numpy(sounds(expected["samples"], expected["rate"])))
        np.testing.assert_allclose(points[:, expected["dims"]].numpy(), values, rtol=2e-4, atol=2e-5)

    return check


@pytest.fixture(scope="session")
def reference():
    """What the originals give: network → samples, rate, dims, values."""
    return json.loads((HERE / "reference.json").read_text())


@pytest.fixture(scope="session")
def checkpoint_names():
    """Names and shapes of all tensors in the originals' checkpoints: network → name → shape."""
    return json.loads((HERE / "checkpoint_names.json").read_text())

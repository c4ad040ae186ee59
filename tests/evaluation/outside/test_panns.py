"""CNN14 and Wavegram-Logmel-CNN14 against the original code."""

import pytest
import torch

from creativeml.evaluation.outside.registry import OUTSIDE


@pytest.mark.parametrize("name", ["cnn14", "wavegram"])
@torch.no_grad()
def test_points_are_those_of_the_original_and_silence_is_finite(name, seeded, same_as_original):
    same_as_original(name)
    short = seeded(name)(torch.zeros(2, 300))
    assert short.shape == (2, OUTSIDE[name].dimensions) and bool(torch.isfinite(short).all())

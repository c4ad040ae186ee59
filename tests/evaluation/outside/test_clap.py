"""CLAP's audio towers against the original code."""

import pytest
import torch

from creativeml.errors import CreativeMLError
from creativeml.evaluation.outside.clap import _Block
from creativeml.evaluation.outside.registry import OUTSIDE
from creativeml.evaluation.outside.weights import home_of


@pytest.mark.parametrize("name", ["clap", "clap-base"])
@torch.no_grad()
def test_points_are_those_of_the_original_and_silence_is_finite(name, seeded, same_as_original):
    same_as_original(name)
    short = seeded(name)(torch.zeros(2, 300))
    assert short.shape == (2, OUTSIDE[name].dimensions) and bool(torch.isfinite(short).all())


def test_clap_with_fusion_is_refused(checkpoint_names):
    fusion = {**checkpoint_names["clap"], "module.audio_branch.patch_embed.mel_conv2d.weight": [1]}
    with pytest.raises(CreativeMLError, match="without"):
        home_of(OUTSIDE["clap"]).translate({"state_dict": {k: torch.zeros(1) for k in fusion}})


@torch.no_grad()
def test_windows_of_clap_are_kept_apart():
    """A shifted window at the edge holds patches from opposite sides; they must not hear each other."""
    torch.manual_seed(0)
    block = _Block(8, 2, 16, shifted=True).eval()
    grid = torch.randn(1, 16, 16, 8)
    changed = grid.clone()
    changed[:, 0] = torch.randn(16, 8)
    moved = (block(grid) - block(changed)).abs().amax(3)[0]
    assert float(moved[:4].min()) > 1e-3 and float(moved[4:].max()) < 1e-5

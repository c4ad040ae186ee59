"""Our smaller networks against the original code: the same seeded weights and sounds give the same points.

`reference.json` was made by `make_reference.py`, which runs the originals.
"""

import copy

import pytest
import torch

from creativeml.evaluation.outside.registry import OUTSIDE

SMALL = ("soundnet", "musicnn", "resemblyzer")


@pytest.mark.parametrize("name", ["musicnn", "resemblyzer"])
def test_points_are_those_of_the_original(name, same_as_original):
    same_as_original(name)


@torch.no_grad()
def test_soundnet_is_the_package_with_the_padding_of_the_paper(seeded, same_as_original, sounds):
    """The package leaves the original's padding out and has another epsilon; so set, the points are the package's."""
    network = seeded("soundnet")
    assert [c.padding[0] for c in network.convolutions] == [32, 16, 8, 4, 2]  # of the authors' training script
    bare = copy.deepcopy(network)
    for convolution, norm in zip(bare.convolutions, bare.norms, strict=True):
        convolution.padding, norm.eps = (0,), 1e-3
    same_as_original("soundnet", bare)
    waves = torch.from_numpy(sounds(22050, 22050))
    assert (network(waves) - bare(waves)).abs().max() > 0.01


@pytest.mark.parametrize("name", SMALL)
@torch.no_grad()
def test_every_length_is_heard_and_sounds_do_not_touch_each_other(name, seeded):
    network = seeded(name)
    for samples in (1, 400, 16000, 70001):
        waves = torch.randn(3, samples, generator=torch.Generator().manual_seed(samples))
        points = network(waves)
        assert points.shape == (3, OUTSIDE[name].dimensions) and bool(torch.isfinite(points).all())
        torch.testing.assert_close(network(waves[1:2]), points[1:2], rtol=1e-3, atol=1e-4)
    assert bool(torch.isfinite(network(torch.zeros(1, 8000))).all()), "silence"

"""Pictures from vectors: shapes, pixel norm, and that neighbours come from repeated pixels."""

import pytest
import torch

from creativeml.layers.picture import PictureDecoder, pixel_norm


@pytest.mark.parametrize(("patch", "convs"), [(1, 2), (2, 1), (4, 1)])
def test_shapes_and_gradients(patch, convs):
    torch.manual_seed(0)
    decoder = PictureDecoder(5, 3, (2, 4), (16, 8, 6), convs_per_level=convs, patch=patch)
    picture = decoder(torch.randn(2, 5))
    assert picture.shape == (2, 3, 8 * patch, 16 * patch) and picture.dtype == torch.float32
    picture.square().mean().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in decoder.parameters())


def test_the_published_shape_counted_by_hand():
    """Two 3x3 convolutions at each resolution and one of a pixel at the end, Karras et al. 2018."""
    channels = (16, 8, 6)
    decoder = PictureDecoder(5, 3, (2, 4), channels, convs_per_level=2, patch=1)
    pairs = [(16, 16), (16, 16), (16, 8), (8, 8), (8, 6), (6, 6)]
    expected = (5 + 1) * 16 * 2 * 4 + sum((9 * i + 1) * o for i, o in pairs) + (6 + 1) * 3
    assert sum(p.numel() for p in decoder.parameters()) == expected


def test_pixel_norm_gives_every_pixel_a_mean_square_of_one():
    x = 7.0 * torch.randn(2, 12, 3, 5, generator=torch.Generator().manual_seed(0))
    y = pixel_norm(x)
    torch.testing.assert_close(y.square().mean(1), torch.ones(2, 3, 5))
    torch.testing.assert_close(y * x.square().mean(1, keepdim=True).sqrt(), x)
    assert torch.equal(pixel_norm(torch.zeros(1, 4, 1, 1)), torch.zeros(1, 4, 1, 1))

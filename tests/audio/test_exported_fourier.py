"""Transforms for exported models, against torch's own."""

import pytest
import torch

from creativeml.audio.exported_fourier import frames_of, irfft_parts, rfft_by_products, rfft_parts


@pytest.mark.parametrize("size", [6, 7, 256, 1000, 1024, 2048, 4096])
def test_products_give_the_spectrum(size):
    """Short frames, odd ones, and long ones in two steps."""
    torch.manual_seed(0)
    frames = torch.randn(2, 3, size, dtype=torch.float64)
    real, imaginary = rfft_by_products(frames, size)
    torch.testing.assert_close(torch.complex(real, imaginary), torch.fft.rfft(frames))
    cut = frames[..., : size - 2]
    real, imaginary = rfft_by_products(cut, size)
    torch.testing.assert_close(torch.complex(real, imaginary), torch.fft.rfft(cut, size))


class ThereAndBack(torch.nn.Module):
    def __init__(self, size: int, hop: int) -> None:
        super().__init__()
        self.size, self.hop = size, hop

    def forward(self, sounds):
        frames = frames_of(sounds, self.size, self.hop)
        real, imaginary = rfft_parts(frames)
        return frames, real, imaginary, irfft_parts(real, imaginary, self.size)


@pytest.mark.parametrize(("size", "hop"), [(256, 128), (9, 3), (1024, 256), (64, 48)])
def test_exported_or_not_is_the_same(size, hop):
    torch.manual_seed(0)
    sounds = torch.randn(2, 3000, dtype=torch.float64)
    module = ThereAndBack(size, hop)
    traced = torch.export.export(module, (sounds,))
    targets = {str(node.target) for node in traced.graph.nodes}
    assert not any("fft" in target or "complex" in target for target in targets)
    for theirs, ours in zip(traced.module()(sounds), module(sounds), strict=True):
        torch.testing.assert_close(theirs, ours)
    frames, *_, back = module(sounds)
    torch.testing.assert_close(back, frames)
    assert frames.equal(sounds.unfold(1, size, hop))

"""Pictures drawn from vectors: 2-D convolutions with nearest-neighbour upsampling between resolutions."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.layers.equalized import GAIN, EqualConv, EqualLinear, activate
from creativeml.layers.module_list import ModuleListOf


class PictureDecoder(nn.Module):
    """Vector → picture, after the generator of Karras et al., "Progressive growing of GANs" (2018).

    A dense layer makes the coarsest resolution; each further one doubles both axes by repeating pixels; at each there
    are 3x3 convolutions with leaky ReLU and pixel norm.

    Args:
        inputs: size of the vector.
        outputs: channels of the picture.
        coarsest: height and width of the coarsest resolution.
        channels: at each resolution, from the coarsest on.
        convs_per_level: convolutions at each resolution.
        patch: the last convolution makes squares of so many pixels a side at once (sub-pixel convolution, Shi et al.
            2016); with 1 it is a convolution of one pixel, as published.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        coarsest: tuple[int, int],
        channels: Sequence[int],
        *,
        convs_per_level: int = 1,
        patch: int = 1,
    ) -> None:
        super().__init__()
        self.coarsest, self.patch = coarsest, patch
        self.start = EqualLinear(inputs, channels[0] * coarsest[0] * coarsest[1])
        self.levels = ModuleListOf(
            conv_chain([i] + [o] * convs_per_level)
            for i, o in zip((channels[0], *channels[:-1]), channels, strict=True)
        )
        self.to_picture = patch_conv(channels[-1], outputs * patch**2, patch, gain=1.0)

    def forward(self, vector: Tensor) -> Tensor:
        """`(b, inputs)` → `(b, outputs, height, width)` float32."""
        x = self.start(vector).unflatten(1, (-1, *self.coarsest))
        x = pixel_norm(activate(x.contiguous(memory_format=torch.channels_last)))
        for n, level in enumerate(self.levels):
            if n:
                x = F.interpolate(x, scale_factor=2, mode="nearest")
            for convolution in level:
                x = pixel_norm(activate(convolution(x)))
        return F.pixel_shuffle(self.to_picture(x).float(), self.patch)


def conv_chain(sizes: Sequence[int]) -> ModuleListOf[EqualConv]:
    """3x3 convolutions from each number of channels to the next."""
    return ModuleListOf(EqualConv(i, o, (3, 3)) for i, o in itertools.pairwise(sizes))


def patch_conv(inputs: int, outputs: int, patch: int, *, gain: float = GAIN) -> EqualConv:
    """The convolution next to a picture in patches: 1x1 where a patch is a pixel, otherwise 3x3."""
    side = 1 if patch == 1 else 3
    return EqualConv(inputs, outputs, (side, side), gain=gain)


def pixel_norm(x: Tensor) -> Tensor:
    """Scale the channels (axis 1) of each pixel to a mean square of 1 (Karras et al. 2018, section 4.2)."""
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)

"""Layers with equalised learning rate, against torch's own convolutions."""

import pytest
import torch

from creativeml.layers.equalized import BlockConv, EqualConv


@pytest.mark.parametrize("stride", [4, 16])
def test_block_convolution_is_the_strided_convolution_of_the_same_weights(stride):
    torch.manual_seed(0)
    blocks = BlockConv(5, stride).double()
    plain = EqualConv(1, 5, (1, 2 * stride), stride=(1, stride), padding=(0, stride // 2)).double()
    plain.load_state_dict(blocks.state_dict())
    x = torch.randn(3, 1, 1, 64 * stride, dtype=torch.float64, requires_grad=True)
    y = torch.randn(3, 1, 1, 64 * stride, dtype=torch.float64)
    torch.testing.assert_close(blocks(x), plain(x))
    ours, theirs = (torch.autograd.grad((conv(x) * plain(y)).sum(), x)[0] for conv in (blocks, plain))
    torch.testing.assert_close(ours, theirs)

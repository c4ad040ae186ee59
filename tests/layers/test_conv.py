"""Convolutions are what the definition says: shift-equivariant products with Toeplitz matrices."""

import pytest
import torch

from creativeml.layers.by_dimension import by_dimension
from creativeml.layers.conv import Conv, ConvBlock, at_least
from creativeml.layers.pooling import GlobalPool, pool


def toeplitz(taps, length, stride, dilation, before, outputs):
    """The matrix by the definition: output n sums tap k times input `n stride + k dilation - before`."""
    matrix = torch.zeros(outputs, length, dtype=taps.dtype)
    for n in range(outputs):
        for k, tap in enumerate(taps):
            at = n * stride + k * dilation - before
            if 0 <= at < length:
                matrix[n, at] += tap
    return matrix


@pytest.mark.parametrize("length", [17, 24])
@pytest.mark.parametrize(
    ("kernel", "stride", "dilation", "padding"),
    [(5, 1, 1, 0), (5, 3, 1, 2), (3, 1, 4, 4), (3, 2, 2, "same"), (4, 1, 1, "same"), (3, 1, 4, "causal")],
)
def test_it_is_a_product_with_a_toeplitz_matrix(kernel, stride, dilation, padding, length):
    torch.manual_seed(0)
    layer = Conv(1, 1, 1, kernel, stride=stride, dilation=dilation, padding=padding, bias=False).double()
    x = torch.randn(1, 1, length, dtype=torch.float64)
    y = layer(x)
    span = (kernel - 1) * dilation + 1
    if isinstance(padding, int):
        before, outputs = padding, (length + 2 * padding - span) // stride + 1
    else:
        outputs = -(-length // stride)
        missing = max((outputs - 1) * stride + span - length, 0)
        before = span - 1 if padding == "causal" else missing // 2
    matrix = toeplitz(layer.conv.weight[0, 0], length, stride, dilation, before, outputs)
    torch.testing.assert_close(y[0, 0], matrix @ x[0, 0], rtol=1e-12, atol=1e-12)
    if stride == 1:
        diagonals = [matrix.diagonal(n) for n in range(-3, 4)]
        assert all(torch.equal(d, d[:1].expand_as(d)) for d in diagonals), "constant along its diagonals"


@pytest.mark.parametrize("dims", [1, 2])
def test_convolution_is_equivariant_to_shifts_and_an_affine_map_is_not(dims):
    torch.manual_seed(0)
    layer = Conv(dims, 2, 3, 5)
    x = torch.zeros(1, 2, *[32] * dims)
    x[(..., *[slice(10, 18)] * dims)] = torch.randn(1, 2, *[8] * dims)
    axes = tuple(range(2, 2 + dims))
    shifted = x.roll([5] * dims, axes)
    torch.testing.assert_close(layer(shifted), layer(x).roll([5] * dims, axes), rtol=0, atol=1e-5)
    dense = torch.nn.Linear(32, 32)
    assert (dense(shifted) - dense(x).roll([5] * dims, axes)).abs().max() > 0.1


def test_a_stride_makes_it_equivariant_only_to_its_multiples():
    torch.manual_seed(0)
    layer = Conv(1, 1, 1, 3, stride=4, padding=1)
    x = torch.zeros(1, 1, 64)
    x[..., 20:30] = torch.randn(10)
    torch.testing.assert_close(layer(x.roll(8, 2)), layer(x).roll(2, 2), rtol=0, atol=1e-6)
    moved = layer(x.roll(6, 2))
    assert all((moved - layer(x).roll(n, 2)).abs().max() > 0.01 for n in range(-3, 4))


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("padding", ["same", "causal"])
def test_padding_by_name_gives_the_length_over_the_stride_for_any_length(dims, padding):
    for kernel, stride, dilation in ((1, 1, 1), (4, 1, 3), (5, 2, 1), (2, 3, 2)):
        layer = Conv(dims, 1, 1, kernel, stride=stride, dilation=dilation, padding=padding)
        for length in (1, 2, 7, 12):
            assert layer(torch.zeros(1, 1, *[length] * dims)).shape[2:] == (-(-length // stride),) * dims


@pytest.mark.filterwarnings("ignore:Using padding=.same.")
def test_same_is_torchs_same():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 19, 20)
    for kernel, dilation in ((3, 1), (4, 1), (5, 3)):
        ours = Conv(2, 3, 4, kernel, dilation=dilation)
        theirs = torch.nn.Conv2d(3, 4, kernel, dilation=dilation, padding="same")
        theirs.load_state_dict(ours.conv.state_dict())
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


def test_a_causal_convolution_does_not_hear_the_future():
    layer = Conv(1, 1, 1, 3, dilation=2, padding="causal")
    x = torch.randn(1, 1, 20, requires_grad=True)
    layer(x)[0, 0, 11].backward()
    assert x.grad[0, 0].nonzero().flatten().tolist() == [7, 9, 11]


@pytest.mark.parametrize("dims", [1, 2])
def test_a_block_is_convolution_norm_activation(dims):
    torch.manual_seed(0)
    block = ConvBlock(dims, 2, 4, 3, stride=2, padding=1)
    x = torch.randn(5, 2, *[9] * dims)
    flat = block(x).transpose(0, 1).flatten(1)
    assert flat.min() == 0.0
    before = block[0](x).transpose(0, 1).flatten(1)
    expected = ((before - before.mean(1, keepdim=True)) / before.std(1, correction=0, keepdim=True)).relu()
    torch.testing.assert_close(flat, expected, rtol=1e-3, atol=1e-4)
    assert block[0].conv.bias is None and ConvBlock(dims, 2, 4, 3, norm="none")[0].conv.bias is not None


def test_average_and_max_pooling_by_the_definition():
    x = torch.tensor([[[1.0, 5.0, 2.0, 4.0, 9.0]]])
    assert pool("max", 1, 2)(x).tolist() == [[[5.0, 4.0, 9.0]]]
    assert pool("average", 1, 2)(x).tolist() == [[[3.0, 3.0, 9.0]]]
    assert pool("max", 1, 3, stride=1)(x).tolist() == [[[5.0, 5.0, 9.0]]]
    picture = torch.arange(16.0).view(1, 1, 4, 4)
    assert pool("average", 2, 2)(picture).flatten().tolist() == [2.5, 4.5, 10.5, 12.5]
    both = GlobalPool("both")(picture.repeat(2, 3, 1, 1))
    assert both.shape == (2, 6) and both[0].tolist() == [7.5] * 3 + [15.0] * 3


def test_max_pooling_does_not_notice_a_shift_within_its_window():
    x = torch.zeros(1, 1, 16)
    x[..., 4] = 1.0
    layer = pool("max", 1, 4)
    assert torch.equal(layer(x), layer(x.roll(3, 2))) and not torch.equal(layer(x), layer(x.roll(4, 2)))


def test_zeros_are_added_only_where_an_axis_is_too_short():
    x = torch.ones(1, 1, 3, 8)
    longer = at_least(x, 5)
    assert longer.shape == (1, 1, 5, 8) and longer.sum() == 24 and torch.equal(longer[:, :, :3], x)
    assert at_least(x, 3) is x


def test_what_there_is_not_is_refused():
    for make in (lambda: by_dimension(3), lambda: pool("median", 1, 2), lambda: GlobalPool("median")):
        with pytest.raises(ValueError, match=r"3|median"):
            make()
    for wrong in ({"kernel": 0}, {"stride": 0}, {"padding": -1}, {"padding": "x"}):
        with pytest.raises(ValueError, match=r"at least 1|padding"):
            Conv(1, 1, 1, **{"kernel": 3, **wrong})

"""Residual blocks add to a shortcut; dilated stacks see exactly as far as the formula says."""

import pytest
import torch

from creativeml.layers.conv import Conv
from creativeml.layers.dilated import DilatedStack, receptive_field
from creativeml.layers.residual import BasicBlock, BottleneckBlock
from creativeml.models.classifiers.tcn import TCN, TCNConfig


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("block", [BasicBlock, BottleneckBlock])
def test_with_a_silent_branch_a_block_is_its_shortcut(block, dims):
    torch.manual_seed(0)
    inputs = 2 * block.expansion
    x = torch.randn(2, inputs, *[9] * dims)
    same, projected = block(dims, inputs, 2), block(dims, inputs, 3, stride=2)
    for layer in (same, projected):
        torch.nn.init.zeros_(layer.branch[-1][1].weight)
    assert torch.equal(same(x), x.relu())
    assert not any(p.numel() for p in same.shortcut.parameters())
    y = projected(x)
    assert y.shape == (2, 3 * block.expansion, *[5] * dims)
    strided = x[(..., *[slice(None, None, 2)] * dims)]
    weight = projected.shortcut[0].conv.weight.flatten(1)
    expected = torch.einsum("oi,bi...->bo...", weight, strided)
    over = (0, *range(2, 2 + dims))
    variance, mean = torch.var_mean(expected, over, correction=0, keepdim=True)
    torch.testing.assert_close(y, ((expected - mean) / (variance + 1e-5).sqrt()).relu(), rtol=1e-4, atol=1e-5)


def test_a_block_is_the_sum_of_shortcut_and_branch():
    torch.manual_seed(0)
    block = BasicBlock(1, 3, 3).eval()
    x = torch.randn(2, 3, 10)
    assert torch.equal(block(x), (x + block.branch(x)).relu()) and block.branch(x).abs().max() > 0.01


def extent(function, x, position):
    """First and last position of the input that an output position depends on, by the gradient."""
    x = x.clone().requires_grad_()
    function(x)[(0, slice(None), *position)].sum().backward()
    touched = x.grad[0].abs().sum(0).nonzero()
    return touched.amin(0).tolist(), touched.amax(0).tolist()


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("kernel", "dilations"), [(2, (1, 2, 4, 8)), (3, (1, 2, 4)), (3, (1, 5)), (5, (3,))])
def test_receptive_field_is_the_formula_by_gradient(kernel, dilations, causal):
    torch.manual_seed(0)
    stack = DilatedStack(1, 2, 3, kernel, dilations, causal=causal).double()
    for p in stack.parameters():
        # Positive weights and inputs: no activation is silent, so that every path counts.
        torch.nn.init.uniform_(p, 0.1, 1.0)
    field = receptive_field(kernel, dilations)
    assert field == 1 + 2 * (kernel - 1) * sum(dilations) == stack.receptive_field
    length = 2 * field + 11
    at = field + 3
    first, last = extent(stack, torch.rand(1, 2, length, dtype=torch.float64), (at,))
    assert last[0] - first[0] + 1 == field
    if causal:
        assert last == [at]
    elif kernel % 2:
        assert at - first[0] == last[0] - at


def test_in_two_dimensions_it_is_as_wide_along_either_axis():
    torch.manual_seed(0)
    stack = DilatedStack(2, 1, 2, 3, (1, 2), causal=False).double()
    for p in stack.parameters():
        torch.nn.init.uniform_(p, 0.1, 1.0)
    first, last = extent(stack, torch.rand(1, 1, 31, 33, dtype=torch.float64), (15, 16))
    assert (first, last) == ([9, 10], [21, 22]) and stack.receptive_field == 13


def test_ten_levels_of_a_classifier_hear_two_thousand_samples_at_the_depth_of_twenty():
    config = TCNConfig(levels=10, kernel=3, width=2)
    assert TCN(config).receptive_field == 1 + 2 * 2 * (2**10 - 1) == 4093
    without = receptive_field(3, [1] * 10)
    assert without == 41
    depth = sum(isinstance(m, Conv) and m.shape[0] == 3 for m in TCN(config).modules())
    assert depth == 20


def test_past_outputs_of_a_causal_stack_do_not_change_when_the_future_does():
    torch.manual_seed(0)
    stack = DilatedStack(1, 1, 4, 3, (1, 2, 4))
    x = torch.randn(1, 1, 60)
    changed = x.clone()
    changed[..., 30:] = torch.randn(30)
    assert torch.equal(stack(x)[..., :30], stack(changed)[..., :30])
    assert not torch.equal(stack(x)[..., 30:], stack(changed)[..., 30:])


def test_dropout_leaves_out_whole_channels():
    torch.manual_seed(0)
    stack = DilatedStack(2, 1, 64, 1, (1,), dropout=0.5)
    dropped = stack[0].dropout(torch.ones(1, 64, 5))
    assert {tuple(row.tolist()) for row in dropped[0]} == {(0.0,) * 5, (2.0,) * 5}
    with pytest.raises(ValueError, match="dilation"):
        DilatedStack(1, 1, 1, 3, ())

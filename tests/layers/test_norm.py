"""Normalisations are torch's, and group norm has the others at its ends."""

import pytest
import torch
import torch.nn.functional as F

from creativeml.layers.norm import GroupNorm, norm


def example(dims):
    torch.manual_seed(0)
    return 3.0 + 2.0 * torch.randn(4, 6, *[7] * dims) * (0.3 + torch.rand(4, 6, *[1] * dims))


@pytest.mark.parametrize("dims", [1, 2])
def test_one_group_is_layer_norm_and_one_channel_a_group_is_instance_norm(dims):
    x = example(dims)
    torch.testing.assert_close(GroupNorm(6, 1)(x), F.layer_norm(x, x.shape[1:]), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(GroupNorm(6, 6)(x), F.instance_norm(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(norm("layer", dims, 6)(x), F.layer_norm(x, x.shape[1:]), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(norm("instance", dims, 6)(x), F.instance_norm(x), rtol=1e-5, atol=1e-5)
    assert (GroupNorm(6, 1)(x) - GroupNorm(6, 6)(x)).abs().max() > 0.1


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_group_norm_is_torchs_with_copied_weights_and_gradients(groups):
    x = example(2)
    ours, theirs = GroupNorm(6, groups), torch.nn.GroupNorm(groups, 6)
    with torch.no_grad():
        ours.weight.normal_()
        ours.bias.normal_()
    theirs.load_state_dict(ours.state_dict())
    found = []
    for layer in (ours, theirs):
        leaf = x.clone().requires_grad_()
        y = layer(leaf)
        y.pow(3).sum().backward()
        found.append((y, leaf.grad, layer.weight.grad, layer.bias.grad))
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-3)


def test_axes_that_each_normalisation_makes_standard():
    x = example(2)
    axes = {"batch": (0, 2, 3), "instance": (2, 3), "layer": (1, 2, 3)}
    for name, over in axes.items():
        variance, mean = torch.var_mean(norm(name, 2, 6)(x), over, correction=0)
        assert mean.abs().max() < 1e-5 and (variance - 1).abs().max() < 0.01, name
        # What is standard in every channel of every example is so over larger sets of them, and not the reverse.
        within = norm(name, 2, 6)(x).mean((2, 3)).abs().max()
        assert (within < 1e-5) == (name == "instance") and (name == "instance" or within > 0.1)


def test_only_batch_norm_depends_on_the_rest_of_the_batch_and_not_in_evaluation():
    x = example(1)
    for name in ("instance", "group", "layer"):
        layer = norm(name, 1, 6)
        torch.testing.assert_close(layer(x)[:1], layer(x[:1]), rtol=1e-5, atol=1e-6)
    layer = norm("batch", 1, 6)
    assert (layer(x)[:1] - layer(x[:1])).abs().max() > 0.05
    layer.eval()
    torch.testing.assert_close(layer(x)[:1], layer(x[:1]), rtol=1e-5, atol=1e-6)


def test_running_statistics_of_batch_norm_by_their_recursion():
    layer, mean, variance = norm("batch", 1, 6), torch.zeros(6), torch.ones(6)
    for seed in range(5):
        x = torch.randn(8, 6, 5, generator=torch.Generator().manual_seed(seed)) * 2 + 1
        layer(x)
        flat = x.transpose(0, 1).flatten(1)
        mean, variance = 0.9 * mean + 0.1 * flat.mean(1), 0.9 * variance + 0.1 * flat.var(1)
    torch.testing.assert_close(layer.running_mean, mean)
    torch.testing.assert_close(layer.running_var, variance)
    expected = (x - mean[:, None]) / (variance[:, None] + layer.eps).sqrt()
    torch.testing.assert_close(layer.eval()(x), expected, rtol=1e-5, atol=1e-5)


def test_groups_by_name_divide_any_number_of_channels():
    assert [norm("group", 1, channels).groups for channels in (1, 6, 8, 12, 13, 16)] == [1, 6, 8, 6, 1, 8]
    assert torch.equal(norm("none", 1, 6)(example(1)), example(1))
    with pytest.raises(ValueError, match="4 groups"):
        GroupNorm(6, 4)
    with pytest.raises(ValueError, match="'spectral'"):
        norm("spectral", 1, 6)

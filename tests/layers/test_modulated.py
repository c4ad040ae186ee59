"""Modulated convolution against the formula of StyleGAN2, with one explicit weight tensor per sound."""

import math

import pytest
import torch
import torch.nn.functional as F

from creativeml.layers.equalized import GAIN, EqualConv, EqualLinear, activate
from creativeml.layers.modulated import AdaINConv, ModulatedConv, ShapedNoise, StyleMaps


def test_modulated_conv_equals_one_demodulated_weight_per_sound():
    torch.manual_seed(0)
    layer = ModulatedConv(6, 5, 3, style_dim=4)
    x, style = torch.randn(3, 6, 1, 20), torch.randn(3, 4)
    result = layer(x, style)
    for n in range(3):
        scale = style[n] @ layer.to_scale.weight.T * layer.to_scale.scale + layer.to_scale.bias
        weight = layer.weight[:, :, 0] * layer.scale * scale[None, :, None]
        weight = weight / weight.square().sum((1, 2), keepdim=True).sqrt()
        expected = GAIN * F.conv1d(x[n, :, 0], weight, padding=1)
        torch.testing.assert_close(result[n, :, 0], expected, atol=1e-5, rtol=1e-4)


def test_demodulated_output_has_the_variance_that_the_activation_wants_whatever_the_style():
    torch.manual_seed(0)
    layer = ModulatedConv(64, 64, 5, style_dim=8)
    y = activate(layer(torch.randn(4, 64, 1, 4000), 3.0 * torch.randn(4, 8)))
    power = y.square().mean((2, 3))
    assert torch.allclose(power.mean(1), torch.ones(4), atol=0.1)


def test_adain_gives_each_channel_the_mean_and_deviation_of_the_style():
    torch.manual_seed(0)
    layer = AdaINConv(6, 5, 9, style_dim=4)
    style = torch.randn(2, 4)
    y = layer(5.0 + 3.0 * torch.randn(2, 6, 1, 500), style)
    gain, shift = layer.to_affine(style).chunk(2, dim=1)
    torch.testing.assert_close(y.mean((2, 3)), shift, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(y.std((2, 3), correction=0), GAIN * (1 + gain).abs(), atol=1e-3, rtol=1e-3)


def test_shaped_noise_is_silent_at_first_and_fades_to_nothing_at_the_end():
    layer = ShapedNoise(3, 64)
    x, noise = torch.randn(2, 3, 1, 64), torch.randn(2, 64)
    assert torch.equal(layer(x, noise), x)
    with torch.no_grad():
        layer.strength.fill_(1.0)
    added = layer(torch.zeros_like(x), torch.ones(2, 64))[0, 0, 0]
    assert added[-1] == 0 and bool((added.diff() < 0).all())
    assert math.isclose(float(added[0].detach()), 1.0)


def test_equalised_layers_keep_unit_variance_through_fifty_layers():
    torch.manual_seed(0)
    x = torch.randn(64, 256)
    for _ in range(50):
        x = activate(EqualLinear(256, 256, gain=GAIN)(x))
    assert 0.3 < float(x.detach().square().mean()) < 3.0
    plain = torch.randn(64, 256)
    for _ in range(50):
        plain = activate(EqualLinear(256, 256)(plain))
    assert float(plain.detach().square().mean()) < 1e-6, "without the gain the signal should vanish"


def test_learning_rate_factor_slows_a_layer_by_itself_and_leaves_its_output_scale():
    torch.manual_seed(0)
    fast, slow = EqualLinear(100, 100), EqualLinear(100, 100, rate=0.01)
    x = torch.randn(500, 100)
    assert abs(float(fast(x).std() / slow(x).std()) - 1) < 0.1
    moved = []
    for layer in (fast, slow):
        before = layer(x).detach()
        with torch.no_grad():
            layer.weight += 0.1
        moved.append(float((layer(x) - before).abs().mean()))
    assert abs(moved[1] / moved[0] - 0.01) < 1e-4


def test_equal_conv_is_a_convolution_with_scaled_weights():
    torch.manual_seed(0)
    layer = EqualConv(3, 4, (3, 5), stride=(2, 2), gain=1.0)
    x = torch.randn(2, 3, 16, 20)
    expected = F.conv2d(x, layer.weight / math.sqrt(3 * 15), stride=2, padding=(1, 2))
    torch.testing.assert_close(layer(x), expected)


def test_bias_is_added_after_the_demodulation():
    torch.manual_seed(0)
    x, style, bias = torch.randn(3, 6, 1, 20), torch.randn(3, 4), torch.randn(1, 5, 1, 1)
    for layer in (ModulatedConv(6, 5, 3, 4), ModulatedConv(6, 5, 1, 4, demodulate=False), AdaINConv(6, 5, 3, 4)):
        with_bias = layer.convolve(x, layer.style_map(style), bias)
        torch.testing.assert_close(with_bias, layer(x, style) + bias)


def test_style_maps_give_what_each_layer_would_make_of_the_style_itself():
    torch.manual_seed(0)
    layers = [ModulatedConv(6, 5, 3, 4), AdaINConv(5, 7, 3, 4), ModulatedConv(7, 2, 1, 4, demodulate=False)]
    maps, style = StyleMaps(layers), torch.randn(3, 4)
    for layer, mapped in zip(layers, maps(style), strict=True):
        torch.testing.assert_close(mapped, layer.style_map(style))
    next(maps(style)).sum().backward()
    assert float(layers[0].to_scale.weight.grad.abs().sum()) > 0


@pytest.mark.parametrize(
    "make", [lambda: ModulatedConv(6, 5, 3, 4), lambda: EqualLinear(4, 5), lambda: ShapedNoise(6, 20)]
)
def test_what_frozen_weights_give_is_remembered_and_a_change_is_noticed(make):
    torch.manual_seed(0)
    layer = make()
    x, style, noise = torch.randn(3, 6, 1, 20), torch.randn(3, 4), torch.randn(3, 20)
    inputs = {ModulatedConv: (x, style), EqualLinear: (style,), ShapedNoise: (x, noise)}[type(layer)]
    with torch.no_grad():
        for weight in layer.parameters():
            weight.copy_(torch.randn_like(weight))
    learning = layer(*inputs).detach()
    layer.requires_grad_(False)
    before = layer(*inputs)
    torch.testing.assert_close(before, learning)
    assert torch.equal(before, layer(*inputs))
    for weight in layer.parameters():
        weight.mul_(torch.linspace(0.5, 2, weight.numel()).view(weight.shape))
    changed = layer(*inputs)
    assert not torch.allclose(changed, before)
    layer.requires_grad_(True)
    torch.testing.assert_close(layer(*inputs), changed)


def test_what_was_remembered_in_inference_mode_serves_a_gradient_later():
    layer = ModulatedConv(6, 5, 3, 4).requires_grad_(False)
    x, style = torch.randn(3, 6, 1, 20), torch.randn(3, 4)
    with torch.inference_mode():
        layer(x, style)
    style.requires_grad_(True)
    layer(x, style).sum().backward()
    assert float(style.grad.abs().sum()) > 0

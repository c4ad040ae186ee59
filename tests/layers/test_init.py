"""The right pair of activation and initialisation keeps the variance through 50 layers; the wrong one does not."""

import math

import pytest
import torch
from torch import nn

from creativeml.layers.activations import activation
from creativeml.layers.init import fans, he_, initialise, initialise_narrow, initialise_uniform, xavier_
from creativeml.layers.perceptron import hidden_layers, perceptron

WIDTH = 384


def through(layers, name, initial):
    """Ratio of the mean square after so many layers to that before, by the median of the last five layers."""
    torch.manual_seed(0)
    x, seen = torch.randn(128, WIDTH), []
    with torch.no_grad():
        for _ in range(layers):
            layer = nn.Linear(WIDTH, WIDTH, bias=False)
            initial(layer)
            x = layer(activation(name, WIDTH)(x))
            seen.append(x.square().mean().item())
    return float(torch.tensor(seen[-5:]).median())


@pytest.mark.parametrize("name", ["identity", "relu", "leaky_relu", "prelu", "tanh"])
def test_variance_is_kept_through_fifty_layers_by_the_right_pair(name):
    assert 0.25 < through(50, name, lambda layer: initialise(layer, name)) < 4.0


@pytest.mark.parametrize(
    ("name", "initial", "least", "most"),
    [
        ("relu", lambda layer: xavier_(layer.weight), 0, 2.0**-40),
        ("identity", lambda layer: he_(layer.weight), 2.0**40, math.inf),
        ("tanh", lambda layer: layer.weight.normal_(0, 0.5 / math.sqrt(WIDTH)), 0, 1e-20),
        ("relu", lambda layer: nn.init.normal_(layer.weight, std=0.01), 0, 1e-40),
    ],
    ids=["Xavier before ReLU halves it", "He without ReLU doubles it", "too small", "a constant 0.01"],
)
def test_the_wrong_pair_lets_it_vanish_or_explode(name, initial, least, most):
    assert least <= through(50, name, initial) <= most


def test_gradients_keep_their_size_too():
    """Backwards through 50 layers of He's initialisation, and not through 50 of Xavier's."""
    sizes = {}
    for rule, initial in (("he", he_), ("xavier", xavier_)):
        torch.manual_seed(0)
        x = torch.randn(64, WIDTH, requires_grad=True)
        y = x
        for _ in range(50):
            layer = nn.Linear(WIDTH, WIDTH, bias=False)
            with torch.no_grad():
                initial(layer.weight)
            y = layer(y).relu()
        y.backward(torch.randn_like(y))
        sizes[rule] = x.grad.square().mean().item()
    assert 0.05 < sizes["he"] < 20 and sizes["xavier"] < 1e-12


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(300, 200), nn.Conv1d(30, 50, 7), nn.Conv2d(20, 30, 5), nn.ConvTranspose1d(40, 30, 8)],
    ids=lambda layer: type(layer).__name__,
)
def test_variances_are_those_of_the_formulas(layer):
    torch.manual_seed(0)
    weight = layer.weight.transpose(0, 1) if isinstance(layer, nn.ConvTranspose1d) else layer.weight
    fan_in, fan_out = weight.shape[1] * weight[0, 0].numel(), weight.shape[0] * weight[0, 0].numel()
    assert fans(weight) == (fan_in, fan_out)
    for name, expected in (
        ("identity", 2 / (fan_in + fan_out)),
        ("tanh", (5 / 3) ** 2 * 2 / (fan_in + fan_out)),
        ("relu", 2 / fan_in),
        ("leaky_relu", 2 / (1.04 * fan_in)),
    ):
        initialise(layer, name)
        assert layer.weight.var().item() == pytest.approx(expected, rel=0.08)
        assert not layer.bias.any()


def test_uniform_weights_have_the_variance_of_glorot_and_end_where_it_says():
    torch.manual_seed(0)
    layer = initialise_uniform(nn.Sequential(nn.Linear(300, 200)))[0]
    assert layer.weight.var().item() == pytest.approx(2 / 500, rel=0.08) and not layer.bias.any()
    assert 0.99 * math.sqrt(6 / 500) < layer.weight.abs().max() <= math.sqrt(6 / 500)


def test_narrow_weights_are_as_wide_whatever_the_layers_size_and_gains_lie_round_one():
    torch.manual_seed(0)
    first, norm, last = initialise_narrow(nn.Sequential(nn.Conv2d(8, 64, 5), nn.BatchNorm2d(512), nn.Conv2d(64, 8, 3)))
    for layer in (first, last):
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05) and layer.bias.any()
    assert norm.weight.mean().item() == pytest.approx(1.0, abs=0.005) and not norm.bias.any()
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.15)


def test_a_perceptron_is_affine_maps_with_activations_between():
    torch.manual_seed(0)
    network, x = perceptron((5, 7, 3), "tanh"), torch.randn(4, 5)
    (first, a), (last, b) = ((m.weight, m.bias) for m in network if isinstance(m, nn.Linear))
    assert torch.allclose(network(x), torch.tanh(x @ first.T + a) @ last.T + b, atol=1e-6)
    assert [type(m) for m in hidden_layers((5, 7, 3), dropout=0.1)] == 2 * [nn.Linear, nn.ReLU, nn.Dropout]
    assert torch.equal(hidden_layers((5,))(x), x)


def test_unknown_activations_are_refused():
    with pytest.raises(ValueError, match="'swish'"):
        initialise(nn.Linear(2, 2), "swish")
    with pytest.raises(ValueError, match="'swish'"):
        activation("swish")
    with pytest.raises(ValueError, match="outputs and inputs"):
        fans(torch.zeros(3))


def test_activations_by_their_formulas():
    x = torch.linspace(-3, 3, 61, dtype=torch.float64)
    formulas = {
        "identity": x,
        "sigmoid": 1 / (1 + (-x).exp()),
        "tanh": (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
        "relu": torch.where(x > 0, x, 0.0),
        "leaky_relu": torch.where(x > 0, x, 0.2 * x),
        "prelu": torch.where(x > 0, x, 0.25 * x),
        "elu": torch.where(x > 0, x, x.exp() - 1),
        "gelu": x * 0.5 * (1 + torch.special.erf(x / math.sqrt(2))),
    }
    for name, expected in formulas.items():
        torch.testing.assert_close(activation(name).double()(x), expected, rtol=1e-9, atol=1e-9, msg=name)
    scores = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(0))
    expected = scores.exp() / scores.exp().sum(1, keepdim=True)
    torch.testing.assert_close(activation("softmax")(scores), expected)


def test_the_parametric_rectifier_learns_a_slope_for_each_channel():
    layer = activation("prelu", 3)
    layer(-torch.ones(2, 3, 4)).sum().backward()
    assert layer.weight.grad.tolist() == [-8.0] * 3


def test_a_saturated_sigmoid_passes_hardly_any_gradient_and_a_rectifier_all_of_it():
    def slope(name, at):
        x = torch.tensor([at], requires_grad=True)
        activation(name)(x).sum().backward()
        return x.grad.item()

    assert slope("sigmoid", 0.0) == pytest.approx(0.25) and slope("sigmoid", 10.0) < 1e-4
    assert slope("tanh", 0.0) == pytest.approx(1.0) and slope("tanh", 10.0) < 1e-6
    assert slope("relu", 10.0) == 1.0 and slope("relu", -1.0) == 0.0
    assert slope("leaky_relu", -1.0) == pytest.approx(0.2) and slope("elu", -1.0) == pytest.approx(math.exp(-1))

"""Networks have as many parameters as published, layers of the published shapes, and formulas for the others."""

import itertools

import pytest
import torch

from creativeml.models.autoencoders.unet import UNet, UNetConfig, unet_config
from creativeml.models.classifiers.alexnet import AlexNet, alexnet_config
from creativeml.models.classifiers.lenet import LeNet, lenet_config
from creativeml.models.classifiers.mlp import MLP, MLPConfig
from creativeml.models.classifiers.resnet import ResNet, ResNetConfig, resnet_config
from creativeml.models.classifiers.vgg import VGG, vgg_config
from creativeml.models.transformers.transformer import Transformer, transformer_config


def count(model):
    return sum(p.numel() for p in model.parameters())


PUBLISHED = [
    (LeNet, lenet_config(), 61_706, (1, 28, 28)),
    (AlexNet, alexnet_config(), 61_100_840, (3, 224, 224)),
    (VGG, vgg_config(16), 138_357_544, (3, 224, 224)),
    (VGG, vgg_config(11), 132_863_336, (3, 224, 224)),
    (VGG, vgg_config(19), 143_667_240, (3, 224, 224)),
    (ResNet, resnet_config(18), 11_689_512, (3, 224, 224)),
    (ResNet, resnet_config(34), 21_797_672, (3, 224, 224)),
    (ResNet, resnet_config(50), 25_557_032, (3, 224, 224)),
    (ResNet, resnet_config(101), 44_549_160, (3, 224, 224)),
    (ResNet, resnet_config(152), 60_192_808, (3, 224, 224)),
]


@pytest.mark.parametrize(
    ("model", "config", "parameters", "shape"), PUBLISHED, ids=[f"{m.__name__}-{n}" for m, _, n, _ in PUBLISHED]
)
def test_published_parameter_counts(model, config, parameters, shape):
    with torch.device("meta"):
        network = model(config)
        assert count(network) == parameters
        assert network(torch.zeros(2, *shape)).shape == (2, config.classes)


def test_pictures_of_the_published_size_reach_the_dense_layers_without_averaging():
    """Otherwise the adaptive pooling, which makes any size possible, would have changed the published network."""
    for model, config, side, size in (
        (LeNet, lenet_config(), 28, 5),
        (AlexNet, alexnet_config(), 224, 6),
        (VGG, vgg_config(), 224, 7),
    ):
        seen = []
        with torch.device("meta"):
            network = model(config)
            pooling = next(m for m in network.modules() if isinstance(m, torch.nn.AdaptiveAvgPool2d))
            pooling.register_forward_pre_hook(lambda _m, inputs, seen=seen: seen.append(tuple(inputs[0].shape[2:])))
            network(torch.zeros(1, config.in_channels, side, side))
        assert seen == [(size, size)]


def test_stages_of_resnet_50_have_the_papers_shapes():
    shapes = []
    with torch.device("meta"):
        network = ResNet(resnet_config(50))
        for layer in (network.stem, *network.blocks):
            layer.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape[1:])))
        network(torch.zeros(1, 3, 224, 224))
    assert [shape for shape, _ in itertools.groupby(shapes)] == [
        (64, 56, 56),
        (256, 56, 56),
        (512, 28, 28),
        (1024, 14, 14),
        (2048, 7, 7),
    ]
    assert len(shapes) == 1 + 3 + 4 + 6 + 3


@pytest.mark.parametrize(("depth", "width", "dims"), [(0, 7, 1), (1, 7, 1), (3, 5, 2)])
def test_parameters_of_a_perceptron_by_formula(depth, width, dims):
    config = MLPConfig(dims=dims, in_channels=3, classes=4, width=width, depth=depth, positions=6)
    sizes = [3 * 6**dims, *[width] * depth, 4]
    assert count(MLP(config)) == sum((i + 1) * o for i, o in itertools.pairwise(sizes))


def test_parameters_of_the_unet_by_formula():
    widths, doubled = [64, 128, 256, 512, 1024], 0
    for i, o in itertools.pairwise([1, *widths]):
        doubled += (9 * i + 1) * o + (9 * o + 1) * o
    for w in widths[:-1]:
        doubled += (4 * 2 * w + 1) * w + (9 * 2 * w + 1) * w + (9 * w + 1) * w
    with torch.device("meta"):
        assert count(UNet(unet_config())) == doubled + (64 + 1) * 2
        assert count(UNet(UNetConfig(dims=1, width=64, norm="none"))) < doubled


def test_parameters_of_the_base_transformer_by_formula():
    d, hidden, tokens = 512, 2048, 1000
    attention, feed, norm = 4 * (d + 1) * d, (d + 1) * hidden + (hidden + 1) * d, 2 * d
    layers = 6 * (attention + feed + 2 * norm) + 6 * (2 * attention + feed + 3 * norm)
    with torch.device("meta"):
        model = Transformer(transformer_config(tokens, tokens))
    assert count(model) == layers + 2 * tokens * d + (d + 1) * tokens
    assert layers == pytest.approx(44.1e6, rel=0.01)


def test_depths_that_were_not_published_are_refused():
    for make in (resnet_config, vgg_config):
        with pytest.raises(ValueError, match="known"):
            make(20)
    with pytest.raises(ValueError, match="stages"):
        ResNetConfig(stages=())

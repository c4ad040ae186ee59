"""Autoencoders: shapes, tied weights, mirrored layers."""

import pytest
import torch
import torch.nn.functional as F

from creativeml import models
from creativeml.models.autoencoders.autoencoder import (
    Autoencoder,
    AutoencoderConfig,
    CodeClassifier,
    CodeClassifierConfig,
)
from creativeml.models.autoencoders.conv_autoencoder import ConvAutoencoder, ConvAutoencoderConfig


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_tied_decoder_is_the_transpose_with_a_bias_of_its_own():
    torch.manual_seed(0)
    tied = Autoencoder(AutoencoderConfig(10, (6, 3), "tanh", tied=True))
    assert count(tied) == 10 * 6 + 6 + 6 * 3 + 3 + 10 + 6
    assert count(Autoencoder(AutoencoderConfig(10, (6, 3), "tanh"))) == count(tied) + 10 * 6 + 6 * 3
    x = torch.randn(4, 10)
    first, second = (pair.encoder for pair in tied.pairs)
    code = torch.tanh(second(torch.tanh(first(x))))
    expected = torch.tanh(code @ second.weight + tied.pairs[1].bias) @ first.weight + tied.pairs[0].bias
    assert torch.allclose(tied(x), expected, atol=1e-6)


def test_depth_counts_pairs():
    model, x = Autoencoder(AutoencoderConfig(10, (6, 3))), torch.randn(2, 10)
    assert torch.equal(model.encode(x, depth=0), x)
    assert model.encode(x, depth=1).shape == (2, 6) and model.encode(x).shape == (2, 3)
    assert torch.equal(model.pairs[1].encode(model.encode(x, depth=1)), model.encode(x))


def test_classifier_scores_the_code():
    model = Autoencoder(AutoencoderConfig(10, (6, 3), "relu"))
    classifier = CodeClassifier(CodeClassifierConfig(model.config, 4)).take_encoder(model)
    x = torch.randn(5, 10)
    assert torch.allclose(classifier(x), F.linear(model.encode(x), classifier.score.weight, classifier.score.bias))
    with pytest.raises(ValueError, match="made for"):
        classifier.take_encoder(Autoencoder(AutoencoderConfig(10, (6, 3), "tanh")))


@pytest.mark.parametrize(("dims", "size"), [(1, (64,)), (2, (16, 24))])
def test_convolutional_codes_are_smaller_and_reconstructions_as_large(dims, size):
    model = ConvAutoencoder(ConvAutoencoderConfig(dims, 2, (4, 6), 3))
    x = torch.randn(2, 2, *size)
    assert model.encode(x).shape == (2, 3, *(n // 4 for n in size))
    assert model(x).shape == x.shape
    with pytest.raises(ValueError, match="multiple of 4"):
        model(torch.randn(2, 2, *(n + 1 for n in size)))


def test_convolutional_codes_move_with_the_sound():
    model = ConvAutoencoder(ConvAutoencoderConfig(1, 1, (4, 6), 3))
    x = torch.zeros(1, 1, 128)
    x[..., 40:60] = torch.randn(20)
    code, later = model.encode(x), model.encode(x.roll(8, -1))
    assert torch.allclose(code[..., 4:-6], later[..., 6:-4], atol=1e-6)
    assert (code - later).abs().max() > 1e-3


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="hidden"):
        AutoencoderConfig(hidden=())
    with pytest.raises(models.registry.CreativeMLError, match="one of"):
        models.build("autoencoder", activation="sine")


def test_a_convolutional_one_has_one_axis_or_two():
    for dims in (0, 3):
        with pytest.raises(ValueError, match="dims must be 1"):
            ConvAutoencoderConfig(dims=dims)

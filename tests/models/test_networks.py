"""Every classifier, Transformer and U-Net works in all the ways that a model of the registry is used."""

import copy
import runpy
from pathlib import Path

import pytest
import torch

from creativeml import models
from creativeml.config import ConfigError

TINY = runpy.run_path(str(Path(__file__).with_name("tiny_networks.py")))["TINY"]
CLASSIFIERS = ["mlp", "lenet", "alexnet", "vgg", "resnet", "tcn", "recurrent_classifier", "transformer_classifier"]


def tiny(name, batch=3):
    torch.manual_seed(0)
    overrides, inputs = TINY[name]
    return models.build(name, **overrides), inputs(batch)


@pytest.mark.parametrize("name", TINY)
def test_gradients_reach_every_parameter(name):
    model, inputs = tiny(name)
    scores = model(*inputs)
    (scores * torch.randn_like(scores)).sum().backward()
    missed = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert missed == []
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("name", TINY)
def test_saved_and_loaded_it_is_the_same_function_and_examples_do_not_mix(name, tmp_path):
    model, inputs = tiny(name)
    model(*inputs)
    models.save_pretrained(model, tmp_path)
    again = models.from_pretrained(tmp_path)
    assert again.config == model.config
    expected = model.eval()(*inputs)
    torch.testing.assert_close(again(*inputs), expected, rtol=0, atol=0)
    torch.testing.assert_close(again(*inputs), expected, rtol=0, atol=0)
    alone = torch.cat([again(*(x[n : n + 1] for x in inputs)) for n in range(3)])
    torch.testing.assert_close(alone, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TINY)
def test_half_precision_gives_nearly_the_same(name):
    model, inputs = tiny(name)
    expected = model.eval()(*inputs)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = model(*inputs)
    half = copy.deepcopy(model).bfloat16()(*(x.bfloat16() if x.is_floating_point() else x for x in inputs))
    assert half.dtype == torch.bfloat16
    scale = expected.std() + expected.abs().mean()
    assert (mixed.float() - expected).abs().max() < 0.1 * scale
    assert (half.float() - expected).abs().max() < 0.2 * scale


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers_take_any_length_in_one_dimension_and_in_two(name, dims):
    torch.manual_seed(0)
    model = models.build(name, **{**TINY[name][0], "dims": dims, "in_channels": 2, "classes": 5}).eval()
    found = []
    for length in (1, 7, 30, 101):
        x = torch.randn(2, 2, *[length] * dims)
        found.append(model(x))
        assert found[-1].shape == (2, 5) and found[-1].isfinite().all()
        assert not torch.equal(found[-1], model(torch.zeros_like(x))), "the input reaches the scores"


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("depth", [1, 4])
def test_the_unet_keeps_any_shape(dims, depth):
    torch.manual_seed(0)
    model = models.build("unet", dims=dims, depth=depth, width=2, in_channels=2, out_channels=3).eval()
    for lengths in ((1, 5), (16, 16), (17, 31), (33, 2)):
        lengths = lengths[:dims]
        assert model(torch.randn(2, 2, *lengths)).shape == (2, 3, *lengths)


@pytest.mark.parametrize("name", TINY)
def test_impossible_configurations_are_refused_by_name(name):
    with pytest.raises(ConfigError, match=r"width|positions"):
        models.build(name, width=0)
    if name in CLASSIFIERS:
        for wrong in ({"dims": 3}, {"classes": 0}, {"in_channels": 0}):
            with pytest.raises(ConfigError, match=next(iter(wrong))):
                models.build(name, **wrong)

"""Lengths, shapes and refusals of every classifier, Transformer and U-Net; see `test_contract.py` for the rest."""

import runpy
from pathlib import Path

import pytest
import torch

from creativeml import models
from creativeml.config import ConfigError

TINY = runpy.run_path(str(Path(__file__).with_name("tiny_networks.py")))["TINY"]
CLASSIFIERS = ["mlp", "lenet", "alexnet", "vgg", "resnet", "tcn", "recurrent_classifier", "transformer_classifier"]


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


@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("name", [*CLASSIFIERS, "unet"])
def test_inputs_of_other_channels_or_axes_are_refused(name, dims):
    model = models.build(name, **{**TINY[name][0], "dims": dims, "in_channels": 2}).eval()
    for shape in ((3, 1, *[16] * dims), (3, 4, *[16] * dims), (2, *[16] * dims), (3, 2, *[16] * (dims + 1))):
        with pytest.raises(ValueError, match=r"the input must be \(b, 2, "):
            model(torch.zeros(shape))

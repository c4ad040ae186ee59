"""Packed convolutions against torch's own."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F

from creativeml.layers.packed import PackedConv, can_pack


@pytest.mark.parametrize(("kernel", "dilation"), [(5, 1), (1, 2)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("batch", [1, 3])
def test_same_numbers_as_the_plain_convolution(kernel, dilation, dtype, batch):
    torch.manual_seed(0)
    conv = PackedConv((0, kernel // 2), dilation)
    x = torch.randn(batch, 12, 1, 40).to(dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(7, 12, 1, kernel).to(dtype)
    with torch.inference_mode():
        for _ in range(2):  # packing, and using what was packed
            plain = F.conv2d(x, weight, padding=(0, kernel // 2), dilation=dilation)
            torch.testing.assert_close(
                conv(x, weight), plain, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-5
            )


def test_weights_that_changed_and_other_lengths_are_packed_anew():
    torch.manual_seed(0)
    conv, weight = PackedConv((0, 2), 1), torch.randn(7, 12, 1, 5)
    for length in (40, 24, 40):
        x = torch.randn(1, 12, 1, length)
        weight += 1.0
        torch.testing.assert_close(conv(x, weight), F.conv2d(x, weight, padding=(0, 2)), rtol=1e-5, atol=1e-5)


def test_another_weight_at_the_same_place_in_memory_is_another_weight():
    """So it is with weights that are scaled at each call, as in a network that is looked at while it learns."""
    torch.manual_seed(0)
    conv, x, places = PackedConv((0, 2), 1), torch.randn(1, 12, 1, 40), []
    with torch.no_grad():
        for _ in range(50):
            weight = torch.randn(7, 12, 1, 5)
            places.append(weight.data_ptr())
            torch.testing.assert_close(conv(x, weight), F.conv2d(x, weight, padding=(0, 2)), rtol=1e-5, atol=1e-5)
            del weight
    assert len(set(places)) < len(places)


def test_what_has_been_packed_can_be_copied_and_stored():
    conv, x, weight = PackedConv((0, 2), 1), torch.randn(1, 12, 1, 40), torch.randn(7, 12, 1, 5)
    expected = conv(x, weight)
    for again in (pickle.loads(pickle.dumps(conv)), copy.deepcopy(conv)):
        assert torch.equal(again(x, weight), expected)


def test_gradients_reach_the_input_of_frozen_weights():
    torch.manual_seed(0)
    conv, weight = PackedConv((0, 2), 1), torch.randn(7, 12, 1, 5, dtype=torch.float64)
    x = torch.randn(1, 12, 1, 20, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: conv(x, weight), x)
    single = torch.randn(1, 12, 1, 20, requires_grad=True)
    conv(single.detach(), weight.float())
    conv(single, weight.float()).sum().backward()
    assert single.grad is not None and float(single.grad.abs().sum()) > 0


def test_this_is_no_empty_promise_on_this_machine():
    if not can_pack():
        pytest.skip("other processors take the plain convolution")
    conv, weight = PackedConv((0, 2), 1), torch.randn(64, 64, 1, 5)
    conv(torch.randn(1, 64, 1, 64), weight)
    assert conv._packed._kept is not None and conv._packed._kept[2] is not None

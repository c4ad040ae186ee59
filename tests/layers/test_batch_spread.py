"""Minibatch standard deviation against numpy."""

import numpy as np
import pytest
import torch

from creativeml.layers.batch_spread import with_batch_spread


def test_the_added_channel_is_the_mean_standard_deviation_of_each_group():
    x = torch.randn(6, 4, 2, 5, generator=torch.Generator().manual_seed(0))
    out = with_batch_spread(x, 3)
    assert out.shape == (6, 5, 2, 5) and torch.equal(out[:, :4], x)
    for group in (slice(0, 3), slice(3, 6)):
        expected = np.std(x[group].numpy().astype(np.float64), axis=0).mean()
        np.testing.assert_allclose(out[group, 4].numpy(), expected, rtol=1e-5)


def test_equal_sounds_have_no_spread_and_a_finite_slope():
    x = torch.ones(4, 3, 1, 2, requires_grad=True)
    out = with_batch_spread(x, 2)
    assert float(out[:, 3].detach().abs().max()) < 2e-4
    out[:, 3].sum().backward()
    assert x.grad is not None and bool(x.grad.isfinite().all())


def test_half_precision_is_summed_in_full_and_given_back():
    x = (1000 + torch.randn(4, 64, 4, 4, generator=torch.Generator().manual_seed(1))).bfloat16()
    out = with_batch_spread(x, 4)
    assert out.dtype == torch.bfloat16
    expected = np.std(x.float().numpy(), axis=0).mean()
    assert float(out[0, 64, 0, 0]) == pytest.approx(expected, rel=0.01)


def test_groups_must_divide_the_batch():
    with pytest.raises(ValueError, match=r"batch of 5 .* groups of 2"):
        with_batch_spread(torch.zeros(5, 1, 1, 1), 2)

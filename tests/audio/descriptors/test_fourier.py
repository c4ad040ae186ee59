"""Transforms with cheap gradients against torch's own."""

import pytest
import torch

from creativeml.audio.descriptors.fourier import power_spectrum, rfft


@pytest.mark.parametrize(("samples", "size"), [(12, None), (12, 16), (11, None), (10, 15)])
def test_values_and_gradients_are_those_of_torch(samples, size):
    generator = torch.Generator().manual_seed(0)
    signals = torch.randn(2, 3, samples, dtype=torch.float64, generator=generator).requires_grad_()
    expected = torch.fft.rfft(signals, size)
    torch.testing.assert_close(rfft(signals, size), expected)
    torch.testing.assert_close(power_spectrum(signals, size), expected.abs().square())
    assert torch.autograd.gradcheck(lambda x: rfft(x, size), (signals,))
    assert torch.autograd.gradcheck(lambda x: power_spectrum(x, size), (signals,))
    assert torch.autograd.gradgradcheck(lambda x: rfft(x, size), (signals,))


def test_power_of_silence_has_gradient_zero():
    signals = torch.zeros(8, requires_grad=True)
    power_spectrum(signals).sum().backward()
    assert signals.grad is not None and not signals.grad.any()


def test_a_second_gradient_of_power_is_refused_rather_than_wrong():
    signals = torch.randn(8, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(power_spectrum(signals).square().sum(), signals, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()

"""Transforms with cheap gradients against torch's own."""

import numpy as np
import pytest
import scipy.signal
import torch

from creativeml.audio.fourier import energies, filtered, power_spectrum, rfft


@pytest.mark.parametrize(("samples", "size"), [(12, None), (12, 16), (11, None), (10, 15)])
def test_values_and_gradients_are_those_of_torch(samples, size):
    generator = torch.Generator().manual_seed(0)
    signals = torch.randn(2, 3, samples, dtype=torch.float64, generator=generator).requires_grad_()
    expected = torch.fft.rfft(signals, size)
    torch.testing.assert_close(rfft(signals, size), expected)
    torch.testing.assert_close(power_spectrum(signals, size), expected.abs().square())
    assert torch.autograd.gradcheck(lambda x: rfft(x, size), (signals,))
    assert torch.autograd.gradcheck(lambda x: power_spectrum(x, size), (signals,))
    assert torch.autograd.gradcheck(energies, (signals,))


@pytest.mark.parametrize("size", [32, 45])
def test_filtering_is_convolution(size):
    generator = torch.Generator().manual_seed(1)
    signals = torch.randn(2, 12, dtype=torch.float64, generator=generator).requires_grad_()
    ring = torch.randn(20, dtype=torch.float64, generator=generator)
    response = torch.fft.rfft(ring, size)

    def measure(x):
        return filtered(rfft(x, size), response, size, 12)

    expected = [scipy.signal.convolve(each, ring.numpy())[:12] for each in signals.detach().numpy()]
    torch.testing.assert_close(measure(signals).detach(), torch.from_numpy(np.stack(expected)))
    assert torch.autograd.gradcheck(measure, (signals,))


def test_power_of_silence_has_gradient_zero():
    signals = torch.zeros(8, requires_grad=True)
    power_spectrum(signals).sum().backward()
    assert signals.grad is not None and not signals.grad.any()


@pytest.mark.parametrize("measure", [power_spectrum, energies, lambda signals: rfft(signals).abs().square()])
def test_a_second_gradient_is_refused_rather_than_wrong(measure):
    signals = torch.randn(8, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(measure(signals).square().sum(), signals, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()

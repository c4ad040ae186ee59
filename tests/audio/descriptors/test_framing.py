"""Frames without the silent ones, against all frames through scipy."""

import numpy as np
import pytest
import scipy.signal
import torch

from creativeml.audio.descriptors.framing import Rows
from creativeml.audio.descriptors.front_end import Prepared, spectrogram

RATE = 44_100


def burst(samples: int, begin: int, end: int) -> torch.Tensor:
    sound = torch.zeros(samples, dtype=torch.float64)
    sound[begin:end] = torch.randn(end - begin, dtype=torch.float64, generator=torch.Generator().manual_seed(begin))
    return sound


def test_every_frame_with_something_in_it_is_there_and_no_other():
    sounds = torch.stack([burst(4000, 0, 600), burst(4000, 2100, 2200), torch.zeros(4000, dtype=torch.float64)])
    rows = Rows.of(sounds, 100, count=4, step=2)
    expected = sounds.unfold(-1, 400, 200)
    assert rows.shape == tuple(expected.shape[:2])
    torch.testing.assert_close(rows.dense(rows.frames()), expected)
    assert [int((rows.sound == n).sum()) for n in range(3)] == [3, 2, 0]


def test_faint_frames_are_left_out_from_80_db_on():
    sound = burst(4000, 0, 4000)
    sound[2000:] *= 10 ** (-75 / 20)
    sound[3000:] *= 10 ** (-20 / 20)
    assert Rows.of(sound[None], 1000, count=1).frame.tolist() == [0, 1, 2]


@pytest.mark.parametrize(("window_size", "size", "centred"), [(40, 40, True), (40, 64, False), (40, 45, True)])
def test_powers_are_those_of_scipy_and_have_its_gradient(window_size, size, centred):
    sounds = torch.stack([burst(200, 0, 90), burst(200, 20, 60)]).requires_grad_()
    window = torch.hamming_window(window_size, dtype=torch.float64)
    rows = Rows.of(sounds, window_size // 4, count=4)
    frames = np.lib.stride_tricks.sliding_window_view(sounds.detach().numpy(), window_size, -1)[:, :: window_size // 4]
    if centred:
        frames = frames - frames.mean(-1, keepdims=True)
    expected = np.abs(np.fft.rfft(frames * window.numpy(), size)) ** 2
    measured = rows.dense(rows.powers(window, size, centred=centred)).detach().numpy()
    np.testing.assert_allclose(measured, expected, atol=1e-12)

    def measure(x):
        rows = Rows.of(x, window_size // 4, count=4)
        return rows.total(rows.powers(window, size, centred=centred))

    # Noise all over, so that no frame is on the verge of being left out.
    everywhere = torch.randn(2, 120, dtype=torch.float64, generator=torch.Generator().manual_seed(9)).requires_grad_()
    assert torch.autograd.gradcheck(measure, (everywhere,))


@pytest.mark.parametrize("samples", [600, 9000])
def test_the_sounding_spectrogram_is_the_spectrogram(samples):
    sounds = torch.stack([burst(samples, 0, samples // 2), burst(samples, samples // 3, samples)])
    prepared = Prepared(sounds, RATE)
    rows, spectra = prepared.sounding_spectrogram(("high", 20.0), size=4096)
    expected = spectrogram(prepared.filtered(("high", 20.0)), 4096)
    torch.testing.assert_close(rows.dense(spectra), expected, rtol=1e-6, atol=1e-8 * float(expected.max()))
    hz, _, truth = scipy.signal.spectrogram(
        prepared.filtered(("high", 20.0))[0].numpy(),
        RATE,
        window="hamming",
        nperseg=min(samples, 4096),
        noverlap=3072 if samples > 4096 else None,
        nfft=4096,
        scaling="spectrum",
        mode="psd",
    )
    assert len(hz) == spectra.shape[1]
    np.testing.assert_allclose(rows.total(spectra)[0].numpy(), truth.sum(1), atol=1e-6 * truth.max())


def test_silence_has_no_rows_but_a_gradient():
    sounds = torch.zeros(2, 1000, requires_grad=True)
    rows = Rows.of(sounds, 100, count=4)
    powers = rows.powers(torch.ones(400), 512)
    assert powers.shape == (0, 257) and rows.frames().shape == (0, 400)
    rows.total(powers).sum().backward()
    assert sounds.grad is not None and not sounds.grad.any()

"""Third-octave levels against scipy's filters; specific loudness against the norm's anchors and a walk by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import signal

from creativeml.audio.descriptors import third_octaves, zwicker
from creativeml.audio.descriptors.third_octaves import BANDS, CENTRES_HZ, FRAME, cut, exact_levels, fast_levels
from creativeml.audio.descriptors.zwicker import bark_window, exact_loudness, smooth_loudness
from creativeml.errors import CreativeMLError

RATE = 44_100
KILOHERTZ = 16
"""Index of the band at 1 kHz."""


def hits(count: int) -> torch.Tensor:
    """(count, 4096) double: falling tones over falling noise, which begin at different places of the frame."""
    generator = torch.Generator().manual_seed(3)
    time = torch.arange(FRAME, dtype=torch.float64) / RATE
    frames = []
    for index in range(count):
        begin = 0.02 * (index % 3)
        since = (time - begin).clamp(min=0)
        tone = torch.sin(2 * math.pi * 60 * 1.6**index * since)
        noise = torch.randn(FRAME, generator=generator, dtype=torch.float64)
        frames.append((0.5 * tone + 0.05 * noise) * torch.exp(-since / 0.03) * (time >= begin))
    return torch.stack(frames)


def filtered_by_scipy(frame: np.ndarray, rate: float) -> np.ndarray:
    """Levels of one frame, band by band, every octave down at half the rate of the one above."""
    edges = [np.array([hz * 2 ** (-1 / 6), hz * 2 ** (1 / 6)]) / (rate / 2) for hz in CENTRES_HZ[-4:]]
    filters = [signal.butter(4, edge, "bandpass") for edge in edges]
    levels = []
    for octave in range(9):
        used = filters if octave == 0 else filters[:3]
        levels = [10 * np.log10(np.mean(signal.lfilter(*f, frame) ** 2)) + 100 for f in used] + levels
        frame = signal.lfilter(*signal.cheby1(2, 0.1, 0.4), frame)[1::2]
    return np.array(levels)


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_exact_levels_are_those_of_scipys_filters(rate):
    frames = hits(4)
    expected = np.stack([filtered_by_scipy(frame.numpy(), rate) for frame in frames])
    np.testing.assert_allclose(exact_levels(frames, rate), expected, atol=1e-4)


@pytest.mark.parametrize(("dtype", "rate"), [(torch.float64, 44_100), (torch.float32, 44_100), (torch.float64, 96_000)])
def test_fast_levels_are_close(dtype, rate):
    frames = hits(9)
    exact = exact_levels(frames, rate)
    error = (fast_levels(frames.to(dtype), rate).double() - exact).abs()[exact > 10]
    assert error.median() < 0.02 and error.quantile(0.95) < 0.5
    low = (fast_levels(frames.to(dtype), rate).double() - exact).abs()[:, :15][exact[:, :15] > 10]
    assert low.max() < 0.02


def test_a_sine_in_mid_band_has_its_level():
    time = torch.arange(FRAME, dtype=torch.float64) / RATE
    levels = exact_levels(0.1 * torch.sin(2 * math.pi * CENTRES_HZ[22] * time), RATE)
    assert int(levels.argmax()) == 22
    assert float(levels[22]) == pytest.approx(100 + 20 * math.log10(0.1) - 3.01, abs=0.1)


def test_frames_cover_the_sound_and_end_in_silence():
    sound = torch.arange(1, 2 * FRAME + 1, dtype=torch.float32)
    frames = cut(sound)
    assert frames.shape == (3, FRAME) and torch.equal(frames.flatten()[: 2 * FRAME], sound) and not frames[2].any()
    assert cut(torch.ones(2, 5, 10)).shape == (2, 5, 1, FRAME)


@pytest.mark.parametrize("levels", [exact_levels, fast_levels])
def test_what_cannot_be_filtered_is_refused(levels):
    with pytest.raises(CreativeMLError, match="4096"):
        levels(torch.zeros(1000), RATE)
    with pytest.raises(CreativeMLError, match="resample"):
        levels(torch.zeros(FRAME), 22_050)


def one_band(band: int, level_db: float) -> torch.Tensor:
    levels = torch.full((BANDS,), -200.0, dtype=torch.float64)
    levels[band] = level_db
    return levels


@pytest.mark.parametrize(("level_db", "sone"), [(40, 1.0), (50, 2.0), (60, 4.0), (70, 8.0), (80, 16.0)])
def test_a_tone_at_one_kilohertz_has_the_loudness_of_the_sone_scale(level_db, sone):
    # By definition of the sone; a tone leaks into neighbouring third octaves by -20 dB each (Fastl, Zwicker, p. 211).
    distance = (torch.arange(BANDS) - KILOHERTZ).abs().double()
    levels = level_db - 20 * distance
    loudness, specific = exact_loudness(levels)
    assert float(loudness) == pytest.approx(sone, rel=0.06)
    assert 0.1 * float(smooth_loudness(levels).sum()) == pytest.approx(sone, rel=0.06)
    # 1 kHz is 8.5 Bark, in a band from 7.9 to 9.2 Bark, above which the slope falls.
    assert 79 <= int(specific.argmax()) + 1 < 92
    assert bool((specific[91:].diff() <= 0).all())


def test_a_slope_walked_by_hand():
    # 8 kHz alone at 60 dB: main loudness by Zwicker's formula, then the slopes of the last column.
    level = 60.0
    loudness, specific = exact_loudness(one_band(25, level))
    begin, end = 206, 218
    main = float(specific[begin - 1])
    heard = level - 2.0 - 0.5
    assert main == pytest.approx(0.0635 * 10 ** (0.025 * 3) * ((0.75 + 0.25 * 10 ** ((heard - 3) / 10)) ** 0.25 - 1))
    np.testing.assert_allclose(specific[begin - 1 : end - 1], main)
    assert 0.82 < main < 1.36
    # Down to 0.82 by 0.62 sone per Bark; the length of that piece is a multiple of 0.1 Bark.
    first = max(1, round((main - 0.82) / 0.62 * 10))
    np.testing.assert_allclose(specific[end - 1 : end - 1 + first], main - 0.062 * np.arange(first))
    assert float(specific[end - 1 + first]) == pytest.approx(0.82)
    assert float(loudness) == pytest.approx(0.1 * float(specific.sum()), abs=0.1)


def test_smooth_loudness_is_close_to_the_exact_one():
    levels = exact_levels(hits(9), RATE)
    loudness, specific = exact_loudness(levels)
    smooth = smooth_loudness(levels)
    audible = loudness > 1
    assert (smooth - specific).abs().max() < 0.3 and (smooth - specific).abs().mean() < 0.01
    assert (0.1 * smooth.sum(-1) / loudness - 1)[audible].abs().max() < 0.02


def test_louder_bands_never_sound_softer():
    levels = exact_levels(hits(6), RATE)
    base = smooth_loudness(levels).sum(-1)
    for band in range(BANDS):
        louder = levels.clone()
        louder[:, band] += 3
        assert bool((smooth_loudness(louder).sum(-1) >= base - 1e-9).all())


def test_gradients_are_right_and_reach_all_audible_bands():
    levels = exact_levels(hits(5), RATE).requires_grad_()
    assert torch.autograd.gradcheck(smooth_loudness, (levels,), fast_mode=True)
    frames = hits(2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: fast_levels(x, RATE), (frames,), fast_mode=True)
    even = torch.full((BANDS,), 60.0, dtype=torch.float64, requires_grad=True)
    smooth_loudness(even).sum().backward()
    assert even.grad is not None and bool((even.grad > 0).all())


def test_silence_is_not_heard_and_has_finite_gradients():
    frames = torch.zeros(2, FRAME, requires_grad=True)
    levels = fast_levels(frames, RATE)
    specific = smooth_loudness(levels)
    assert not specific.any() and bool(levels.isfinite().all())
    (specific.sum() + levels.sum()).backward()
    assert frames.grad is not None and bool(frames.grad.isfinite().all())
    loudness, exact = exact_loudness(exact_levels(torch.zeros(2, FRAME), RATE))
    assert not loudness.any() and not exact.any()


def test_very_loud_frames_stay_on_the_curves():
    levels = torch.full((1, BANDS), 110.0, dtype=torch.float64)
    specific = smooth_loudness(levels)
    assert bool(specific.isfinite().all()) and float(specific.min()) > 0


def test_tables_end_where_the_curves_do():
    curves = zwicker._Curves.of(torch.float64, torch.device("cpu"))
    assert float(curves.reached.max()) < zwicker._CELLS - 1
    # Along each whole column, values fall from row to row exactly at the cells noted for them.
    column = curves.values[: zwicker._CELLS]
    torch.testing.assert_close(column[curves.reached[0].long()], -curves.rows)


def test_window_is_an_arch():
    window = bark_window(10, 40, torch.zeros((), dtype=torch.float64))
    assert not window[:11].any() and not window[40:].any()
    assert float(window.max()) == 1.0 and int(window.argmax()) == 25
    assert third_octaves.BANDS == len(CENTRES_HZ) == 28

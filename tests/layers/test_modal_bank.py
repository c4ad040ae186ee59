"""Modes: the sines that a direct sum gives, tuned within their reach, with gradients."""

import math

import torch

from creativeml.layers.modal_bank import ModalBank

RATE, N_FFT, HOP, FRAMES = 44100, 256, 128, 64


def bank_of(modes: int = 6) -> ModalBank:
    torch.manual_seed(0)
    return ModalBank(modes, 620.0, 14000.0, 4, sample_rate=RATE, n_fft=N_FFT, hop=HOP)


def overlapped(frames: torch.Tensor) -> torch.Tensor:
    """Frames added up, from the middle of the first to the middle of the last: `(b, (frames - 1) * hop)`."""
    out = torch.zeros(len(frames), (FRAMES + 1) * HOP)
    for n in range(FRAMES):
        out[:, n * HOP : n * HOP + N_FFT] += frames[:, n]
    return out[:, HOP : FRAMES * HOP]


def test_modes_are_the_sines_of_a_direct_sum():
    bank, style = bank_of(), torch.randn(2, 4)
    amplitudes = torch.rand(2, 1, 6).expand(2, FRAMES, 6)
    window = torch.hann_window(N_FFT)  # adds up to 1
    with torch.no_grad():
        made = overlapped(bank.add_to(torch.zeros(2, FRAMES, N_FFT), amplitudes, style, window))
        hz = bank.frequencies(style).double()
    time = torch.arange(made.shape[1], dtype=torch.float64) / RATE
    angle = 2 * math.pi * hz[:, :, None] * time + bank.phases[:, None]
    wanted = (amplitudes[:, 0, :, None] * torch.cos(angle)).sum(1)
    assert float((made - wanted).abs().max()) < 2e-3
    # They are added to what is there.
    there = torch.randn(2, FRAMES, N_FFT)
    both = bank.add_to(there.clone(), amplitudes, style, window)
    torch.testing.assert_close(both - there, bank.add_to(torch.zeros_like(there), amplitudes, style, window))


def test_modes_cover_their_range_and_never_meet():
    bank = bank_of(48)
    hz = bank.frequencies(100 * torch.randn(64, 4)).detach()
    assert bool((hz.diff(dim=1) > 0).all())
    edges = torch.cat([hz.min(0).values, hz.max(0).values])
    assert 620 < float(edges.min()) < 640 and 13500 < float(edges.max()) < 14000
    # What styles can reach leaves a tenth of the way between neighbours.
    gaps = (hz.min(0).values[1:] / hz.max(0).values[:-1]).log()
    spacing = math.log(14000 / 620) / 48
    torch.testing.assert_close(gaps, torch.full_like(gaps, 0.1 * spacing), rtol=0.5, atol=0)


def test_gradients_reach_amplitudes_and_style():
    bank, style = bank_of(), torch.randn(1, 4, requires_grad=True)
    amplitudes = torch.full((1, FRAMES, 6), 0.1, requires_grad=True)
    frames = bank.add_to(torch.zeros(1, FRAMES, N_FFT), amplitudes, style, torch.hann_window(N_FFT))
    overlapped(frames).cumsum(1).square().mean().backward()
    for leaf in (style, amplitudes, bank.to_tuning.weight):
        assert leaf.grad is not None and bool(leaf.grad.isfinite().all()) and float(leaf.grad.abs().max()) > 0


def test_mixed_precision_leaves_frequencies_and_frames_exact():
    bank, style = bank_of(80), torch.randn(4, 4)
    amplitudes, there = torch.rand(4, FRAMES, 80), torch.randn(4, FRAMES, N_FFT)
    window = torch.hann_window(N_FFT)
    with torch.no_grad():
        plain = bank.frequencies(style), bank.add_to(there.clone(), amplitudes, style, window)
        with torch.autocast("cpu", torch.bfloat16):
            mixed = bank.frequencies(style), bank.add_to(there.clone(), amplitudes, style, window)
    for one, other in zip(plain, mixed, strict=True):
        assert other.dtype == torch.float32
        torch.testing.assert_close(other, one, rtol=0, atol=0)

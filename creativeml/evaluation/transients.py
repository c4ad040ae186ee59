"""The first milliseconds of a hit as points: multi-resolution spectra of windows that begin at the onset.

A drum is told by its attack, and a figure on whole sounds hardly hears one that is blurred: it is a few hundred of
65,536 samples. Hwang et al. (2025, "DOSE: drum one-shot extraction from music mixture") train with a loss on the onset
window alone for that reason; spectra at several resolutions at once, so that neither time nor pitch is blurred in all
of them, are due to Yamamoto et al. (2020, arXiv 1910.11480). Here both are an embedding like any other: sets of onsets
are compared by the same distances as sets of sounds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.audio.log_mel import decibels, power_spectrogram

ONSET = "onset"
"""Key of the embedding in a report."""
ONSET_DB = -40.0
RESOLUTIONS: tuple[tuple[float, int, int], ...] = ((5.0, 64, 6), (10.0, 128, 8), (20.0, 256, 10), (50.0, 1024, 14))
"""Length of the window in ms, samples of the transform (at 44.1 kHz) and number of frequency bands."""
PARTS = 4
"""Stretches of equal length that each window is cut into."""
LOWEST_HZ = 40.0
ONSET_DIM = PARTS * sum(bands for _, _, bands in RESOLUTIONS)


@torch.no_grad()
def onset_windows(sounds: Tensor, sample_rate: int) -> Tensor:
    """Spectrum over time of the first 5, 10, 20 and 50 ms from the onset, in 152 levels.

    The onset is the first sample within 40 dB of the peak, so a late sound is not told from an early one (that is
    `craft_figures`' onset) but one with an echo before it is. Each window is cut into four parts of equal length, and
    holds the mean power in 6 to 14 bands, from 0 Hz to half the sample rate, of each, seen through transforms of 64,
    128, 256 and 1,024 samples (1.5, 2.9, 5.8 and 23 ms). In decibels relative to the loudest
    sample, floored at -80 dB: level and polarity play no part.

    Args:
        sounds: (batch, samples) float; shorter ones than 50 ms are continued by silence.
        sample_rate: in Hz.

    Returns:
        (batch, 152) float32.
    """
    if sounds.ndim != 2 or not sounds.shape[1]:
        raise ValueError(f"expected sounds of shape (batch, samples), got {tuple(sounds.shape)}")
    scale = sample_rate / 44100
    longest = round(RESOLUTIONS[-1][0] * sample_rate / 1000)
    heads = from_onset(sounds, longest, ONSET_DB)
    levels = []
    for ms, transform, bands in RESOLUTIONS:
        window = heads[:, : round(ms * sample_rate / 1000)]
        levels.append(_window_levels(window, 4 * round(transform * scale / 4), bands, sample_rate))
    return torch.cat(levels, 1)


def from_onset(sounds: Tensor, length: int, onset_db: float) -> Tensor:
    """The first `length` samples of each sound from its onset, scaled to a peak of 1 over the whole sound.

    Args:
        sounds: (batch, samples).
        length: samples to take; silence follows sounds that end earlier.
        onset_db: the onset is the first sample whose level relative to the peak exceeds this.

    Returns:
        (batch, length) float32; silent sounds stay silent.
    """
    sounds = sounds.detach().float()
    level = sounds.abs()
    peak = level.amax(1, keepdim=True)
    onset = (level >= 10.0 ** (onset_db / 20.0) * peak).float().argmax(1, keepdim=True)
    padded = torch.nn.functional.pad(sounds / peak.clamp_min(1e-8), (0, length))
    return padded.gather(1, onset + torch.arange(length, device=sounds.device))


def _window_levels(window: Tensor, transform: int, bands: int, sample_rate: int) -> Tensor:
    """Levels in dB of the parts and bands of a window (batch, samples): (batch, parts * bands)."""
    hop = transform // 4
    power = power_spectrogram(window, transform, hop)
    bins_hz = torch.arange(power.shape[1], device=window.device) * sample_rate / transform
    lowest = max(LOWEST_HZ, sample_rate / transform)
    # Evenly spaced in the logarithm of frequency, the first band from 0 Hz.
    edges_hz = lowest * (sample_rate / 2 / lowest) ** (torch.arange(1, bands, device=window.device) / bands)
    band_of_bin = torch.bucketize(bins_hz, edges_hz, right=True)
    part_of_frame = torch.arange(power.shape[2], device=window.device) * hop * PARTS // window.shape[1]
    share = _shares(part_of_frame.clamp_max(PARTS - 1), PARTS).to(power)
    energy = torch.einsum("bft,fk,ts->bsk", power, _shares(band_of_bin, bands).to(power), share)
    return decibels(energy).flatten(1)


def _shares(part: Tensor, parts: int) -> Tensor:
    """(n,) numbers of a part as a matrix (n, parts) whose columns average the members of each part."""
    member = torch.nn.functional.one_hot(part, parts).double()
    return member / member.sum(0).clamp_min(1)

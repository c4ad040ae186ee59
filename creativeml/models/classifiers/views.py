"""What a classifier of drums sees of a sound: a log-mel picture, its attack from near, its fine spectrum, its partials.

One time-frequency picture is too coarse for three things that tell kinds of drum apart: the first milliseconds, in
which a rim click, a clap and a snare differ; resonances that lie close together, as those of cowbells and cymbals; and
how far partials stand out at all.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.audio.exported_fourier import frames_of
from creativeml.audio.fourier import power_spectrum
from creativeml.audio.log_mel import FLOOR_DB, log_mel

CLOSE_UP_WINDOW = 256
CLOSE_UP_BANDS = 32
CLOSE_UP_FRAMES = 24
"""Frames half a window apart: the first 70 ms at 44.1 kHz."""

SPECTRUM_WINDOW = 4096
SPECTRUM_BANDS = 96
SPECTRUM_EDGES = (0, 2, 6, 14, 30, 65)
"""Frames, a quarter of a window apart, between which the spectrum is averaged; 23.2 ms each at 44.1 kHz."""

TONE_WINDOW = 4096
TONE_SAMPLES = 4 * TONE_WINDOW
TONE_EDGES = (2, 20, 60, 150, 400, 1000, 1900)
"""Bins between which partials are looked for, at any sample rate; 10.8 Hz each at 44.1 kHz."""
TONE_NEIGHBOURS = 31
TONES = 2 * (len(TONE_EDGES) - 1)


def close_up(sounds: Tensor, sample_rate: int) -> Tensor:
    """Log-mel of the first 70 ms with a short window: `(b, samples)` of peak 1 → `(b, 32, 24)`, about -2 to 2."""
    hop = CLOSE_UP_WINDOW // 2
    # Windows reach beyond the last frame that is kept.
    heard = fitted(sounds, CLOSE_UP_FRAMES * hop + CLOSE_UP_WINDOW)
    levels = log_mel(
        heard, sample_rate, window_samples=CLOSE_UP_WINDOW, hop_samples=hop, bands=CLOSE_UP_BANDS, low_hz=80.0
    )
    return scaled(levels[:, :, :CLOSE_UP_FRAMES])


def fine_spectrum(sounds: Tensor, sample_rate: int) -> Tensor:
    """Log-mel with a long window in five growing stretches: `(b, samples)` of peak 1 → `(b, 96, 5)`, about -2 to 2."""
    hop = SPECTRUM_WINDOW // 4
    heard = fitted(sounds, (SPECTRUM_EDGES[-1] - 1) * hop)
    levels = log_mel(
        heard,
        sample_rate,
        window_samples=SPECTRUM_WINDOW,
        hop_samples=hop,
        bands=SPECTRUM_BANDS,
        high_hz=16000.0,
    )
    return scaled(levels @ stretches(SPECTRUM_EDGES).to(levels))


def tonality(sounds: Tensor) -> Tensor:
    """How far partials stand out: spread and maximum, in six bands, of the long spectrum over its local mean.

    Args:
        sounds: `(b, samples)`; the first 16,384 samples are heard, level does not matter.

    Returns:
        `(b, 12)` in nepers.
    """
    heard = peak_normalised(fitted(sounds, TONE_SAMPLES))
    window = torch.hann_window(TONE_WINDOW, device=sounds.device)
    if torch.compiler.is_exporting():
        # `torch.stft` in parts, of which runtimes of exported models have all.
        padded = F.pad(heard[:, None], (TONE_WINDOW // 2, TONE_WINDOW // 2), mode="reflect")[:, 0]
        frames = frames_of(padded, TONE_WINDOW, TONE_WINDOW // 4) * window
        spectrum = power_spectrum(frames).sqrt().mean(1)
    else:
        spectrum = torch.stft(heard, TONE_WINDOW, TONE_WINDOW // 4, window=window, return_complex=True).abs().mean(2)
    level = torch.log(spectrum + 1e-6)[:, None]
    around = F.avg_pool1d(level, TONE_NEIGHBOURS, 1, TONE_NEIGHBOURS // 2, count_include_pad=False)
    bands = [(level - around)[:, 0, first:after] for first, after in itertools.pairwise(TONE_EDGES)]
    return torch.stack([band.std(1) for band in bands] + [band.amax(1) for band in bands], dim=1)


def fitted(sounds: Tensor, samples: int) -> Tensor:
    """Sounds `(b, n)` cut or padded with silence to a length, in float32."""
    return F.pad(sounds, (0, samples - sounds.shape[1])).float()


def peak_normalised(sounds: Tensor) -> Tensor:
    """Sounds `(b, samples)` with peak 1; silence stays silence."""
    return sounds / sounds.abs().amax(1, keepdim=True).clamp_min(1e-8)


def scaled(levels_db: Tensor) -> Tensor:
    """Levels from the floor of -80 dB to 0 dB as numbers from -2 to 2."""
    return (levels_db - FLOOR_DB / 2) / 20.0


def stretches(edges: tuple[int, ...] | list[int]) -> Tensor:
    """Matrix `(frames, stretches)` that takes the mean over each stretch."""
    means = torch.zeros(edges[-1], len(edges) - 1)
    for column, (first, after) in enumerate(itertools.pairwise(edges)):
        means[first:after, column] = 1.0 / (after - first)
    return means

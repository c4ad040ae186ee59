"""Short-time power spectra of the sounds as they are, which spectral centroid and noisiness share."""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.audio.descriptors.front_end import Prepared, power
from creativeml.audio.lengths import fast_size

FRAME_S = 2048 / 44_100
"""46 ms: long enough to tell partials 45 Hz apart, short enough to follow a drum."""


def frame_samples(sample_rate: int) -> int:
    """Samples per frame and transform, the same time at every sample rate."""
    return fast_size(round(FRAME_S * sample_rate))


def frequencies(sample_rate: int) -> Tensor:
    """Frequency of each bin in Hz: (frame_samples // 2 + 1,) float64."""
    size = frame_samples(sample_rate)
    return torch.arange(size // 2 + 1, dtype=torch.float64) * (sample_rate / size)


def frame_power(sounds: Tensor, sample_rate: int, prepared: Prepared) -> Tensor:
    """Squared magnitudes (n, frames, bins) under Hann windows with three quarters of overlap, the first centred on the
    beginning of the sound, silence around it. Scaled so that a sine of amplitude 1 on a bin has 1 there."""

    def make() -> Tensor:
        size = frame_samples(sample_rate)
        hop = size // 4
        flat = sounds.reshape(-1, sounds.shape[-1])
        # To a whole number of hops, so that the last frame holds the end.
        padded = torch.nn.functional.pad(flat, (size // 2, size // 2 + -flat.shape[-1] % hop))
        window = torch.hann_window(size, dtype=sounds.dtype, device=sounds.device) * (4.0 / size)
        return power(torch.fft.rfft(padded.unfold(-1, size, hop) * window))

    return prepared.keep("frame_power", make)

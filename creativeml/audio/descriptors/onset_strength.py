"""How much the spectrum grows from frame to frame: the onset strength that the reference takes from librosa.

After S. Böck, G. Widmer (2013), "Maximum filter vibrato suppression for onset detection", in the simple form (no
maximum filter) of librosa 0.9 (McFee et al. 2015, "librosa: Audio and music signal analysis in Python").
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor
from torch.nn import functional

WINDOW, HOP = 2048, 512
_BANDS = 128
_LEAST_POWER = 1e-10
RANGE_DB = 80.0


def onset_strength(sounds: Tensor, sample_rate: int) -> Tensor:
    """Mean over 128 mel bands of the rise in level [dB] since the frame before.

    Args:
        sounds: (n, samples).
        sample_rate: in Hz.

    Returns:
        (n, 1 + samples // 512); value t belongs to sample 512 t. Levels 80 dB below the highest of the sound, or
        below -100 dB, count as silent.
    """
    decibels = mel_decibels(hann_power(sounds), sample_rate)
    floor = decibels.amax((-2, -1), keepdim=True) - RANGE_DB
    return rises(torch.maximum(decibels, floor)).mean(-1)


def rises(decibels: Tensor) -> Tensor:
    """(n, frames, bands) → the same: what each band rises by, two frames late so that it lies at the attack."""
    rise = (decibels[:, 1:] - decibels[:, :-1]).clamp(min=0)
    return functional.pad(rise, (0, 0, 1 + WINDOW // (2 * HOP), 0))[:, : decibels.shape[1]]


def hann_spectrum(sounds: Tensor) -> Tensor:
    """(n, 1 + samples // 512, 1025) complex: frames of 2048 samples centred on samples 512 t, silence around."""
    window = torch.hann_window(WINDOW, dtype=sounds.dtype, device=sounds.device)
    padded = functional.pad(sounds, (WINDOW // 2, WINDOW // 2))
    return torch.fft.rfft(padded.unfold(-1, WINDOW, HOP) * window)


def hann_power(sounds: Tensor) -> Tensor:
    """Squared magnitudes of `hann_spectrum`."""
    spectrum = hann_spectrum(sounds)
    return spectrum.real.square() + spectrum.imag.square()


def mel_decibels(powers: Tensor, sample_rate: int) -> Tensor:
    """(n, frames, 1025) → (n, frames, 128): level of the mel bands in dB, at least -100."""
    mel = powers @ mel_filters(sample_rate).to(powers)
    return 10 * torch.log10(mel.clamp(min=_LEAST_POWER))


@functools.lru_cache(maxsize=8)
@torch.inference_mode(False)
def mel_filters(sample_rate: int) -> Tensor:
    """(1025, 128) float64: triangles on Slaney's mel scale (linear to 1 kHz, then logarithmic), of equal area."""
    highest = 15 + math.log(sample_rate / 2000) / (math.log(6.4) / 27)
    mel = torch.linspace(0, highest, _BANDS + 2, dtype=torch.float64, device="cpu")
    edges = torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp((mel - 15) * (math.log(6.4) / 27)))[:, None]
    bins = torch.arange(WINDOW // 2 + 1, dtype=torch.float64, device="cpu") * sample_rate / WINDOW
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    triangles = torch.minimum(rising, falling).clamp(min=0) * (2 / (edges[2:] - edges[:-2]))
    return triangles.T.contiguous()

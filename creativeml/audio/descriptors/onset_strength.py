"""How much the spectrum grows from frame to frame: the onset strength that the reference takes from librosa.

After S. Böck, G. Widmer (2013), "Maximum filter vibrato suppression for onset detection", in the simple form (no
maximum filter) of librosa 0.9 (McFee et al. 2015, "librosa: Audio and music signal analysis in Python").
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from creativeml.audio.slaney_mel import slaney_filters

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
    mel = powers @ slaney_filters(sample_rate, WINDOW, _BANDS, 0.0, sample_rate / 2).to(powers)
    return 10 * torch.log10(mel.clamp(min=_LEAST_POWER))

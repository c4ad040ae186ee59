"""A filter that stands still and gives one sound the mean spectrum of another."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from creativeml.audio.log_mel import hz_to_mel, mel_filters, power_spectrogram
from creativeml.models.transfer.texture_net import window_samples
from creativeml.synthesis.style_transfer.quantiles import interpolated

WINDOW_S = 0.186
"""Long enough to tell partials apart that the frames of the moving filter cannot."""
BANDS = 96
_LOW_HZ, _HIGH_HZ = 30.0, 16000.0
_MOST_DB = 15.0
_FLOOR_DB = -90.0


def colour_power(sound: Tensor, sample_rate: int) -> Tensor:
    """`(samples,)` → power of each frame in each of the `BANDS`, `(bands, frames)`."""
    window = window_samples(WINDOW_S, sample_rate)
    return _filters(sample_rate).mT @ power_spectrogram(sound[None], window, window // 4)[0]


class Equaliser:
    """From one mean spectrum to another by at most 15 dB a band, with the least delay that such a filter can have.

    It is minimum-phase, so nothing rings before a hit. Its phases follow from its gains by the cepstrum (A. V.
    Oppenheim, R. W. Schafer, "Discrete-time signal processing", 1989, on homomorphic filters).

    Args:
        source, target: mean power of each band as `colour_power` has it, `(BANDS,)`.
        sample_rate: in Hz.
    """

    def __init__(self, source: Tensor, target: Tensor, sample_rate: int) -> None:
        levels = [_levels(power.double()) for power in (source, target)]
        self._gains = (levels[1] - levels[0]).clamp(-_MOST_DB, _MOST_DB)
        self._rate = sample_rate

    def render(self, sound: Tensor, strength: float) -> Tensor:
        """Channels `(channels, samples)` → the same, with so much of the gains in decibels."""
        impulse = self._impulse(strength)
        size = _fast_size(sound.shape[-1] + len(impulse))
        spectra = torch.fft.rfft(sound, size) * torch.fft.rfft(impulse, size)
        return torch.fft.irfft(spectra, size)[..., : sound.shape[-1]]

    def _impulse(self, strength: float) -> Tensor:
        size = window_samples(WINDOW_S, self._rate)
        mel = torch.tensor([hz_to_mel(n * self._rate / size) for n in range(size // 2 + 1)], dtype=torch.float64)
        high = min(_HIGH_HZ, self._rate / 2)
        centres = torch.linspace(hz_to_mel(_LOW_HZ), hz_to_mel(high), BANDS + 2, dtype=torch.float64)[1:-1]
        gains = interpolated(mel[None], centres[None], self._gains[None])[0] * (strength * math.log(10) / 20)
        cepstrum = torch.fft.irfft(gains.to(torch.complex128), size)
        cepstrum[1 : size // 2] *= 2.0
        cepstrum[size // 2 + 1 :] = 0.0
        return torch.fft.irfft(torch.exp(torch.fft.rfft(cepstrum)), size).float()


def _levels(power: Tensor) -> Tensor:
    return 10.0 * torch.log10(power + 10.0 ** (_FLOOR_DB / 10.0) * power.max() + 1e-30)


@lru_cache(maxsize=4)
def _filters(sample_rate: int) -> Tensor:
    return mel_filters(sample_rate, window_samples(WINDOW_S, sample_rate), BANDS, _LOW_HZ, _HIGH_HZ)


def _fast_size(least: int) -> int:
    """The smallest 2^k or 3 * 2^k that is not below `least`."""
    power = 1 << (least - 1).bit_length()
    return power * 3 // 4 if power * 3 // 4 >= least else power

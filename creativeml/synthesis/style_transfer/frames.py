"""Short-time spectra of one window length, and envelopes of mel bands in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.audio.log_mel import mel_filters
from creativeml.models.transfer.texture_net import window_samples

WINDOW_S = 0.023
"""Short enough that a filter that changes from frame to frame does not ring before a hit."""
BANDS = 32
LOW_HZ, HIGH_HZ = 40.0, 16000.0
LEAST = 1e-10
"""Power (-100 dB) that is added before logarithms and divisions."""


@dataclass(frozen=True)
class Frames:
    """Transforms at one sample rate.

    Attributes:
        sample_rate: in Hz.
    """

    sample_rate: int

    @cached_property
    def window(self) -> int:
        """Samples of the window, a power of 2."""
        return window_samples(WINDOW_S, self.sample_rate)

    @property
    def hop(self) -> int:
        """Samples from frame to frame."""
        return self.window // 4

    @property
    def hop_s(self) -> float:
        """The same in seconds."""
        return self.hop / self.sample_rate

    def analyse(self, sound: Tensor) -> Tensor:
        """`(..., samples)` → spectra `(..., bins, frames)`, a full-scale sine having magnitude 1."""
        flat = sound.reshape(-1, sound.shape[-1])
        spectra = torch.stft(
            flat,
            self.window,
            self.hop,
            window=torch.hann_window(self.window),
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        return spectra.view(*sound.shape[:-1], *spectra.shape[1:]) * (4.0 / self.window)

    def synthesise(self, spectra: Tensor, samples: int) -> Tensor:
        """The inverse of `analyse`; spectra that no sound has give the sound whose spectra are nearest."""
        flat = spectra.reshape(-1, *spectra.shape[-2:]) * (self.window / 4.0)
        sound = torch.istft(flat, self.window, self.hop, window=torch.hann_window(self.window), length=samples)
        return sound.view(*spectra.shape[:-2], samples)

    @cached_property
    def filters(self) -> Tensor:
        """`(bins, bands)`: each column averages the power of a band."""
        return mel_filters(self.sample_rate, self.window, BANDS, LOW_HZ, HIGH_HZ)

    @cached_property
    def spread(self) -> Tensor:
        """`(bins, bands)`: what each bin takes of the gains of the bands around it; rows sum to 1."""
        shares = self.filters / self.filters.amax(0)
        # Bins below the first and above the last band follow that band.
        shares[: int(shares[:, 0].argmax())] = F.one_hot(torch.tensor(0), BANDS).float()
        shares[int(shares[:, -1].argmax()) :] = F.one_hot(torch.tensor(BANDS - 1), BANDS).float()
        empty = shares.sum(1) == 0
        if bool(empty.any()):
            full = (~empty).nonzero()[:, 0]
            nearest = (empty.nonzero() - full).abs().argmin(1)
            shares[empty] = shares[full[nearest]]
        return shares / shares.sum(1, keepdim=True)

    def power(self, spectra: Tensor) -> Tensor:
        """`(..., bins, frames)` → mean power of each band `(..., bands, frames)`."""
        squares = spectra.real.square() + spectra.imag.square()
        return self.filters.mT @ squares

    def smoothed(self, power: Tensor, seconds: float) -> Tensor:
        """Power `(bands, frames)` averaged over time by a Hann window of about this length."""
        half = max(1, round(seconds / self.hop_s / 2))
        window = torch.hann_window(2 * half + 1, periodic=False)
        window = window / window.sum() if window.sum() > 0 else torch.ones(1)
        padded = F.pad(power[None], (half, half), mode="replicate" if power.shape[1] > 1 else "constant")
        return F.conv1d(padded[0][:, None], window[None, None])[:, 0]


def to_db(power: Tensor) -> Tensor:
    """10 log10 of a power, -100 for nothing."""
    return 10.0 * torch.log10(power + LEAST)


def to_gain(decibels: Tensor) -> Tensor:
    """The factor on amplitudes that decibels stand for."""
    return torch.exp(decibels * (2.302585093 / 20.0))

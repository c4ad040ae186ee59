"""Pseudo quadrature mirror filterbank: a signal as critically sampled bands of equal width, and back.

Nguyen, "Near-perfect-reconstruction pseudo-QMF banks" (1994); cosine modulation of one low-pass prototype.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PQMF(nn.Module):
    """Analysis and synthesis with `bands` bands.

    Args:
        bands: number of bands, each sampled at 1 / bands of the rate.
        taps_per_band: the prototype has `2 * bands * taps_per_band + 1` taps.
        beta: of the prototype's Kaiser window; 9 attenuates the stop band by about 90 dB.
    """

    analysis: Tensor
    polyphase: Tensor

    def __init__(self, bands: int, *, taps_per_band: int = 6, beta: float = 9.0) -> None:
        super().__init__()
        self.bands = bands
        prototype = _prototype(bands, taps_per_band, beta)
        order = len(prototype) - 1
        n = torch.arange(order + 1, dtype=torch.float64) - order / 2
        k = torch.arange(bands, dtype=torch.float64)[:, None]
        phase = torch.where(k % 2 == 0, 1.0, -1.0) * math.pi / 4
        angle = (2 * k + 1) * math.pi / (2 * bands) * n
        self.order = order
        self.register_buffer("analysis", (2 * prototype * torch.cos(angle + phase)).float()[:, None], persistent=False)
        synthesis = (2 * prototype * torch.cos(angle - phase)).float()
        # Synthesis at the low rate: the bands' filters split into `bands` phases, so no zero is ever multiplied.
        self.register_buffer("polyphase", self._polyphase(synthesis), persistent=False)

    def _polyphase(self, synthesis: Tensor) -> Tensor:
        bands, half = self.bands, self.order // 2
        reach = -(-half // bands)
        kernel = torch.zeros(bands, bands, 2 * reach + 1)
        for phase in range(bands):
            for shift in range(-reach, reach + 1):
                # Output sample m * bands + phase takes band sample m + shift through this tap.
                tap = phase - shift * bands + half
                if 0 <= tap <= self.order:
                    kernel[phase, :, shift + reach] = synthesis[:, tap]
        return kernel * bands

    def analyze(self, sound: Tensor) -> Tensor:
        """`(b, n)` → `(b, bands, n / bands)`; n must be a multiple of `bands`."""
        kernel = self.analysis.flip(-1)
        return F.conv1d(F.pad(sound[:, None], (self.order // 2, self.order // 2)), kernel, stride=self.bands)

    def synthesize(self, bands: Tensor) -> Tensor:
        """`(b, bands, t)` → `(b, bands * t)`."""
        phases = F.conv1d(bands, self.polyphase, padding=self.polyphase.shape[-1] // 2)
        return phases.transpose(1, 2).flatten(1)


def _prototype(bands: int, taps_per_band: int, beta: float) -> Tensor:
    """Kaiser-windowed sinc whose cut-off makes neighbouring bands add up to a flat response."""
    order = 2 * bands * taps_per_band
    n = torch.arange(order + 1, dtype=torch.float64) - order / 2
    window = torch.kaiser_window(order + 1, periodic=False, beta=beta, dtype=torch.float64)

    def design(cutoff: float) -> Tensor:
        return cutoff * torch.sinc(cutoff * n) * window

    def ripple(cutoff: float) -> float:
        # The autocorrelation must vanish at multiples of 2 * bands (power-complementary neighbours).
        h = design(cutoff)
        correlation = F.conv1d(h[None, None], h[None, None], padding=order).flatten()
        return float(correlation[order :: 2 * bands][1:].abs().max())

    # Golden-section search; the optimum lies near 1 / (2 * bands) in units of the Nyquist frequency.
    low, high = 0.7 / (2 * bands), 1.6 / (2 * bands)
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(40):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        if ripple(a) < ripple(b):
            high = b
        else:
            low = a
    return design((low + high) / 2)

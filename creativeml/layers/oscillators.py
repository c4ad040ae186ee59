"""A few damped sine oscillators: the body of kicks, toms and snares, which noise and short windows draw badly.

StyleWaveGAN's author reports that an oscillator bank beside the network helps strongly modal sounds (thesis, 2023; the
idea of harmonic synthesis in networks is DDSP's, Engel et al. 2020). The bank here runs at a low rate, so it costs
next to nothing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from creativeml.layers.equalized import EqualLinear

TUNING_NEPERS = 0.4
"""Spread of the frequencies over styles at the start, before `REACH_NEPERS` bounds it."""
REACH_NEPERS = 0.25
"""How far a frequency can be tuned from where it rests, 4 semitones. Oscillators that rest twice as far apart never
meet: two at nearly the same frequency beat, which turns a kick into a wobble."""
SWEEP_NEPERS = 0.5
MAX_SWEEP_NEPERS = 1.6
"""No skin starts more than 5 times as high as it rests; higher, a kick becomes the shot of a toy laser."""
SWEEP_S = 0.02
SHORTEST_SWEEP, LONGEST_SWEEP = -2.0, 1.5
"""Nepers of the sweep's time constant around `SWEEP_S`: 3 to 90 ms."""


class OscillatorBank(nn.Module):
    """Sines whose frequency starts high and falls exponentially to its resting value, as a struck skin does.

    Args:
        resting_hz: frequency of each oscillator for the average style.
        style_dim: size of the style.
        sample_rate: of the signal that is made, in Hz; no oscillator passes 0.45 of it.
    """

    resting: Tensor

    def __init__(self, resting_hz: tuple[float, ...], style_dim: int, *, sample_rate: float) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.register_buffer("resting", torch.tensor(resting_hz).log(), persistent=False)
        self.to_tuning = EqualLinear(style_dim, len(resting_hz))
        self.to_sweep = EqualLinear(style_dim, 2)

    def frequencies(self, style: Tensor, samples: int) -> Tensor:
        """`style (b, style_dim)` → frequency of each oscillator over time, `(b, oscillators, samples)` in Hz."""
        # bfloat16 would put them out of tune, by up to 8 cents.
        with torch.autocast(style.device.type, enabled=False):
            tuned, (depth, speed) = self.to_tuning(style.float()), self.to_sweep(style.float()).unbind(1)
        tuning = self.resting + REACH_NEPERS * torch.tanh(tuned * (TUNING_NEPERS / REACH_NEPERS))
        time_constant = SWEEP_S * torch.exp(speed.clamp(SHORTEST_SWEEP, LONGEST_SWEEP))
        time = torch.arange(samples, device=style.device) / self.sample_rate
        height = MAX_SWEEP_NEPERS * torch.tanh(nn.functional.softplus(depth) * (SWEEP_NEPERS / MAX_SWEEP_NEPERS))
        sweep = height[:, None] * torch.exp(-time / time_constant[:, None])
        # A product of two exponentials instead of the exponential of a sum, which would be taken six times as often.
        return (torch.exp(tuning)[:, :, None] * torch.exp(sweep)[:, None, :]).clamp(max=0.45 * self.sample_rate)

    def forward(self, amplitudes: Tensor, style: Tensor) -> Tensor:
        """Sum of the oscillators.

        Args:
            amplitudes: `(b, oscillators, samples)`.
            style: `(b, style_dim)`.

        Returns:
            `(b, samples)`; every oscillator starts at a zero crossing.
        """
        radians = self.frequencies(style, amplitudes.shape[-1]) * (2.0 * math.pi / self.sample_rate)
        # torch adds up in double precision by itself; what runs a traced model (ONNX Runtime) does not.
        wide = radians.double() if torch.compiler.is_compiling() else radians
        phase = torch.cumsum(wide, dim=-1).to(radians.dtype)
        return (amplitudes * torch.sin(phase - phase[..., :1])).sum(1)

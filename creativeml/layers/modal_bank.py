"""Many steady partials at little cost: the ring of cymbals, bells and metal, which noise in bands only blurs.

Modal synthesis adds a sine for every mode of vibration of a struck body (Adrien 1991, "The missing link: modal
synthesis"). Here each mode is drawn into the frames of an overlap-add synthesis: within a frame amplitude and frequency
are constant, so that a frame is a product of two small matrices, modes' phasors times windowed sines, and no sine is
taken at every sample.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from creativeml.layers.equalized import EqualLinear


class ModalBank(nn.Module):
    """Sines of constant frequency, evenly spaced on a logarithmic scale and tuned by the style without ever meeting.

    Args:
        modes: number of sines.
        lowest_hz, highest_hz: frequencies between which they rest.
        style_dim: size of the style.
        sample_rate: in Hz.
        n_fft, hop: length of a frame, and samples from one to the next.
    """

    def __init__(
        self,
        modes: int,
        lowest_hz: float,
        highest_hz: float,
        style_dim: int,
        *,
        sample_rate: int,
        n_fft: int,
        hop: int,
    ) -> None:
        super().__init__()
        self.hop = hop
        spacing = math.log(highest_hz / lowest_hz) / modes
        self.reach = 0.45 * spacing
        """How far a mode can be tuned from where it rests, in nepers."""
        places = torch.arange(modes) + 0.5
        self.register_buffer("resting", lowest_hz * torch.exp(spacing * places), persistent=False)
        self.register_buffer("time", (torch.arange(n_fft) - n_fft // 2) / sample_rate, persistent=False)
        # Any phases will do that lie far apart (golden ratio); one for all would make a click of the first frame.
        phases = 2 * math.pi * (torch.arange(modes, dtype=torch.float64) * 0.6180339887498949 % 1.0)
        self.register_buffer("phases", phases.float(), persistent=False)
        self.sample_rate = sample_rate
        self.to_tuning = EqualLinear(style_dim, modes)

    def tuning(self, style: Tensor) -> Tensor:
        """`style (b, style_dim)` → `(b, modes)` between -1 and 1: how far each is from where it rests, of its reach."""
        # bfloat16 has 21 values between one end of the reach and the other.
        with torch.autocast(style.device.type, enabled=False):
            return torch.tanh(self.to_tuning(style.float()))

    def frequencies(self, style: Tensor) -> Tensor:
        """`style (b, style_dim)` → `(b, modes)` in Hz."""
        return self.resting * torch.exp(self.reach * self.tuning(style))

    def add_to(self, frames: Tensor, amplitudes: Tensor, style: Tensor, window: Tensor) -> Tensor:
        """Frames of an overlap-add synthesis with the modes in them; the first is centred on sample 0.

        Args:
            frames: `(b, frames, n_fft)`.
            amplitudes: `(b, frames, modes)`.
            style: `(b, style_dim)`.
            window: `(n_fft,)` that the modes are multiplied by.

        Returns:
            `(b, frames, n_fft)`.
        """
        radians = 2.0 * math.pi * self.frequencies(style)
        starts = torch.arange(amplitudes.shape[1], device=style.device) * (self.hop / self.sample_rate)
        # cos(phase + ωt) = cos(phase) cos(ωt) - sin(phase) sin(ωt)
        phase = starts[:, None] * radians[:, None, :] + self.phases
        phasors = torch.cat([amplitudes * torch.cos(phase), -amplitudes * torch.sin(phase)], dim=2)
        angle = radians[:, :, None] * self.time
        # In bfloat16 the product would have a noise floor of -50 dB, and what it is added to as well.
        with torch.autocast(frames.device.type, enabled=False):
            return torch.baddbmm(frames, phasors, torch.cat([torch.cos(angle), torch.sin(angle)], dim=1) * window)

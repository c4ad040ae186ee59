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

STEP_FRAMES = 32


class ModalBank(nn.Module):
    """Sines of constant frequency, evenly spaced on a logarithmic scale and tuned by the style without ever meeting.

    Args:
        modes: number of sines.
        lowest_hz, highest_hz: frequencies between which they rest.
        style_dim: size of the style.
        sample_rate: in Hz.
        n_fft, hop: length of a frame, and samples from one to the next.
    """

    resting: Tensor
    time: Tensor
    phases: Tensor

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
        """Add the modes to frames of an overlap-add synthesis, the first of which is centred on sample 0.

        Args:
            frames: `(b, frames, n_fft)`, changed in place.
            amplitudes: `(b, frames, modes)`.
            style: `(b, style_dim)`.
            window: `(n_fft,)` that the modes are multiplied by.

        Returns:
            The frames.
        """
        hz = self.frequencies(style)
        turned = self._phases(hz, amplitudes.shape[1]).unflatten(2, (2, -1))
        phasors = (amplitudes[:, :, None] * turned).flatten(2)
        angle = 2.0 * math.pi * hz[:, :, None] * self.time
        sines = torch.cat([torch.cos(angle), -torch.sin(angle)], dim=1) * window
        # In bfloat16 the product would have a noise floor of -50 dB, and what it is added to as well.
        with torch.autocast(frames.device.type, enabled=False):
            return frames.baddbmm_(phasors, sines)

    def _phases(self, hz: Tensor, frames: int) -> Tensor:
        """Cosines, then sines, of the modes' phases at the middle of each frame: `(b, frames, 2 * modes)`.

        Frame 32 m + n turns by what m and n turn by, which takes a tenth of the cosines.
        """
        turns = hz * (self.hop / self.sample_rate)
        # Whole turns first: many of them would take the digits that the rest needs.
        turns = (turns - turns.detach().floor())[:, None]
        steps = torch.arange(-(-frames // STEP_FRAMES), device=hz.device)[:, None] * STEP_FRAMES
        coarse = 2.0 * math.pi * (steps * turns).remainder(1.0) + self.phases
        fine = 2.0 * math.pi * (torch.arange(STEP_FRAMES, device=hz.device)[:, None] * turns).remainder(1.0)
        (c, s), (c_fine, s_fine) = ((x.cos(), x.sin()) for x in (coarse[:, :, None], fine[:, None]))
        # Both halves of each product at once, so that the large tensors are gone through twice and not six times.
        halves = [torch.cat(pair, dim=3) for pair in ((c, s), (-s, c), (c_fine, c_fine), (s_fine, s_fine))]
        both = torch.addcmul(halves[0] * halves[2], halves[1], halves[3])
        return both.flatten(1, 2)[:, :frames]

"""A small conditional variational autoencoder of drum sounds, a baseline without a critic.

Kingma and Welling, "Auto-encoding variational Bayes" (ICLR 2014, arXiv 1312.6114), conditioned on the kind (Sohn et al.
2015). The encoder is `creativeml.models.gans.encoder.SoundEncoder`; this file is the decoder.

A decoder that draws a spectrogram would leave open where the phases come from. Here it draws the parameters of a
Gaussian process instead, one for each bin of the demodulated short-time spectrum X:

    X[t] = m[t] + s[t] U[t],    U[t] = a[t] U[t-1] + sqrt(1 - |a[t]|^2) e[t],    e complex Gaussian of variance 1

`m` is what is the same in every such sound, phase included (the onset); `s` is the level of the rest; `a` says how much
of the rest carries over from the frame before, and by its angle at which frequency. A tone has |a| near 1, noise has
the `a` with which neighbouring windows overlap. So recordings have a likelihood, phases included, and a sound is drawn
without a search for phases. (Bins that are Gaussian, each with a level of its own, are the model behind the
Itakura-Saito distance, Fevotte et al. 2009; that they remember the frame before is our addition.)

What is maximised is the pairwise likelihood, that of each frame beside the one before it (a composite likelihood, Varin
et al. 2011): half of it is that of each frame by itself. The likelihood of the whole hears a level only when it
changes, and small errors add up from frame to frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.audio.instantaneous_frequency import demodulated_stft, inverse_demodulated_stft
from creativeml.layers.picture import PictureDecoder
from creativeml.models.gans.condition import Kind, kind_shares
from creativeml.models.picture_config import PictureConfig
from creativeml.models.registry import register

FLOOR_DB = -90.0
"""Level of the noise that every bin has at least: what lies below it need not be explained."""
_START_LOG_LEVEL = -2.5
"""Logarithm of `s` before training: high, since what is louder than expected costs more than what is quieter."""
_LOG_LEVEL_GAIN = 4.0
_MOST_CARRIED = 4.5
"""|a| is at most the hyperbolic tangent of this: a bin keeps at least -33 dB of noise."""


@dataclass(frozen=True)
class DrumVAEConfig(PictureConfig):
    """Shape of the decoder."""


class Process(NamedTuple):
    """Parameters of the process of each sound, each `(b, bins, frames)`.

    Attributes:
        level: `s`, a full-scale sine being 1.
        mean: `m / s`, complex.
        carried: `a`, complex, within the unit circle.
        fresh: 1 - |a|^2.
    """

    level: Tensor
    mean: Tensor
    carried: Tensor
    fresh: Tensor


@register("drum_vae", DrumVAEConfig)
class DrumVAE(nn.Module):
    """The decoder.

    Args:
        config: its shape.
    """

    def __init__(self, config: DrumVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder = PictureDecoder(
            config.latent_dim + config.condition_dim,
            5,
            config.coarsest,
            config.channels,
            convs_per_level=config.convs_per_level,
            patch=config.patch,
        )
        # Levels that differ at random before training would be far too low somewhere, and take long to unlearn.
        with torch.no_grad():
            self.decoder.to_picture.weight.mul_(0.1)
        window = torch.hann_window(config.window_samples, dtype=torch.float64)
        power, hop = window.square().sum(), config.hop_samples
        # How alike the spectra of white noise are from frame to frame, and what makes their bins have variance 1.
        self.overlap = float((window[hop:] * window[:-hop]).sum() / power)
        self.noise_gain = config.window_samples / (4.0 * math.sqrt(power))

    def condition_for(self, kinds: Sequence[Kind]) -> Tensor:
        """Condition vectors of kinds by name, or of mixtures: `(len(kinds), condition_dim)`.

        Raises:
            CreativeMLError: a kind that the model does not know.
        """
        return kind_shares(kinds, self.config.kinds, self.decoder.start.weight.device)

    def noise_shapes(self) -> tuple[tuple[int, ...], ...]:
        """White noise, as long as the sound."""
        return ((self.config.length_samples,),)

    def forward(
        self,
        latent: Tensor,
        condition: Tensor,
        *,
        noise: Sequence[Tensor] | None = None,
        truncation: float = 1.0,
        observed: Tensor | None = None,
    ) -> Tensor:
        """Sounds of latents.

        Args:
            latent: `(b, latent_dim)`, standard normal.
            condition: `(b, condition_dim)`.
            noise: white noise of variance 1 `(b, length_samples)`; drawn afresh if None.
            truncation: factor on the latent; at 0 a kind has one sound but for the noise, 1 is as trained.
            observed: recordings `(b, length_samples)`. If given, nothing is drawn: the result is how badly the latents
                explain them (through this one entry, so that wrappers for several devices see it).

        Returns:
            Sounds `(b, length_samples)`, nominally within ±1 (nothing clamps them), or `surprise` of each recording
            `(b,)`; float32.
        """
        # A single kind has as much power per entry as the latent has.
        kind = condition * len(self.config.kinds) ** 0.5
        process = self._process(torch.cat([latent * truncation, kind], dim=1))
        if observed is not None:
            return surprise(self._spectrum(observed), process)
        if noise is None:
            noise = [torch.randn(len(latent), *shape, device=latent.device) for shape in self.noise_shapes()]
        return inverse_demodulated_stft(draw(process, self._innovations(noise[0])), self.config.hop_samples)

    def _spectrum(self, sounds: Tensor) -> Tensor:
        return demodulated_stft(sounds, self.config.window_samples, self.config.hop_samples)

    def _process(self, vector: Tensor) -> Process:
        drawn = self.decoder(vector)
        mean, turned = (torch.complex(drawn[:, i], drawn[:, i + 1]) for i in (0, 2))
        level = torch.exp(_START_LOG_LEVEL + _LOG_LEVEL_GAIN * drawn[:, 4])
        # Before training a bin carries over as much as noise does.
        turned = turned + math.atanh(self.overlap)
        size = turned.abs() + 1e-6
        bounded = _MOST_CARRIED * torch.tanh(size / _MOST_CARRIED)
        return Process(
            torch.hypot(level, level.new_tensor(10.0 ** (FLOOR_DB / 20.0))),
            mean,
            turned * (torch.tanh(bounded) / size),
            torch.cosh(bounded).square().reciprocal(),
        )

    def _innovations(self, noise: Tensor) -> Tensor:
        """`e`, such that bins which carry over as noise does give back the spectrum of `noise`: that is the spectrum of
        a sound, which independent numbers are not, and so nothing of it is lost on the way to sound."""
        spectrum = self._spectrum(noise) * self.noise_gain
        fresh = (spectrum[..., 1:] - self.overlap * spectrum[..., :-1]) / math.sqrt(1.0 - self.overlap**2)
        return torch.cat([spectrum[..., :1], fresh], dim=-1)


def surprise(spectrum: Tensor, process: Process) -> Tensor:
    """Negative logarithm of the pairwise likelihood: `(b, bins, frames)` → `(b,)`, the mean over bins and frames, in
    nats, without the constant log pi."""
    level, mean, carried, fresh = process
    rest = spectrum / level - mean
    innovation = rest - carried * F.pad(rest, (1, 0))[..., :-1]
    # The first frame carries over nothing.
    fresh = torch.cat([torch.ones_like(fresh[..., :1]), fresh[..., 1:]], dim=-1)
    alone = _square(rest) + 2.0 * level.log()
    after = _square(innovation) / fresh + fresh.log() + 2.0 * level.log()
    return 0.5 * (alone + after).mean((1, 2))


def draw(process: Process, innovations: Tensor) -> Tensor:
    """Run the process: innovations `(b, bins, frames)` complex → spectrum of that shape."""
    driven = innovations * torch.cat([torch.ones_like(process.fresh[..., :1]), process.fresh[..., 1:].sqrt()], dim=-1)
    state = torch.zeros_like(driven[..., 0])
    states = []
    for carried, fresh in zip(process.carried.unbind(-1), driven.unbind(-1), strict=True):
        state = torch.addcmul(fresh, carried, state)
        states.append(state)
    return process.level * (process.mean + torch.stack(states, dim=-1))


def _square(x: Tensor) -> Tensor:
    return torch.view_as_real(x).square().sum(-1)

"""The *texture* method: the statistics of networks are brought to those of the style by descending their gradient."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from creativeml.models.transfer.texture_net import LEVEL, TextureNetConfig
from creativeml.synthesis.style_transfer.chunks import Stretch, stretches
from creativeml.synthesis.style_transfer.downmix import downmix, downmix_of
from creativeml.synthesis.style_transfer.envelopes import ducked, imposed, panned, rhythm, steadied, struck
from creativeml.synthesis.style_transfer.frames import Frames, to_db, to_gain
from creativeml.synthesis.style_transfer.hits import find_hits
from creativeml.synthesis.style_transfer.material import Material
from creativeml.synthesis.style_transfer.profile import Profile, levels_as_often, profile_of
from creativeml.synthesis.style_transfer.spectral import SpectralTransfer
from creativeml.synthesis.style_transfer.texture_loss import Statistics, TextureLoss, between

_QUIET_DB = -50.0
"""Stretches so far below the whole are left as they start: there is nothing to hear in them."""
_STRETCH_S = 10.0
_WARM_UP, _COOL_DOWN = 3, 0.4


@dataclass(frozen=True)
class TextureConfig:
    """The search.

    Attributes:
        coarse_steps: with the coarsest scale alone, before all others.
        steps: with all of them.
        learning_rate: of Adam: by how much of itself a bin changes in a step.
        rhythm_weight: of the content's rhythm beside the style.
        ear_weight: of the trained layers beside the random ones.
        ear_every: steps of which one asks the trained layers; they cost as much as all others.
        style_s: so much of a style is listened to.
        net: the random network.
    """

    coarse_steps: int = 4
    steps: int = 40
    learning_rate: float = 0.2
    rhythm_weight: float = 0.5
    ear_weight: float = 0.25
    ear_every: int = 2
    style_s: float = 30.0
    net: TextureNetConfig = field(default_factory=TextureNetConfig)


@dataclass(frozen=True)
class Wanted:
    """What a stretch is to become.

    Attributes:
        statistics: Gram matrices.
        envelope: `(bands, frames)` in dB relative to `mean_power`.
        mean_power: `(bands,)`.
    """

    statistics: Statistics
    envelope: Tensor
    mean_power: Tensor


class TextureTransfer:
    """Style as the Gram matrices of networks (Gatys et al. 2016), on sound (Ulyanov and Lebedev 2016, Grinstein et al.
    2018; see `TextureNet` for both), with the content's rhythm held by its envelopes.

    The networks are a random one at three scales and the first layers of the classifier that the package has trained on
    drums (at rates from 40 kHz). It begins with the style's own material, woven from pieces of it and given the
    content's envelopes; 44 steps of Adam then do more than the classical recipe does in hundreds from noise: four with
    the coarsest scale, forty with all. What is varied is a complex factor on each bin of the short-time spectrum of the
    start, as it is heard after the inverse transform: magnitudes and phases together, one factor for all channels, so
    that nothing has to be guessed afterwards and stereo stays.

    By which share the distance from the style fell, by the network of the search and by one that it had not seen, which
    share of onsets stayed (F-measure), and seconds of processor time, on the first two pairs of
    `examples/style_transfer.py`, with 44 steps each:

        what is varied                    loop and rain of hats          loop and another loop
        nothing: the start                0.93  0.91  0.86  -            0.24  0.30  0.67  -
        spectrum with its phases          0.98  0.94  1.00  0.8          0.95  0.89  0.93  0.8
        waveform, Adam                    0.99  0.95  1.00  0.7          0.78  0.70  0.93  0.6
        waveform, L-BFGS                  0.96  0.93  1.00  0.8          0.92  0.83  0.93  0.7
        magnitudes, phases of the start   0.98  0.94  1.00  0.8          0.92  0.87  0.93  0.8
        magnitudes, then Griffin-Lim      0.98  0.93  1.00  1.1          0.94  0.89  0.93  1.0

    Args:
        content: `(samples,)`, all of it, as it is heard, at `LEVEL`.
        style: statistics of the whole style.
        given: the same, `(channels, samples)`, at `LEVEL`.
        frames: of the sample rate.
        timbre: share of the way to the style's statistics and spectrum.
        rhythm_kept: 1 keeps the content's envelopes, 0 leaves the style without them.
        dynamics: as for `SpectralTransfer`.
        seed: of the places of the style that the material is taken from.
        config: the search.
    """

    def __init__(
        self,
        content: Tensor,
        style: Profile,
        given: Tensor,
        frames: Frames,
        *,
        timbre: float = 1.0,
        rhythm_kept: float = 1.0,
        dynamics: float = 0.0,
        seed: int = 0,
        config: TextureConfig | None = None,
    ) -> None:
        self.config = config or TextureConfig()
        self._frames, self._content, self._style = frames, profile_of(content, frames), style
        self._timbre, self._rhythm, self._dynamics = timbre, rhythm_kept, dynamics
        self._spectral = SpectralTransfer(content, style, frames, timbre, dynamics)
        self._material = Material(given, len(content), frames.sample_rate, seed)
        self._hits = [hit.first for hit in find_hits(content, frames.sample_rate)]
        self._struck_power = self._mean_struck(content)
        self._loss = TextureLoss(frames, self.config.net, trained=self.config.ear_weight > 0)
        self._aim = self._loss.statistics(downmix(given)[: round(self.config.style_s * frames.sample_rate)])

    def render(
        self, content: Tensor, part: Stretch, strength: float, on_step: Callable[[int, int], None] | None = None
    ) -> Tensor:
        """A stretch `(channels, samples)` of the content → the same, changed."""
        start, wanted = self.start(content, part, strength)
        level = float(downmix(start).square().mean().sqrt())
        if level < LEVEL * 10.0 ** (_QUIET_DB / 20.0):
            return start
        # Statistics are those of sounds at one level: a quiet stretch is heard as one, and made quiet again.
        gain = LEVEL / level
        wanted = Wanted(wanted.statistics, wanted.envelope, wanted.mean_power * gain**2)
        made = self.refine(start * gain, wanted, strength, on_step) / gain
        spectra = self._frames.analyse(made)
        room = strength * self._rhythm * ducked(self._hits_in(part), spectra.shape[-1], self._frames)
        return self._frames.synthesise(spectra * to_gain(room), made.shape[-1])

    def start(self, content: Tensor, part: Stretch, strength: float) -> tuple[Tensor, Wanted]:
        """Where the search begins, and where it is to end."""
        frames = self._frames
        heard = downmix(content)
        power = steadied(frames.power(frames.analyse(heard)), frames)
        share = strength * self._timbre
        envelope = self._rhythm * rhythm(
            struck(power, self._hits_in(part), frames), self._struck_power
        ) + strength * self._level_change(power)
        material = as_many(self._material.stretch(part.first, part.after), len(content))
        material = imposed(material, envelope, self._style, frames)
        filtered = self._spectral.render(content, strength)
        turn = 0.5 * math.pi * share
        begin = math.cos(turn) * filtered + math.sin(turn) * panned(material, content, frames)
        own = rhythm(power, self._content.power, own=1.0)
        statistics = between(self._loss.statistics(_levelled(heard)), self._aim, share)
        mean_power = torch.lerp(self._content.power.log(), self._style.power.log(), share).exp()
        return begin, Wanted(statistics, torch.lerp(own, envelope, strength), mean_power)

    def refine(
        self, start: Tensor, wanted: Wanted, strength: float, on_step: Callable[[int, int], None] | None = None
    ) -> Tensor:
        """Descend from a start `(channels, samples)`; all channels take the same factors."""
        config, frames = self.config, self._frames
        spectra = frames.analyse(start)
        heard = downmix_of(start, spectra)
        factor = torch.zeros(*heard.shape, 2)
        factor[..., 0] = 1.0
        factor.requires_grad_(True)
        adam = torch.optim.Adam([factor], betas=(0.9, 0.95))
        total = config.coarse_steps + config.steps
        for step in range(total):
            adam.param_groups[0]["lr"] = config.learning_rate * min(1.0, 2 * strength) * _pace(step, total)
            adam.zero_grad(set_to_none=True)
            sound = frames.synthesise(heard * torch.view_as_complex(factor), start.shape[-1])
            self._distance(sound, wanted, step).backward()
            adam.step()
            if on_step is not None:
                on_step(step + 1, total)
        return frames.synthesise(spectra * torch.view_as_complex(factor.detach()), start.shape[-1])

    def _distance(self, sound: Tensor, wanted: Wanted, step: int) -> Tensor:
        config = self.config
        if step < config.coarse_steps:
            return self._loss.coarse(sound, wanted.statistics)
        style, kept = self._loss.style_and_rhythm(
            sound,
            wanted.statistics,
            wanted.envelope,
            wanted.mean_power,
            ear=config.ear_weight * config.ear_every if step % config.ear_every == 0 else 0.0,
            rhythm=self._rhythm > 0,
        )
        return style + config.rhythm_weight * self._rhythm * kept

    def _mean_struck(self, heard: Tensor) -> Tensor:
        """Mean of `struck` over the whole content, `(bands,)`, stretch by stretch."""
        total, count = torch.zeros_like(self._content.power), 0
        for part in stretches(len(heard), round(_STRETCH_S * self._frames.sample_rate), 0):
            power = self._frames.power(self._frames.analyse(heard[part.first : part.after]))
            power = struck(steadied(power, self._frames), self._hits_in(part), self._frames)
            total, count = total + power.sum(1), count + power.shape[1]
        return total / count

    def _hits_in(self, part: Stretch) -> list[int]:
        """Frames of a stretch at which hits begin."""
        return [(hit - part.first) // self._frames.hop for hit in self._hits if part.first <= hit < part.after]

    def _level_change(self, power: Tensor) -> Tensor:
        """What the style's dynamics add to the level of each frame, `(frames,)` in dB."""
        level = to_db(power.sum(0))
        return self._dynamics * (levels_as_often(level, self._content, self._style) - level)


def as_many(sound: Tensor, channels: int) -> Tensor:
    """A sound `(1 or 2, samples)` with so many channels."""
    return sound if len(sound) == channels else sound.mean(0, keepdim=True).expand(channels, -1)


def _levelled(sound: Tensor) -> Tensor:
    return sound * (LEVEL / sound.square().mean().sqrt().clamp_min(1e-9))


def _pace(step: int, total: int) -> float:
    """Share of the learning rate: up over the first steps, down over the last."""
    return min(1.0, (step + 1) / _WARM_UP, max(0.1, (total - step) / (total * _COOL_DOWN)))

"""The *spectral* method: the style's spectrum and how it varies, by filters."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from creativeml.synthesis.style_transfer.downmix import downmix
from creativeml.synthesis.style_transfer.envelopes import balance, ducked
from creativeml.synthesis.style_transfer.equaliser import Equaliser
from creativeml.synthesis.style_transfer.frames import LEAST, Frames, to_db, to_gain
from creativeml.synthesis.style_transfer.hits import find_hits
from creativeml.synthesis.style_transfer.profile import (
    SPAN_DB,
    Profile,
    levels_and_shapes,
    levels_as_often,
    profile_of,
)
from creativeml.synthesis.style_transfer.reach import SHARES, Listener, furthest, probe
from creativeml.synthesis.style_transfer.transport import Transport

_MOST_DB = 24.0
"""By which a band is raised at most: beyond it noise floors would be heard."""
_LEAST_DB = -60.0
_STEADY_S = 0.06


class SpectralTransfer:
    """Three filters, one after the other.

    - An `Equaliser` that stands still brings the mean spectrum near to the style's, in fine bands.
    - The shapes of the spectra (32 bands in dB, relative to the level of the frame) get the distribution that those of
      the style have, by optimal transport (`Transport`): a gain for each band and frame on the spectrum with its phases
      as they are, a zero-phase filter, so attacks stay. Between hits gains change slowly (60 ms), at hits at once, and
      each hit has a little room before it (`ducked`).
    - A band cannot be raised by more than 24 dB; what is missing then, say the treble of a kick, is noise with that
      power.

    Levels of frames stay unless dynamics are wanted: half as they were, half as the equaliser leaves them.

    Args:
        content: `(samples,)`, all of it, as it is heard.
        style: statistics of the whole style.
        frames: of the sample rate.
        timbre: share of the way to the style's spectra.
        dynamics: share of the way from the content's distribution of levels to that of the style, quantile by quantile.
        reach: share of the way of which timbre and strength are shares, or who is to find it.
    """

    def __init__(
        self,
        content: Tensor,
        style: Profile,
        frames: Frames,
        timbre: float,
        dynamics: float,
        reach: float | Listener = 1.0,
    ) -> None:
        self._frames, self._style = frames, style
        self._timbre, self._dynamics = timbre, dynamics
        self._plain = profile_of(content, frames)
        self._equaliser = Equaliser(self._plain.colour, style.colour, frames.sample_rate)
        # What the second filter gets to hear.
        evened = profile_of(content, frames, lambda block: self._equaliser.render(block, 1.0))
        self._transport = Transport(evened.shapes, evened.weights, style.shapes, style.weights)
        self.reach = 1.0
        if isinstance(reach, Listener):
            first, after = probe(content, frames.sample_rate)
            heard, self._timbre = content[None, first:after], 1.0
            self.reach = furthest(SHARES, lambda share: reach.distance(self.render(heard, share)[0]))
        else:
            self.reach = reach
        self._timbre = timbre

    def render(self, content: Tensor, strength: float) -> Tensor:
        """A stretch `(channels, samples)` of the content → the same, changed; channels share their gains."""
        frames, share = self._frames, strength * self._timbre * self.reach
        hits = [hit.first for hit in find_hits(downmix(content), frames.sample_rate)]
        spectra = frames.analyse(self._equaliser.render(content, share))
        evened = spectra if share == 1.0 else frames.analyse(self._equaliser.render(content, 1.0))
        each = frames.power(spectra)
        power = each.mean(0)
        played = frames.power(frames.analyse(content)).mean(0)
        change = self._change(frames.power(evened).mean(0), hits)
        gains = self._gains(power, played, share * change, hits, strength)
        result = spectra * (frames.spread @ to_gain(gains.clamp(_LEAST_DB, _MOST_DB)))
        missing = (power * to_gain(2 * gains) - frames.power(result).mean(0)).clamp_min(0)
        missing = missing * (gains > _MOST_DB)
        if bool((missing > 0).any()):
            result = result + self._noise(content.shape[-1], missing) * (frames.spread @ balance(each, frames))
        return frames.synthesise(result, content.shape[-1])

    def _change(self, power: Tensor, hits: Sequence[int]) -> Tensor:
        """What the transport adds to the bands, steady from hit to hit: `(bands, frames)` in dB."""
        frames = self._frames
        _, shape = levels_and_shapes(power.double())
        change = (self._transport(shape) - shape).float()
        reach = frames.window // (2 * frames.hop)
        ends = sorted({0, *(max(0, hit // frames.hop - reach) for hit in hits), change.shape[1]})
        parts = [frames.smoothed(change[:, a:b], _STEADY_S) for a, b in itertools.pairwise(ends) if b > a]
        return torch.cat(parts, 1)

    def _gains(self, power: Tensor, played: Tensor, change: Tensor, hits: Sequence[int], strength: float) -> Tensor:
        """Gains `(bands, frames)` in dB with which each frame keeps its level: half-way between before and after the
        equaliser.
        """
        louder = played.sum() / power.sum().clamp_min(LEAST)
        level = to_db((power.sum(0) * louder * played.sum(0)).sqrt())
        wanted = level + strength * self._dynamics * (levels_as_often(level, self._plain, self._style) - level)
        after = to_db((power * to_gain(2 * change)).sum(0))
        # Silence stays what it is.
        heard = ((level - self._plain.loudest + SPAN_DB) / 10.0).clamp(0, 1)
        gains = (change + (wanted - after)) * heard
        room = ducked([hit // self._frames.hop for hit in hits], gains.shape[1], self._frames)
        return gains + strength * self._timbre * room

    def _noise(self, samples: int, power: Tensor) -> Tensor:
        """Spectra `(bins, frames)` of noise with a power `(bands, frames)`."""
        frames = self._frames
        noise = frames.analyse(torch.randn(samples, generator=torch.Generator().manual_seed(0)))
        own = frames.power(noise).mean(1, keepdim=True)
        return noise * (frames.spread @ (power / own).sqrt())

"""The *latent* method: hits moved in the latent space of a drum model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from creativeml.errors import CreativeMLError
from creativeml.models.transfer.texture_net import LEVEL
from creativeml.synthesis.autoencoder_space import open_space
from creativeml.synthesis.latent_space import LatentSpace, StyleSpace
from creativeml.synthesis.style_transfer.checks import at_rate
from creativeml.synthesis.style_transfer.chunks import joined, stretches
from creativeml.synthesis.style_transfer.downmix import downmix, level_gain
from creativeml.synthesis.style_transfer.frames import Frames
from creativeml.synthesis.style_transfer.hits import (
    Hit,
    alone,
    evenly,
    find_hits,
    passages,
    placed,
    strike_level,
    strike_levels,
)
from creativeml.synthesis.style_transfer.profile import profile_of
from creativeml.synthesis.style_transfer.reach import SHARES, Listener, furthest, probe
from creativeml.synthesis.style_transfer.spectral import SpectralTransfer

_PEAK = 0.9
_AT_ONCE = 16
_MOST_STYLE_HITS = 24
_FEWEST = 3
_LEAST_RATIO, _MOST_RATIO = 0.5, 1.5
_STRETCH_S, _OVERLAP_S = 10.0, 0.5
_POINTS = (1.0, 0.5)
_SHORT = (0.4, 0.25, 0.1)
"""Shares that are tried where no larger one brings a sound nearer."""
OnStep = Callable[[str, int, int], None]


@dataclass(frozen=True)
class _Way:
    """How far it goes at full strength, as shares of the whole way.

    Attributes:
        points: to those that the style has.
        rest: from the recorded hits to the model's, and to the style's spectra.
    """

    points: float
    rest: float


class LatentTransfer:
    """Adaptive instance normalisation (X. Huang, S. Belongie, "Arbitrary style transfer in real-time with adaptive
    instance normalization", 2017) of the points that hits have in a latent space.

    The content is cut at its onsets; each hit has a point. Mean and deviation of these points, dimension by dimension,
    are moved to those of the style's hits (a style with fewer than three is cut into even pieces), and from there
    half-way to the nearest of these. Deviations are scaled by a half to one and a half, so that a style of one sound
    leaves kick and hat two sounds. What the model makes of the points is played at the same times and levels. With the
    strength the recorded hits are faded into the model's: at 0 there is the content itself, which no model makes again
    to the sample. The model has a colour of its own, so all is filtered as `SpectralTransfer` does.

    How far this goes at full strength is tried on eight seconds: points all the way or half of it, then the rest from
    0.55 to 1, then both together, whichever brings the sound nearest to the style; less where all of these lead away
    from it.

    Args:
        style: `(channels, samples)`.
        sample_rate: of content and style, in Hz.
        timbre: share of the way to the style's mean and deviation.
        seed: which hits of a style with more than 24 are heard.
        space: opened already; that of the default model otherwise.
    """

    def __init__(
        self, style: Tensor, sample_rate: int, *, timbre: float = 1.0, seed: int = 0, space: LatentSpace | None = None
    ) -> None:
        self._space = open_space() if space is None else space
        self._rate, self._timbre = sample_rate, timbre
        self._frames = Frames(sample_rate)
        heard = downmix(style)
        hits = find_hits(heard, sample_rate)
        hits = hits if len(hits) >= _FEWEST else evenly(heard, sample_rate)
        if len(hits) > _MOST_STYLE_HITS:
            drawn = np.random.default_rng(seed).choice(len(hits), _MOST_STYLE_HITS, replace=False)
            hits = [hits[number] for number in sorted(drawn)]
        # What rings on belongs to a style's texture, so here nothing is taken away.
        self._style = self._points(heard, hits)
        heard = heard * (LEVEL / heard.norm() * math.sqrt(len(heard)))
        self._profile, self._listener = profile_of(heard, self._frames), Listener(heard, sample_rate)

    def render(self, content: Tensor, strength: float, on_step: OnStep | None = None) -> Tensor:
        """A whole content `(channels, samples)` → the same, changed.

        Raises:
            CreativeMLError: it has no hits.
        """
        heard = downmix(content)
        hits = find_hits(heard, self._rate)
        if not hits:
            raise CreativeMLError("the content has no hits to be moved; take the method 'texture' or 'spectral'")
        first, after = probe(heard, self._rate)
        points, levels = self._listened(content, heard, hits, on_step)
        del heard
        moved = self._moved(points)
        way = self._furthest(content[:, first:after], first, hits, points, moved, levels)
        made = torch.zeros_like(content)
        moved = torch.lerp(points, moved, strength * self._timbre * way.points)
        for number in self._played(made, hits, moved, levels):
            _tell(on_step, "playing", number + 1, len(hits))
        return self._coloured(_faded(content, made, strength * way.rest), strength, way.rest)

    def _listened(
        self, content: Tensor, heard: Tensor, hits: Sequence[Hit], on_step: OnStep | None
    ) -> tuple[Tensor, Tensor]:
        """Points `(hits, dim)` and levels `(channels, hits)` of the hits of a content, passage by passage."""
        points, levels = [], []
        for passage in passages(len(heard), hits, self._rate):
            if not passage.own:
                continue
            first, after = passage.stretch.first, passage.stretch.after
            lone = alone(heard[None, first:after], passage.hits, self._frames)[0]
            points.append(self._points(lone, passage.own))
            lone = alone(content[:, first:after], passage.hits, self._frames)
            levels.append(strike_levels(lone, passage.own, self._rate))
            _tell(on_step, "listening", passage.after, len(hits))
        return torch.cat(points), torch.cat(levels, 1)

    def _played(self, made: Tensor, hits: Sequence[Hit], points: Tensor, levels: Tensor) -> Iterator[int]:
        """Add what the model makes of points `(hits, dim)` to `made` `(channels, samples)`, hit by hit."""
        for number, (hit, point) in enumerate(zip(hits, points, strict=True)):
            sound = at_rate(self._space.decode(point[None]), self._space.sample_rate, self._rate)[0]
            placed(made, hit, sound, levels[:, number] / strike_level(sound, self._rate), self._rate)
            yield number

    def _furthest(
        self, content: Tensor, first: int, hits: Sequence[Hit], points: Tensor, moved: Tensor, levels: Tensor
    ) -> _Way:
        """Tried on a stretch of the content that begins at `first`."""
        inside = [n for n, hit in enumerate(hits) if first <= hit.first < first + content.shape[-1]]
        if not inside:
            return _Way(1.0, 1.0)
        there = [Hit(hits[n].first - first, hits[n].after - first) for n in inside]

        def distance(way: _Way) -> float:
            if way.points not in played:
                made = torch.zeros_like(content)
                going = torch.lerp(points[inside], moved[inside], way.points)
                list(self._played(made, there, going, levels[:, inside]))
                played[way.points] = made
            mixed = _faded(content, played[way.points].clone(), way.rest)
            return self._listener.distance(downmix(self._coloured(mixed, 1.0, way.rest, timbre=1.0)))

        played: dict[float, Tensor] = {}
        best = furthest([_Way(share, 1.0) for share in _POINTS], distance)
        best = furthest([_Way(best.points, share) for share in SHARES], distance)
        best = furthest([_Way(best.points * share, best.rest * share) for share in SHARES], distance)
        if distance(best) < self._listener.distance(downmix(content)):
            return best
        return min((_Way(best.points, share) for share in _SHORT), key=distance)

    def _coloured(self, played: Tensor, strength: float, reach: float, timbre: float | None = None) -> Tensor:
        """With the style's spectra, stretch by stretch."""
        frames, rate = self._frames, self._rate
        gain, timbre = level_gain(played), self._timbre if timbre is None else timbre
        spectral = SpectralTransfer(downmix(played).mul_(gain), self._profile, frames, timbre, 0.0, reach)
        parts = stretches(played.shape[-1], round(_STRETCH_S * rate), round(_OVERLAP_S * rate))
        return joined(parts, played.shape[-1], lambda p: spectral.render(played[:, p.first : p.after] * gain, strength))

    def _moved(self, points: Tensor) -> Tensor:
        """Points `(hits, dim)` with mean and deviation of the style's."""
        mean, aim = points.mean(0), self._style.mean(0)
        own, wanted = (p.std(0, unbiased=False) for p in (points, self._style))
        usual = own.mean().clamp_min(1e-6)
        ratio = ((wanted + 0.1 * usual) / (own + 0.1 * usual)).clamp(_LEAST_RATIO, _MOST_RATIO)
        moved = aim + ratio * (points - mean)
        if isinstance(self._space, StyleSpace):
            first, after = self._space.style_dim, self._space.style_dim + len(self._space.kinds)
            shares = moved[:, first:after].clamp_min(0)
            moved[:, first:after] = shares / shares.sum(1, keepdim=True).clamp_min(1e-6)
        # Half-way to the style's nearest hit: what lies between its hits need be no sound that it has.
        spread = self._style.std(0, unbiased=False) + 0.1 * usual
        nearest = self._style[torch.cdist(moved / spread, self._style / spread).argmin(1)]
        return torch.lerp(moved, nearest, 0.5)

    def _points(self, heard: Tensor, hits: Sequence[Hit]) -> Tensor:
        """Points of the hits of a sound `(samples,)`: `(hits, dim)`."""
        groups = (hits[begin : begin + _AT_ONCE] for begin in range(0, len(hits), _AT_ONCE))
        return torch.cat([self._space.encode(torch.stack([self._cut(heard, hit) for hit in g])) for g in groups])

    def _cut(self, heard: Tensor, hit: Hit) -> Tensor:
        """One hit in the form of the model's training sounds, `(length_samples,)`."""
        space = self._space
        # A little more than is needed: resampling ends where the sound does.
        longest = math.ceil(space.length_samples * self._rate / space.sample_rate) + 16
        piece = at_rate(heard[None, hit.first : min(hit.after, hit.first + longest)], self._rate, space.sample_rate)[0]
        piece = F.pad(piece, (0, max(0, space.length_samples - len(piece))))[: space.length_samples]
        return piece * (_PEAK / piece.abs().max().clamp_min(1e-6))


def _faded(content: Tensor, made: Tensor, share: float) -> Tensor:
    """From the content to what was made, which is changed, at even power."""
    turn = 0.5 * math.pi * share
    return made.mul_(math.sin(turn)).add_(content, alpha=math.cos(turn))


def _tell(on_step: OnStep | None, what: str, done: int, total: int) -> None:
    if on_step is not None:
        on_step(what, done, total)

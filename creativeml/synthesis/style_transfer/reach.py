"""How far along its way to a style a sound should go: a filter that goes all the way may go too far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from creativeml.losses.gram import gram_distance
from creativeml.models.transfer.texture_net import TextureNet, TextureNetConfig, at_level

_STYLE_S = 30.0
PROBE_S = 8.0
"""So much of a content is listened to."""
SHARES = (1.0, 0.85, 0.7, 0.55)
"""Of a way, that are tried."""
_NEARER = 0.98
"""Not to go all the way must bring a sound nearer by two per cent at least."""


Share = TypeVar("Share")


class Listener:
    """Distance from a style by the Gram matrices of the *texture* method's random network.

    Args:
        style: `(samples,)`.
        sample_rate: in Hz.
    """

    @torch.no_grad()
    def __init__(self, style: Tensor, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._net = TextureNet(TextureNetConfig(), sample_rate)
        self._aim = self._net.grams(at_level(style[: round(_STYLE_S * sample_rate)]))

    @torch.no_grad()
    def distance(self, sound: Tensor) -> float:
        """Of a sound `(samples,)`."""
        return float(gram_distance(self._net.grams(at_level(sound)), self._aim))


def furthest(shares: Sequence[Share], distance: Callable[[Share], float]) -> Share:
    """The share of a way after which one is nearest: the first, which is all of it, unless the next is clearly nearer.

    Strengths are shares of the way up to there, so that more of it never leads away again.

    Args:
        shares: from the largest on.
        distance: after a share; once it does not fall any more, no smaller share is tried.
    """
    best, least = shares[0], distance(shares[0])
    for share in shares[1:]:
        found = distance(share)
        if not found < _NEARER * least:
            break
        best, least = share, found
    return best


def probe(sound: Tensor, sample_rate: int) -> tuple[int, int]:
    """First and after of the loudest eight seconds of a sound `(samples,)`, or of all of it if it is no longer."""
    length = round(PROBE_S * sample_rate)
    if len(sound) <= length:
        return 0, len(sound)
    firsts = range(0, len(sound) - length + 1, length // 2)
    first = max(firsts, key=lambda f: float(sound[f : f + length].norm()))
    return first, first + length

"""How well a transfer of style did: the style's statistics, what no method has seen of them, and the hits kept.

Distances are blind to level: sounds are brought to one root mean square first.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.onsets import find_onsets
from creativeml.losses.gram import gram_distance
from creativeml.models.transfer.texture_net import Scale, TextureNet, TextureNetConfig, at_level

WINDOW_S = 0.05
"""Two onsets no further apart are the same."""
HELD_OUT = TextureNetConfig(scales=(Scale(0.093, 80, 160, 5), Scale(0.0116, 48, 160, 9)), seed=7919)
"""Other windows, bands and filters than any method optimises."""


@torch.no_grad()
def style_distance(sound: Tensor, style: Tensor, sample_rate: int, *, config: TextureNetConfig | None = None) -> float:
    """Distance of the Gram matrices (`creativeml.losses.gram`) of a sound from a style's.

    Args:
        sound: `(samples,)` or `(channels, samples)`, mixed to mono.
        style: the same, of any length.
        sample_rate: of both, in Hz.
        config: the random network; that of the *texture* method by default.

    Returns:
        0 for equal statistics; squared, as Gatys et al. (2016) minimise it.
    """
    net = TextureNet(config or TextureNetConfig(), sample_rate)
    made, aim = (net.grams(at_level(mono(s).float())) for s in (sound, style))
    return float(gram_distance(made, aim))


def held_out_distance(sound: Tensor, style: Tensor, sample_rate: int) -> float:
    """`style_distance` by a network that no method has optimised for."""
    return style_distance(sound, style, sample_rate, config=HELD_OUT)


def onset_agreement(wanted: np.ndarray, found: np.ndarray, window_s: float = WINDOW_S) -> float:
    """F-measure of onsets, each matched at most once.

    Both times are sorted, so to give each wanted one the earliest free one within reach matches as many as can be.

    Args:
        wanted, found: (n,), (m,) in seconds, rising.
        window_s: how far apart a pair may lie.

    Returns:
        0 to 1; 1 if there are none of either.
    """
    if not len(wanted) and not len(found):
        return 1.0
    matched = next_free = 0
    for time in wanted:
        while next_free < len(found) and found[next_free] < time - window_s - 1e-9:
            next_free += 1
        if next_free < len(found) and found[next_free] <= time + window_s + 1e-9:
            matched, next_free = matched + 1, next_free + 1
    return 2.0 * matched / (len(wanted) + len(found))


def onsets_kept(content: Tensor, sound: Tensor, sample_rate: int) -> float:
    """`onset_agreement` of a sound with the content that it was made from, both as `find_onsets` hears them."""
    wanted, found = (find_onsets(mono(s).float().numpy(), sample_rate) for s in (content, sound))
    return onset_agreement(wanted, found)


def mono(sound: Tensor) -> Tensor:
    """`(samples,)` or `(channels, samples)` → `(samples,)`."""
    return sound if sound.ndim == 1 else sound.mean(0)

"""What sounds are like, in numbers: the AudioCommons timbre descriptors and the usual acoustic ones.

    values = describe(sounds, sample_rate)              # name -> (...), the exact faces
    values = describe(sounds, sample_rate, smooth=True) # the same quantities with gradients to the sounds
    loss = DescriptorLoss(sample_rate)(sounds, {"brightness": wanted})

Each module holds one descriptor with its definition, its source, its values for silence and DC, and how far its two
faces lie apart; `registry` lists them with units and just-noticeable differences.

What changes the seven of AudioCommons, and what does not. Polarity and gain do not: all of them hear a sound at -24
LUFS, as long as it is louder than -70 LUFS. But their frames hold a fixed number of samples, and silence counts in
their means; so compare sounds at one sample rate that begin at their onset and are as long as each other (as
`creativeml prepare` makes them). Change in points of the original code, median and largest over 24 drum sounds of all
kinds; the exact faces follow within 0.5:

    |            | 44.1 to 96 kHz | 0.25 s of silence before | 1 s of silence after |
    | brightness |     0.4,   3.2 |               0.8,   8.6 |           0.0,   1.0 |
    | depth      |     0.8,   8.7 |               0.9,   9.8 |           0.0,   4.5 |
    | warmth     |     4.1,  13.1 |               1.1,   6.2 |           2.3,  12.3 |
    | hardness   |     1.1,  10.7 |               1.0,  12.2 |           0.0,   2.8 |
    | roughness  |     1.0,  24.3 |               2.3,   4.9 |           6.2,  24.3 |
    | sharpness  |     1.3,  23.8 |               0.6,  36.7 |           0.0,   0.5 |
    | boominess  |     4.2,  17.1 |               1.6,   7.8 |           4.5,  11.4 |

The medians of the smooth faces are those within 0.6, their largest changes those within 7 (roughness 14).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from creativeml.audio.descriptors.scales import TIMBRE

if TYPE_CHECKING:
    from creativeml.audio.descriptors.loss import DescriptorLoss
    from creativeml.audio.descriptors.registry import DESCRIPTORS, Descriptor, describe

__all__ = ["DESCRIPTORS", "TIMBRE", "Descriptor", "DescriptorLoss", "describe"]

# What needs torch is imported on first use: `scales` is for those who must not wait for it.
_HOMES = {"DescriptorLoss": "loss", "DESCRIPTORS": "registry", "Descriptor": "registry", "describe": "registry"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"creativeml.audio.descriptors.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'creativeml.audio.descriptors' has no attribute '{name}'")

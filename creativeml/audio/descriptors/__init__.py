"""What sounds are like, in numbers: the AudioCommons timbre descriptors and the usual acoustic ones.

    values = describe(sounds, sample_rate)              # name -> (...), the exact faces
    values = describe(sounds, sample_rate, smooth=True) # the same quantities with gradients to the sounds
    loss = DescriptorLoss(sample_rate)(sounds, {"brightness": wanted})

Each module holds one descriptor with its definition, its source, its values for silence and DC, and how far its two
faces lie apart; `registry` lists them with units and just-noticeable differences.
"""

from creativeml.audio.descriptors.loss import DescriptorLoss
from creativeml.audio.descriptors.registry import DESCRIPTORS, TIMBRE, Descriptor, describe

__all__ = ["DESCRIPTORS", "TIMBRE", "Descriptor", "DescriptorLoss", "describe"]

"""Augmentation that suits drums: batched, differentiable, all randomness from a passed generator."""

from creativeml.audio.augment.drum_augment import (
    INVARIANT,
    TRANSFORMS,
    AugmentConfig,
    AugmentParameters,
    DrumAugment,
)

__all__ = ["INVARIANT", "TRANSFORMS", "AugmentConfig", "AugmentParameters", "DrumAugment"]

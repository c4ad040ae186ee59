"""The descriptors by name, and `describe`, which measures any of them at once."""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import torch
from torch import Tensor

from creativeml.audio.descriptors import (
    attack_time,
    boominess,
    brightness,
    decay_time,
    depth,
    fundamental,
    hardness,
    loudness,
    noisiness,
    roughness,
    sharpness,
    spectral_centroid,
    warmth,
)
from creativeml.audio.descriptors.front_end import Prepared
from creativeml.audio.descriptors.scales import SCALES, Scale
from creativeml.audio.descriptors.scales import TIMBRE as TIMBRE
from creativeml.errors import CreativeMLError

FORMAT = 1
"""Raised whenever a definition changes, so that values kept on a disk are not taken for today's."""

_PIECE_SAMPLES = 1 << 20
"""Samples that the exact face takes at a time: bounds the memory (some 40 numbers per sample) and suits the caches."""


class Face(Protocol):
    """A descriptor as a function: sounds (..., samples) float -> values (...)."""

    def __call__(self, sounds: Tensor, sample_rate: int, *, prepared: Prepared | None = None) -> Tensor: ...


@dataclass(frozen=True, kw_only=True)
class Descriptor(Scale):
    """One perceptual quantity: its scale, and the functions that measure it.

    Attributes:
        exact: face that follows the definition step by step; no gradient is promised.
        smooth: face with a gradient to every part of the sound that matters; its module says how far it is off.
    """

    exact: Face
    smooth: Face

    def in_jnds(self, values: Tensor) -> Tensor:
        """Values on a scale on which a distance of 1 is one just-noticeable difference (any shape)."""
        if self.logarithmic:
            return torch.log1p(values.clamp(min=0) / self.low) / math.log(self.jnd)
        return values / self.jnd


def _decay(face: Callable[..., Tensor], fall_db: int) -> Face:
    return functools.partial(face, fall_db=float(fall_db))


_FACES: Mapping[str, tuple[Face, Face]] = {
    "brightness": (brightness.exact, brightness.smooth),
    "depth": (depth.exact, depth.smooth),
    "warmth": (warmth.exact, warmth.smooth),
    "hardness": (hardness.exact, hardness.smooth),
    "roughness": (roughness.exact, roughness.smooth),
    "sharpness": (sharpness.exact, sharpness.smooth),
    "boominess": (boominess.exact, boominess.smooth),
    "loudness": (loudness.exact, loudness.smooth),
    "attack_time": (attack_time.exact, attack_time.smooth),
    "decay_time_20": (_decay(decay_time.exact, 20), _decay(decay_time.smooth, 20)),
    "decay_time_60": (_decay(decay_time.exact, 60), _decay(decay_time.smooth, 60)),
    "spectral_centroid": (spectral_centroid.exact, spectral_centroid.smooth),
    "noisiness": (noisiness.exact, noisiness.smooth),
    "fundamental": (fundamental.exact, fundamental.smooth),
}


def _descriptor(scale: Scale) -> Descriptor:
    exact, smooth = _FACES[scale.name]
    return Descriptor(**vars(scale), exact=exact, smooth=smooth)


DESCRIPTORS: Mapping[str, Descriptor] = MappingProxyType({name: _descriptor(s) for name, s in SCALES.items()})
"""All descriptors by name, in the order of every table: the seven of AudioCommons, then the others."""


def chosen(names: Iterable[str] | None) -> tuple[Descriptor, ...]:
    """The descriptors of these names, in the order given and each once; all of them for None.

    Raises:
        CreativeMLError: a name that is not known.
    """
    if names is None:
        return tuple(DESCRIPTORS.values())
    if isinstance(names, str):
        names = (names,)
    found = {}
    for name in names:
        if name not in DESCRIPTORS:
            near = difflib.get_close_matches(name, DESCRIPTORS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join(DESCRIPTORS)}"
            raise CreativeMLError(f"there is no descriptor '{name}'; {hint}")
        found[name] = DESCRIPTORS[name]
    return tuple(found.values())


def describe(
    sounds: Tensor, sample_rate: int, names: Iterable[str] | None = None, *, smooth: bool = False
) -> dict[str, Tensor]:
    """Measure sounds.

    Args:
        sounds: (..., samples) float32 or float64 on any device, full scale 1, one channel each; 10 ms to a minute.
        sample_rate: in Hz, 16,000 to 192,000.
        names: which descriptors, of `DESCRIPTORS`; None = all.
        smooth: the smooth faces, through which gradients reach `sounds`. Otherwise the exact ones, without gradient.

    Returns:
        name -> values (...), of the dtype and on the device of `sounds`, in the descriptor's unit. Silence and DC have
        finite values, which the descriptors' modules name.

    Raises:
        CreativeMLError: an unknown name, another sample rate or dtype, sounds too short, none at all, NaN or
            infinity.
    """
    wanted = chosen(names)
    prepared = Prepared(sounds, sample_rate)
    # Half precision, which a training may have switched on around this, is too coarse for levels and frequencies.
    with torch.autocast(sounds.device.type, enabled=False), torch.set_grad_enabled(smooth and torch.is_grad_enabled()):
        if smooth:
            return {d.name: d.smooth(sounds, sample_rate, prepared=prepared) for d in wanted}
        count = max(1, _PIECE_SAMPLES // sounds.shape[-1])
        flat = sounds.reshape(-1, sounds.shape[-1])
        parts = [_exact(piece, sample_rate, wanted) for piece in flat.split(count)]
        return {d.name: prepared.unflatten(torch.cat([part[d.name] for part in parts])) for d in wanted}


def _exact(sounds: Tensor, sample_rate: int, wanted: tuple[Descriptor, ...]) -> dict[str, Tensor]:
    prepared = Prepared(sounds, sample_rate)
    return {d.name: d.exact(sounds, sample_rate, prepared=prepared) for d in wanted}

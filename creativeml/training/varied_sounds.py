"""Varied copies of recordings, as a classifier sees them: augmented and layered waveforms, masked and mixed views.

The waveforms are varied once, before training, since that takes several times as long as a step of a small network; the
masks and mixtures, which cost little, differ in every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from creativeml.audio.augment import AugmentConfig, DrumAugment
from creativeml.data.one_shots import OneShotDataset

# All but `tail`, which would make closed hats of open ones, and `gain`, which the classifier does not hear.
AUGMENTATIONS = ("pitch", "tilt", "attack", "polarity", "shift", "noise")
_AT_ONCE = 64

Views = tuple[Tensor, ...]


@dataclass(frozen=True)
class VariedSounds:
    """Views of varied sounds, in half precision, every kind the same number of times or each of its sounds once.

    Attributes:
        views: what the classifier sees, each `(n, ...)`.
        labels: `(n,)` index of the kind.
        origins: `(n,)` index of the sound in the dataset.
    """

    views: Views
    labels: Tensor
    origins: Tensor

    def made_of(self, sounds: Sequence[int]) -> VariedSounds:
        """Those that were made of the given sounds of the dataset."""
        chosen = torch.isin(self.origins, torch.tensor(sounds))
        return VariedSounds(tuple(view[chosen] for view in self.views), self.labels[chosen], self.origins[chosen])

    def batch(self, indices: Tensor) -> tuple[Views, Tensor]:
        """Views in single precision, and labels."""
        return tuple(view[indices].float() for view in self.views), self.labels[indices]


@torch.no_grad()
def vary(
    data: OneShotDataset,
    see: Callable[[Tensor], Views],
    *,
    number: int,
    probability: float,
    layer_probability: float,
    generator: torch.Generator,
    parts: Tensor | None = None,
) -> VariedSounds:
    """Varied copies of the sounds of a dataset, balanced over its kinds.

    Args:
        data: the sounds.
        see: waveforms `(b, samples)` → views, each `(b, ...)`.
        number: of copies in all, at least; every sound is there once in any case.
        probability: of each augmentation, for each copy.
        layer_probability: of joining a copy with a copy of another sound of its kind.
        generator: source of randomness.
        parts: `(sounds,)`; sounds are joined within parts only, so that one part can judge training on the others.
    """
    augment = DrumAugment(
        AugmentConfig(sample_rate=data.sample_rate, pitch_semitones=3.0, tilt_db_per_octave=3.0), only=AUGMENTATIONS
    )
    parts = torch.zeros_like(data.labels) if parts is None else parts
    origins = _origins(data.labels, len(data.kinds), number, generator)
    seen: list[Views] = []
    for chosen in origins.split(_AT_ONCE):
        sounds = augment(data.batch(chosen)[0], generator=generator, probability=probability)
        if layer_probability:
            places = torch.rand(len(chosen), generator=generator).tolist()
            mates = [_mate(data.labels, parts, int(i), place) for i, place in zip(chosen, places, strict=True)]
            others = augment(data.batch(mates)[0], generator=generator, probability=probability)
            sounds = layer(sounds, others, layer_probability, data.sample_rate, generator)
        seen.append(tuple(view.half() for view in see(sounds)))
    views = tuple(torch.cat(view) for view in zip(*seen, strict=True))
    return VariedSounds(views, data.labels[origins], origins)


def _origins(labels: Tensor, kinds: int, number: int, generator: torch.Generator) -> Tensor:
    """Indices of sounds: those of each kind in turn, equally often, as many of every kind."""
    chosen = []
    for kind in range(kinds):
        members = torch.nonzero(labels == kind).flatten()
        if len(members):
            members = members[torch.randperm(len(members), generator=generator)]
            wanted = max(len(members), math.ceil(number / kinds))
            chosen.append(members.repeat(math.ceil(wanted / len(members)))[:wanted])
    return torch.cat(chosen)


def _mate(labels: Tensor, parts: Tensor, index: int, place: float) -> int:
    """A random sound of a sound's kind and part; `place` in [0, 1) chooses."""
    mates = torch.nonzero((labels == labels[index]) & (parts == parts[index])).flatten()
    return int(mates[int(place * len(mates))])


def layer(sounds: Tensor, others: Tensor, probability: float, sample_rate: int, generator: torch.Generator) -> Tensor:
    """Join sounds with others of their kind: half of the time summed, half of the time one's attack, the
    other's tail.

    Args:
        sounds, others: `(b, samples)`.
        probability: of being joined at all.
        sample_rate: in Hz.
        generator: source of randomness.

    Returns:
        `(b, samples)`, each with peak 1 before joining.
    """
    first, second = (s / s.abs().amax(1, keepdim=True).clamp_min(1e-8) for s in (sounds, others))
    chance, share, place = torch.rand(3, len(sounds), 1, generator=generator)
    summed = torch.lerp(first, second, 0.5 * share)
    # The joint lies between 3 and 90 ms and is a fifth as wide as it is late.
    joint_s = 0.003 * 30.0**place
    fade = torch.sigmoid((torch.arange(sounds.shape[1]) / sample_rate - joint_s) / (0.2 * joint_s))
    joined = torch.lerp(first, second, fade)
    return torch.where(chance < probability / 2, summed, torch.where(chance < probability, joined, first))


def mask_views(views: Views, generator: torch.Generator) -> Views:
    """Masked picture, close-up and fine spectrum, and tonality as it is; see `mask`."""
    picture, *others, tones = views
    return mask(picture, generator), *(mask(view, generator, in_time=False) for view in others), tones


def mask(picture: Tensor, generator: torch.Generator, *, in_time: bool = True) -> Tensor:
    """Silence a random band and, in half of the pictures, a random stretch of time (SpecAugment, Park et al.
    2019).

    Args:
        picture: `(b, bands, frames)`.
        generator: source of randomness.
        in_time: False leaves time alone.
    """
    batch, bands, frames = picture.shape

    def stretch(size: int, widest: int, first: int) -> Tensor:
        width = torch.rand(batch, 1, generator=generator) * widest
        start = first + torch.rand(batch, 1, generator=generator) * (size - first - width)
        place = torch.arange(size)
        return (place >= start) & (place < start + width)

    hidden = stretch(bands, bands // 8, 0)[:, :, None]
    if in_time:
        # The attack decides what a drum is: the first frames are spared.
        often = torch.rand(batch, 1, generator=generator) < 0.5
        hidden = hidden | (stretch(frames, frames // 8, frames // 8) & often)[:, None]
    return torch.where(hidden, picture.amin((1, 2), keepdim=True), picture)


def mixup(parts: tuple[Tensor, ...], alpha: float, generator: torch.Generator) -> tuple[Tensor, ...]:
    """Mix each sound's picture, target and so on, all `(b, ...)`, with those of another one of the batch (Zhang et
    al. 2018); `alpha` 0 leaves them.
    """
    if alpha == 0:
        return parts
    batch = len(parts[0])
    # A beta(a, a) variable from two powers of uniform ones (Johnk), which a passed generator can draw.
    shares = torch.rand(2, 64, batch, generator=generator) ** (1 / alpha)
    accepted = shares.sum(0) <= 1
    first = accepted.float().argmax(0)
    x, y = (s.gather(0, first[None])[0] for s in shares)
    share = torch.where(accepted.any(0), x / (x + y).clamp_min(1e-30), torch.ones(batch))
    other = torch.randperm(batch, generator=generator)
    return tuple(torch.lerp(part[other], part, share.view(-1, *[1] * (part.ndim - 1))) for part in parts)

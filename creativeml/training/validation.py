"""The evaluation in small that a training run makes of itself: nearness, variety, obedience, and what they decide.

Every so many steps the same latents of every kind are played. Compared with the validation recordings they tell how
near the model is, whether its sounds still differ from each other (the collapse alarm), and, if it has controls, how
far its sounds are from what was asked.

The checkpoint with the lowest score is kept. Without controls the score is the kernel distance within each kind,
averaged over the kinds. With controls it is the mean of two shares: that distance, relative to the distance of shaped
noise, and the error of the controls, relative to that of a recording of the same kind that was not asked for. A
checkpoint whose sounds have collapsed is kept only as long as there is no other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.descriptors.registry import DESCRIPTORS
from creativeml.data.joint_distribution import DescriptorRanges
from creativeml.data.one_shots import OneShotDataset
from creativeml.evaluation.descriptor_values import in_jnds, measured
from creativeml.evaluation.distances import kernel_distance
from creativeml.evaluation.embeddings import embed
from creativeml.evaluation.shaped_noise import ShapedNoise
from creativeml.models.gans.style_wavegan import StyleWaveGAN
from creativeml.models.gans.wavegan import WaveGAN

SOUNDS_PER_KIND = 20
ASKED = 32
"""Recordings at most whose descriptors are asked of a model with controls: measuring takes 0.16 s a sound."""
COLLAPSED_BELOW = 0.15
"""Of the distance between two recordings of a kind: sounds nearer to each other than that are one sound over again."""
DISTANCE = "validation/kernel_distance"
VARIETY = "validation/variety"
ERROR = "validation/control_error"
WITHIN = "validation/control_within_jnd"
SCORE = "validation/score"
ALARMS = "validation/collapsed"


class Rank(NamedTuple):
    """What checkpoints are compared by; the lower is the better one."""

    collapsed: bool
    score: float


def rank_of(figures: Mapping[str, Any]) -> Rank:
    """The rank of a checkpoint from its figures; the worst there is if nothing could be measured."""
    variety = figures.get(VARIETY)
    return Rank(variety is not None and variety < COLLAPSED_BELOW, figures.get(SCORE, math.inf))


def usable_kinds(validation: OneShotDataset) -> list[int]:
    """Labels with at least two validation sounds; a distance within a kind needs a pair."""
    counts = torch.bincount(validation.labels, minlength=len(validation.kinds))
    return torch.nonzero(counts >= 2).flatten().tolist()


@dataclass(frozen=True)
class _Asked:
    """What is asked of a model with controls: the descriptors of recordings, jointly."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    values: Tensor
    chance: float


class Validator:
    """The validation recordings as they are compared with; measured once, when it is made.

    Args:
        recordings: at least one of their `usable_kinds`.
        controls: names of the model's controls; those that are descriptors are examined.

    Attributes:
        kinds: names of the kinds that are compared.
    """

    def __init__(self, recordings: OneShotDataset, controls: Sequence[str] = ()) -> None:
        self._labels = usable_kinds(recordings)
        self.kinds = tuple(recordings.kinds[label] for label in self._labels)
        self._rate = recordings.sample_rate
        members = [torch.nonzero(recordings.labels == label).flatten().tolist() for label in self._labels]
        real = [embed((recordings.batch(part)[0] for part in _parts(own)), self._rate) for own in members]
        together = torch.cat(real)
        self._mean, self._scale = together.mean(0), together.std(0).clamp(min=1e-6)
        self._real = [self._points(points) for points in real]
        # One ruler for all kinds and checkpoints: how far apart two recordings of a kind usually are.
        self._bandwidth = float(torch.stack([torch.pdist(points).median() for points in self._real]).mean())
        self._spreads = [float(torch.pdist(points).mean()) for points in self._real]
        names = tuple(name for name in controls if name in DESCRIPTORS)
        self._asked = _questions(recordings, members, names) if names else None
        self._ceiling = self._noise_distance(recordings, members) if names else math.nan

    def examine(self, model: StyleWaveGAN | WaveGAN, ranges: DescriptorRanges | None = None) -> dict[str, Any]:
        """Figures for the log; those that cannot be had (identical recordings) are left out.

        Args:
            model: the averaged generator. With controls, its `condition_for` takes `controls` too: name -> `(b,)`
                values in the descriptor's unit.
            ranges: of the training recordings. Sounds that are compared are asked for what occurs together among
                them, as users get them; without, or without controls, for each kind's medians.

        Returns:
            `DISTANCE`, and `DISTANCE/<kind>`: kernel distance on log-mel statistics. (A distance of all kinds thrown
            together hardly notices a snare that sounds like a clap.)
            `VARIETY`, and `VARIETY/<kind>`: mean distance of two sounds of a kind, relative to that of recordings.
            `ERROR`, and `ERROR/<descriptor>`: mean distance of what was measured, by the exact face, from what was
            asked, in just-noticeable differences; `WITHIN`: share of errors up to one. With controls only.
            `SCORE`: what the checkpoint is picked by. `ALARMS`: names of the kinds whose sounds have collapsed.
        """
        figures: dict[str, Any] = {}
        if self._bandwidth > 0:
            made = generate(model, SOUNDS_PER_KIND, seed=2, ranges=ranges).unflatten(0, (-1, SOUNDS_PER_KIND))[
                self._labels
            ]
            points = [self._points(embed(sounds, self._rate)) for sounds in made]
            distances = self._distances(points)
            spreads = [float(torch.pdist(own).mean()) for own in points]
            shares = [a / b if b > 0 else math.nan for a, b in zip(spreads, self._spreads, strict=True)]
            figures[DISTANCE] = figures[SCORE] = sum(distances) / len(distances)
            figures[VARIETY] = sum(spreads) / sum(self._spreads)
            for kind, distance, share in zip(self.kinds, distances, shares, strict=True):
                figures |= {f"{DISTANCE}/{kind}": distance, f"{VARIETY}/{kind}": share}
        if self._asked is not None:
            figures |= self._obedience(model, self._asked)
            shares = (figures.get(DISTANCE, math.nan) / self._ceiling, figures[ERROR] / self._asked.chance)
            figures[SCORE] = sum(shares) / 2
        kept: dict[str, Any] = {name: value for name, value in figures.items() if math.isfinite(value)}
        kept[ALARMS] = [kind for kind in self.kinds if kept.get(f"{VARIETY}/{kind}", math.inf) < COLLAPSED_BELOW]
        return kept

    def _points(self, values: Tensor) -> Tensor:
        return (values - self._mean) / self._scale

    def _distances(self, made: Sequence[Tensor]) -> list[float]:
        pairs = zip(self._real, made, strict=True)
        return [kernel_distance(a, b, bandwidth=self._bandwidth, z_score=False) for a, b in pairs]

    def _noise_distance(self, recordings: OneShotDataset, members: Sequence[Sequence[int]]) -> float:
        """Kernel distance of noise with the spectrum and envelope of each kind: what needs no model."""
        named = list(zip(self.kinds, members, strict=True))
        noise = ShapedNoise((kind, recordings.batch(part)[0]) for kind, own in named for part in _parts(own))
        random = torch.Generator().manual_seed(0)
        sounds = (noise.generate(kind, SOUNDS_PER_KIND, random) for kind in self.kinds)
        distances = self._distances([self._points(embed(own, self._rate)) for own in sounds])
        return sum(distances) / len(distances)

    def _obedience(self, model: StyleWaveGAN | WaveGAN, asked: _Asked) -> dict[str, float]:
        got = measured(_controlled(model, asked), self._rate, asked.names)
        errors = (in_jnds(got, asked.names) - in_jnds(asked.values, asked.names)).abs()
        figures = {f"{ERROR}/{name}": float(errors[:, i].mean()) for i, name in enumerate(asked.names)}
        return {ERROR: float(errors.mean()), WITHIN: float((errors <= 1).double().mean()), **figures}


def _parts(members: Sequence[int], size: int = 16) -> list[Sequence[int]]:
    return [members[start : start + size] for start in range(0, len(members), size)]


def _questions(recordings: OneShotDataset, members: Sequence[Sequence[int]], names: tuple[str, ...]) -> _Asked:
    """The descriptors of up to `ASKED` recordings, from all kinds in turn, and how far others of their kind are."""
    chosen = [own[n] for n in range(max(map(len, members))) for own in members if n < len(own)][:ASKED]
    values = measured((recordings.batch(part)[0] for part in _parts(chosen)), recordings.sample_rate, names)
    labels = recordings.labels[chosen]
    apart = (in_jnds(values, names)[:, None] - in_jnds(values, names)[None]).abs().mean(2)
    others = (labels[:, None] == labels) & ~torch.eye(len(chosen), dtype=torch.bool)
    chance = float(apart[others].mean()) if bool(others.any()) else math.nan
    return _Asked(names, tuple(recordings.kinds[label] for label in labels.tolist()), values, chance)


@torch.no_grad()
def _controlled(model: Any, asked: _Asked) -> list[Tensor]:
    """The sounds that a model with controls makes of all questions, on the CPU, in batches."""
    random = torch.Generator().manual_seed(3)
    device = next(model.parameters()).device
    batches = []
    for part in _parts(range(len(asked.kinds))):
        values = {name: asked.values[list(part), i].float().to(device) for i, name in enumerate(asked.names)}
        condition = model.condition_for([asked.kinds[n] for n in part], controls=values)
        batches.append(_play(model, condition, random))
    return batches


def _play(model: StyleWaveGAN | WaveGAN, condition: Tensor, random: torch.Generator) -> Tensor:
    device, count = condition.device, len(condition)
    latent = torch.randn(count, model.config.latent_dim, generator=random).to(device)
    noise = [torch.randn(count, *shape, generator=random).to(device) for shape in model.noise_shapes()]
    return model(latent, condition, noise=noise).float().cpu()


@torch.no_grad()
def generate(
    model: StyleWaveGAN | WaveGAN, per_kind: int, *, seed: int, ranges: DescriptorRanges | None = None
) -> Tensor:
    """Sounds of every kind from fixed latents: `(kinds * per_kind, samples)`, on the CPU.

    With `ranges` the controls are drawn as they occur together, otherwise they are each kind's medians.
    """
    random = torch.Generator().manual_seed(seed)
    made = []
    for kind in model.config.kinds:
        controls = {}
        if ranges is not None:
            drawn = [ranges.complete(kind, {}, np.random.default_rng([seed, n])) for n in range(per_kind)]
            names = [name for name in getattr(model.config, "controls", ()) if name in ranges.descriptors]
            controls = {"controls": {name: torch.tensor([one[name] for one in drawn]) for name in names}}
        made.append(_play(model, model.condition_for([kind] * per_kind, **controls), random))
    return torch.cat(made)

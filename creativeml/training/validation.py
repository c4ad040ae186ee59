"""The evaluation in small that a training run makes of itself: nearness, variety, obedience, and what they decide.

Every so many steps the same latents of every kind are played. Compared with the validation recordings they tell how
near the model is, whether its sounds still differ from each other (the collapse alarm), and, if it has controls, how
far its sounds are from what was asked.

The checkpoint with the lowest score is kept. It is the mean of shares: of kernel distances within each kind, averaged
over the kinds, on log-mel statistics and on the embedding of the judge of `creativeml evaluate` (what one of them is
deaf to, training drifts in), each relative to the distance of shaped noise; and, with controls, of their error relative
to that of a recording of the same kind that was not asked for. A checkpoint whose sounds have collapsed is kept only as
long as there is no other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.descriptors.registry import DESCRIPTORS
from creativeml.data.joint_distribution import DescriptorRanges
from creativeml.data.one_shots import SoundSet
from creativeml.evaluation.descriptor_values import in_jnds, measured
from creativeml.evaluation.distances import kernel_distance
from creativeml.evaluation.embeddings import Embedding, embed, log_mel_statistics
from creativeml.evaluation.judge import load_judge
from creativeml.evaluation.shaped_noise import ShapedNoise
from creativeml.models.autoencoders.drum_vae import DrumVAE
from creativeml.models.autoencoders.wave_vae import WaveVAE
from creativeml.models.gans.spectral_gan import SpectralGAN
from creativeml.models.gans.style_wavegan import StyleWaveGAN
from creativeml.models.gans.wavegan import WaveGAN

Drawing = StyleWaveGAN | WaveGAN | SpectralGAN | DrumVAE | WaveVAE
"""What draws sounds of kinds."""
SOUNDS_PER_KIND = 20
ASKED = 32
"""Recordings at most whose descriptors are asked of a model with controls: measuring takes 0.16 s a sound."""
COLLAPSED_BELOW = 0.15
"""Of the distance between two recordings of a kind: sounds nearer to each other than that are one sound over again."""
DISTANCE = "validation/kernel_distance"
JUDGED = "validation/judge_distance"
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


def usable_kinds(validation: SoundSet) -> list[int]:
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


class _Ruler:
    """Kernel distance within kinds on one embedding, scaled by validation recordings.

    Args:
        embedding: sounds → points.
        sample_rate: in Hz.
        recordings: sounds `(n, samples)` of each kind.
        noise: sounds of each kind whose distance is the ceiling.
    """

    def __init__(
        self, embedding: Embedding, sample_rate: int, recordings: Sequence[Tensor], noise: Sequence[Tensor]
    ) -> None:
        self._embedding, self._rate = embedding, sample_rate
        real = [embed(own, sample_rate, embedding) for own in recordings]
        together = torch.cat(real)
        self._mean, self._scale = together.mean(0), together.std(0).clamp(min=1e-6)
        self._real = [self._scaled(points) for points in real]
        # One bandwidth for all kinds and checkpoints: how far apart two recordings of a kind usually are.
        self._bandwidth = float(torch.stack([torch.pdist(points).median() for points in self._real]).mean())
        self.spreads = [float(torch.pdist(points).mean()) for points in self._real]
        self.usable = self._bandwidth > 0
        """Whether recordings differ from each other at all."""
        self.ceiling = math.nan
        if self.usable:
            apart = self.distances(self.points(noise))
            self.ceiling = sum(apart) / len(apart)

    def points(self, sounds: Iterable[Tensor]) -> list[Tensor]:
        """Points `(n, dimensions)` of each kind's sounds `(n, samples)`."""
        return [self._scaled(embed(own, self._rate, self._embedding)) for own in sounds]

    def distances(self, made: Sequence[Tensor]) -> list[float]:
        """Distance of each kind's points from its recordings."""
        pairs = zip(self._real, made, strict=True)
        return [kernel_distance(a, b, bandwidth=self._bandwidth, z_score=False) for a, b in pairs]

    def _scaled(self, values: Tensor) -> Tensor:
        return (values - self._mean) / self._scale


class Validator:
    """The validation recordings as they are compared with; measured once, when it is made.

    Args:
        recordings: at least one of their `usable_kinds`.
        controls: names of the model's controls; those that are descriptors are examined.

    Attributes:
        kinds: names of the kinds that are compared.
    """

    def __init__(self, recordings: SoundSet, controls: Sequence[str] = ()) -> None:
        self._labels = usable_kinds(recordings)
        self.kinds = tuple(recordings.kinds[label] for label in self._labels)
        self._rate = recordings.sample_rate
        members = [torch.nonzero(recordings.labels == label).flatten().tolist() for label in self._labels]
        sounds = {kind: recordings.batch(own)[0] for kind, own in zip(self.kinds, members, strict=True)}
        noise = ShapedNoise((kind, own) for kind, own in sounds.items())
        random = torch.Generator().manual_seed(0)
        hiss = [noise.generate(kind, SOUNDS_PER_KIND, random) for kind in self.kinds]
        self._rulers = {DISTANCE: _Ruler(log_mel_statistics, self._rate, list(sounds.values()), hiss)}
        judge = load_judge()
        if judge.model.config.sample_rate == self._rate:
            self._rulers[JUDGED] = _Ruler(judge.embedding, self._rate, list(sounds.values()), hiss)
        names = tuple(name for name in controls if name in DESCRIPTORS)
        self._asked = _questions(recordings, members, names) if names else None

    def examine(self, model: Drawing, ranges: DescriptorRanges | None = None) -> dict[str, Any]:
        """Figures for the log; those that cannot be had (identical recordings) are left out.

        Args:
            model: the averaged generator. With controls, its `condition_for` takes `controls` too: name -> `(b,)`
                values in the descriptor's unit.
            ranges: of the training recordings. Sounds that are compared are asked for what occurs together among
                them, as users get them; without, or without controls, for each kind's medians.

        Returns:
            `DISTANCE`, and `DISTANCE/<kind>`: kernel distance on log-mel statistics. (A distance of all kinds thrown
            together hardly notices a snare that sounds like a clap.)
            `JUDGED`, and `JUDGED/<kind>`: the same on the judge's embedding, at the sample rate that it hears.
            `VARIETY`, and `VARIETY/<kind>`: mean distance of two sounds of a kind, relative to that of recordings.
            `ERROR`, and `ERROR/<descriptor>`: mean distance of what was measured, by the exact face, from what was
            asked, in just-noticeable differences; `WITHIN`: share of errors up to one. With controls only.
            `SCORE`: what the checkpoint is picked by. `ALARMS`: names of the kinds whose sounds have collapsed.
        """
        figures: dict[str, Any] = {}
        shares: list[float] = []
        made = generate(model, SOUNDS_PER_KIND, seed=2, ranges=ranges).unflatten(0, (-1, SOUNDS_PER_KIND))
        for name, ruler in self._rulers.items():
            if ruler.usable:
                points = ruler.points(made[self._labels])
                figures |= self._averaged(name, ruler.distances(points))
                shares.append(figures[name] / ruler.ceiling)
                if name == DISTANCE:
                    figures |= self._variety(ruler, points)
        if self._asked is not None:
            figures |= self._obedience(model, self._asked)
            shares.append(figures[ERROR] / self._asked.chance)
        if shares:
            figures[SCORE] = sum(shares) / len(shares)
        kept: dict[str, Any] = {name: value for name, value in figures.items() if math.isfinite(value)}
        kept[ALARMS] = [kind for kind in self.kinds if kept.get(f"{VARIETY}/{kind}", math.inf) < COLLAPSED_BELOW]
        return kept

    def _averaged(self, name: str, values: Sequence[float]) -> dict[str, float]:
        by_kind = {f"{name}/{kind}": value for kind, value in zip(self.kinds, values, strict=True)}
        return {name: sum(values) / len(values), **by_kind}

    def _variety(self, ruler: _Ruler, points: Sequence[Tensor]) -> dict[str, float]:
        spreads = [float(torch.pdist(own).mean()) for own in points]
        shares = [a / b if b > 0 else math.nan for a, b in zip(spreads, ruler.spreads, strict=True)]
        return self._averaged(VARIETY, shares) | {VARIETY: sum(spreads) / sum(ruler.spreads)}

    def _obedience(self, model: Drawing, asked: _Asked) -> dict[str, float]:
        got = measured(_controlled(model, asked), self._rate, asked.names)
        errors = (in_jnds(got, asked.names) - in_jnds(asked.values, asked.names)).abs()
        figures = {f"{ERROR}/{name}": float(errors[:, i].mean()) for i, name in enumerate(asked.names)}
        return {ERROR: float(errors.mean()), WITHIN: float((errors <= 1).double().mean()), **figures}


def _parts(members: Sequence[int], size: int = 16) -> list[Sequence[int]]:
    return [members[start : start + size] for start in range(0, len(members), size)]


def _questions(recordings: SoundSet, members: Sequence[Sequence[int]], names: tuple[str, ...]) -> _Asked:
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


def _play(model: Drawing, condition: Tensor, random: torch.Generator) -> Tensor:
    device, count = condition.device, len(condition)
    latent = torch.randn(count, model.config.latent_dim, generator=random).to(device)
    noise = [torch.randn(count, *shape, generator=random).to(device) for shape in model.noise_shapes()]
    return model(latent, condition, noise=noise).float().cpu()


@torch.no_grad()
def generate(model: Drawing, per_kind: int, *, seed: int, ranges: DescriptorRanges | None = None) -> Tensor:
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

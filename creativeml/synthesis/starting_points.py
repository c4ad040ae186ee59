"""Where the search for a recording begins: which kind it may be of, and which of a model's sounds is near it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import torch
from torch import Tensor

from creativeml.kinds import shares_of
from creativeml.losses.matching import Match
from creativeml.models.checkpoint import from_pretrained
from creativeml.models.classifiers.drum_classifier import DrumClassifier
from creativeml.synthesis.catalog import LAST_SEED, bundled_models
from creativeml.synthesis.finish import finish
from creativeml.synthesis.generate import Instrument

LIKELY = 0.15
"""Share that the classifier must give to a kind for it to be tried."""
NOISE_SEED = LAST_SEED + 1
"""Of the noise of reconstructions; no sound that was asked for by a seed has the same."""


@dataclass(frozen=True, eq=False)
class Starts:
    """Sounds of one kind that were tried.

    Attributes:
        kind: a kind, or a mixture as text.
        latents: `(tries, latent_dim)`, the encoder's proposal first if there is an encoder.
        distances: of their sounds from the recording, `(tries,)` in dB.
        encoded: whether the first is the encoder's.
    """

    kind: str
    latents: Tensor
    distances: Tensor
    encoded: bool

    @property
    def nearest(self) -> Tensor:
        """The best latent, `(1, latent_dim)`."""
        return self.latents[self.distances.argmin()][None]

    @property
    def encoder(self) -> float | None:
        """Distance of the encoder's proposal."""
        return float(self.distances[0]) if self.encoded else None

    @property
    def nearest_random(self) -> float | None:
        """Distance of the nearest of the others."""
        random = self.distances[1:] if self.encoded else self.distances
        return float(random.min()) if len(random) else None


def likely_kinds(sound: Tensor, instrument: Instrument) -> list[str]:
    """Kinds of an instrument that a sound `(1, samples)` may be of, the likeliest first, by the bundled classifier.

    All kinds, if the classifier knows none of them or hears another sample rate; kinds that it does not know are always
    among them.
    """
    known = classifier().config.kinds
    if not _hears(instrument):
        return list(instrument.kinds)
    shares = _shares(sound)[0].tolist()
    found = sorted((-share, kind) for share, kind in zip(shares, known, strict=True) if kind in instrument.kinds)
    likely = [kind for share, kind in found if -share >= LIKELY] or [found[0][1]]
    return likely + [kind for kind in instrument.kinds if kind not in known]


def likeliest_kinds(sounds: Tensor, instrument: Instrument) -> list[str]:
    """The first of `likely_kinds` for each of several sounds `(n, samples)`, in one pass."""
    known = classifier().config.kinds
    if not _hears(instrument):
        return [instrument.kinds[0]] * len(sounds)
    both = [number for number, kind in enumerate(known) if kind in instrument.kinds]
    return [known[both[place]] for place in _shares(sounds)[:, both].argmax(1).tolist()]


@cache
def classifier() -> DrumClassifier:
    """The bundled one, loaded when it is first wanted."""
    loaded = from_pretrained(bundled_models()["judge"])
    assert isinstance(loaded, DrumClassifier)
    return loaded


def _hears(instrument: Instrument) -> bool:
    config = classifier().config
    return config.sample_rate == instrument.sample_rate and bool(set(config.kinds) & set(instrument.kinds))


def _shares(sounds: Tensor) -> Tensor:
    with torch.no_grad():
        return classifier().classify_embedding(classifier().embed(sounds.cpu())).softmax(1)


def condition_of(instrument: Instrument, kind: str, descriptors: Mapping[str, float]) -> Tensor:
    """What the model is told, `(1, condition_dim)`: the kind or mixture, and its controls' values among others."""
    model, shares = cast(Any, instrument.model), [shares_of(kind, instrument.kinds)]
    controls = {name: torch.tensor([descriptors[name]]) for name in instrument.controls}
    condition = model.condition_for(shares, controls) if controls else model.condition_for(shares)
    return condition.to(instrument.device)


def fixed_noise(instrument: Instrument) -> list[Tensor]:
    """The noise inputs of every reconstruction, on the instrument's device."""
    return [noise.to(instrument.device) for noise in instrument.random_inputs(NOISE_SEED)[1:]]


@torch.no_grad()
def tried(
    instrument: Instrument, kind: str, descriptors: Mapping[str, float], recording: Tensor, match: Match, tries: int
) -> Starts:
    """Sounds of the encoder's proposal for a recording `(1, samples)` and of random latents, with its descriptors."""
    condition, noise = condition_of(instrument, kind, descriptors), fixed_noise(instrument)
    latents = [instrument.random_inputs(seed)[0].to(condition) for seed in range(tries)]
    if instrument.encoder is not None:
        latents.insert(0, instrument.encoder(recording, condition)[0])
    sounds = (instrument.model(latent, condition, noise=noise, truncation=1.0) for latent in latents)
    distances = torch.cat([match.distance(finish(sound, instrument.sample_rate)) for sound in sounds])
    return Starts(kind, torch.cat(latents), distances, instrument.encoder is not None)

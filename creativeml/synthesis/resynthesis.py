"""A person's own drum, found in an instrument: made again, varied, and changed ("my snare, warmer").

    found = analyze(instrument, "my_snare.wav")
    found.sound()                                                 # the reconstruction
    found.sound(variation=0.3, seed=1)                            # like it
    found.sound({"warmth": found.descriptors["warmth"] + 10})     # the same, ten points warmer

This is GAN inversion: the encoder that was trained beside the generator proposes a latent, some random ones are tried
too, and from the nearest on the generator is adapted to the recording (`synthesis.adaptation`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.audio.descriptors.registry import chosen, describe
from creativeml.audio.descriptors.scales import SCALES, TIMBRE
from creativeml.data.joint_distribution import Feasible
from creativeml.errors import CreativeMLError, quoted
from creativeml.kinds import Kind, kind_text, shares_of
from creativeml.losses.matching import Match
from creativeml.synthesis.adaptation import Adaptation, adapt, with_vectors
from creativeml.synthesis.catalog import DEFAULT_TUNING, check_request, check_value, is_number, is_whole
from creativeml.synthesis.finish import finish
from creativeml.synthesis.generate import Instrument
from creativeml.synthesis.recordings import Recording, read_recording, recording_of
from creativeml.synthesis.starting_points import condition_of, fixed_noise, likely_kinds, tried
from creativeml.synthesis.tuning import misses
from creativeml.threads import threads

STEPS = 40
TRIES = 16
CHANGEABLE = (*TIMBRE, "decay_time_20")
"""What can be changed with models that have no controls of their own."""
ASKED_WEIGHT, HELD_WEIGHT, PER_DECIBEL = 6.0, 1.0, 0.3
"""What a miss counts of what was asked, of what is held, and a decibel between the sound and what it was before."""

OnStep = Callable[[str, int, int], object]
"""Called as (what is being done, how many are done, of how many)."""


@dataclass(frozen=True)
class Nearness:
    """Distances from the recording in dB, as `losses.matching.Match` takes them.

    Attributes:
        reconstruction: of the sound that was found.
        encoder: of the encoder's proposal alone; None for models without an encoder.
        nearest_random: of the nearest of the random sounds that were tried; None if there were none.
    """

    reconstruction: float
    encoder: float | None
    nearest_random: float | None


@dataclass(frozen=True, eq=False)
class Found:
    """A recording as an instrument can make it; `analyze` finds it.

    Attributes:
        instrument: by which it is made.
        name: of the recording.
        kind: as which kind, or mixture, it is made.
        descriptors: of the recording: the model's controls, or those that can be changed without, by the exact faces.
        adaptation: of the instrument to the recording.
        nearness: how near the reconstruction is.
        match: gives the distance of sounds from the recording.
        notes: what was done to the recording beyond the usual, a phrase each.
    """

    instrument: Instrument
    name: str
    kind: str
    descriptors: Mapping[str, float]
    adaptation: Adaptation
    nearness: Nearness
    match: Match
    notes: tuple[str, ...] = ()

    def feasible(self, controls: Mapping[str, float]) -> Feasible:
        """The nearest values to `controls` that occur among recordings of the kind, and a line on what was changed.

        Never on the other side of the recording: one that lies beyond what occurs itself stays where it is when more
        of that is asked for.

        Raises:
            CreativeMLError: a descriptor that cannot be changed, or a value that is no finite number.
        """
        check_changeable(self.instrument, controls)
        for name, value in controls.items():
            check_value(name, value)
        if not self.instrument.controls:
            return Feasible(dict(controls), "")
        values, message = self.instrument.feasible(self.kind, controls)
        own = self.descriptors
        turned = [name for name, v in values.items() if (v - own[name]) * (controls[name] - own[name]) < 0]
        if not turned:
            return Feasible(values, message)
        stays = " and ".join(SCALES[name].said(own[name]) for name in turned)
        message = f"{message}; the recording is beyond that already and stays at {stays}"
        return Feasible({name: own[name] if name in turned else v for name, v in values.items()}, message)

    def distance(self, sound: Tensor) -> float:
        """How far a sound `(samples,)` is from the recording, in dB (`losses.matching`)."""
        return float(self.match.distance(sound[None].to(self.instrument.device)))

    def sound(
        self,
        controls: Mapping[str, float] | None = None,
        variation: float = 0.0,
        seed: int = 0,
        tuning: int = DEFAULT_TUNING,
    ) -> Tensor:
        """The sound that was found, or one like it.

        Args:
            controls: descriptor → value in its unit, e.g. `{"warmth": 40.0}`; the others are held where the recording
                has them. What no recording of the kind has is brought to the nearest that occurs (see `feasible`).
            variation: 0 is the reconstruction, 1 a random sound of the kind with its descriptors. Between them latent
                and noise lie on the way to those of the seed, the generator on the way back to what it was.
            seed: which variation.
            tuning: with controls, steps towards them, 0 to 100; each takes about as long as one of `analyze`.

        Returns:
            `(samples,)` float32 on the CPU as all sounds of an instrument are: peak at -1 dBFS, end faded to zero.

        Raises:
            CreativeMLError: a control that cannot be asked for, or a number out of its range.
        """
        check_request(self.instrument.kinds, kind=self.kind, count=1, seed=seed, truncation=1.0, tuning=tuning)
        if not is_number(variation) or not 0 <= variation <= 1:
            raise CreativeMLError(f"variation must be a number from 0 to 1, got {quoted(variation)}")
        asked = self.feasible(controls or {}).values
        model, (latent, *noise) = self._model(float(variation)), self._inputs(float(variation), seed)
        condition = condition_of(self.instrument, self.kind, self.descriptors)
        with torch.no_grad(), threads(1):
            raw = model(latent, condition, noise=noise, truncation=1.0)
            if asked:
                away = self._away_from(raw, asked)
                condition = condition_of(self.instrument, self.kind, {**self.descriptors, **asked})
                changed = adapt(model, latent, condition, noise, away, tuning)
                model = with_vectors(model, changed.vectors)
                raw = model(changed.latent[None], condition, noise=noise, truncation=1.0)
        if not bool(torch.isfinite(raw).all()):
            raise CreativeMLError(f"{self.name} became a broken sound (not a number); change or vary it less")
        return finish(raw[0].float().cpu(), self.instrument.sample_rate)

    def _away_from(self, sound: Tensor, asked: Mapping[str, float]) -> Callable[[Tensor], Tensor]:
        """How far sounds are from one `(1, samples)` that has what was asked, and all else as it is."""
        rate, values = self.instrument.sample_rate, {**self.descriptors, **asked}
        before = Match(sound[0].float(), rate)
        names = [descriptor.name for descriptor in chosen(values)]
        weights = torch.tensor([ASKED_WEIGHT if name in asked else HELD_WEIGHT for name in names], device=sound.device)

        def away(sounds: Tensor) -> Tensor:
            missed = misses(sounds.float(), values, rate)
            heard = F.smooth_l1_loss(missed, torch.zeros_like(missed), reduction="none")
            return weights @ heard + PER_DECIBEL * before.distance(sounds)

        return away

    def _model(self, variation: float) -> nn.Module:
        if variation == 0:
            return self._adapted
        return with_vectors(self.instrument.model, self.adaptation.vectors, 1.0 - variation)

    @cached_property
    def _adapted(self) -> nn.Module:
        return with_vectors(self.instrument.model, self.adaptation.vectors)

    def _inputs(self, variation: float, seed: int) -> list[Tensor]:
        """Latent and noise, on the arc from the found ones to those of a seed: so noise keeps its variance."""
        own = [self.adaptation.latent.to(self.instrument.device)[None], *fixed_noise(self.instrument)]
        if variation == 0:
            return own
        near, far = math.cos(variation * math.pi / 2), math.sin(variation * math.pi / 2)
        others = self.instrument.random_inputs(seed)
        return [near * one + far * other.to(one) for one, other in zip(own, others, strict=True)]


def analyze(
    instrument: Instrument,
    sound: str | Path | Tensor | np.ndarray,
    sample_rate: int | None = None,
    kind: Kind | None = None,
    *,
    steps: int = STEPS,
    tries: int = TRIES,
    on_step: OnStep = lambda what, done, total: None,
) -> Found:
    """Find a recording in an instrument. The same recording, instrument and version give the same result.

    Args:
        instrument: to find it in.
        sound: a file (see `recordings.read_recording`), or samples `(n,)` or `(channels, n)` with full scale 1.
        sample_rate: of samples, in Hz.
        kind: as which kind, or mixture, it shall be made; None takes, of those that a classifier thinks likely, the one
            with the nearest sound.
        steps: of adaptation, 0 to 1,000; 0 leaves the generator as it is.
        tries: random sounds of each likely kind that are tried beside the encoder's proposal, 0 to 1,000 (with a model
            that came without an encoder, 1 to 1,000).
        on_step: is told about the progress.

    Raises:
        CreativeMLError: a recording that cannot be used, an unknown kind, a number out of its range, or a model that
            is damaged.
    """
    fewest = 1 if instrument.encoder is None else 0
    for name, value, least in (("steps", steps, 0), ("tries", tries, fewest)):
        if not is_whole(value) or not least <= value <= 1000:
            raise CreativeMLError(f"{name} must be a whole number from {least} to 1000, got {quoted(value)}")
    given = None if kind is None else kind_text(shares_of(kind, instrument.kinds))
    recording = _recording(instrument, sound, sample_rate)
    wanted = recording.samples[None].to(instrument.device)
    match = Match(wanted[0], instrument.sample_rate)
    with threads(1):
        descriptors = measured(recording.samples, instrument)
        starts = []
        kinds = likely_kinds(wanted, instrument) if given is None else [given]
        for done, one in enumerate(kinds, 1):
            starts.append(tried(instrument, one, descriptors, wanted, match, tries))
            on_step("comparing", done, len(kinds))
        start = min(starts, key=lambda tries_of_kind: float(tries_of_kind.distances.min()))
        adaptation = adapt(
            instrument.model,
            start.nearest,
            condition_of(instrument, start.kind, descriptors),
            fixed_noise(instrument),
            match.distance,
            steps,
            lambda done, total: on_step("adapting", done, total),
        )
    nearness, notes = Nearness(0.0, start.encoder, start.nearest_random), recording.notes
    if adaptation.steps < steps:
        notes = (*notes, f"the adaptation went out of numbers and ended after {adaptation.steps} of {steps} steps")
    found = Found(instrument, recording.name, start.kind, descriptors, adaptation, nearness, match, notes)
    return replace(found, nearness=replace(nearness, reconstruction=found.distance(found.sound())))


def check_changeable(instrument: Instrument, names: Iterable[str]) -> None:
    """Refuse descriptors that cannot be changed with a model."""
    can = instrument.controls or CHANGEABLE
    for name in names:
        if name not in can:
            raise CreativeMLError(f"{quoted(name)} cannot be changed; what can: {', '.join(can)}")


def measured(sound: Tensor, instrument: Instrument) -> dict[str, float]:
    """What can be changed of a sound `(samples,)`, by the exact faces: descriptor → value to five digits."""
    values = describe(sound[None], instrument.sample_rate, instrument.controls or CHANGEABLE)
    return {name: float(f"{float(value):.5g}") for name, value in values.items()}


def _recording(instrument: Instrument, sound: str | Path | Tensor | np.ndarray, sample_rate: int | None) -> Recording:
    to = (instrument.sample_rate, instrument.length_samples)
    if isinstance(sound, (str, Path)):
        return read_recording(sound, *to)
    if sample_rate is None:
        raise CreativeMLError("of samples the sample rate must be given; name it in Hz")
    return recording_of(sound, sample_rate, *to)

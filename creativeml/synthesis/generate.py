"""An instrument: a trained model that makes drum sounds which can be named by kind, seed and truncation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from creativeml.data.joint_distribution import DescriptorRanges, Feasible
from creativeml.errors import CreativeMLError
from creativeml.files import sha256_bytes
from creativeml.kinds import Kind, kind_text, shares_of
from creativeml.models.checkpoint import ENCODER, from_pretrained
from creativeml.models.gans.encoder import SoundEncoder
from creativeml.precision import fastest_dtype
from creativeml.synthesis.catalog import DEFAULT_MODEL, ModelInfo, check_controls, check_request, check_take, find_model
from creativeml.synthesis.finish import finish
from creativeml.synthesis.tuning import StyledModel, tuned
from creativeml.threads import threads


@runtime_checkable
class SoundModel(Protocol):
    """What a model must offer to be played (`creativeml.models.gans.style_wavegan.StyleWaveGAN` does)."""

    config: Any

    def condition_for(self, kinds: Sequence[Kind]) -> Tensor:
        """Conditioning vectors, shape (batch, condition_dim); a kind may be a mixture.

        Models whose configuration names controls take those too: `controls`, descriptor → (batch,) values in its unit.
        """
        ...

    def noise_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the noise inputs of one sound, without the batch axis."""
        ...

    def __call__(self, latent: Tensor, condition: Tensor, *, noise: Sequence[Tensor], truncation: float) -> Tensor:
        """Sounds, shape (batch, samples)."""
        ...


@runtime_checkable
class _Castable(Protocol):
    """A model whose convolutions can compute in another type of number."""

    dtype: torch.dtype


class Instrument:
    """A model that is ready to be played. Make one with `load`.

    Every sound is named by its kind, its seed, its truncation and the controls that were asked for. Its random
    numbers (first the latent vector, then the noise inputs in the model's order) come from a CPU generator of its
    own, seeded with that one number, and it is computed alone: so a sound has the same bytes whether it is made
    singly or as one of many, and sound number `i` of seed `s` is sound number 0 of seed `s + i`. The same model file,
    seed, device type and version give the same samples; other processors and devices give nearly the same.

    The kind and the controls take no part in those random numbers: the same seed with a control moved is the same
    sound, changed. Controls that are left free follow the seed too: see `given`.
    """

    def __init__(self, model: torch.nn.Module, info: ModelInfo) -> None:
        if not isinstance(model, SoundModel):
            name = getattr(model, "registry_name", type(model).__name__)
            raise CreativeMLError(f"{info.folder}: '{name}' is a model that makes no sounds; load one that does")
        self._model = model
        self._info = info
        self._device = next(self.model.parameters()).device
        if isinstance(model, _Castable):
            model.dtype = fastest_dtype(self._device)

    @property
    def model(self) -> torch.nn.Module:
        """The network itself."""
        return cast(torch.nn.Module, self._model)

    @property
    def info(self) -> ModelInfo:
        """Name, hash, licence and model card."""
        return self._info

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of sound that the model knows, e.g. "kick"."""
        return tuple(self._model.config.kinds)

    @property
    def sample_rate(self) -> int:
        """Samples per second of every sound."""
        return int(self._model.config.sample_rate)

    @property
    def length_samples(self) -> int:
        """Samples in every sound."""
        return int(self._model.config.length_samples)

    @property
    def controls(self) -> tuple[str, ...]:
        """Descriptors that the model can be asked for, e.g. "brightness"; empty for models without controls."""
        return tuple(getattr(self._model.config, "controls", ()))

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self._device

    @cached_property
    def encoder(self) -> SoundEncoder | None:
        """The encoder that was trained beside the generator, None if it did not come with the model.

        It is loaded when it is first wanted.

        Raises:
            CreativeMLError: it is damaged, or belongs to another model.
        """
        folder = self._info.folder / ENCODER
        if not folder.is_dir():
            return None
        encoder, own = from_pretrained(folder, device=self._device), self._model.config
        fields = ("latent_dim", "condition_dim", "sample_rate", "length_samples")
        if not isinstance(encoder, SoundEncoder) or any(getattr(encoder.config, f) != getattr(own, f) for f in fields):
            raise CreativeMLError(f"{folder}: does not belong to the model beside it; get the model folder again")
        return encoder

    @property
    def ranges(self) -> DescriptorRanges | None:
        """What descriptors the sounds had that the model was trained on; None if that did not come with it."""
        return self._info.ranges

    def feasible(self, kind: Kind, controls: Mapping[str, float]) -> Feasible:
        """The nearest values to `controls` that occur among recordings of a kind, and one line on what was changed.

        Of a mixture, by its shares in between those of its kinds (see `creativeml.data.joint_distribution`).

        Raises:
            CreativeMLError: unknown kind or control, or a value that is not a finite number.
        """
        check_request(self.kinds, kind=kind, count=1, seed=0, truncation=1.0)
        check_controls(self._info, controls)
        if self.ranges is None:
            return Feasible({name: float(value) for name, value in controls.items()}, "")
        # In the model's order: the same values in another one must not be rounded otherwise.
        ordered = {name: float(controls[name]) for name in self.controls if name in controls}
        known = {name: value for name, value in ordered.items() if name in self.ranges.descriptors}
        values, message = self.ranges.feasible(kind, known)
        return Feasible({name: _rounded(values.get(name, v), unless=v) for name, v in ordered.items()}, message)

    def given(
        self, kind: Kind, seed: int, truncation: float = 1.0, controls: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """What the model is told for a sound: each of its controls in its unit; none for a model without.

        Those that were asked for are brought to the nearest `feasible` values. The others are drawn as they go with
        them among the recordings. That draw is decided by the seed alone, as the latent is: a free control stays at
        its own quantile of what goes with the others, wherever they are moved, and stays where it is if another one is
        fixed where it was. Models that came without ranges are told what was asked for only.

        Raises:
            CreativeMLError: unknown kind or control, or a number out of its range.
        """
        check_request(self.kinds, kind=kind, count=1, seed=seed, truncation=truncation)
        return self._given(kind, seed, truncation, self.feasible(kind, controls or {}).values)

    def generate(
        self,
        kind: Kind = "kick",
        count: int = 8,
        seed: int = 0,
        truncation: float = 1.0,
        controls: Mapping[str, float] | None = None,
        tuning: int = 0,
        vary: float = 0.0,
        take: int = 0,
        stroke: int = 0,
    ) -> Tensor:
        """Make sounds of one kind, or of a mixture of kinds.

        Args:
            kind: one of `kinds`, or a mixture: kind → share, e.g. `{"snare": 0.7, "clap": 0.3}`.
            count: how many sounds, 1 to 1,024.
            seed: number of the first sound, from 0; the others follow with seed + 1, seed + 2, ...
            truncation: how far sounds may lie from the kind's average, 0 (the average itself) to 1.5; 1 is
                as trained.
            controls: descriptor → value in its unit, e.g. `{"brightness": 60.0}`. What no recording of the kind has is
                brought to the nearest that occurs (see `feasible`). Controls left out vary from sound to sound as they
                do among the recordings that have the others (see `given`).
            tuning: steps, 0 to 100, that bring what is measured nearer to what was asked (`synthesis.tuning`); each
                costs about as much as ten sounds.
            vary: how far a further take lies from the sound itself, 0 to 1; about 0.2 is the same drum struck again.
            take: 0 is the sound itself; from 1 on, takes of the same stroke: noise of their own, and a latent beside
                the sound's (see `random_inputs`).
            stroke: 0 is that sound; from 1 on, its latent with other noise.

        Returns:
            Sounds in [-1, 1], float32 on the CPU, shape (count, samples): peak at -1 dBFS, no DC, end faded
            to zero.

        Raises:
            CreativeMLError: unknown kind or control, or a number out of its range.
        """
        check_request(self.kinds, kind=kind, count=count, seed=seed, truncation=truncation, tuning=tuning)
        check_take(vary, take, stroke)
        asked = self.feasible(kind, controls or {}).values
        drawn = [self.random_inputs(seed + i, vary, take, stroke) for i in range(count)]
        made = [self._make(kind, seed + i, truncation, asked, tuning, inputs) for i, inputs in enumerate(drawn)]
        return torch.stack(made)

    def sound(
        self,
        kind: Kind,
        seed: int,
        truncation: float = 1.0,
        controls: Mapping[str, float] | None = None,
        tuning: int = 0,
        vary: float = 0.0,
        take: int = 0,
        stroke: int = 0,
    ) -> Tensor:
        """The one sound of that name, shape (samples,): what `generate` makes with a count of 1."""
        return self.generate(kind, 1, seed, truncation, controls, tuning, vary, take, stroke)[0]

    def _given(self, kind: Kind, seed: int, truncation: float, asked: Mapping[str, float]) -> dict[str, float]:
        if not self.controls or self.ranges is None:
            return dict(asked)
        known = {name: value for name, value in asked.items() if name in self.ranges.descriptors}
        values = self.ranges.complete(kind, known, np.random.default_rng([seed, 1]), truncation)
        found = {**{name: _rounded(value) for name, value in values.items()}, **asked}
        return {name: found[name] for name in self.controls if name in found}

    def _condition(self, kind: Kind, seed: int, truncation: float, asked: Mapping[str, float]) -> Tensor:
        # By its name, so that every spelling of a mixture makes the same sound.
        shares = shares_of(kind, self.kinds)
        whole: Kind = shares if len(shares) > 1 else kind_text(shares)
        if not self.controls:
            return self._model.condition_for([whole])
        values = self._given(whole, seed, truncation, asked)
        return cast(Any, self._model).condition_for([whole], {name: torch.tensor([v]) for name, v in values.items()})

    def _make(
        self,
        kind: Kind,
        seed: int,
        truncation: float,
        asked: Mapping[str, float],
        tuning: int,
        inputs: Sequence[Tensor],
    ) -> Tensor:
        latent, *noise = (drawn.to(self._device) for drawn in inputs)
        # Sums are rounded in another order for every number of threads, and a sound's bytes must not depend on how
        # many cores a machine has. One thread also keeps its pace beside a busy DAW, where several wait for each other.
        with torch.no_grad(), threads(1):
            condition = self._condition(kind, seed, truncation, asked).to(self._device)
            if tuning and asked:
                raw = self._tuned(latent, condition, noise, truncation, asked, tuning)[0]
            else:
                raw = self._model(latent, condition, noise=noise, truncation=float(truncation))[0]
            sound = finish(raw.float().cpu(), self.sample_rate)
        if not bool(torch.isfinite(raw).all()):
            raise CreativeMLError(
                f"the model '{self._info.name}' gave a broken sound (not a number) for {kind}, seed {seed}, "
                f"truncation {truncation:g}; lower the truncation, or get the model again"
            )
        return sound

    def _tuned(
        self,
        latent: Tensor,
        condition: Tensor,
        noise: Sequence[Tensor],
        truncation: float,
        asked: Mapping[str, float],
        steps: int,
    ) -> Tensor:
        model = self._model
        if not isinstance(model, StyledModel):
            raise CreativeMLError(f"the model '{self._info.name}' has no style that could be tuned; leave tuning at 0")
        style = model.truncate(model.map(latent, condition), condition, float(truncation))
        return tuned(model, style, condition, noise, asked, self.sample_rate, steps=steps, fixed=len(self.kinds))

    def random_inputs(self, seed: int, vary: float = 0.0, take: int = 0, stroke: int = 0) -> list[Tensor]:
        """The random numbers of one sound, on the CPU: its latent `(1, latent_dim)`, then its noise inputs.

        A further take (from 1 on) has the latent `sqrt(1 - vary²) z + vary e`, which is as likely as the sound's own z;
        e and the noise are drawn anew for it, as no stroke of a drum has the noise of another. A further stroke (from 1
        on) of sound or take has its latent, and noise of its own.
        """
        latent, *noise = self._drawn(seed)
        if take:
            other, *noise = self._drawn(_other_seed(f"{seed} take {take}"))
            latent = math.sqrt(1.0 - vary * vary) * latent + vary * other
        if stroke:
            _, *noise = self._drawn(_other_seed(f"{seed} take {take} stroke {stroke}"))
        return [latent, *noise]

    def _drawn(self, seed: int) -> list[Tensor]:
        # Drawn on the CPU on purpose: other devices have other random numbers for the same seed.
        generator = torch.Generator().manual_seed(seed)
        shapes = ((int(self._model.config.latent_dim),), *self._model.noise_shapes())
        return [torch.randn((1, *shape), generator=generator) for shape in shapes]


def _other_seed(text: str) -> int:
    # Only the lower 32 bits of a seed count for torch, and seeds take up all of them.
    return int(sha256_bytes(text.encode())[:8], 16)


def _rounded(value: float, unless: float | None = None) -> float:
    # Few digits, more than can be heard: what is told to a person is just what the model was told.
    return float(f"{value:.5g}") if value != unless else value


def load(name: str | Path = DEFAULT_MODEL, *, device: str | torch.device = "cpu") -> Instrument:
    """Open an instrument.

    Args:
        name: a bundled model ("drums"; needs no network), a folder written by `save_pretrained` or training,
            or a model on the Hugging Face hub as "user/name" (needs the package huggingface_hub).
        device: where the model computes, e.g. "cpu" or "cuda".

    Raises:
        CreativeMLError: nothing of that name, or files that are missing, damaged or of another version.
    """
    found = find_model(name)
    return Instrument(from_pretrained(found.folder, device=device), found)

"""Spaces of sounds: every point is a sound, and near points sound alike.

    space = StyleSpace(load("drums"))
    points = space.sample("snare", count=2, seed=1)        # two points
    sounds = space.decode(points.mean(0, keepdim=True))    # the sound half-way between them

What walks, maps, searches and interpolates (`synthesis.walks`, `creativeml.maps`, the latent explorer) needs of a model
is a `LatentSpace`; whether a GAN or an autoencoder lies behind it makes no difference there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError
from creativeml.kinds import Kind
from creativeml.synthesis.catalog import DEFAULT_MODEL, check_request
from creativeml.synthesis.finish import finish
from creativeml.synthesis.generate import Instrument, load
from creativeml.synthesis.resynthesis import measured
from creativeml.synthesis.starting_points import condition_of, fixed_noise, likely_kinds
from creativeml.synthesis.tuning import StyledModel
from creativeml.threads import threads


@runtime_checkable
class LatentSpace(Protocol):
    """Points `(n, dim)`, float32 on the CPU, and the sounds that belong to them.

    Attributes:
        name: of the model.
        kinds: that `sample` knows.
        sample_rate: of its sounds, in Hz.
        length_samples: of every sound.
        dim: numbers of a point.
    """

    name: str
    kinds: tuple[str, ...]
    sample_rate: int
    length_samples: int
    dim: int

    def sample(self, kind: Kind, count: int, seed: int = 0) -> Tensor:
        """Points of a kind as often as they occur, `(count, dim)`; number `i` of seed `s` is number 0 of `s + i`."""
        ...

    def encode(self, sounds: Tensor, kinds: Sequence[str] | None = None) -> Tensor:
        """Points near recordings `(n, length_samples)`; without their kinds, those that a classifier names."""
        ...

    def raw(self, points: Tensor) -> Tensor:
        """Sounds `(n, length_samples)` with a gradient, without the last touch; nothing clamps them."""
        ...

    def decode(self, points: Tensor) -> Tensor:
        """Sounds `(n, length_samples)` as all sounds of an instrument are: peak at -1 dBFS, end faded to zero.

        A point has the same sound whether it is decoded singly or among others.
        """
        ...


class StyleSpace:
    """What a style-based generator makes of a style and a condition, its noise held still.

    A point is the style ("w", which is smoother than the latent: Karras et al. 2019) followed by the condition: shares
    of the kinds, then controls. Between two points of different kinds lie their mixtures.

    Args:
        instrument: its model must have styles.

    Raises:
        CreativeMLError: it has none.
    """

    def __init__(self, instrument: Instrument) -> None:
        model = instrument.model
        if not isinstance(model, StyledModel):
            raise CreativeMLError(f"the model '{instrument.info.name}' has no styles; take one that has ('drums')")
        self.instrument = instrument
        self._model = cast(Any, model)
        self.name, self.kinds = instrument.info.name, instrument.kinds
        self.sample_rate, self.length_samples = instrument.sample_rate, instrument.length_samples
        config = self._model.config
        self.style_dim = int(config.style_dim)
        self.dim = self.style_dim + int(config.condition_dim)
        self._noise = fixed_noise(instrument)

    def sample(self, kind: Kind, count: int, seed: int = 0) -> Tensor:
        """See `LatentSpace`; the controls follow the seed as those of `Instrument.generate` do."""
        instrument = self.instrument
        check_request(instrument.kinds, kind=kind, count=count, seed=seed, truncation=1.0)
        rows = []
        with torch.no_grad(), threads(1):
            for number in range(seed, seed + count):
                latent = instrument.random_inputs(number)[0].to(instrument.device)
                condition = condition_of(instrument, kind, instrument.given(kind, number))
                rows.append(torch.cat([self._model.map(latent, condition), condition], dim=1))
        return torch.cat(rows).float().cpu()

    def encode(self, sounds: Tensor, kinds: Sequence[str] | None = None) -> Tensor:
        """See `LatentSpace`; the controls are those that the recordings have.

        Raises:
            CreativeMLError: the model came without an encoder, or a kind that it does not know.
        """
        instrument, encoder = self.instrument, self.instrument.encoder
        if encoder is None:
            raise CreativeMLError(f"the model '{self.name}' came without an encoder, so recordings have no place in it")
        rows = []
        with torch.no_grad(), threads(1):
            for number, sound in enumerate(sounds.to(instrument.device)):
                kind = likely_kinds(sound[None], instrument)[0] if kinds is None else kinds[number]
                condition = condition_of(instrument, kind, measured(sound.cpu(), instrument))
                latent = encoder(sound[None], condition)[0]
                rows.append(torch.cat([self._model.map(latent, condition), condition], dim=1))
        return torch.cat(rows).float().cpu()

    def raw(self, points: Tensor) -> Tensor:
        """See `LatentSpace`."""
        points = points.to(self.instrument.device)
        style, condition = points.split([self.style_dim, self.dim - self.style_dim], dim=1)
        noise = [part.expand(len(points), *part.shape[1:]) for part in self._noise]
        return self._model.synthesize(style, condition, noise).float()

    def decode(self, points: Tensor) -> Tensor:
        """See `LatentSpace`."""
        return decoded(self, points)


def open_space(name: str | Path = DEFAULT_MODEL, *, device: str | torch.device = "cpu") -> LatentSpace:
    """The space of a model: a bundled name, a folder, or "user/name" on the hub, as `synthesis.generate.load` takes it.

    Raises:
        CreativeMLError: nothing of that name, damaged files, or a model without a space of sounds.
    """
    return StyleSpace(load(name, device=device))


def decoded(space: LatentSpace, points: Tensor) -> Tensor:
    """What every space's `decode` does: one point at a time, then the last touch.

    Raises:
        CreativeMLError: points of another size, that are not finite, or that give a broken sound.
    """
    if points.ndim != 2 or points.shape[1] != space.dim:
        raise CreativeMLError(f"points of '{space.name}' have shape (n, {space.dim}), not {tuple(points.shape)}")
    if not bool(torch.isfinite(points).all()):
        raise CreativeMLError("a point holds a number that is not finite; take another")
    with torch.no_grad(), threads(1):
        sounds = [space.raw(point[None]).cpu() for point in points.float()]
    raw = torch.cat(sounds) if sounds else torch.zeros(0, space.length_samples)
    if not bool(torch.isfinite(raw).all()):
        raise CreativeMLError(
            f"the model '{space.name}' gives a broken sound (not a number) there; keep nearer to others"
        )
    return finish(raw, space.sample_rate)

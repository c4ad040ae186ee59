"""Spaces of sounds: every point is a sound, and near points sound alike.

    space = StyleSpace(load("drums"))
    points = space.sample("snare", count=2, seed=1)        # two points
    sounds = space.decode(points.mean(0, keepdim=True))    # the sound half-way between them

What walks, maps, searches and interpolates (`latent_paths`, `latent_walk`, `latent_directions`, `latent_neighbours`,
`plane_map`, `inversion`) needs of a model is a `LatentSpace`; whether a GAN or an autoencoder lies behind it makes no
difference there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch import Tensor

from creativeml.audio.descriptors.registry import describe
from creativeml.errors import CreativeMLError
from creativeml.kinds import Kind, kind_text, shares_of
from creativeml.synthesis.catalog import check_request
from creativeml.synthesis.finish import finish
from creativeml.synthesis.generate import Instrument
from creativeml.synthesis.starting_points import condition_of, fixed_noise, likeliest_kinds
from creativeml.synthesis.tuning import StyledModel
from creativeml.threads import threads

_BATCH = 16
"""Sounds that are encoded at a time."""


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
        named, rows = kind_text(shares_of(kind, self.kinds)), []
        with torch.no_grad(), threads(1):
            for number in range(seed, seed + count):
                latent = instrument.random_inputs(number)[0].to(instrument.device)
                condition = condition_of(instrument, named, instrument.given(named, number))
                rows.append(torch.cat([self._model.map(latent, condition), condition], dim=1))
        return torch.cat(rows).float().cpu()

    def encode(self, sounds: Tensor, kinds: Sequence[str] | None = None) -> Tensor:
        """See `LatentSpace`; the controls are those that the recordings have by the smooth faces, as in training.

        Raises:
            CreativeMLError: the model came without an encoder, a kind that it does not know, or sounds of another
                shape or that are not finite.
        """
        if self.instrument.encoder is None:
            raise CreativeMLError(f"the model '{self.name}' came without an encoder, so recordings have no place in it")
        check_sounds(self, sounds, kinds)
        if not len(sounds):
            return torch.zeros(0, self.dim)
        with torch.no_grad(), threads(1):
            named = likeliest_kinds(sounds, self.instrument) if kinds is None else list(kinds)
            parts = zip(sounds.float().split(_BATCH), _parts(named), strict=True)
            return torch.cat([self._encoded(part.to(self.instrument.device), names) for part, names in parts])

    def _encoded(self, sounds: Tensor, kinds: Sequence[str]) -> Tensor:
        instrument, model = self.instrument, self._model
        shares: list[Kind] = [shares_of(kind, self.kinds) for kind in kinds]
        names = instrument.controls
        values = describe(sounds, self.sample_rate, names, smooth=True) if names else {}
        condition = (model.condition_for(shares, values) if names else model.condition_for(shares)).to(sounds)
        assert instrument.encoder is not None
        latent = instrument.encoder(sounds, condition)[0]
        return torch.cat([model.map(latent, condition), condition], dim=1).float().cpu()

    def raw(self, points: Tensor) -> Tensor:
        """See `LatentSpace`."""
        points = points.to(self.instrument.device)
        style, condition = points.split([self.style_dim, self.dim - self.style_dim], dim=1)
        noise = [part.expand(len(points), *part.shape[1:]) for part in self._noise]
        return self._model.synthesize(style, condition, noise).float()

    def decode(self, points: Tensor) -> Tensor:
        """See `LatentSpace`."""
        return decoded(self, points)


def check_sounds(space: LatentSpace, sounds: Tensor, kinds: Sequence[str] | None = None) -> None:
    """Refuse what no space can encode: sounds of another shape, that are not finite, or with too few kinds."""
    if sounds.ndim != 2 or sounds.shape[1] != space.length_samples:
        wanted = f"(n, {space.length_samples})"
        raise CreativeMLError(f"sounds for '{space.name}' have shape {wanted}, not {tuple(sounds.shape)}")
    if not bool(torch.isfinite(sounds).all()):
        raise CreativeMLError("a sound holds NaN or infinity; mend what made it")
    if kinds is not None and len(kinds) != len(sounds):
        raise CreativeMLError(f"there are {len(kinds)} kinds for {len(sounds)} sounds; give one for each, or none")


def _parts(kinds: list[str]) -> list[list[str]]:
    return [kinds[start : start + _BATCH] for start in range(0, len(kinds), _BATCH)]


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
    # One by one: transforms of several sounds at once round otherwise.
    return torch.stack([finish(sound, space.sample_rate) for sound in raw]) if len(raw) else raw

"""The latent space of an autoencoder of sounds, and the one way to open a space by the name of a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError
from creativeml.kinds import Kind
from creativeml.models.autoencoders.wave_vae import WaveVAE
from creativeml.synthesis.catalog import DEFAULT_MODEL, check_request
from creativeml.synthesis.generate import Instrument, load
from creativeml.synthesis.latent_space import LatentSpace, StyleSpace, check_sounds, decoded
from creativeml.synthesis.starting_points import fixed_noise
from creativeml.threads import threads

_AT_ONCE = 16


class AutoencoderSpace:
    """The latents of a `WaveVAE`, its noise held still; see `LatentSpace`.

    Args:
        instrument: its model must be a `WaveVAE`.

    Raises:
        CreativeMLError: it is not.
    """

    def __init__(self, instrument: Instrument) -> None:
        model = instrument.model
        if not isinstance(model, WaveVAE):
            raise CreativeMLError(f"the model '{instrument.info.name}' is no autoencoder of sounds; take 'drums_vae'")
        self.instrument, self._model = instrument, model
        self.name, self.kinds = instrument.info.name, instrument.kinds
        self.sample_rate, self.length_samples = instrument.sample_rate, instrument.length_samples
        self.dim = model.config.latent_dim
        self._noise = fixed_noise(instrument)

    def sample(self, kind: Kind, count: int, seed: int = 0) -> Tensor:
        """See `LatentSpace`."""
        instrument = self.instrument
        check_request(instrument.kinds, kind=kind, count=count, seed=seed, truncation=1.0)
        condition = self._model.condition_for([kind])
        with torch.no_grad(), threads(1):
            drawn = [instrument.random_inputs(number)[0].to(condition) for number in range(seed, seed + count)]
            return torch.cat([self._model.place(latent, condition) for latent in drawn]).cpu()

    def encode(self, sounds: Tensor, kinds: Sequence[str] | None = None) -> Tensor:
        """See `LatentSpace`; the kinds do not count: the encoder hears them.

        Raises:
            CreativeMLError: sounds of another shape or that are not finite.
        """
        check_sounds(self, sounds, kinds)
        with torch.no_grad(), threads(1):
            parts = [self._model.encode(part.to(self.instrument.device))[0] for part in sounds.split(_AT_ONCE)]
        return torch.cat(parts).cpu() if parts else torch.zeros(0, self.dim)

    def raw(self, points: Tensor) -> Tensor:
        """See `LatentSpace`."""
        noise = [part.expand(len(points), *part.shape[1:]) for part in self._noise]
        return self._model.decode(points.to(self.instrument.device), noise).float()

    def decode(self, points: Tensor) -> Tensor:
        """See `LatentSpace`."""
        return decoded(self, points)


def open_space(name: str | Path = DEFAULT_MODEL) -> LatentSpace:
    """The space of a model: a bundled name, a folder, or "user/name" on the Hugging Face hub.

    Raises:
        CreativeMLError: no such model, or one whose sounds have no space (a GAN without styles).
    """
    instrument = load(name)
    return AutoencoderSpace(instrument) if isinstance(instrument.model, WaveVAE) else StyleSpace(instrument)

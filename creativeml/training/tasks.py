"""The trainings there are: which networks belong to a configuration, and what their step is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from lightning_fabric import Fabric

from creativeml.config import from_dict, read_json
from creativeml.errors import CreativeMLError
from creativeml.training import gan
from creativeml.training.config import GANTrainingConfig
from creativeml.training.drum_vae import VAE, VAETrainingConfig, build_vae, vae_step
from creativeml.training.gan import GAN, build_gan
from creativeml.training.parts import Part
from creativeml.training.wave_vae import WaveAutoencoding, WaveVAETrainingConfig, build_wave_vae, wave_vae_step

TrainingConfig = GANTrainingConfig | VAETrainingConfig | WaveVAETrainingConfig
Trainee = GAN | VAE | WaveAutoencoding
C = TypeVar("C", GANTrainingConfig, VAETrainingConfig, WaveVAETrainingConfig)

NAMES: dict[type, str] = {
    GANTrainingConfig: "drum_gan",
    VAETrainingConfig: "drum_vae",
    WaveVAETrainingConfig: "wave_vae",
}
"""What each is called by `creativeml train`."""
_PRESETS = {"vae": "drum_vae", "wave_vae": "wave_vae"}


def build(config: TrainingConfig, fabric: Fabric) -> Trainee:
    """Fresh networks and optimizers of a configuration."""
    if isinstance(config, WaveVAETrainingConfig):
        return build_wave_vae(config, fabric)
    return build_vae(config, fabric) if isinstance(config, VAETrainingConfig) else build_gan(config, fabric)


def train_step(trainee: Trainee, parts: Sequence[Part]) -> dict[str, float]:
    """One step on a batch in parts; see `gan.train_step`, `drum_vae.vae_step` and `wave_vae.wave_vae_step`."""
    if isinstance(trainee, WaveAutoencoding):
        return wave_vae_step(trainee, parts)
    if isinstance(trainee, VAE):
        return vae_step(trainee, parts)
    return gan.train_step(trainee, parts)


def stored_config(run: Path, kind: type[C]) -> C:
    """The configuration of a run, from its folder.

    Raises:
        CreativeMLError: none there, a damaged one, or that of another training.
    """
    path = run / "config.json"
    values = read_json(path)
    if isinstance(values, dict):
        model = _PRESETS.get(str(values.get("preset")), "drum_gan")
        if model != NAMES[kind]:
            raise CreativeMLError(f"{run} holds a run of {model}; resume it with `creativeml train {model}`")
    return from_dict(kind, values, where=str(path))

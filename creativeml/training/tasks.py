"""The trainings there are: which networks belong to a configuration, and what their step is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from lightning_fabric import Fabric
from torch import nn

from creativeml.config import from_dict, read_json
from creativeml.errors import CreativeMLError
from creativeml.models.autoencoders.drum_vae import DrumVAE
from creativeml.models.autoencoders.wave_vae import WaveVAE
from creativeml.models.checkpoint import shapes_in
from creativeml.models.gans.critics import EnsembleCritic
from creativeml.models.outline import TooMuch, check_numbers, misfit
from creativeml.training import gan
from creativeml.training.config import GANTrainingConfig
from creativeml.training.drum_vae import VAE, VAETrainingConfig, build_vae, vae_step
from creativeml.training.gan import GAN, build_gan
from creativeml.training.parts import Part
from creativeml.training.wave_vae import WaveAutoencoding, WaveVAETrainingConfig, build_wave_vae, wave_vae_step

TrainingConfig = GANTrainingConfig | VAETrainingConfig | WaveVAETrainingConfig
Trainee = GAN | VAE | WaveAutoencoding
C = TypeVar("C", bound=TrainingConfig)

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


def check_state(config: TrainingConfig, state: Path, where: Path) -> None:
    """Refuse a run whose configuration and weights do not fit, before networks of any size are built.

    Args:
        config: of the run.
        state: JSON file of its newest state.
        where: the configuration's file, for errors.

    Raises:
        CreativeMLError: they do not fit, or the weights are damaged.
    """
    found = shapes_in(state.with_suffix(".safetensors"))
    networks = ("generator", "critic") if not isinstance(config, VAETrainingConfig) else ("generator",)
    begin = tuple(f"module/{name}/" for name in networks)
    weights = {key[len("module/") :].replace("/", ".", 1): s for key, s in found.items() if key.startswith(begin)}
    problem = misfit(lambda: nn.ModuleDict(_bare(config)), weights)
    if problem:
        raise CreativeMLError(f"{where}: does not fit {state.name} ({problem}); start a new run in another --out")


def _bare(config: TrainingConfig) -> dict[str, nn.Module]:
    if isinstance(config, VAETrainingConfig):
        return {"generator": DrumVAE(config.generator)}
    if isinstance(config, GANTrainingConfig):
        return dict(zip(("generator", "critic"), gan.bare_networks(config), strict=True))
    critic = EnsembleCritic(config.critic, length_samples=config.generator.length_samples)
    return {"generator": WaveVAE(config.generator), "critic": critic}


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
    try:
        # Of the networks alone: elsewhere are seeds and numbers of sounds, which build nothing.
        for name in ("generator", "critic"):
            check_numbers(values.get(name) if isinstance(values, dict) else values)
    except TooMuch as error:
        raise CreativeMLError(f"{path}: {error}; start a new run in another --out") from error
    if isinstance(values, dict):
        model = _PRESETS.get(str(values.get("preset")), "drum_gan")
        if model != NAMES[kind]:
            raise CreativeMLError(f"{run} holds a run of {model}; resume it with `creativeml train {model}`")
    return from_dict(kind, values, where=str(path))

"""One training step of the variational autoencoder, and everything it works on.

The order within a step: encode recordings → draw a latent near each → how badly do the latents explain the recordings,
and how far are they from the prior → update encoder and decoder together → average the decoder's weights. There is no
critic. The parts are named as those of a GAN (the decoder is the generator), so that runs of both are kept, resumed,
validated and stored by the same code.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.data.samplers import KindShares
from creativeml.errors import CreativeMLError
from creativeml.losses.variational import kl_standard_normal, sample_gaussian
from creativeml.models.autoencoders.drum_vae import DrumVAE, DrumVAEConfig
from creativeml.models.gans.encoder import SoundEncoder, SoundEncoderConfig
from creativeml.training.config import NO_KINDS, AugmentationConfig, OptimizerConfig
from creativeml.training.contest import sounds_per_update
from creativeml.training.gan import adam, average_weights
from creativeml.training.parts import Part
from creativeml.training.updates import update


@dataclass(frozen=True)
class VAETrainingConfig:
    """Everything that decides one run."""

    generator: DrumVAEConfig
    preset: str = "vae"
    generator_optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig(beta1=0.9))
    """Of encoder and decoder."""
    augmentation: AugmentationConfig = field(default_factory=lambda: AugmentationConfig(limit=0.0))
    """Of the recordings; without a critic nothing is adaptive."""
    kl_weight: float = 1e-3
    """Of the latents' divergence from the prior (nats a sound) beside the surprise (nats a bin and frame).

    The bound on the likelihood itself has one nat beside one nat, which is 1 / (bins * frames) here. But bins and
    frames overlap and are not as independent as it takes them to be, and latents as exact as that fill the prior so
    sparsely that hardly a draw from it lies near a recording (beta-VAE, Higgins et al. 2017).
    """
    batch_size: int = 16
    parts: int = 1
    """Of a step's batch, each of `batch_size` sounds, over all processes (`training.parts`)."""
    ema_sounds: int = 10_000
    """Sounds after which a weight counts half in the averaged decoder."""
    kind_shares: KindShares = "root"
    """How often kinds come: all equally often, as often as in the data, or in between (`data.samplers`)."""
    seed: int = 0

    @property
    def sounds_per_part(self) -> int:
        """Training sounds that a part of a step looks at."""
        return self.batch_size

    @property
    def sounds_per_step(self) -> int:
        """Training sounds that a step looks at, over all its parts."""
        return self.sounds_per_part * self.parts

    def __post_init__(self) -> None:
        for name in ("batch_size", "parts", "ema_sounds"):
            check_range(name, getattr(self, name), 1)
        check_range("kl_weight", self.kl_weight, 0.0)
        if self.augmentation.limit > 0:
            raise ValueError("augmentation adapts to a critic, and there is none; leave augmentation.limit at 0")


def vae_preset(kinds: Sequence[str], *, batch_size: int | None = None, seed: int = 0) -> VAETrainingConfig:
    """The training configuration of the VAE.

    Args:
        kinds: of sounds.
        batch_size: None for 16.
        seed: of everything random.

    Raises:
        CreativeMLError: no kind.
    """
    if not kinds:
        raise CreativeMLError(NO_KINDS)
    return VAETrainingConfig(DrumVAEConfig(kinds=tuple(kinds)), batch_size=batch_size or 16, seed=seed)


@dataclass
class VAE:
    """Networks, optimizer and running values of one run."""

    config: VAETrainingConfig
    fabric: Fabric
    generator: nn.Module
    """The decoder."""
    encoder: nn.Module
    average: DrumVAE
    """Moving average of the decoder: the one that is kept."""
    generator_optimizer: torch.optim.Optimizer
    obedience: None = None
    """It has no controls."""
    pretraining: bool = False
    step: int = 0
    probability: float = 0.0
    """Of adaptive augmentation: none."""

    def modules(self) -> dict[str, nn.Module]:
        """What a checkpoint holds, by name."""
        return {"generator": self.generator, "average": self.average, "encoder": self.encoder}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimizer by name."""
        return {"generator": self.generator_optimizer}

    def gates(self) -> list[float]:
        """None: there is no critic."""
        return []


def build_vae(config: VAETrainingConfig, fabric: Fabric) -> VAE:
    """Fresh networks and optimizer, set up on the fabric's device."""
    torch.manual_seed(config.seed)
    c = config.generator
    decoder = DrumVAE(c)
    encoder = SoundEncoder(SoundEncoderConfig(c.latent_dim, c.condition_dim, c.sample_rate, c.length_samples))
    average = copy.deepcopy(decoder).eval().requires_grad_(False).to(fabric.device)
    optimizer = adam([*decoder.parameters(), *encoder.parameters()], config.generator_optimizer)
    decoder, optimizer = fabric.setup(decoder, optimizer)
    return VAE(config, fabric, decoder, fabric.setup(encoder), average, optimizer)


def vae_step(vae: VAE, parts: Sequence[Part]) -> dict[str, float]:
    """One step.

    Args:
        vae: changed in place.
        parts: of the step's batch that this process takes.

    Returns:
        Every loss term by name: `surprise` (see `models.autoencoders.drum_vae`) and the weighted `kl`.

    Raises:
        NonFiniteLoss: before any weight was changed by a non-finite value.
    """
    terms = (_terms(vae, part) for part in parts)
    log = update(vae.fabric, vae.generator_optimizer, terms, len(parts))
    vae.step += 1
    average_weights(vae, sounds_per_update(vae.config))
    return log


def _terms(vae: VAE, part: Part) -> dict[str, Tensor]:
    part.begin("draw")
    condition = F.one_hot(part.labels, len(vae.config.generator.kinds)).float()
    mean, log_variance = vae.encoder(part.real, condition)
    mean, log_variance = mean.float(), log_variance.float()
    surprise = vae.generator(sample_gaussian(mean, log_variance), condition, observed=part.real)
    return {
        "surprise": surprise.mean(),
        "kl": vae.config.kl_weight * kl_standard_normal(mean, log_variance).mean(),
    }

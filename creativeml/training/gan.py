"""One training step of a waveform GAN, and everything it works on.

The order within a step: draw sounds → update the critic on real and drawn ones → update the generator on the same drawn
ones through the updated critic, every few steps together with a reconstruction → average the generator's weights. A
step's batch may come in parts (`training.parts`); each update is by the mean of their gradients.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from creativeml.audio.augment import AugmentConfig, DrumAugment
from creativeml.losses.adversarial import AdversarialLoss
from creativeml.losses.spectral import spectral_energy_distance
from creativeml.losses.variational import kl_standard_normal, sample_gaussian
from creativeml.models.gans.condition import control_entries
from creativeml.models.gans.critics import EnsembleCritic
from creativeml.models.gans.encoder import SoundEncoder, SoundEncoderConfig
from creativeml.models.gans.heads import FLOOR_NEPERS, WaveformHead
from creativeml.models.gans.spectral_gan import SpectralGAN, SpectralGANConfig, SpectralGANCritic
from creativeml.models.gans.style_wavegan import StyleWaveGAN, StyleWaveGANConfig, SynthesisNetwork
from creativeml.models.gans.wavegan import WaveGAN, WaveGANConfig, WaveGANCritic
from creativeml.training.config import GANTrainingConfig, OptimizerConfig
from creativeml.training.contest import Contest, critic_step, shown, sounds_per_update
from creativeml.training.controls import Obedience, measured, perturbed
from creativeml.training.parts import Part
from creativeml.training.recognition import RecognitionPenalty
from creativeml.training.sharding import shard, whole
from creativeml.training.updates import update


class Averaged(Protocol):
    """What has a generator and its moving average."""

    config: Any
    average: Any
    step: int

    @property
    def generator(self) -> nn.Module: ...


@dataclass
class GAN:
    """Networks, optimizers and running values of one run."""

    config: GANTrainingConfig
    fabric: Fabric
    generator: StyleWaveGAN | WaveGAN | SpectralGAN
    """In the fabric's wrapper, as critic and encoder are: it passes on whatever it is asked for."""
    critic: EnsembleCritic | WaveGANCritic | SpectralGANCritic
    encoder: SoundEncoder | None
    average: StyleWaveGAN | WaveGAN | SpectralGAN
    """Moving average of the generator: the one that is shipped."""
    generator_optimizer: torch.optim.Optimizer
    critic_optimizer: torch.optim.Optimizer
    loss: AdversarialLoss
    augment: DrumAugment
    obedience: Obedience | None = None
    """Of generators with controls."""
    recognition: RecognitionPenalty | None = None
    step: int = 0
    probability: float = 0.0
    """Of adaptive augmentation."""

    def modules(self) -> dict[str, nn.Module]:
        """What a checkpoint holds, by name."""
        named = {"generator": self.generator, "critic": self.critic, "average": self.average}
        return named if self.encoder is None else {**named, "encoder": self.encoder}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Both optimizers by name."""
        return {"generator": self.generator_optimizer, "critic": self.critic_optimizer}

    def draw(self, latent: Tensor, condition: Tensor) -> Tensor:
        """What the critic is shown of latents: sounds `(b, samples)`, or pictures of a generator that draws those."""
        if isinstance(self.average, SpectralGAN):
            return self.generator(latent, condition, as_picture=True)
        return self.generator(latent, condition)

    def gates(self) -> list[float]:
        """Openness of the critic's gates, for the log."""
        return self.critic.gates()

    @property
    def pretraining(self) -> bool:
        """Whether this step reconstructs only."""
        return self.encoder is not None and self.step < self.config.reconstruction.pretrain_steps


def build_gan(config: GANTrainingConfig, fabric: Fabric) -> GAN:
    """Fresh networks and optimizers, set up on the fabric's device."""
    torch.manual_seed(config.seed)
    generator, critic = bare_networks(config)
    encoder = None
    if config.reconstruction.every:
        c = config.generator
        encoder = SoundEncoder(SoundEncoderConfig(c.latent_dim, c.condition_dim, c.sample_rate, c.length_samples))
    average = copy.deepcopy(generator).eval().requires_grad_(False).to(fabric.device)
    generator = shard(fabric, generator)
    # In groups, since sliced and whole weights are not updated together.
    drawn_from = [generator, *([encoder] if encoder else [])]
    groups = [{"params": list(module.parameters())} for module in drawn_from]
    generator_optimizer = adam(groups, config.generator_optimizer)
    critic_optimizer = adam(critic.parameters(), config.critic_optimizer)
    generator, generator_optimizer = fabric.setup(generator, generator_optimizer)
    critic, critic_optimizer = fabric.setup(critic, critic_optimizer)
    return GAN(
        config,
        fabric,
        generator,
        critic,
        None if encoder is None else fabric.setup(encoder),
        average,
        generator_optimizer,
        critic_optimizer,
        AdversarialLoss(config.adversarial),
        DrumAugment(AugmentConfig(sample_rate=config.generator.sample_rate), only=config.augmentation.adaptive_only),
        _obedience(config),
        RecognitionPenalty(config.recognition, config.generator.kinds, config.generator.sample_rate)
        if config.recognition.weight
        else None,
    )


def _obedience(config: GANTrainingConfig) -> Obedience | None:
    c = config.generator
    controls = c.controls if isinstance(c, StyleWaveGANConfig) else ()
    return Obedience(config.control, controls, c.sample_rate) if controls else None


def bare_networks(
    config: GANTrainingConfig,
) -> tuple[StyleWaveGAN | WaveGAN | SpectralGAN, EnsembleCritic | WaveGANCritic | SpectralGANCritic]:
    """Generator and critic of a configuration."""
    c = config.generator
    if isinstance(c, SpectralGANConfig):
        return SpectralGAN(c), SpectralGANCritic(c)
    generator = StyleWaveGAN(c) if isinstance(c, StyleWaveGANConfig) else WaveGAN(c)
    if config.critic is not None:
        return generator, EnsembleCritic(config.critic, length_samples=c.length_samples)
    assert isinstance(c, WaveGANConfig), "only WaveGAN brings a critic of its own"
    return generator, WaveGANCritic(c)


def adam(parameters: Iterable[nn.Parameter] | list[dict[str, Any]], config: OptimizerConfig) -> torch.optim.Adam:
    """The optimizer of a configuration."""
    return torch.optim.Adam(parameters, lr=config.rate, betas=(config.beta1, config.beta2))


def train_step(gan: GAN, parts: Sequence[Part]) -> dict[str, float]:
    """One step: an update of the generator after `critic_steps` of the critic, each on sounds of its own.

    Args:
        gan: changed in place.
        parts: of the step's batch that this process takes, each with `critic_steps * b` sounds.

    Returns:
        Every loss term and figure of the step by name.

    Raises:
        NonFiniteLoss: before any weight was changed by a non-finite value.
    """
    own = gan.config.generator_optimizer
    if gan.pretraining:
        set_momentum(gan.generator_optimizer, 0.9, own.beta2)
        terms = (_level_terms(gan, part) for part in parts)
        log = update(gan.fabric, gan.generator_optimizer, terms, len(parts))
    else:
        set_momentum(gan.generator_optimizer, own.beta1, own.beta2)
        # Critic and generator are updated on the same views: to make them again costs a tenth of the step, which is
        # paid only where the graphs of several parts would have to be kept.
        kept = _Drawn(gan, parts[0]) if len(parts) == 1 else None
        log = critic_step(gan, parts, lambda part: (kept or _Drawn(gan, part)).contest())
        for turn in range(1, gan.config.critic_steps):
            log = critic_step(gan, parts, lambda part, turn=turn: _further_contest(gan, part, turn), f"critic {turn}")
        log |= _generator_step(gan, parts, kept)
    gan.step += 1
    average_weights(gan, sounds_per_update(gan.config))
    return log


class _Drawn:
    """Sounds of a part, drawn for an update of the critic and one of the generator: the same whenever it is made."""

    def __init__(self, gan: GAN, part: Part) -> None:
        random = part.begin("draw")
        self.real, self.labels = (x[: gan.config.batch_size] for x in (part.real, part.labels))
        self.condition, self.wanted, self.asked = _conditions(gan, self.real, self.labels)
        latent = torch.randn(len(self.real), gan.config.generator.latent_dim, device=self.real.device)
        self.fake = gan.draw(latent, self.wanted)
        self.seen = gan.critic.views(shown(gan, self.fake, random))

    def contest(self) -> Contest:
        return Contest(self.real, [view.detach() for view in self.seen], self.condition, self.wanted)


def _further_contest(gan: GAN, part: Part, turn: int) -> Contest:
    """Other sounds of a part, for the critic alone."""
    random = part.begin(f"draw {turn}")
    real, labels = (x.split(gan.config.batch_size)[turn] for x in (part.real, part.labels))
    condition, wanted, _ = _conditions(gan, real, labels)
    with torch.no_grad():
        latent = torch.randn(len(real), gan.config.generator.latent_dim, device=real.device)
        seen = gan.critic.views(shown(gan, gan.draw(latent, wanted), random))
    return Contest(real, seen, condition, wanted)


def _conditions(gan: GAN, real: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Condition vectors `(b, condition_dim)` of the real sounds and of the sounds to draw, and the descriptors that are
    asked of the latter: none without controls, where both vectors are the same."""
    config = gan.config.generator
    shares = F.one_hot(labels, len(config.kinds)).float()
    if gan.obedience is None:
        return shares[:, : config.condition_dim], shares[:, : config.condition_dim], {}
    assert isinstance(config, StyleWaveGANConfig)
    own = measured(real, config.sample_rate, config.controls)
    asked = perturbed(own, gan.config.control.spread)
    vectors = [torch.cat([shares, control_entries(values, config.controls)], dim=1) for values in (own, asked)]
    return vectors[0], vectors[1], asked


def _reconstruction_terms(gan: GAN, real: Tensor, condition: Tensor) -> dict[str, Tensor]:
    assert gan.encoder is not None
    mean, log_variance = gan.encoder(real, condition)
    mean, log_variance = mean.float(), log_variance.float()
    latent = sample_gaussian(mean, log_variance)
    # Two draws of the noise for one latent; see `spectral_energy_distance`.
    drawn = gan.generator(latent.repeat(2, 1), condition.repeat(2, 1))
    first, second = drawn.chunk(2)
    sample_rate = gan.config.generator.sample_rate
    weights = gan.config.reconstruction
    terms = {
        "reconstruction": weights.weight * spectral_energy_distance(real, first, second, sample_rate),
        "kl": weights.kl_weight * kl_standard_normal(mean, log_variance).mean(),
    }
    if getattr(gan.average.head, "modes", None) is not None and weights.level_weight:
        # Spectral distances cannot tell a partial beside the right place from noise; levels can.
        terms["levels"] = weights.level_weight * _level_distance(gan, real, latent, condition)
    return terms


def _level_terms(gan: GAN, part: Part) -> dict[str, Tensor]:
    """Pre-training: encoder and the first frame rates of the generator learn the level over band and time.

    Neither sound nor critic is needed for it, so a step costs a tenth of the others.
    """
    assert gan.encoder is not None
    part.begin("levels")
    condition = _conditions(gan, part.real, part.labels)[0]
    weights = gan.config.reconstruction
    mean, log_variance = gan.encoder(part.real, condition)
    mean, log_variance = mean.float(), log_variance.float()
    distance = _level_distance(gan, part.real, sample_gaussian(mean, log_variance), condition)
    return {
        "levels": weights.level_weight * distance,
        "kl": weights.kl_weight * kl_standard_normal(mean, log_variance).mean(),
    }


def _level_distance(gan: GAN, real: Tensor, latent: Tensor, condition: Tensor) -> Tensor:
    """Mean distance of the levels, in units of the 80 dB between the floor and full scale, as the spectral distance."""
    assert isinstance(gan.average, StyleWaveGAN)
    frames = level_frames(gan.average)
    return level_distance(gan.average, gan.generator(latent, condition, level_frames=frames), real)


def level_distance(network: SynthesisNetwork, made: Tensor, real: Tensor) -> Tensor:
    """Mean distance of levels `(b, rows, frames)` that a network made from those of sounds `(b, samples)`, in units of
    the 80 dB between the floor and full scale, as the spectral distance."""
    head = network.head
    assert not isinstance(head, WaveformHead), "only heads with band gains have levels"
    wanted = head.measure_levels(real, made.shape[-1])
    weights = head.row_weights * wanted.isfinite()
    missed = made.clamp(min=FLOOR_NEPERS) - wanted.nan_to_num()
    return (weights * missed).abs().sum() / weights.sum() / -FLOOR_NEPERS


def level_frames(network: SynthesisNetwork) -> int:
    """The rate nearest to 256 frames (about 6 ms) that a network has."""
    rates = [level.frames for level in network.levels]
    return min(rates, key=lambda rate: abs(rate - 256))


def set_momentum(optimizer: torch.optim.Optimizer, beta1: float, beta2: float) -> None:
    """Change the moments of Adam: momentum helps a plain loss and harms the game."""
    for group in optimizer.param_groups:
        group["betas"] = (beta1, beta2)


def _generator_step(gan: GAN, parts: Sequence[Part], kept: _Drawn | None) -> dict[str, float]:
    # The critic's weights need no gradient here; switching them off saves that half of its backward pass.
    gan.critic.requires_grad_(False)
    try:
        terms = (_generator_terms(gan, part, kept or _Drawn(gan, part)) for part in parts)
        return update(gan.fabric, gan.generator_optimizer, terms, len(parts))
    finally:
        gan.critic.requires_grad_(True)


def _generator_terms(gan: GAN, part: Part, drawn: _Drawn) -> dict[str, Tensor]:
    part.begin("generator")
    terms = gan.loss.generator(gan.critic(drawn.seen, drawn.wanted), drawn.fake)
    if gan.obedience is not None and gan.obedience.is_due(gan.step):
        terms |= gan.obedience.terms(drawn.fake, drawn.asked)
    if gan.recognition is not None and gan.recognition.is_due(gan.step):
        terms |= gan.recognition.terms(drawn.fake, drawn.labels)
    every = gan.config.reconstruction.every
    if gan.encoder is not None and gan.step % every == 0:
        terms |= _reconstruction_terms(gan, drawn.real, drawn.condition)
    return terms


@torch.no_grad()
def average_weights(trainee: Averaged, sounds: int) -> None:
    """Move the averaged generator towards the one that is trained, by as much as belongs to so many sounds."""
    # A short memory at the start, or the average would long remember the first noise.
    memory = min(trainee.config.ema_sounds, 0.1 * trainee.step * sounds + 1.0)
    keep = 0.5 ** (sounds / memory)
    source = getattr(trainee.generator, "module", trainee.generator)
    torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
        list(trainee.average.parameters()), [whole(p) for p in source.parameters()], 1.0 - keep
    )
    for ours, theirs in zip(trainee.average.buffers(), source.buffers(), strict=True):
        ours.copy_(theirs)

"""One training step of the waveform autoencoder, and everything it works on.

Three phases, each with what the one before has learnt:

1. Levels: encoder and the first frame rates of the decoder learn the level over band and time, at a tenth of the cost.
2. Distance: recordings are made again, by the spectral energy distance.
3. Game: a critic hears, in turn, recordings made again and sounds between two recordings of a kind. A musician walks
   between recordings, so what lies there must sound real too (Berthelot et al., "Understanding and improving
   interpolation in autoencoders via an adversarial regularizer", 2019, arXiv 1807.07543). As in RAVE the encoder stays
   what it has become: the game would move the places of the sounds about.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from creativeml.audio.augment import AugmentConfig, DrumAugment
from creativeml.config import check_range
from creativeml.data.one_shots import SoundSet
from creativeml.data.samplers import KindShares
from creativeml.errors import CreativeMLError
from creativeml.losses.adversarial import AdversarialConfig, AdversarialLoss
from creativeml.losses.spectral import spectral_energy_distance
from creativeml.losses.variational import kl_standard_normal, sample_gaussian
from creativeml.models.autoencoders.wave_vae import WaveVAE, WaveVAEConfig
from creativeml.models.gans.critics import CriticConfig, EnsembleCritic
from creativeml.training.config import NO_KINDS, AugmentationConfig, OptimizerConfig
from creativeml.training.contest import Contest, critic_step, shown, sounds_per_update
from creativeml.training.gan import adam, average_weights, level_distance, level_frames, set_momentum
from creativeml.training.parts import Part
from creativeml.training.updates import update

_AT_ONCE = 32


@dataclass(frozen=True)
class WaveVAETrainingConfig:
    """Everything that decides one run."""

    generator: WaveVAEConfig
    """The whole autoencoder."""
    critic: CriticConfig
    preset: str = "wave_vae"
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    generator_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    critic_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    pretrain_steps: int = 1500
    """Steps of the first phase."""
    game_from: int = 4000
    """Step with which the third phase begins."""
    distance_weight: float = 8.0
    """Of the spectral energy distance."""
    level_weight: float = 20.0
    """Of the levels over band and time."""
    kl_weight: float = 0.0005
    """Of the latents' divergence from the standard normal distribution, in nats. It keeps near sounds near; what
    latents occur is found out afterwards (`WaveVAE.fit_prior`)."""
    kind_weight: float = 0.1
    """Of the surprise at the kind, in nats: the decoder shall take a recording for what it is."""
    batch_size: int = 16
    parts: int = 1
    """Of a step's batch, each of `batch_size` sounds, over all processes (`training.parts`)."""
    ema_sounds: int = 10_000
    """Sounds after which a weight counts half in the averaged autoencoder."""
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
        for name in ("pretrain_steps", "distance_weight", "level_weight", "kl_weight", "kind_weight"):
            check_range(name, getattr(self, name), 0)
        check_range("game_from", self.game_from, self.pretrain_steps)


def wave_vae_preset(kinds: Sequence[str], *, batch_size: int | None = None, seed: int = 0) -> WaveVAETrainingConfig:
    """The training configuration of the waveform autoencoder.

    Args:
        kinds: of sounds.
        batch_size: None for 16.
        seed: of everything random.

    Raises:
        CreativeMLError: no kind.
    """
    if not kinds:
        raise CreativeMLError(NO_KINDS)
    generator = WaveVAEConfig(kinds=tuple(kinds))
    critic = CriticConfig(generator.condition_dim)
    return WaveVAETrainingConfig(generator, critic, batch_size=batch_size or 16, seed=seed)


@dataclass
class WaveAutoencoding:
    """Networks, optimizers and running values of one run."""

    config: WaveVAETrainingConfig
    fabric: Fabric
    generator: WaveVAE
    """The autoencoder in training, in the fabric's wrapper, which passes on whatever it is asked for."""
    critic: EnsembleCritic
    average: WaveVAE
    """Its moving average: the one that is kept."""
    generator_optimizer: torch.optim.Optimizer
    critic_optimizer: torch.optim.Optimizer
    loss: AdversarialLoss
    augment: DrumAugment
    encoder: None = None
    """It has none of its own."""
    obedience: None = None
    """It has no controls."""
    step: int = 0
    probability: float = 0.0
    """Of adaptive augmentation."""

    @property
    def network(self) -> WaveVAE:
        """The autoencoder past the fabric's wrapper, whose one entry is `forward`."""
        return getattr(self.generator, "module", self.generator)

    @property
    def pretraining(self) -> bool:
        """Whether this step learns levels only."""
        return self.step < self.config.pretrain_steps

    def modules(self) -> dict[str, nn.Module]:
        """What a checkpoint holds, by name."""
        return {"generator": self.generator, "critic": self.critic, "average": self.average}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Both optimizers by name."""
        return {"generator": self.generator_optimizer, "critic": self.critic_optimizer}

    def gates(self) -> list[float]:
        """Openness of the critic's gates, for the log."""
        return self.critic.gates()


def build_wave_vae(config: WaveVAETrainingConfig, fabric: Fabric) -> WaveAutoencoding:
    """Fresh networks and optimizers, set up on the fabric's device."""
    torch.manual_seed(config.seed)
    model = WaveVAE(config.generator)
    critic = EnsembleCritic(config.critic, length_samples=config.generator.length_samples)
    average = copy.deepcopy(model).eval().requires_grad_(False).to(fabric.device)
    generator, generator_optimizer = fabric.setup(model, adam(model.parameters(), config.generator_optimizer))
    critic, critic_optimizer = fabric.setup(critic, adam(critic.parameters(), config.critic_optimizer))
    return WaveAutoencoding(
        config,
        fabric,
        generator,
        critic,
        average,
        generator_optimizer,
        critic_optimizer,
        AdversarialLoss(config.adversarial),
        DrumAugment(AugmentConfig(sample_rate=config.generator.sample_rate), only=config.augmentation.adaptive_only),
    )


def wave_vae_step(run: WaveAutoencoding, parts: Sequence[Part]) -> dict[str, float]:
    """One step.

    Args:
        run: changed in place.
        parts: of the step's batch that this process takes.

    Returns:
        Every loss term and figure of the step by name.

    Raises:
        NonFiniteLoss: before any weight was changed by a non-finite value.
    """
    own = run.config.generator_optimizer
    playing = run.step >= run.config.game_from
    set_momentum(run.generator_optimizer, own.beta1 if playing else 0.9, own.beta2)
    log: dict[str, float] = {}
    # As in `gan.train_step`: what is drawn for both updates is kept if it is one part's alone.
    kept = _Remade(run, parts[0], playing) if playing and len(parts) == 1 else None
    try:
        if playing:
            log = critic_step(run, parts, lambda part: (kept or _Remade(run, part, playing)).contest())
            # Its weights need no gradient now; switching them off saves that half of its backward pass.
            run.critic.requires_grad_(False)
        terms = ((kept or _Remade(run, part, playing)).all_terms(run) for part in parts)
        log |= update(run.fabric, run.generator_optimizer, terms, len(parts))
    finally:
        # After a step that was skipped, too: the next one trains the critic again.
        run.critic.requires_grad_(True)
    run.step += 1
    average_weights(run, sounds_per_update(run.config))
    return log


class _Remade:
    """Recordings of a part made again, or what lies between them; the same whenever it is made."""

    def __init__(self, run: WaveAutoencoding, part: Part, playing: bool) -> None:
        c, random = run.config, part.begin("draw")
        self.real = part.real
        self.condition = F.one_hot(part.labels, c.generator.condition_dim).float()
        self.made, self.seen = None, []
        with run.fabric.autocast():
            with torch.set_grad_enabled(not playing):
                mean, log_variance = run.network.encode(part.real)
                latents = sample_gaussian(mean, log_variance)
            self.terms = {"levels": c.level_weight * _missed_levels(run, latents, part.real)}
            if not playing:
                self.terms["kl"] = c.kl_weight * kl_standard_normal(mean, log_variance).mean()
                self.terms["kind"] = c.kind_weight * F.cross_entropy(run.network.recognise(latents), part.labels)
            # In the game reconstruction and what lies between take turns: both at once would cost half as much again.
            if not run.pretraining and (not playing or run.step % 2 == 0):
                # Two draws of the noise for one latent; see `spectral_energy_distance`.
                self.made, again = run.network.decode(latents.repeat(2, 1)).chunk(2)
                distance = spectral_energy_distance(part.real, self.made, again, c.generator.sample_rate)
                self.terms["reconstruction"] = c.distance_weight * distance
            elif playing:
                self.made = run.network.decode(between(latents, part.labels))
        if playing:
            assert self.made is not None
            self.seen = run.critic.views(shown(run, self.made, random))

    def contest(self) -> Contest:
        return Contest(self.real, [view.detach() for view in self.seen], self.condition, self.condition)

    def all_terms(self, run: WaveAutoencoding) -> dict[str, Tensor]:
        """Those of the autoencoder, with what the critic says of the sounds if there is a game."""
        if not self.seen:
            return self.terms
        assert self.made is not None
        return self.terms | run.loss.generator(run.critic(self.seen, self.condition), self.made)


def _missed_levels(run: WaveAutoencoding, latents: Tensor, real: Tensor) -> Tensor:
    network = run.network
    made = network.decode_levels(latents, level_frames(network.synthesis))
    return level_distance(network.synthesis, made, real)


def between(latents: Tensor, labels: Tensor) -> Tensor:
    """Places between each latent `(b, dim)` and another of its kind in the batch; itself if there is none."""
    places = torch.arange(len(labels), device=labels.device)
    partners = places.clone()
    for kind in labels.unique():
        own = places[labels == kind]
        partners[own] = own.roll(1)
    share = torch.rand(len(latents), 1, device=latents.device)
    return torch.lerp(latents, latents[partners], share)


@torch.no_grad()
def fit_prior(model: WaveVAE, dataset: SoundSet) -> None:
    """Estimate from a dataset what latents each kind has; see `WaveVAE.fit_prior`."""
    device = model.prior_mean.device
    encoded = [
        model.encode(dataset.batch(range(start, min(start + _AT_ONCE, len(dataset))))[0].to(device))
        for start in range(0, len(dataset), _AT_ONCE)
    ]
    means, log_variances = (torch.cat(part) for part in zip(*encoded, strict=True))
    model.fit_prior(means, log_variances, dataset.labels.to(device))

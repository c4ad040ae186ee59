"""Everything that decides a GAN training run, in one frozen record that is saved beside the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from creativeml.audio.augment import INVARIANT, TRANSFORMS
from creativeml.audio.descriptors.registry import chosen
from creativeml.audio.descriptors.scales import TIMBRE
from creativeml.config import check_range
from creativeml.data.samplers import KindShares
from creativeml.errors import CreativeMLError
from creativeml.losses.adversarial import AdversarialConfig
from creativeml.models.gans import style_wavegan
from creativeml.models.gans.critics import CriticConfig, SpectralView
from creativeml.models.gans.spectral_gan import SpectralGANConfig
from creativeml.models.gans.style_wavegan import StyleWaveGANConfig
from creativeml.models.gans.wavegan import WaveGANConfig
from creativeml.settings import changed

C = TypeVar("C")

NO_KINDS = "the dataset has no sound whose kind is known; name folders or files by kind and prepare again"

ALL_CONTROLS = (*TIMBRE, "decay_time_20")
"""What a generator is usually taught to obey: timbre, and how long a sound lasts whatever its level."""


@dataclass(frozen=True)
class OptimizerConfig:
    """Adam, for one of the two players."""

    rate: float = 2e-3
    beta1: float = 0.0
    beta2: float = 0.99

    def __post_init__(self) -> None:
        if not self.rate > 0:
            raise ValueError(f"a learning rate must be more than 0, not {self.rate}")
        for name in ("beta1", "beta2"):
            check_range(name, getattr(self, name), 0.0, 1.0 - 1e-9)


@dataclass(frozen=True)
class AugmentationConfig:
    """Augmentation of the data, and adaptive augmentation of what the critic sees (Karras et al. 2020).

    Attributes:
        data_only: transforms of `DrumAugment` on training sounds. What they make will be learnt, so none that a
            musician would not want (hiss, late onsets).
        data_probability: of each of them.
        adaptive_only: transforms shown to the critic on real and generated sounds alike.
        target: of the share of training sounds that the critic calls real, minus the share that it calls generated.
        adapt_over_sounds: real sounds in which the probability can go from 0 to 1.
        limit: of the probability; 0 switches adaptive augmentation off.
    """

    data_only: tuple[str, ...] = ("pitch", "tilt", "attack", "tail")
    data_probability: float = 0.5
    adaptive_only: tuple[str, ...] = INVARIANT
    target: float = 0.6
    adapt_over_sounds: int = 60_000
    limit: float = 0.8

    def __post_init__(self) -> None:
        for name in ("data_probability", "limit"):
            check_range(name, getattr(self, name), 0.0, 1.0)
        check_range("target", self.target, -1.0, 1.0)
        check_range("adapt_over_sounds", self.adapt_over_sounds, 1)
        for name in (*self.data_only, *self.adaptive_only):
            if name not in TRANSFORMS:
                raise ValueError(f"there is no augmentation '{name}' (known: {', '.join(TRANSFORMS)})")


@dataclass(frozen=True)
class ReconstructionConfig:
    """The variational part: an encoder gives each training sound a latent from which the generator remakes it.

    Attributes:
        pretrain_steps: steps before the game in which only the level over band and time is learnt (cheap).
        every: steps from one reconstruction to the next during the game; 0 for a plain GAN without encoder.
        weight: of the reconstruction in the game, by spectral energy distance.
        level_weight: of the levels over band and time: all there is in pre-training; in the game only for generators
            with modes.
        kl_weight: of the divergence from the prior, in nats.
    """

    pretrain_steps: int = 1500
    every: int = 8
    weight: float = 4.0
    level_weight: float = 20.0
    kl_weight: float = 0.002

    def __post_init__(self) -> None:
        for name in ("pretrain_steps", "every", "weight", "level_weight", "kl_weight"):
            check_range(name, getattr(self, name), 0)


@dataclass(frozen=True)
class ControlConfig:
    """How a generator with controls is made to obey.

    Attributes:
        weight: of the mean distance between asked and measured descriptors, in just-noticeable differences; 0 never
            measures it.
        weights: of single descriptors in that mean, as pairs; 1 for those that are not named.
        every: steps from one payment to the next; each then counts as many times.
        spread: how far what is asked for lies from the descriptors of real sounds, in just-noticeable differences.
    """

    weight: float = 1.0
    weights: tuple[tuple[str, float], ...] = ()
    every: int = 2
    spread: float = 0.6

    def __post_init__(self) -> None:
        for name in ("weight", "spread"):
            check_range(name, getattr(self, name), 0.0)
        check_range("every", self.every, 1)
        names = [name for name, _ in self.weights]
        if len(chosen(names)) < len(names):
            raise ValueError("control.weights names a control twice")
        for name, weight in self.weights:
            if not weight > 0:
                raise ValueError(f"the weight of {name} must be more than 0, not {weight}; leave out the control")


@dataclass(frozen=True)
class RecognitionConfig:
    """How a generator is made to draw sounds that are heard as the kind asked for.

    An auxiliary classifier (Odena et al. 2017, arXiv 1610.09585) held fixed: the bundled ear of `models.gans.ear`.

    Attributes:
        weight: of the surprise at the kind, in nats; 0 never listens.
        every: steps from one payment to the next; each then counts as many times.
        enough: probability above which a sound is heard well enough and nothing is paid, so that kinds are not drawn
            into the few sounds that are the surest.
    """

    weight: float = 0.0
    every: int = 2
    enough: float = 0.8

    def __post_init__(self) -> None:
        check_range("weight", self.weight, 0.0)
        check_range("every", self.every, 1)
        if not 0 < self.enough <= 1:
            raise ValueError(f"enough must be a probability above 0, not {self.enough}")


@dataclass(frozen=True)
class GANTrainingConfig:
    """One run. `preset` names where the values came from."""

    preset: str
    generator: StyleWaveGANConfig | WaveGANConfig | SpectralGANConfig
    critic: CriticConfig | None
    """None takes the critic that belongs to the generator (WaveGAN's, the spectral GAN's)."""
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    generator_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    critic_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    reconstruction: ReconstructionConfig = field(default_factory=ReconstructionConfig)
    control: ControlConfig = field(default_factory=ControlConfig)
    """Counts for generators with controls only."""
    recognition: RecognitionConfig = field(default_factory=RecognitionConfig)
    batch_size: int = 16
    parts: int = 1
    """Of a step's batch, each of `batch_size` sounds, over all processes (`training.parts`)."""
    critic_steps: int = 1
    """Critic updates per generator update, each on a batch of its own."""
    ema_sounds: int = 10_000
    """Sounds after which a weight counts half in the averaged generator."""
    kind_shares: KindShares = "root"
    """How often kinds come: all equally often, as often as in the data, or in between (`data.samplers`)."""
    seed: int = 0

    @property
    def sounds_per_part(self) -> int:
        """Training sounds that a part of a step looks at."""
        return self.batch_size * self.critic_steps

    @property
    def sounds_per_step(self) -> int:
        """Training sounds that a step looks at, over all its parts."""
        return self.sounds_per_part * self.parts

    def __post_init__(self) -> None:
        for name in ("batch_size", "parts", "critic_steps", "ema_sounds"):
            check_range(name, getattr(self, name), 1)
        group = self.critic.spread_group if self.critic is not None else getattr(self.generator, "spread_group", 0)
        if group and self.batch_size % group:
            raise ValueError(f"spread_group must divide the batch of {self.batch_size}, {group} does not")
        if self.adversarial.game == "wasserstein" and self.augmentation.limit > 0:
            raise ValueError(
                "the sign of a wasserstein critic's verdicts means nothing, so augmentation cannot adapt to it; set"
                " augmentation.limit=0 too"
            )
        if isinstance(self.generator, SpectralGANConfig) and (
            self.augmentation.limit or self.adversarial.overshoot_weight
        ):
            raise ValueError(
                "the spectral GAN's critic sees pictures, which are neither augmented nor overshoot; leave"
                " augmentation.limit and adversarial.overshoot_weight at 0"
            )
        if self.recognition.weight and isinstance(self.generator, SpectralGANConfig):
            raise ValueError("the spectral GAN draws pictures, which no ear hears; leave recognition.weight at 0")
        if self.reconstruction.every:
            if not isinstance(self.generator, StyleWaveGANConfig):
                raise ValueError("only StyleWaveGAN reconstructs; set reconstruction.every=0")
            if self.reconstruction.pretrain_steps and self.generator.head == "waveform":
                raise ValueError(
                    "the head 'waveform' has no levels to learn first; set reconstruction.pretrain_steps=0"
                )
        unknown = sorted(dict(self.control.weights).keys() - set(getattr(self.generator, "controls", ())))
        if unknown:
            raise ValueError(f"control.weights names {', '.join(unknown)}, which the generator has no control for")


_FIXED = {
    "preset": "choose it by --preset",
    "seed": "give it by --seed",
    "batch_size": "give it by --batch-size",
    "parts": "give it by --accumulate and the number of processes",
    "generator.kinds": "they are those of the data",
    "generator.controls": "choose them by --controls",
    "critic.condition_dim": "it follows from kinds and controls",
}
"""Fields that are not for `changed_training`, and what to do instead."""


def changed_training(config: C, assignments: Sequence[str]) -> C:
    """A configuration, of this training or another, with single fields changed, e.g. `adversarial.penalty=lp`.

    How fields are named and given: see `creativeml.settings`.

    Raises:
        CreativeMLError: no such field, a value that does not fit, or one that is given in another way.
    """
    if (
        isinstance(config, GANTrainingConfig)
        and config.critic is None
        and any(a.startswith("critic.") for a in assignments)
    ):
        raise CreativeMLError(f"the preset {config.preset} brings a critic of its own, which has no fields to set")
    return changed(config, assignments, fixed=_FIXED)


def training_preset(
    name: str, kinds: Sequence[str], *, controls: Sequence[str] = (), batch_size: int | None = None, seed: int = 0
) -> GANTrainingConfig:
    """Training configuration by name.

    `fast`: non-saturating game with R1, three spectrogram critics and a waveform critic, reconstruction.
    `large`: `fast` with four times the weights, for GPUs.
    `paper`: as published where it is known: WGAN-LP on a waveform critic alone, no encoder.
    `wavegan`: the baseline with the settings of its paper: WGAN-GP, five critic steps, Adam at 1e-4.
    `spectral`: a baseline after GANSynth, with the settings of its paper: WGAN-GP, Adam at 8e-4, batches of 8.

    Args:
        name: of the preset.
        kinds: of sounds.
        controls: descriptors that the generator shall obey; the baselines have none.
        batch_size: None for the preset's own.
        seed: of everything random.

    Raises:
        CreativeMLError: unknown name or control, no kind, controls for a baseline, or a batch size that does not suit.
    """
    chosen(controls)
    if controls and name in ("wavegan", "spectral"):
        raise CreativeMLError(f"the preset {name} has no controls; leave --controls out")
    if not kinds:
        raise CreativeMLError(NO_KINDS)
    plain = ReconstructionConfig(pretrain_steps=0, every=0)
    if name in ("fast", "fast-pqmf"):
        generator = style_wavegan.preset(name, kinds, controls)
        critic = CriticConfig(generator.condition_dim)
        return GANTrainingConfig(name, generator, critic, batch_size=batch_size or 16, seed=seed)
    if name == "large":
        generator = style_wavegan.preset(name, kinds, controls)
        critic = CriticConfig(
            generator.condition_dim,
            spectral_channels=(64, 128, 192, 256, 320),
            wave_channels=(96, 192, 256, 320),
            feature_dim=512,
        )
        return GANTrainingConfig(name, generator, critic, batch_size=batch_size or 32, seed=seed)
    if name == "paper":
        generator = style_wavegan.preset(name, kinds, controls)
        stages = (32, 64, 128, 256, 256)
        return GANTrainingConfig(
            name,
            generator,
            CriticConfig(generator.condition_dim, views=(), wave_channels=stages, wave_start_stride=4),
            adversarial=AdversarialConfig(game="wasserstein", penalty="lp", penalty_weight=10.0, penalty_every=1),
            generator_optimizer=OptimizerConfig(rate=1e-3),
            critic_optimizer=OptimizerConfig(rate=1e-3),
            # The zero of a Wasserstein critic means nothing, so nothing can adapt to the sign of its verdicts.
            augmentation=AugmentationConfig(limit=0.0),
            reconstruction=plain,
            batch_size=batch_size or 8,
            seed=seed,
        )
    if name == "wavegan":
        adam = OptimizerConfig(rate=1e-4, beta1=0.5, beta2=0.9)
        game = AdversarialConfig(
            game="wasserstein",
            penalty="gp",
            penalty_weight=10.0,
            penalty_every=1,
            drift_weight=0.0,
            overshoot_weight=0.0,
        )
        return GANTrainingConfig(
            name,
            WaveGANConfig(kinds=tuple(kinds)),
            None,
            adversarial=game,
            generator_optimizer=adam,
            critic_optimizer=adam,
            augmentation=AugmentationConfig(limit=0.0),
            reconstruction=plain,
            batch_size=batch_size or 16,
            critic_steps=5,
            seed=seed,
        )
    if name == "spectral":
        picture = SpectralGANConfig(kinds=tuple(kinds))
        if batch_size and batch_size % picture.spread_group:
            raise CreativeMLError(
                f"the critic of the preset spectral compares {picture.spread_group} sounds; --batch-size must be a"
                f" multiple of that, not {batch_size}"
            )
        adam = OptimizerConfig(rate=8e-4)
        return GANTrainingConfig(
            name,
            picture,
            None,
            adversarial=AdversarialConfig(
                game="wasserstein", penalty="gp", penalty_weight=10.0, penalty_every=1, overshoot_weight=0.0
            ),
            generator_optimizer=adam,
            critic_optimizer=adam,
            augmentation=AugmentationConfig(limit=0.0),
            reconstruction=plain,
            batch_size=batch_size or 8,
            seed=seed,
        )
    raise CreativeMLError(
        f"no training preset is called '{name}' (known: fast, large, paper, fast-pqmf, wavegan, spectral)"
    )


__all__ = [
    "ALL_CONTROLS",
    "AdversarialConfig",
    "AugmentationConfig",
    "ControlConfig",
    "CriticConfig",
    "GANTrainingConfig",
    "OptimizerConfig",
    "RecognitionConfig",
    "ReconstructionConfig",
    "SpectralView",
    "training_preset",
]

"""Random variations of drum sounds, for more data and for adaptive discriminator augmentation.

The published StyleWaveGAN varied attack, noise, pitch and spectral envelope of its recordings; adaptive
augmentation of real and generated sounds follows Karras et al., "Training generative adversarial networks
with limited data" (2020).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.audio.augment import spectral, temporal
from creativeml.errors import CreativeMLError

TRANSFORMS: tuple[str, ...] = ("pitch", "tilt", "attack", "tail", "gain", "polarity", "shift", "noise")
"""Every transform, in the order in which they work."""

INVARIANT: tuple[str, ...] = ("pitch", "tilt", "gain", "polarity", "shift")
"""Those that leave a drum the same drum, so that adaptive augmentation does no harm if it leaks."""


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges from which the parameters are drawn uniformly (times and factors: in their logarithm)."""

    sample_rate: int = 44100
    """Hz"""
    pitch_semitones: float = 2.0
    """up to this much up or down; length changes by the inverse ratio"""
    tilt_db_per_octave: float = 1.5
    """up to this much brighter or darker"""
    attack_db: float = 6.0
    """the onset is raised or lowered by up to this"""
    attack_time_s: tuple[float, float] = (0.0015, 0.008)
    """time constant within which that fades"""
    tail_factor: tuple[float, float] = (0.5, 1.4)
    """the decay lasts this many times as long"""
    gain_db: tuple[float, float] = (-6.0, 0.0)
    """change of peak level; full scale is never passed"""
    shift_s: float = 0.001
    """the onset comes up to this much later"""
    noise_dbfs: tuple[float, float] = (-80.0, -50.0)
    """RMS level of hiss under the sound, dB below full scale; a generator trained on it learns to hiss"""

    def __post_init__(self) -> None:
        for name in ("attack_time_s", "tail_factor", "gain_db", "noise_dbfs"):
            low, high = getattr(self, name)
            if not low <= high:
                raise CreativeMLError(f"augmentation range {name}: {low} to {high}; give the lower end first")
        for name in ("attack_time_s", "tail_factor"):
            if getattr(self, name)[0] <= 0:
                raise CreativeMLError(f"augmentation range {name} must stay above 0")
        for name in ("sample_rate", "pitch_semitones", "tilt_db_per_octave", "attack_db", "shift_s"):
            if getattr(self, name) < 0:
                raise CreativeMLError(f"augmentation range {name} must not be negative")


@dataclass(frozen=True)
class AugmentParameters:
    """What is done to each sound of a batch: (batch,) tensors, but for `noise`. Neutral values do nothing."""

    semitones: Tensor
    tilt_db_per_octave: Tensor
    attack_db: Tensor
    attack_time_s: Tensor
    tail_factor: Tensor
    gain_db: Tensor
    polarity: Tensor
    """+1 or -1"""
    shift_samples: Tensor
    """whole numbers"""
    noise_dbfs: Tensor
    """-inf: no noise"""
    noise: Tensor | None
    """(batch, samples) uniform in [0, 1), or None where no sound gets any"""


def _strips(batch: int, samples: int, generator: torch.Generator) -> Tensor:
    """Uniform noise `(batch, samples)` in [0, 1): each row from another place of one strip twice as long.

    Every row is white; fresh numbers for all of them would take an eighth of the whole augmentation's time.
    """
    strip = torch.rand(2 * samples, generator=generator, device=generator.device)
    places = torch.randint(samples + 1, (batch,), generator=generator, device=generator.device)
    return torch.stack([strip[place : place + samples] for place in places.tolist()])


class DrumAugment(nn.Module):
    """Vary each sound of a batch at random; differentiable in the sounds.

    Every sound keeps its peak through all transforms, then `gain` changes it, and nothing exceeds full scale
    unless the input did. A sound for which no transform is drawn comes back exactly as it was.

    Args:
        config: the ranges.
        only: names out of `TRANSFORMS` to use; None uses all.

    Raises:
        CreativeMLError: an unknown name.
    """

    def __init__(self, config: AugmentConfig | None = None, *, only: Iterable[str] | None = None) -> None:
        super().__init__()
        self.config = config or AugmentConfig()
        self.only = TRANSFORMS if only is None else tuple(only)
        for name in self.only:
            if name not in TRANSFORMS:
                raise CreativeMLError(f"no augmentation is called '{name}'; known: {', '.join(TRANSFORMS)}")

    def forward(self, sounds: Tensor, *, generator: torch.Generator, probability: float = 1.0) -> Tensor:
        """Apply each transform to each sound with this probability.

        Args:
            sounds: (batch, samples), float32 or float64.
            generator: source of all randomness; may live on another device than the sounds.
            probability: 0 to 1.

        Returns:
            (batch, samples).
        """
        if probability <= 0:
            return sounds
        batch, samples = sounds.shape
        return self.apply_parameters(sounds, self.draw(batch, samples, generator, probability))

    @torch.no_grad()
    def draw(self, batch: int, samples: int, generator: torch.Generator, probability: float = 1.0) -> AugmentParameters:
        """Parameters for `batch` sounds; a transform left out by chance or by `only` gets neutral values."""
        c, device = self.config, generator.device

        def uniform(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(batch, generator=generator, device=device)

        def log_uniform(low: float, high: float) -> Tensor:
            return torch.exp(uniform(math.log(low), math.log(high)))

        def where_drawn(name: str, value: Tensor, neutral: float) -> Tensor:
            drawn = torch.rand(batch, generator=generator, device=device) < probability
            return torch.where(drawn & (name in self.only), value, neutral)

        noise_dbfs = where_drawn("noise", uniform(*c.noise_dbfs), -math.inf)
        return AugmentParameters(
            semitones=where_drawn("pitch", uniform(-c.pitch_semitones, c.pitch_semitones), 0.0),
            tilt_db_per_octave=where_drawn("tilt", uniform(-c.tilt_db_per_octave, c.tilt_db_per_octave), 0.0),
            attack_db=where_drawn("attack", uniform(-c.attack_db, c.attack_db), 0.0),
            attack_time_s=log_uniform(*c.attack_time_s),
            tail_factor=where_drawn("tail", log_uniform(*c.tail_factor), 1.0),
            gain_db=where_drawn("gain", uniform(*c.gain_db), 0.0),
            polarity=where_drawn("polarity", uniform(-1.0, 1.0).sign(), 1.0),
            shift_samples=where_drawn("shift", uniform(0.0, c.shift_s * c.sample_rate).round(), 0.0),
            noise_dbfs=noise_dbfs,
            noise=_strips(batch, samples, generator) if bool((noise_dbfs > -math.inf).any()) else None,
        )

    def apply_parameters(self, sounds: Tensor, parameters: AugmentParameters) -> Tensor:
        """Apply drawn or chosen parameters to (batch, samples); the same parameters give the same result."""
        values = {name: None if value is None else value.to(sounds) for name, value in vars(parameters).items()}
        p = AugmentParameters(**values)  # type: ignore[arg-type]
        original_peak = temporal.peaks(sounds)
        shaped = self._shape_in_time(self._move_and_colour(sounds, p), p)
        factor = temporal.level_factor(
            temporal.peaks(shaped), original_peak, p.gain_db, temporal.noise_bound(p.noise_dbfs)
        )
        signed = (factor * p.polarity)[:, None]
        if p.noise is None:
            return shaped * signed
        blocks = temporal.block_peaks(shaped) * factor.detach()[:, None]
        until = temporal.masking_time(blocks, p.noise_dbfs, self.config.sample_rate)
        hiss = temporal.noise_floor(p.noise_dbfs, p.noise, until, self.config.sample_rate)
        return torch.addcmul(hiss, shaped, signed)

    def _move_and_colour(self, sounds: Tensor, p: AugmentParameters) -> Tensor:
        """Pitch, tilt and shift. Only sounds that need the frequency domain go through it."""
        pitched, tilted = p.semitones != 0, p.tilt_db_per_octave != 0
        rows = torch.nonzero(pitched | tilted).flatten()
        if not len(rows):
            return temporal.delay(sounds, p.shift_samples) if bool((p.shift_samples > 0).any()) else sounds
        everything = len(rows) == len(sounds)
        coloured = spectral.reshape_spectrum(
            sounds if everything else sounds[rows],
            p.semitones[rows] if bool(pitched.any()) else None,
            p.tilt_db_per_octave[rows] if bool(tilted.any()) else None,
            sample_rate=self.config.sample_rate,
            delay_samples=p.shift_samples[rows],
        )
        if everything:
            return coloured
        moved = temporal.delay(sounds, p.shift_samples)
        return moved.index_copy(0, rows, coloured)

    def _shape_in_time(self, sounds: Tensor, p: AugmentParameters) -> Tensor:
        """Attack, tail, and a short fade where a sound was pushed past the end, in one multiplication."""
        attacked, stretched = p.attack_db != 0, p.tail_factor != 1
        cut = (p.semitones < 0) | (p.shift_samples > 0)
        if not bool((attacked | stretched | cut).any()):
            return sounds
        with torch.no_grad():
            rate, samples = self.config.sample_rate, sounds.shape[-1]
            time, onset = temporal.time_axis(sounds, rate), p.shift_samples[:, None] / rate
            if bool(stretched.any()):
                decay = temporal.decay_time(sounds, rate)
                envelope = temporal.tail_envelope(time, p.tail_factor, decay, onset)
            else:
                envelope = torch.ones_like(sounds)
            if bool(attacked.any()):
                # Beyond 20 time constants the factor is 1 in float32.
                reach = int(20 * float(p.attack_time_s.max()) * rate + float(p.shift_samples.max())) + 1
                since_onset = (time[:reach] - onset).clamp_(min=0)
                attack = temporal.attack_envelope(since_onset, p.attack_db, p.attack_time_s)
                envelope[:, :reach].mul_(attack)
            fade = temporal.end_fade(samples, rate, sounds)
            envelope[:, -len(fade) :].mul_(torch.where(cut[:, None], fade, 1.0))
        return sounds * envelope

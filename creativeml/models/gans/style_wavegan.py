"""StyleWaveGAN: a style-based generator of drum sounds as waveforms, and its two presets.

Lavault, Roebel, Voiry, "StyleWaveGAN: Style-based synthesis of drum sounds with extensive controls using generative
adversarial networks" (SMC 2022). The authors published no code or weights; what their papers and figures leave open is
our own design and is named so: here the start grid, the channel counts, the heads of `fast` and its level tables.

Latent and condition → mapping network → style → modulated convolutions from a learned start sequence up to the head's
frame rate → head → 65,536 samples at 44.1 kHz (1.486 s).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from creativeml.errors import CreativeMLError
from creativeml.kinds import KINDS
from creativeml.layers.equalized import GAIN, EqualLinear, activate
from creativeml.layers.frozen import Remembered
from creativeml.layers.modulated import AdaINConv, ModulatedConv, ShapedNoise, StyleMaps
from creativeml.layers.module_list import ModuleListOf
from creativeml.layers.resampling import log2_exact, upsample
from creativeml.models.gans.condition import Kind, control_entries, kind_shares
from creativeml.models.gans.heads import LEVEL_HOP_SAMPLES, PqmfHead, StftHead, WaveformHead
from creativeml.models.registry import register

Head = Literal["stft", "pqmf", "waveform"]
_MEAN_LATENTS = 128
"""Latents whose styles are averaged for the mean style of a condition with controls."""


@dataclass(frozen=True)
class StyleWaveGANConfig:
    """Shape of the generator. The defaults are the preset `fast`."""

    kinds: tuple[str, ...] = KINDS
    controls: tuple[str, ...] = ()
    """Descriptors that can be asked for; they follow the kinds in the condition vector (`models.gans.condition`)."""
    sample_rate: int = 44100
    length_samples: int = 65536
    latent_dim: int = 64
    style_dim: int = 192
    mapping_layers: int = 4
    mapping_rate: float = 0.3
    """Learning rate of the mapping network relative to the rest."""
    head: Head = "stft"
    hop_samples: int = 128
    """Samples from one frame of the head `stft` to the next; its window is 256 long."""
    modes: int = 80
    """Steady sines of the head `stft` above 250 Hz, for what rings."""
    modulation: Literal["demodulated", "adain"] = "demodulated"
    start_frames: int = 32
    channels: tuple[int, ...] = (256, 256, 224, 160, 128)
    """Channels at each frame rate, from the start sequence on; every further entry doubles the rate."""
    convs_per_level: int = 2
    kernel: int = 5
    class_envelope: bool = True
    """Whether levels start from a table over kind, band and time; otherwise from its mean throughout."""
    shaped_noise: bool = True
    """Whether the noise within the network fades, each channel's at a rate of its own; otherwise it is steady."""

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) != len(self.kinds):
            raise ValueError("kinds must be given, each once")
        if self.frames * self.samples_per_frame != self.length_samples:
            raise ValueError(
                f"{self.start_frames} start frames doubled {len(self.channels) - 1} times make {self.frames} frames, "
                f"but the head '{self.head}' needs {self.length_samples // self.samples_per_frame}"
            )
        log2_exact(self.length_samples)

    @property
    def condition_dim(self) -> int:
        """Size of the condition vector: one entry per kind, then the controls."""
        return len(self.kinds) + len(self.controls)

    @property
    def frames(self) -> int:
        """Frames that reach the head."""
        return self.start_frames * 2 ** (len(self.channels) - 1)

    @property
    def samples_per_frame(self) -> int:
        """Samples that the head makes of one frame."""
        return {"stft": self.hop_samples, "pqmf": 16, "waveform": 1}[self.head]

    @property
    def level_frames(self) -> int:
        """Time steps of the class level table."""
        return self.frames if self.head == "stft" else self.length_samples // LEVEL_HOP_SAMPLES


def preset(name: str, kinds: Sequence[str] = KINDS, controls: Sequence[str] = ()) -> StyleWaveGANConfig:
    """Configuration by name: `fast`, `large` (twice as wide, for GPUs), `paper`, or `fast-pqmf` (for comparison).

    `paper` follows the published block: twice (upsample, convolution of length 9, AdaIN, noise), up to the full rate.
    Its channel counts are not published; these give about the size of our `fast` network.
    """
    kinds, controls = tuple(kinds), tuple(controls)
    if name == "fast":
        return StyleWaveGANConfig(kinds=kinds, controls=controls)
    if name == "large":
        channels = (512, 512, 512, 384, 256)
        return StyleWaveGANConfig(kinds=kinds, controls=controls, channels=channels, latent_dim=128, style_dim=384)
    if name == "fast-pqmf":
        channels = (256, 256, 256, 192, 128, 96, 64, 48)
        return StyleWaveGANConfig(
            kinds=kinds, controls=controls, head="pqmf", channels=channels, convs_per_level=1, kernel=7
        )
    if name == "paper":
        channels = (256, 256, 256, 256, 256, 192, 128, 96, 64, 32, 32, 16, 16)
        return StyleWaveGANConfig(
            kinds=kinds,
            controls=controls,
            head="waveform",
            modulation="adain",
            start_frames=16,
            channels=channels,
            convs_per_level=1,
            kernel=9,
        )
    raise CreativeMLError(f"no preset is called '{name}' (known: fast, large, fast-pqmf, paper)")


class SynthesisNetwork(nn.Module):
    """From a style to a sound: modulated convolutions from a start sequence up to the head's frame rate, then the head.

    Args:
        config: its shape.

    The buffer `level` (class level over band and time, see `models.gans.heads`) is estimated from training data and
    travels with the weights.
    """

    level: Tensor

    def __init__(self, config: StyleWaveGANConfig) -> None:
        super().__init__()
        self.config = config
        self.dtype = torch.float32
        """Of the convolutions; bfloat16 is twice as fast where the processor has it (`layers.precision`)."""
        c = config
        style_dim = c.style_dim + c.condition_dim
        self.start = nn.Parameter(torch.randn(1, c.channels[0], 1, c.start_frames))
        inputs = (c.channels[0], *c.channels[:-1])
        self.head = _build_head(c, style_dim)
        self.levels = ModuleListOf(
            Level(i, o, c.start_frames * 2**n, style_dim, c, gains=self.head.gains, raise_rate=n > 0)
            for n, (i, o) in enumerate(zip(inputs, c.channels, strict=True))
        )
        self._style_maps = StyleMaps([layer for level in self.levels for layer in level.styled_layers()])
        self.register_buffer("level", torch.zeros(len(c.kinds), self.head.bands, c.level_frames))

    def noise_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the noise inputs of one sound, in the order in which `render` takes them."""
        shapes = [(level.noise_inputs, level.frames) for level in self.levels]
        return (*shapes, (self.head.noise_samples,)) if self.head.noise_samples else tuple(shapes)

    def render(
        self, full_style: Tensor, shares: Tensor, noise: Sequence[Tensor] | None = None, start: Tensor | None = None
    ) -> Tensor:
        """Sound of a style.

        Args:
            full_style: `(b, style_dim + condition_dim)`.
            shares: `(b, kinds)`, how much of each kind's level table counts.
            noise: white noise `(b, *shape)` for each of `noise_shapes()`; drawn afresh if None.
            start: `(b, channels, 1, start_frames)`, what is added to the learned start sequence.

        Returns:
            `(b, length_samples)`, nominally within ±1 (nothing clamps it).
        """
        noise = self._noise(full_style, noise)
        x, gain = self._features(full_style, noise, self.config.frames, start)
        nepers = self._kind_level(shares)
        return self.head(x, nepers, gain, full_style, noise[-1] if self.head.noise_samples else None)

    def render_levels(self, full_style: Tensor, shares: Tensor, frames: int, start: Tensor | None = None) -> Tensor:
        """Levels that the first frame rates alone would give to the head: a coarse sound, at a fraction of the cost.

        Args:
            full_style, shares, start: as for `render`.
            frames: up to which rate to go; one of the levels' rates.

        Returns:
            `(b, rows, frames)` in nepers; what the rows are is the head's matter (see its `band_levels`).
        """
        _, gain = self._features(full_style, self._noise(full_style, None), frames, start)
        assert gain is not None and not isinstance(self.head, WaveformHead), "only heads with band gains have levels"
        nepers = self._kind_level(shares)
        nepers = nepers.unflatten(-1, (frames, -1)).mean(-1)
        return self.head.band_levels(nepers, gain, full_style)

    def _noise(self, like: Tensor, noise: Sequence[Tensor] | None) -> Sequence[Tensor]:
        if noise is not None:
            return noise
        return [torch.randn(len(like), *shape, device=like.device) for shape in self.noise_shapes()]

    def _features(
        self, full_style: Tensor, noise: Sequence[Tensor], frames: int, start: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        """Features `(b, channels, 1, frames)` and the sum of the levels' gains `(b, gains, frames)`."""
        x = self.start.to(self.dtype)
        x = x.expand(full_style.shape[0], -1, -1, -1) if start is None else x + start.to(self.dtype)
        x = x.contiguous(memory_format=torch.channels_last)
        gain: Tensor | None = None
        styles = self._style_maps(full_style)
        for level, level_noise in zip(self.levels, noise, strict=False):
            x, added = level(x, styles, level_noise)
            if added is not None:
                gain = added if gain is None else upsample(gain, 2) + added
            if level.frames == frames:
                break
        return x, None if gain is None else gain.squeeze(2).float()

    def _kind_level(self, shares: Tensor) -> Tensor:
        return (shares @ self.level.flatten(1)).unflatten(1, self.level.shape[1:])


@register("style_wavegan", StyleWaveGANConfig)
class StyleWaveGAN(SynthesisNetwork):
    """The generator.

    Args:
        config: its shape.

    Buffers that are estimated from training data and travel with the weights, beside `level`: `mean_style` (for
    truncation) and, with controls, `usual_controls` (entries of the condition vector where nothing is asked: medians of
    each kind).
    """

    mean_style: Tensor
    usual_controls: Tensor

    def __init__(self, config: StyleWaveGANConfig) -> None:
        c = config
        # Before the rest, so that a seed goes on giving the weights that it gave.
        mapping = MappingNetwork(c.latent_dim, c.condition_dim, c.style_dim, c.mapping_layers, c.mapping_rate)
        super().__init__(config)
        self.mapping = mapping
        self.register_buffer("mean_style", torch.zeros(len(c.kinds), c.style_dim))
        if c.controls:
            self.register_buffer("usual_controls", torch.zeros(len(c.kinds), len(c.controls)))

    def condition_for(self, kinds: Sequence[Kind], controls: Mapping[str, Tensor] | None = None) -> Tensor:
        """Condition vectors.

        Args:
            kinds: names, or mixtures of kinds.
            controls: descriptor → `(len(kinds),)` values in its unit; NaN, or a control that is left out, stands for
                the median of the training sounds of that kind.

        Returns:
            `(len(kinds), condition_dim)`.

        Raises:
            CreativeMLError: a kind or control that the model does not know.
        """
        shares = kind_shares(kinds, self.config.kinds, self.start.device)
        for name in controls or {}:
            if name not in self.config.controls:
                known = ", ".join(self.config.controls) or "none"
                raise CreativeMLError(f"the model has no control '{name}' (it has: {known})")
        if not self.config.controls:
            return shares
        entries = shares @ self.usual_controls
        if controls:
            given = {name: torch.as_tensor(values).to(entries) for name, values in controls.items()}
            missing = entries.new_full((len(kinds),), math.nan)
            wanted = control_entries({n: given.get(n, missing) for n in self.config.controls}, self.config.controls)
            entries = torch.where(wanted.isnan(), entries, wanted)
        return torch.cat([shares, entries], dim=1)

    def map(self, latent: Tensor, condition: Tensor) -> Tensor:
        """`latent (b, latent_dim)`, `condition (b, condition_dim)` → style `(b, style_dim)`."""
        return self.mapping(latent, condition)

    def truncate(self, style: Tensor, condition: Tensor, truncation: float) -> Tensor:
        """Move styles towards the mean style of their kind; 1 leaves them, 0 gives the kind's average sound.

        With controls that is the mean style under just this condition, or the average sound would not obey.
        """
        if truncation == 1.0:
            return style
        mean = self.average_style(condition, self.mean_latents().to(condition))
        return mean + truncation * (style - mean)

    def average_style(self, condition: Tensor, latents: Tensor) -> Tensor:
        """The style that truncation leads to, `(b, style_dim)`, of `condition (b, condition_dim)`.

        Args:
            condition: with controls the average is that under just this condition, otherwise that of its kinds.
            latents: `mean_latents()`, on the condition's device.
        """
        if not self.config.controls:
            return self._kind_shares(condition) @ self.mean_style
        sounds, count = condition.shape[0], len(latents)
        rows = condition.repeat_interleave(count, dim=0)
        styles = self.map(latents.repeat(sounds, 1), rows)
        return styles.unflatten(0, (-1, count)).mean(1)

    def mean_latents(self) -> Tensor:
        """The latents `(128, latent_dim)` over which `average_style` is the average, always the same ones."""
        return torch.randn(_MEAN_LATENTS, self.config.latent_dim, generator=torch.Generator().manual_seed(0))

    def synthesize(self, style: Tensor, condition: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """Sound of a style.

        Args:
            style: `(b, style_dim)`.
            condition: `(b, condition_dim)`.
            noise: white noise `(b, *shape)` for each of `noise_shapes()`; drawn afresh if None.

        Returns:
            `(b, length_samples)`, nominally within ±1 (nothing clamps it).
        """
        return self.render(torch.cat([style, condition], dim=1), self._kind_shares(condition), noise)

    def band_levels(self, style: Tensor, condition: Tensor, frames: int) -> Tensor:
        """`render_levels` of a style `(b, style_dim)` and a condition `(b, condition_dim)`."""
        full_style = torch.cat([style, condition], dim=1)
        return self.render_levels(full_style, self._kind_shares(condition), frames)

    def forward(
        self,
        latent: Tensor,
        condition: Tensor,
        *,
        noise: Sequence[Tensor] | None = None,
        truncation: float = 1.0,
        level_frames: int = 0,
    ) -> Tensor:
        """`latent (b, latent_dim)`, `condition (b, condition_dim)` → sounds `(b, length_samples)`.

        With `level_frames` it returns `band_levels` instead (through this one entry, so that wrappers for several
        devices see it).
        """
        style = self.truncate(self.map(latent, condition), condition, truncation)
        if level_frames:
            return self.band_levels(style, condition, level_frames)
        return self.synthesize(style, condition, noise)

    @torch.no_grad()
    def estimate_mean_style(self, *, samples: int = 2048, seed: int = 0) -> None:
        """Set `mean_style` to the mean style of each kind over random latents."""
        generator = torch.Generator().manual_seed(seed)
        latent = torch.randn(samples, self.config.latent_dim, generator=generator).to(self.start.device)
        for row, kind in enumerate(self.config.kinds):
            self.mean_style[row] = self.map(latent, self.condition_for([kind]).expand(samples, -1)).mean(0)

    def _kind_shares(self, condition: Tensor) -> Tensor:
        return condition[:, : len(self.config.kinds)]


class MappingNetwork(nn.Module):
    """Latent and condition → style, by dense layers ("mapping network" of StyleGAN)."""

    def __init__(self, latent_dim: int, condition_dim: int, style_dim: int, layers: int, rate: float) -> None:
        super().__init__()
        self.embed = EqualLinear(condition_dim, style_dim)
        sizes = [latent_dim + style_dim] + [style_dim] * layers
        self.layers = nn.ModuleList(EqualLinear(i, o, gain=GAIN, rate=rate) for i, o in itertools.pairwise(sizes))

    def forward(self, latent: Tensor, condition: Tensor) -> Tensor:
        """`(b, latent_dim)`, `(b, condition_dim)` → `(b, style_dim)`."""
        embedded = self.embed(condition)
        embedded = embedded * torch.rsqrt(embedded.square().mean(1, keepdim=True) + 1e-8)
        x = torch.cat([latent, embedded], dim=1)
        for layer in self.layers:
            x = activate(layer(x))
        return x


class Level(nn.Module):
    """One frame rate: raise the rate, then `convs_per_level` times convolution, noise, activation; and band gains."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        frames: int,
        style_dim: int,
        config: StyleWaveGANConfig,
        *,
        gains: int,
        raise_rate: bool,
    ) -> None:
        super().__init__()
        conv = ModulatedConv if config.modulation == "demodulated" else AdaINConv
        self.frames, self.raise_rate = frames, raise_rate
        self.noise_inputs = config.convs_per_level
        sizes = [inputs] + [outputs] * config.convs_per_level
        pairs = list(itertools.pairwise(sizes))
        self.convs = ModuleListOf(conv(i, o, config.kernel, style_dim) for i, o in pairs)
        self.noises = nn.ModuleList(ShapedNoise(outputs, frames, shaped=config.shaped_noise) for _ in pairs)
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(1, outputs, 1, 1)) for _ in pairs)
        self._cast = Remembered[list[Tensor]]()
        self.to_gain = ModulatedConv(outputs, gains, 1, style_dim, demodulate=False) if gains else None
        if self.to_gain is not None:
            # The class level is the starting point: nothing is added to it until something has been learnt.
            nn.init.zeros_(self.to_gain.weight)

    def styled_layers(self) -> list[ModulatedConv | AdaINConv]:
        """The layers that take a mapped style, in the order in which `forward` does."""
        return [*self.convs, *filter(None, [self.to_gain])]

    def forward(self, x: Tensor, styles: Iterator[Tensor], noise: Tensor) -> tuple[Tensor, Tensor | None]:
        """One rate.

        Args:
            x: `(b, inputs, 1, t)`.
            styles: gives the mapped style of each of the `styled_layers`.
            noise: `(b, convs, frames)`.

        Returns:
            Features `(b, outputs, 1, frames)`; gains `(b, gains, 1, frames)` or None.
        """
        if self.raise_rate:
            x = upsample(x, 2)
        noise = noise.to(x.dtype)
        biases = self._cast.of(tuple(self.biases), lambda: [bias.to(x.dtype) for bias in self.biases], x.dtype)
        for n, (conv, shaped, bias) in enumerate(zip(self.convs, self.noises, biases, strict=True)):
            x = activate(shaped(conv.convolve(x, next(styles), bias), noise[:, n]))
        return x, None if self.to_gain is None else self.to_gain.convolve(x, next(styles))


def _build_head(config: StyleWaveGANConfig, style_dim: int) -> StftHead | PqmfHead | WaveformHead:
    inputs = config.channels[-1]
    if config.head == "stft":
        return StftHead(
            inputs,
            style_dim,
            sample_rate=config.sample_rate,
            frames=config.frames,
            hop=config.hop_samples,
            modes=config.modes,
        )
    heads = {"pqmf": PqmfHead, "waveform": WaveformHead}
    return heads[config.head](inputs, style_dim, sample_rate=config.sample_rate, frames=config.frames)

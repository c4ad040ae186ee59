"""WaveGAN, the baseline: a plain convolutional generator of waveforms and its critic.

Donahue, McAuley, Puckette, "Adversarial Audio Synthesis" (ICLR 2019, arXiv 1802.04208). The shape for 65,536
samples is the paper's one for 16,384 with one more layer at the start of the generator and the end of the
critic. The paper trains with WGAN-GP (weight 10), five critic steps for one of the generator, Adam with rate
1e-4 and betas 0.5 and 0.9, batches of 64.

Not in the paper: the kind of drum may be given to both networks (`conditional`), because one model per kind
would share nothing and could not be compared with a model of all kinds.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.kinds import KINDS
from creativeml.layers.activations import LEAK
from creativeml.layers.init import initialise_uniform
from creativeml.models.gans.condition import Kind, kind_shares
from creativeml.models.registry import register

STRIDE = 4
START_FRAMES = 16


@dataclass(frozen=True)
class WaveGANConfig:
    """Shape of generator and critic; the defaults are the paper's but for the length and the condition."""

    kinds: tuple[str, ...] = KINDS
    conditional: bool = True
    """Both networks are told the kind. False is the paper: `kinds` then only names what the sounds may be
    called."""
    sample_rate: int = 44100
    length_samples: int = 65536
    """16 times a power of 4."""
    latent_dim: int = 100
    channels: int = 64
    """Channels of the layer next to the waveform ("d" in the paper); they double from layer to layer."""
    kernel: int = 25
    phase_shuffle: int = 2
    """Largest shift of the critic's activations, in frames; 0 turns it off."""

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) != len(self.kinds):
            raise ValueError("kinds must be given, each once")
        if self.layers < 1 or START_FRAMES * STRIDE**self.layers != self.length_samples:
            raise ValueError(f"length_samples must be 16 times a power of 4, not {self.length_samples}")
        if self.kernel % 2 == 0 or self.kernel < STRIDE:
            raise ValueError(f"kernel must be odd and at least {STRIDE + 1}, not {self.kernel}")
        if self.phase_shuffle < 0:
            raise ValueError(f"phase_shuffle must not be negative, not {self.phase_shuffle}")

    @property
    def layers(self) -> int:
        """Convolutions of each network."""
        return ((self.length_samples // START_FRAMES).bit_length() - 1) // 2

    @property
    def condition_dim(self) -> int:
        """Size of the condition vector: one entry per kind, or none."""
        return len(self.kinds) if self.conditional else 0

    @property
    def sizes(self) -> tuple[int, ...]:
        """Channels from the waveform inwards: 1, d, 2d, 4d, ..."""
        return (1, *(self.channels * 2**n for n in range(self.layers)))


@register("wavegan", WaveGANConfig)
class WaveGAN(nn.Module):
    """The generator: dense layer to 16 frames, then transposed convolutions with stride 4 up to the waveform.

    Args:
        config: its shape.
    """

    def __init__(self, config: WaveGANConfig) -> None:
        super().__init__()
        self.config = config
        sizes = config.sizes[::-1]
        self.project = nn.Linear(config.latent_dim + config.condition_dim, START_FRAMES * sizes[0])
        # 25 taps every 4 samples make 4 n + 21 samples of n frames: 11 are cut at the start, 10 at the end.
        cut = (config.kernel - STRIDE + 1) // 2
        extra = 2 * cut - (config.kernel - STRIDE)
        self.convolutions = nn.ModuleList(
            nn.ConvTranspose1d(i, o, config.kernel, STRIDE, padding=cut, output_padding=extra)
            for i, o in itertools.pairwise(sizes)
        )
        initialise_uniform(self)

    def condition_for(self, kinds: Sequence[Kind]) -> Tensor:
        """Condition vectors of kinds by name: `(len(kinds), condition_dim)`, one-hot, or of size 0 if
        unconditional.

        Raises:
            CreativeMLError: a kind that the model does not know.
        """
        condition = kind_shares(kinds, self.config.kinds, self.project.weight.device)
        return condition[:, : self.config.condition_dim]

    def noise_shapes(self) -> tuple[tuple[int, ...], ...]:
        """None: all of the sound comes from the latent."""
        return ()

    def forward(
        self,
        latent: Tensor,
        condition: Tensor,
        *,
        noise: Sequence[Tensor] | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        """Sounds of latents.

        Args:
            latent: `(b, latent_dim)`, standard normal as for the other models; the normal distribution
                function turns it into the uniform prior on (-1, 1) of the paper.
            condition: `(b, condition_dim)`.
            noise: unused.
            truncation: factor on the normal latent; 1 is as trained.

        Returns:
            `(b, length_samples)` in (-1, 1), float32.
        """
        uniform = torch.special.erf(latent * (truncation * 0.5**0.5))
        x = self.project(torch.cat([uniform, condition], 1))
        x = F.relu(x.unflatten(1, (-1, START_FRAMES)))
        for convolution in self.convolutions[:-1]:
            x = F.relu(convolution(x))
        return torch.tanh(self.convolutions[-1](x)).squeeze(1).float()


class WaveGANCritic(nn.Module):
    """The critic: the generator turned round, with phase shuffle between its layers.

    The kind enters by projection (Miyato and Koyama 2018, arXiv 1802.05637): the score gains the product of
    an embedding of the kind and the time mean of the last features.

    Args:
        config: as of the generator.
    """

    def __init__(self, config: WaveGANConfig) -> None:
        super().__init__()
        self.config = config
        sizes = config.sizes
        self.convolutions = nn.ModuleList(
            nn.Conv1d(i, o, config.kernel, STRIDE, padding=(config.kernel - STRIDE + 1) // 2)
            for i, o in itertools.pairwise(sizes)
        )
        self.score = nn.Linear(START_FRAMES * sizes[-1], 1)
        self.embed = nn.Linear(config.condition_dim, sizes[-1], bias=False) if config.conditional else None
        initialise_uniform(self)

    def views(self, sounds: Tensor) -> list[Tensor]:
        """What the critic looks at: the sounds `(b, length_samples)` themselves."""
        return [sounds]

    def forward(self, views: Sequence[Tensor], condition: Tensor) -> Tensor:
        """`views` as `views` makes them, `condition (b, condition_dim)` → verdicts `(b, 1)`, higher for
        real."""
        x = views[0][:, None]
        last = len(self.convolutions) - 1
        for n, convolution in enumerate(self.convolutions):
            x = F.leaky_relu(convolution(x), LEAK)
            if n < last:
                x = phase_shuffle(x, self.config.phase_shuffle)
        score = self.score(x.flatten(1))
        if self.embed is not None:
            score = score + (self.embed(condition) * x.mean(2)).sum(1, keepdim=True)
        return score.float()

    def gates(self) -> list[float]:
        """None: this critic has no gates between its stages."""
        return []


def phase_shuffle(x: Tensor, largest_shift: int) -> Tensor:
    """Shift a batch in time by one random number of frames, mirroring at the border (section 3.3 of the
    paper).

    Args:
        x: `(b, channels, frames)`.
        largest_shift: shifts are drawn evenly from -largest_shift to largest_shift.
    """
    if largest_shift == 0:
        return x
    shift = int(torch.randint(-largest_shift, largest_shift + 1, ()))
    frames = x.shape[2]
    if shift > 0:
        return F.pad(x, (shift, 0), mode="reflect")[..., :frames]
    return F.pad(x, (0, -shift), mode="reflect")[..., -frames:] if shift < 0 else x

"""A variational autoencoder of drum sounds as waveforms.

    model.decode(model.encode(sounds)[0])           # recordings, made again
    model(torch.randn(1, model.config.latent_dim), model.condition_for(["snare"]))   # a new snare

After RAVE (Caillon and Esling, "RAVE: A variational autoencoder for fast and high-quality neural audio synthesis",
2021, arXiv 2111.05011): a spectral distance first, a critic afterwards. What differs is made for one-shots:

- The latent has two parts. A vector says what the whole sound is like; a short sequence says how it goes on, 46 ms at a
  time. RAVE's latent is a sequence alone, which leaves no single place on a map to a sound.
- The decoder is the synthesis network of StyleWaveGAN (`models.gans.style_wavegan`), so it can begin with the weights
  of a generator that was trained before. The vector becomes its style, the sequence is added to its start.
- What occurs among recordings is known of the latents of each kind as a Gaussian, estimated after training (Ghosh et
  al., "From variational to deterministic autoencoders", 2020, arXiv 1903.12436): drawn latents lie where recordings do.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.kinds import KINDS
from creativeml.layers.equalized import GAIN, EqualConv, EqualLinear, activate
from creativeml.layers.resampling import log2_exact
from creativeml.losses.variational import sample_gaussian
from creativeml.models.gans.condition import Kind, kind_shares
from creativeml.models.gans.critics import SpectralView
from creativeml.models.gans.style_wavegan import StyleWaveGAN, StyleWaveGANConfig, SynthesisNetwork
from creativeml.models.registry import register

_FRAMES = _BANDS = 128
"""Of the picture that the encoder looks at."""
_SHRINKAGE = 192
"""So many sounds of a kind are trusted half in how entries of the latent go together."""


@dataclass(frozen=True)
class WaveVAEConfig:
    """Shape of encoder and decoder."""

    kinds: tuple[str, ...] = KINDS
    sample_rate: int = 44100
    length_samples: int = 65536
    global_dim: int = 64
    """Entries of the latent that belong to the whole sound."""
    frame_dim: int = 4
    """Entries for each of the `start_frames`; 0 for none."""
    encoder_channels: tuple[int, ...] = (32, 64, 96, 128, 192)
    """At each halving of the encoder's picture."""
    hidden_dim: int = 256
    style_dim: int = 200
    hop_samples: int = 128
    modes: int = 80
    start_frames: int = 32
    channels: tuple[int, ...] = (256, 256, 224, 160, 128)
    convs_per_level: int = 2
    kernel: int = 5

    def __post_init__(self) -> None:
        for name in ("global_dim", "hidden_dim", "style_dim"):
            check_range(name, getattr(self, name), 1)
        check_range("frame_dim", self.frame_dim, 0)
        if len(self.encoder_channels) <= self.halvings:
            raise ValueError(
                f"the encoder reaches {self.start_frames} frames after {self.halvings} halvings; give it more channels"
            )
        if _BANDS % 2 ** len(self.encoder_channels):
            raise ValueError(f"the encoder's picture cannot be halved {len(self.encoder_channels)} times")
        _ = self.synthesis

    @property
    def latent_dim(self) -> int:
        """Entries of a latent: those of the vector, then those of the sequence, frame by frame."""
        return self.global_dim + self.frame_dim * self.start_frames

    @property
    def condition_dim(self) -> int:
        """Entries of what a drawn sound is asked for by: one per kind."""
        return len(self.kinds)

    @property
    def halvings(self) -> int:
        """Stages of the encoder after which its picture has `start_frames` columns."""
        return log2_exact(_FRAMES) - log2_exact(self.start_frames)

    @property
    def synthesis(self) -> StyleWaveGANConfig:
        """Shape of the decoder's synthesis network."""
        return StyleWaveGANConfig(
            kinds=self.kinds,
            sample_rate=self.sample_rate,
            length_samples=self.length_samples,
            style_dim=self.style_dim,
            hop_samples=self.hop_samples,
            modes=self.modes,
            start_frames=self.start_frames,
            channels=self.channels,
            convs_per_level=self.convs_per_level,
            kernel=self.kernel,
        )


@register("wave_vae", WaveVAEConfig)
class WaveVAE(nn.Module):
    """Encoder, decoder, and what is known of the latents of each kind.

    Args:
        config: its shape.

    The buffers `prior_mean` and `prior_factor` are estimated by `fit_prior` and travel with the weights.
    """

    prior_mean: Tensor
    prior_factor: Tensor

    def __init__(self, config: WaveVAEConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        hop = c.length_samples // _FRAMES
        self._view = SpectralView(4 * hop, hop, _BANDS, _FRAMES)
        sizes = (1, *c.encoder_channels)
        self.encoder = nn.ModuleList(EqualConv(i, o, (3, 3), stride=(2, 2)) for i, o in itertools.pairwise(sizes))
        rows = _BANDS // 2**c.halvings
        if c.frame_dim:
            self.to_frames = EqualConv(c.encoder_channels[c.halvings - 1] * rows, 2 * c.frame_dim, (1, 1), gain=1.0)
            self.to_start = EqualConv(c.frame_dim, c.channels[0], (1, 3))
        left = (_BANDS >> len(c.encoder_channels)) * (_FRAMES >> len(c.encoder_channels))
        self.to_hidden = EqualLinear(c.encoder_channels[-1] * left, c.hidden_dim, gain=GAIN)
        self.to_vector = EqualLinear(c.hidden_dim, 2 * c.global_dim)
        self.from_vector = EqualLinear(c.global_dim, c.hidden_dim, gain=GAIN)
        self.to_style = EqualLinear(c.hidden_dim, c.style_dim, gain=GAIN)
        self.to_kinds = EqualLinear(c.hidden_dim, len(c.kinds))
        self.synthesis = SynthesisNetwork(c.synthesis)
        self.register_buffer("prior_mean", torch.zeros(len(c.kinds), c.latent_dim))
        self.register_buffer("prior_factor", torch.eye(c.latent_dim).repeat(len(c.kinds), 1, 1))

    @property
    def dtype(self) -> torch.dtype:
        """Of the decoder's convolutions."""
        return self.synthesis.dtype

    @dtype.setter
    def dtype(self, dtype: torch.dtype) -> None:
        self.synthesis.dtype = dtype

    def condition_for(self, kinds: Sequence[Kind]) -> Tensor:
        """Condition vectors of kinds by name, or of mixtures: `(len(kinds), condition_dim)`.

        Raises:
            CreativeMLError: a kind that the model does not know.
        """
        return kind_shares(kinds, self.config.kinds, self.prior_mean.device)

    def noise_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the noise inputs of one sound, in the order in which `decode` takes them."""
        return self.synthesis.noise_shapes()

    def encode(self, sounds: Tensor) -> tuple[Tensor, Tensor]:
        """`(b, length_samples)` → mean and log-variance of the latents, each `(b, latent_dim)`."""
        c = self.config
        x = self._view.picture(sounds, c.sample_rate)[:, None].contiguous(memory_format=torch.channels_last)
        parts = []
        for number, conv in enumerate(self.encoder, 1):
            x = activate(conv(x))
            if number == c.halvings and c.frame_dim:
                columns = self.to_frames(x.flatten(1, 2)[:, :, None])
                parts = [half.squeeze(2).transpose(1, 2).flatten(1).float() for half in columns.chunk(2, dim=1)]
        vector = self.to_vector(activate(self.to_hidden(x.flatten(1)))).float().chunk(2, dim=1)
        mean, log_variance = (torch.cat([v, *parts[i : i + 1]], dim=1) for i, v in enumerate(vector))
        return mean, log_variance.clamp(-10.0, 4.0)

    def decode(self, latents: Tensor, noise: Sequence[Tensor] | None = None) -> Tensor:
        """`(b, latent_dim)` → sounds `(b, length_samples)`, nominally within ±1 (nothing clamps them).

        Args:
            latents: of the sounds.
            noise: white noise `(b, *shape)` for each of `noise_shapes()`; drawn afresh if None.
        """
        style, shares, start = self.styles(latents)
        return self.synthesis.render(style, shares, noise, start)

    def decode_levels(self, latents: Tensor, frames: int) -> Tensor:
        """Levels of the first frame rates, see `SynthesisNetwork.render_levels`."""
        style, shares, start = self.styles(latents)
        return self.synthesis.render_levels(style, shares, frames, start)

    def styles(self, latents: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """What the synthesis network is told: full style, shares of the kinds `(b, kinds)`, and what is added to its
        start sequence."""
        hidden, sequence = self._hidden(latents)
        shares = self.to_kinds(hidden).float().softmax(1)
        # A single kind has the entry 1, as in the generator whose weights may be borrowed.
        style = torch.cat([activate(self.to_style(hidden)).float(), shares], dim=1)
        if not self.config.frame_dim:
            return style, shares, None
        columns = sequence.unflatten(1, (self.config.start_frames, -1)).transpose(1, 2)
        return style, shares, self.to_start(columns[:, :, None])

    def recognise(self, latents: Tensor) -> Tensor:
        """Logits of the kinds `(b, kinds)` that the decoder takes latents for."""
        return self.to_kinds(self._hidden(latents)[0]).float()

    def _hidden(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        vector, sequence = latents.split([self.config.global_dim, latents.shape[1] - self.config.global_dim], dim=1)
        return activate(self.from_vector(vector)), sequence

    def forward(
        self,
        latent: Tensor,
        condition: Tensor,
        observed: Tensor | None = None,
        *,
        noise: Sequence[Tensor] | None = None,
        truncation: float = 1.0,
    ) -> Tensor:
        """Sounds `(b, length_samples)`.

        Args:
            latent: random numbers `(b, latent_dim)`, standard normal; not yet a place in the space of latents.
            condition: `(b, condition_dim)`, the kinds.
            observed: recordings `(b, length_samples)`. If given, they are made again: the random numbers say where in
                their posterior, and kinds do not count.
            noise: as for `decode`.
            truncation: factor on how far drawn latents lie from the mean of their kind.
        """
        if observed is not None:
            mean, log_variance = self.encode(observed)
            return self.decode(sample_gaussian(mean, log_variance, latent), noise)
        return self.decode(self.place(latent, condition, truncation), noise)

    def place(self, latent: Tensor, condition: Tensor, truncation: float | Tensor = 1.0) -> Tensor:
        """Random numbers `(b, latent_dim)` → latents `(b, latent_dim)` as they occur with the kinds of `condition`.

        Truncation is a number, or one for each sound, `(b, 1)`.
        """
        factor = torch.einsum("bk,kij->bij", condition, self.prior_factor)
        return condition @ self.prior_mean + truncation * torch.einsum("bij,bj->bi", factor, latent)

    @torch.no_grad()
    def fit_prior(self, means: Tensor, log_variances: Tensor, labels: Tensor) -> None:
        """Estimate what latents each kind has; a kind without sounds gets what all have.

        Args:
            means, log_variances: `(n, latent_dim)` as `encode` gives them of recordings.
            labels: `(n,)` index of their kind.
        """
        means, variances = means.double(), log_variances.double().exp()
        usual = self._spread_within(means, labels)
        for kind in range(len(self.config.kinds)):
            own = labels == kind
            if not bool(own.any()):
                own = torch.ones_like(own)
            centre = means[own].mean(0)
            apart = means[own] - centre
            together = apart.T @ apart / len(apart)
            # Of few sounds only how far each entry reaches is known, not how entries go together; and of one sound
            # not even that, so that what is the same within all kinds stands in for it.
            count = int(own.sum())
            alone = (count * together.diagonal() + 4.0 * usual) / (count + 4.0)
            trust = count / (count + _SHRINKAGE)
            covariance = trust * together + (1.0 - trust) * torch.diag(alone)
            covariance += torch.diag(variances[own].mean(0) + 1e-6)
            self.prior_mean[kind] = centre.float()
            self.prior_factor[kind] = torch.linalg.cholesky(covariance).float()

    @staticmethod
    def _spread_within(means: Tensor, labels: Tensor) -> Tensor:
        """Mean square distance of the latents from the mean of their kind, `(latent_dim,)`."""
        apart = torch.cat([means[labels == k] - means[labels == k].mean(0) for k in labels.unique()])
        return apart.square().mean(0)


def borrow(model: WaveVAE, generator: StyleWaveGAN) -> None:
    """Begin with the synthesis network of a StyleWaveGAN of the same shape and kinds.

    Its controls, which the autoencoder does not have, become further entries of the style.

    Raises:
        ValueError: another shape.
    """
    own, theirs = model.synthesis.config, generator.config
    controls = len(theirs.controls)
    fields = ("kinds", "hop_samples", "modes", "start_frames", "channels", "convs_per_level", "kernel")
    different = [name for name in fields if getattr(own, name) != getattr(theirs, name)]
    if different or own.style_dim != theirs.style_dim + controls or theirs.head != "stft":
        raise ValueError(
            "weights can be borrowed from a generator with the head 'stft', as many styles and controls together as the"
            f" autoencoder has styles ({own.style_dim}), and the same {', '.join(different) or 'shape'}"
        )
    kinds, style = len(theirs.kinds), theirs.style_dim
    # Theirs: style, kinds, controls. Ours: style, controls, kinds.
    order = [*range(style), *range(style + kinds, style + kinds + controls), *range(style, style + kinds)]
    weights = {}
    known = generator.state_dict()
    for name, value in model.synthesis.state_dict().items():
        taken = known[name]
        if taken.ndim == 2 and taken.shape[1] == len(order):
            taken = taken[:, order]
        if taken.shape != value.shape:
            raise ValueError(f"'{name}' has shape {tuple(taken.shape)}, here {tuple(value.shape)}")
        weights[name] = taken
    model.synthesis.load_state_dict(weights)

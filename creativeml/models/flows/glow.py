"""Glow: a multi-scale flow of activation normalisation, invertible 1x1 convolutions and affine couplings.

Kingma and Dhariwal, "Glow: Generative flow with invertible 1x1 convolutions" (NeurIPS 2018, arXiv 1807.03039), in one
or two dimensions: waveforms `(b, c, samples)` (as WaveGlow, Prenger et al. 2018, arXiv 1811.00002, without a condition)
or spectrograms `(b, c, bands, frames)`. Each level folds neighbours into channels (squeeze), takes its steps, and lets
half of the channels out as latents, normalised by what the other half says of them (Dinh et al. 2016, arXiv
1605.08803).

Against the paper: the couplings' scales are bounded by a hyperbolic tangent, so that inversion stays exact in float32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.layers.by_dimension import by_dimension
from creativeml.layers.module_list import ModuleListOf
from creativeml.models.flows.flow import Flow
from creativeml.models.registry import register

_LARGEST_LOG_SCALE = 2.0
_SMALLEST_SPREAD = 1e-3


@dataclass(frozen=True)
class GlowConfig:
    """Shape of the flow. The paper's for 256 x 256 pictures: 6 levels of 32 steps, 512 hidden channels."""

    shape: tuple[int, ...] = (1, 32, 32)
    """Channels and size of one input: `(c, samples)` or `(c, bands, frames)`."""
    levels: int = 2
    steps: int = 4
    """Of each level."""
    hidden: int = 32
    """Channels within each coupling."""
    output_spread: float = 0.0
    """Standard deviation of the couplings' last weights before training; 0, as in the paper, starts at identity."""

    def __post_init__(self) -> None:
        if len(self.shape) not in (2, 3):
            raise ValueError(f"shape must be channels and one or two sizes, not {self.shape}")
        for name in ("levels", "steps", "hidden"):
            check_range(name, getattr(self, name), 1)
        check_range("output_spread", self.output_spread, 0.0)
        if any(size < 1 or size % 2**self.levels for size in self.shape[1:]) or self.shape[0] < 1:
            raise ValueError(
                f"every size must be a multiple of {2**self.levels}, that each level can halve; got {self.shape}"
            )

    @property
    def dims(self) -> int:
        """1 for waveforms, 2 for pictures."""
        return len(self.shape) - 1


@register("glow", GlowConfig)
class Glow(Flow):
    """The flow. `forward` returns a pair: latents and log-determinants.

    The first batch that it sees in training mode sets the activation normalisation.

    Args:
        config: its shape.
    """

    def __init__(self, config: GlowConfig) -> None:
        super().__init__(config.shape, "gaussian")
        self.config = config
        self.levels: ModuleListOf[ModuleListOf[GlowStep]] = ModuleListOf()
        channels, self.splits = config.shape[0], nn.ModuleList()
        for level in range(config.levels):
            channels *= 2**config.dims
            self.levels.append(ModuleListOf(GlowStep(channels, config) for _ in range(config.steps)))
            if level < config.levels - 1:
                self.splits.append(by_dimension(config.dims).conv(channels // 2, channels, 3, padding=1))
                channels //= 2
                _start_small(self.splits[-1], config.output_spread)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs `(b, *shape)` → latents `(b, size)` and log-determinants `(b,)`.

        Raises:
            ValueError: another shape.
        """
        self._check(x)
        log_det, latents = x.new_zeros(len(x)), []
        for level, steps in enumerate(self.levels):
            x = squeeze(x)
            for step in steps:
                x, more = step(x)
                log_det = log_det + more
            if level < len(self.splits):
                x, out = x.chunk(2, dim=1)
                mean, log_scale = _shift_and_scale(self.splits[level](x))
                latents.append(((out - mean) * torch.exp(-log_scale)).flatten(1))
                log_det = log_det - log_scale.flatten(1).sum(1)
        return torch.cat([*latents, x.flatten(1)], dim=1), log_det

    def inverse(self, latent: Tensor) -> Tensor:
        """Latents `(b, size)` → inputs `(b, *shape)`."""
        shapes = self._latent_shapes()
        parts = [
            p.unflatten(1, s) for p, s in zip(latent.split([math.prod(s) for s in shapes], 1), shapes, strict=True)
        ]
        x = parts.pop()
        for level in reversed(range(len(self.levels))):
            if level < len(self.splits):
                mean, log_scale = _shift_and_scale(self.splits[level](x))
                x = torch.cat([x, parts.pop() * torch.exp(log_scale) + mean], dim=1)
            for step in reversed(list(self.levels[level])):
                x = step.inverse(x)
            x = unsqueeze(x)
        return x

    def _latent_shapes(self) -> list[tuple[int, ...]]:
        channels, sizes, shapes = self.shape[0], self.shape[1:], []
        for level in range(len(self.levels)):
            channels, sizes = channels * 2**self.config.dims, tuple(size // 2 for size in sizes)
            if level < len(self.splits):
                channels //= 2
                shapes.append((channels, *sizes))
        return [*shapes, (channels, *sizes)]


class GlowStep(nn.Module):
    """Activation normalisation, invertible 1x1 convolution, affine coupling."""

    def __init__(self, channels: int, config: GlowConfig) -> None:
        super().__init__()
        self.norm = ActNorm(channels)
        self.mix = InvertibleConv(channels)
        convolution, half = by_dimension(config.dims).conv, channels // 2
        self.coupling = nn.Sequential(
            convolution(half, config.hidden, 3, padding=1),
            nn.ReLU(),
            convolution(config.hidden, config.hidden, 1),
            nn.ReLU(),
            convolution(config.hidden, 2 * (channels - half), 3, padding=1),
        )
        _start_small(self.coupling[-1], config.output_spread)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(b, c, ...)` → the same shape, and log-determinants `(b,)`."""
        x, log_det = self.norm(x)
        x, more = self.mix(x)
        kept, changed = x.split([x.shape[1] // 2, x.shape[1] - x.shape[1] // 2], dim=1)
        shift, log_scale = _shift_and_scale(self.coupling(kept))
        changed = changed * torch.exp(log_scale) + shift
        return torch.cat([kept, changed], dim=1), log_det + more + log_scale.flatten(1).sum(1)

    def inverse(self, y: Tensor) -> Tensor:
        """The inverse of `forward`."""
        kept, changed = y.split([y.shape[1] // 2, y.shape[1] - y.shape[1] // 2], dim=1)
        shift, log_scale = _shift_and_scale(self.coupling(kept))
        changed = (changed - shift) * torch.exp(-log_scale)
        return self.norm.inverse(self.mix.inverse(torch.cat([kept, changed], dim=1)))


class ActNorm(nn.Module):
    """A scale and a bias for each channel, which make the first training batch have mean 0 and variance 1."""

    ready: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("ready", torch.tensor(False))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(b, c, ...)` → the same shape, and log-determinants `(b,)`."""
        if self.training and not self.ready:
            self._fit(x)
        places = x[0, 0].numel()
        y = (x + _per_channel(self.bias, x)) * _per_channel(self.log_scale.exp(), x)
        return y, (places * self.log_scale.sum()).expand(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        """The inverse of `forward`."""
        return y * _per_channel((-self.log_scale).exp(), y) - _per_channel(self.bias, y)

    @torch.no_grad()
    def _fit(self, x: Tensor) -> None:
        values = x.float().transpose(0, 1).flatten(1)
        self.bias.copy_(-values.mean(1))
        if values.shape[1] > 1:
            self.log_scale.copy_(-values.std(1, correction=0).clamp_min(_SMALLEST_SPREAD).log())
        self.ready.fill_(True)


class InvertibleConv(nn.Module):
    """A learned invertible matrix over channels, W = P L (U + diag(s)), P fixed (section 3.2 of the paper)."""

    sign: Tensor
    permutation: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(channels, channels))[0]
        permutation, lower, upper = torch.linalg.lu(rotation)
        diagonal = upper.diagonal()
        self.lower = nn.Parameter(lower.tril(-1))
        self.upper = nn.Parameter(upper.triu(1))
        self.log_diagonal = nn.Parameter(diagonal.abs().log())
        self.register_buffer("sign", diagonal.sign())
        self.register_buffer("permutation", permutation)

    def _triangles(self) -> tuple[Tensor, Tensor]:
        diagonal = self.sign * self.log_diagonal.exp()
        unit = torch.eye(len(diagonal)).to(diagonal)
        return self.lower.tril(-1) + unit, self.upper.triu(1) + torch.diag(diagonal)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(b, c, ...)` → the same shape, and log-determinants `(b,)`."""
        lower, upper = self._triangles()
        y = torch.einsum("oi,bi...->bo...", self.permutation @ lower @ upper, x)
        return y, (x[0, 0].numel() * self.log_diagonal.sum()).expand(len(x))

    def inverse(self, y: Tensor) -> Tensor:
        """The inverse of `forward`, by two triangular systems."""
        exact = torch.promote_types(y.dtype, torch.float32)
        lower, upper = (part.to(exact) for part in self._triangles())
        columns = y.transpose(0, 1).flatten(1).to(exact)
        solved = torch.linalg.solve_triangular(lower, self.permutation.to(exact).T @ columns, upper=False)
        solved = torch.linalg.solve_triangular(upper, solved, upper=True)
        return solved.to(y.dtype).view_as(y.transpose(0, 1)).transpose(0, 1)


def squeeze(x: Tensor) -> Tensor:
    """Fold pairs of neighbours along every size into channels: `(b, c, n, ...)` → `(b, c * 2**dims, n / 2, ...)`."""
    dims = x.dim() - 2
    for axis in range(2, 2 + dims):
        x = x.unflatten(2 * axis - 2, (-1, 2))
    # Now (b, c, n1 / 2, 2, n2 / 2, 2): halves of the sizes last, the folded ones beside the channels.
    return x.permute(0, 1, *(3 + 2 * d for d in range(dims)), *(2 + 2 * d for d in range(dims))).flatten(1, 1 + dims)


def unsqueeze(x: Tensor) -> Tensor:
    """The inverse of `squeeze`."""
    dims = x.dim() - 2
    x = x.unflatten(1, (-1, *(2,) * dims))
    order = [n for d in range(dims) for n in (2 + dims + d, 2 + d)]
    x = x.permute(0, 1, *order)
    for d in range(dims):
        x = x.flatten(2 + d, 3 + d)
    return x


def _shift_and_scale(output: Tensor) -> tuple[Tensor, Tensor]:
    shift, raw = output.chunk(2, dim=1)
    return shift, _LARGEST_LOG_SCALE * torch.tanh(raw / _LARGEST_LOG_SCALE)


def _start_small(layer: nn.Module, spread: float) -> None:
    nn.init.normal_(layer.weight, std=spread)  # type: ignore[arg-type]
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]


def _per_channel(values: Tensor, x: Tensor) -> Tensor:
    return values.view(-1, *(1,) * (x.dim() - 2))

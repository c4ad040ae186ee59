"""CLAP's audio tower (Wu et al. 2023, arXiv 2211.06687): HTS-AT (Chen et al. 2022, arXiv 2202.00874) and projection.

HTS-AT is a Swin transformer (Liu et al. 2021, arXiv 2103.14030): attention within windows of 8 x 8 patches, shifted by
half a window in every other block, over a log-mel spectrogram of 10 s folded into a square.
"""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from creativeml.audio.slaney_mel import slaney_filters
from creativeml.errors import CreativeMLError
from creativeml.evaluation.outside.front_end import power_frames

RATE = 48000
DIMENSIONS = 512
_WINDOW, _HOP, _BANDS = 1024, 480, 64
_LOW_HZ, _HIGH_HZ = 50, 14000
_LEAST_POWER = 1e-10
_SAMPLES = 10 * RATE
_SIDE = 256
"""Of the square; four times 256 frames lie below each other."""
_FOLDS = _SIDE // _BANDS
_PATCH, _FIELD = 4, 8
_GRID = _SIDE // _PATCH
_HEADS = (4, 8, 16, 32)


@functools.lru_cache(maxsize=1)
@torch.inference_mode(False)
def _places() -> Tensor:
    """Row in the table of biases for every pair of patches of a window: `(64, 64)`."""
    row, column = (axis.flatten() for axis in torch.meshgrid(*[torch.arange(_FIELD)] * 2, indexing="ij"))
    difference = [(axis[:, None] - axis[None]) + _FIELD - 1 for axis in (row, column)]
    return difference[0] * (2 * _FIELD - 1) + difference[1]


def _windows(grid: Tensor) -> Tensor:
    """`(b, side, side, c)` → `(b * windows, 64, c)`."""
    batch, side, _, channels = grid.shape
    folded = grid.view(batch, side // _FIELD, _FIELD, side // _FIELD, _FIELD, channels)
    return folded.transpose(2, 3).reshape(-1, _FIELD * _FIELD, channels)


def _joined(windows: Tensor, side: int) -> Tensor:
    """The inverse of `_windows`."""
    count = side // _FIELD
    folded = windows.view(-1, count, count, _FIELD, _FIELD, windows.shape[-1])
    return folded.transpose(2, 3).reshape(-1, side, side, windows.shape[-1])


def _forbidden(side: int) -> Tensor:
    """What keeps patches apart that a shift has brought into one window: `(windows, 1, 64, 64)`."""
    region = torch.zeros(side, dtype=torch.float32)
    region[-_FIELD:] = 1
    region[-_FIELD // 2 :] = 2
    label = _windows((3 * region[:, None] + region[None])[None, :, :, None])[..., 0]
    return torch.where(label[:, None] == label[:, :, None], 0.0, -100.0)[:, None]


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * _FIELD - 1) ** 2, heads))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        count, patches, width = windows.shape
        parts = self.qkv(windows).view(count, patches, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        bias = self.relative_position_bias_table[_places()].permute(2, 0, 1)[None]
        if mask is not None:
            bias = (bias + mask).repeat(count // len(mask), 1, 1, 1)
        heard = functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], attn_mask=bias)
        return self.proj(heard.transpose(1, 2).reshape(count, patches, width))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, side: int, shifted: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = _Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})
        # On a grid of one window there is nothing to shift.
        self.side, self.shift = side, _FIELD // 2 if shifted and side > _FIELD else 0

    def forward(self, grid: Tensor) -> Tensor:
        """`(b, side, side, width)` → the same shape."""
        turned = torch.roll(self.norm1(grid), (-self.shift, -self.shift), (1, 2))
        mask = _forbidden(self.side) if self.shift else None
        heard = _joined(self.attn(_windows(turned), mask), self.side)
        grid = grid + torch.roll(heard, (self.shift, self.shift), (1, 2))
        return grid + self.mlp["fc2"](functional.gelu(self.mlp["fc1"](self.norm2(grid))))


class _Merging(nn.Module):
    """Four neighbouring patches become one of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, grid: Tensor) -> Tensor:
        four = [grid[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(four, 3)))


class _Stage(nn.Module):
    def __init__(self, width: int, heads: int, side: int, depth: int, merges: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block(width, heads, side, shifted=bool(i % 2)) for i in range(depth))
        self.downsample = _Merging(width) if merges else nn.Identity()

    def forward(self, grid: Tensor) -> Tensor:
        for block in self.blocks:
            grid = block(grid)
        return self.downsample(grid)


class Network(nn.Module):
    """Waveform → the 512 values that are compared with texts. Modules are named as in the published checkpoints."""

    width, depths = 96, (2, 2, 6, 2)

    def __init__(self) -> None:
        super().__init__()
        last = self.width * 8
        self.bn0 = nn.BatchNorm2d(_BANDS)
        patches = nn.Conv2d(1, self.width, _PATCH, stride=_PATCH)
        self.patch_embed = nn.ModuleDict({"proj": patches, "norm": nn.LayerNorm(self.width)})
        self.layers = nn.ModuleList(
            _Stage(self.width << i, _HEADS[i], _GRID >> i, depth, merges=i < 3) for i, depth in enumerate(self.depths)
        )
        self.norm = nn.LayerNorm(last)
        self.audio_projection = nn.Sequential(nn.Linear(last, DIMENSIONS), nn.ReLU(), nn.Linear(DIMENSIONS, DIMENSIONS))

    def forward(self, sounds: Tensor) -> Tensor:
        """`(b, samples)` at 48 kHz → `(b, 512)` of length 1. Shorter sounds than 10 s are repeated, as in training."""
        levels = _levels(_ten_seconds(sounds))
        levels = self.bn0(levels.transpose(1, 2)[..., None])[..., 0]
        grid = self.patch_embed["proj"](_square(levels)[:, None]).permute(0, 2, 3, 1)
        grid = self.patch_embed["norm"](grid)
        for stage in self.layers:
            grid = stage(grid)
        return functional.normalize(self.audio_projection(self.norm(grid).mean((1, 2))))


class BaseNetwork(Network):
    """The larger tower, of the checkpoints trained with music."""

    width, depths = 128, (2, 2, 12, 2)


def _ten_seconds(sounds: Tensor) -> Tensor:
    """Repeated as often as whole repetitions fit, then silence; of longer sounds the first 10 s."""
    repeated = sounds.repeat(1, max(1, _SAMPLES // sounds.shape[1]))[:, :_SAMPLES]
    return functional.pad(repeated, (0, _SAMPLES - repeated.shape[1]))


def _levels(sounds: Tensor) -> Tensor:
    """Mel levels in dB: `(b, 1001, 64)`."""
    filters = slaney_filters(RATE, _WINDOW, _BANDS, _LOW_HZ, _HIGH_HZ).to(sounds)
    return 10 * torch.log10((power_frames(sounds, _WINDOW, _HOP, "reflect") @ filters).clamp_min(_LEAST_POWER))


def _square(levels: Tensor) -> Tensor:
    """`(b, 64, 1001)` stretched to 1,024 frames and folded: `(b, 256, 256)`, a quarter of the time below the other."""
    frames = functional.interpolate(
        levels.transpose(1, 2)[:, None], (_FOLDS * _SIDE, _BANDS), mode="bicubic", align_corners=True
    )
    return frames[:, 0].transpose(1, 2).unflatten(2, (_FOLDS, _SIDE)).transpose(1, 2).flatten(1, 2)


def translate(checkpoint: Any) -> dict[str, Tensor]:
    """Weights of either tower from a published checkpoint; the text tower and constants are left out.

    Raises:
        CreativeMLError: it is one of the "fusion" checkpoints, whose tower is another.
    """
    state = checkpoint.get("state_dict", checkpoint)
    names = {name.removeprefix("module."): name for name in state}
    if any(".mel_conv2d." in name or ".fusion_model." in name for name in names):
        raise CreativeMLError("a CLAP checkpoint with fusion is not read; take one without, e.g. 630k-audioset-best.pt")
    constants = ("spectrogram_extractor.", "logmel_extractor.", "tscam_conv.", "head.")
    result = {}
    for name, given in names.items():
        ours = name.removeprefix("audio_branch.")
        wanted = (ours != name and not ours.startswith(constants)) or name.startswith("audio_projection.")
        if wanted and not name.endswith((".relative_position_index", ".attn_mask")):
            result[ours] = state[given]
    return result

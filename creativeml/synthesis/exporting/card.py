"""What an exported file says about itself, as plain JSON values: all that a player without torch needs.

In an ONNX file it is the metadata entry `creativeml`, in a `.pt2` file the extra file `creativeml.json`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import torch

from creativeml.audio.descriptors.registry import Descriptor, chosen
from creativeml.data.joint_distribution import (
    COVERAGE,
    LEVELS,
    ORDERED,
    SINGLE_COVERAGE,
    DescriptorRanges,
    chi_square,
)
from creativeml.models.autoencoders.wave_vae import WaveVAE
from creativeml.models.gans.condition import JNDS_PER_UNIT, LIMIT
from creativeml.models.gans.style_wavegan import StyleWaveGAN
from creativeml.synthesis.catalog import MAX_TRUNCATION, ModelInfo
from creativeml.synthesis.finish import DC_CORNER_HZ, FADE_S, PEAK_DBFS, SILENCE_DBFS

FORMAT = 1
ENTRY = "creativeml"


def generator_card(info: ModelInfo, model: StyleWaveGAN | WaveVAE) -> dict[str, Any]:
    """Of a generator: inputs, kinds, controls and their scales, what occurs among recordings, the last touch."""
    latent, condition = model.config.latent_dim, model.config.condition_dim
    shapes = [list(shape) for shape in model.noise_shapes()]
    usual = getattr(model, "usual_controls", None)
    return {
        **_common(info, "generator"),
        "inputs": {
            "latent": ["batch", latent],
            "condition": ["batch", condition],
            "noise": ["batch", sum(map(math.prod, shapes))],
            "truncation": ["batch"],
        },
        "outputs": {"sound": ["batch", info.length_samples]},
        "kinds": list(info.kinds),
        "random_numbers": {
            "noise_shapes": shapes,
            "how": "standard normal: the latent, then the noise inputs in their order, each flattened, side by side;"
            " the sound of a seed is that of torch's CPU generator (MT19937 and Box-Muller, see examples/play_onnx.py)",
        },
        "truncation": {"least": 0.0, "most": MAX_TRUNCATION, "as_trained": 1.0},
        "controls": _controls(info.controls),
        "usual_controls": {} if usual is None else dict(zip(info.kinds, usual.tolist(), strict=True)),
        "ranges": None if info.ranges is None else _ranges(info.ranges, info.kinds),
        "finish": {
            "what": "first-order high-pass without gain at 0 Hz, half a cosine of fade at the end, peak normalised; a"
            " sound below the silence level keeps its own",
            "dc_corner_hz": DC_CORNER_HZ,
            "fade_s": FADE_S,
            "peak_dbfs": PEAK_DBFS,
            "silence_dbfs": SILENCE_DBFS,
        },
    }


def encoder_card(info: ModelInfo, latent_dim: int) -> dict[str, Any]:
    """Of an encoder: a sound and the condition that its generator would be given → mean and log-variance of latents."""
    condition = len(info.kinds) + len(info.controls)
    return {
        **_common(info, "encoder"),
        "inputs": {"sound": ["batch", info.length_samples], "condition": ["batch", condition]},
        "outputs": {"mean": ["batch", latent_dim], "log_variance": ["batch", latent_dim]},
        "kinds": list(info.kinds),
        "controls": _controls(info.controls),
    }


def classifier_card(info: ModelInfo, dimensions: int) -> dict[str, Any]:
    """Of a classifier: sounds, of any level → logits of the kinds, and the embedding behind them."""
    return {
        **_common(info, "classifier"),
        "inputs": {"sound": ["batch", info.length_samples]},
        "outputs": {"scores": ["batch", len(info.kinds)], "embedding": ["batch", dimensions]},
        "kinds": list(info.kinds),
    }


def _common(info: ModelInfo, role: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "made_by": "creativeml export",
        "version": info.version,
        "role": role,
        "model": {"name": info.name, "sha256": info.sha256, "licence": info.licence},
        "sample_rate": info.sample_rate,
        "length_samples": info.length_samples,
    }


def _controls(names: Sequence[str]) -> dict[str, Any]:
    """Name → how a value becomes an entry of the condition, which follows those of the kinds."""
    return {descriptor.name: _control(descriptor) for descriptor in chosen(names)}


def _control(descriptor: Descriptor) -> dict[str, Any]:
    middle = descriptor.in_jnds(torch.tensor([descriptor.low, descriptor.high], dtype=torch.float64)).mean()
    how = "log1p(max(value, 0) / low) / log(jnd)" if descriptor.logarithmic else "value / jnd"
    return {
        "unit": descriptor.unit,
        "means": descriptor.doc,
        "logarithmic": descriptor.logarithmic,
        "low": descriptor.low,
        "jnd": descriptor.jnd,
        "middle": float(middle),
        "per_unit": JNDS_PER_UNIT,
        "limit": LIMIT,
        "entry": f"clip(({how} - middle) / per_unit, -limit, limit)",
    }


def _ranges(ranges: DescriptorRanges, kinds: Sequence[str]) -> Mapping[str, Any]:
    """What free controls are drawn from: a Gaussian copula of each kind (`creativeml.data.joint_distribution`)."""
    normal = NormalDist()
    judged = {kind: ranges.judged(kind) for kind in kinds}
    return {
        "descriptors": list(ranges.descriptors),
        "levels": list(LEVELS),
        "scores": [normal.inv_cdf(level) for level in LEVELS],
        "most_asked": normal.inv_cdf(0.5 + SINGLE_COVERAGE / 2),
        "most_drawn": normal.inv_cdf(0.5 + COVERAGE / 2),
        "ordered": [list(pair) for pair in ORDERED],
        "kinds": {
            kind: {
                "quantiles": [list(row) for row in own.quantiles],
                "correlation": [list(row) for row in own.correlation],
                "largest": own.stretch * chi_square(len(ranges.descriptors)),
            }
            for kind, own in judged.items()
        },
    }

"""How near a model in training is to the validation recordings, and how varied its sounds are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from creativeml.data.one_shots import OneShotDataset
from creativeml.evaluation.distances import kernel_distance
from creativeml.evaluation.embeddings import log_mel_statistics
from creativeml.models.gans.style_wavegan import StyleWaveGAN
from creativeml.models.gans.wavegan import WaveGAN

SOUNDS_PER_KIND = 20
DISTANCE = "validation/kernel_distance"
VARIETY = "validation/variety"


def usable_kinds(validation: OneShotDataset) -> list[int]:
    """Labels with at least two validation sounds; a distance within a kind needs a pair."""
    counts = torch.bincount(validation.labels, minlength=len(validation.kinds))
    return torch.nonzero(counts >= 2).flatten().tolist()


def validate(model: StyleWaveGAN | WaveGAN, validation: OneShotDataset) -> dict[str, float]:
    """Figures for the log; those that cannot be had (identical recordings) are left out.

    Args:
        model: the averaged generator.
        validation: recordings with at least one of `usable_kinds`.

    Returns:
        `DISTANCE`: kernel distance on log-mel statistics within each kind, averaged over the kinds; the checkpoint with
        the smallest is kept. (A distance of all kinds thrown together hardly notices a snare that sounds like a clap.)
        `VARIETY`: mean distance of two sounds of a kind, relative to that of recordings.
    """
    kinds = usable_kinds(validation)
    chosen = [n for n, label in enumerate(validation.labels.tolist()) if label in kinds]
    sounds, labels = validation.batch(chosen)
    real = log_mel_statistics(sounds, validation.sample_rate)
    mean, scale = real.mean(0), real.std(0).clamp(min=1e-6)
    made = generate(model, SOUNDS_PER_KIND, seed=2).unflatten(0, (-1, SOUNDS_PER_KIND))[kinds]
    pairs = []
    for kind, fake in zip(kinds, made, strict=True):
        points = (real[labels == kind], log_mel_statistics(fake, validation.sample_rate))
        pairs.append(tuple((p - mean) / scale for p in points))
    # One ruler for all kinds and checkpoints: how far apart two recordings of a kind usually are.
    bandwidth = float(torch.stack([torch.pdist(recorded).median() for recorded, _ in pairs]).mean())
    if not bandwidth > 0:
        return {}
    distances = [kernel_distance(a, b, bandwidth=bandwidth, z_score=False) for a, b in pairs]
    spreads = [sum(float(torch.pdist(pair[n]).mean()) for pair in pairs) for n in (0, 1)]
    figures = {DISTANCE: sum(distances) / len(distances), VARIETY: spreads[1] / spreads[0]}
    return {name: value for name, value in figures.items() if math.isfinite(value)}


@torch.no_grad()
def generate(model: StyleWaveGAN | WaveGAN, per_kind: int, *, seed: int) -> Tensor:
    """Sounds of every kind from fixed latents: `(kinds * per_kind, samples)`, on the CPU."""
    random = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    sounds = []
    for kind in model.config.kinds:
        latent = torch.randn(per_kind, model.config.latent_dim, generator=random).to(device)
        noise = [torch.randn(per_kind, *shape, generator=random).to(device) for shape in model.noise_shapes()]
        sounds.append(model(latent, model.condition_for([kind] * per_kind), noise=noise).float().cpu())
    return torch.cat(sounds)

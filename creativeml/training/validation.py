"""How near a model in training is to the validation recordings, and how varied its sounds are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from creativeml.data.one_shots import OneShotDataset
from creativeml.evaluation.distances import Points, kernel_distance
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
        `DISTANCE`: kernel distance on log-mel statistics, all kinds weighing the same; the checkpoint with the
        smallest is kept. `VARIETY`: mean distance of two sounds of a kind, relative to that of recordings.
    """
    kinds = usable_kinds(validation)
    chosen = [n for n, label in enumerate(validation.labels.tolist()) if label in kinds]
    real, labels = validation.batch(chosen)
    real_points = log_mel_statistics(real, validation.sample_rate)
    fake = generate(model, SOUNDS_PER_KIND, seed=2).unflatten(0, (-1, SOUNDS_PER_KIND))[kinds].flatten(0, 1)
    fake_points = log_mel_statistics(fake, validation.sample_rate)
    fake_labels = torch.tensor(kinds).repeat_interleave(SOUNDS_PER_KIND)
    distance = kernel_distance(Points(real_points, labels), Points(fake_points, fake_labels))
    spreads = [
        torch.stack([torch.pdist(points[of == kind]).mean() for kind in kinds]).mean()
        for points, of in ((fake_points, fake_labels), (real_points, labels))
    ]
    figures = {DISTANCE: float(distance), VARIETY: float(spreads[0] / spreads[1])}
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

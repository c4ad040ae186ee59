"""Take a mixture of drum hits apart by grouping its time-frequency bins."""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.errors import CreativeMLError, require
from creativeml.models.separation.deep_clustering import DeepClustering


@torch.no_grad()
def separate(model: DeepClustering, mixture: Tensor, count: int = 2, *, seed: int = 0) -> Tensor:
    """The sounds of a mixture, in no particular order; their sum is the mixture.

    Args:
        model: trained by `training.deep_clustering`.
        mixture: `(samples,)` at the model's sample rate.
        count: of sounds in it.
        seed: of k-means.

    Returns:
        `(count, samples)`.

    Raises:
        CreativeMLError: fewer than 1 sound asked for, or fewer bins that sound than sounds.
        MissingExtra: scikit-learn is not installed.
    """
    if count < 1:
        raise CreativeMLError(f"a mixture is taken apart into at least 1 sound, not {count}")
    model.eval()
    spectrum = model.spectrum(mixture[None])
    vectors = model(model.levels(spectrum))[0].flatten(0, 1)
    sounding = model.sounding(spectrum)[0].flatten() if mixture.any() else torch.zeros(len(vectors), dtype=torch.bool)
    if int(sounding.sum()) < count:
        raise CreativeMLError(f"the mixture is silent; there is nothing to take apart into {count} sounds")
    k_means = require("sklearn.cluster", extra="train").KMeans(count, n_init=4, random_state=seed)
    k_means.fit(vectors[sounding].numpy())
    # Silent bins go to the nearest sound as well, so that nothing of the mixture is lost.
    groups = torch.from_numpy(k_means.predict(vectors.numpy())).long().view(spectrum.shape[1:])
    masks = torch.stack([groups == n for n in range(count)])
    return model.sound(masks * spectrum, len(mixture))

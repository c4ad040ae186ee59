"""Training of models with a likelihood, or a bound on it: variational autoencoders and normalising flows."""

from __future__ import annotations

from pathlib import Path

from lightning_fabric import Fabric
from torch import Tensor

from creativeml.models.autoencoders.vae import VAE
from creativeml.models.flows.flow import Flow
from creativeml.training.minibatches import History, LoopConfig, train_minibatches


def train_likelihood(
    model: VAE | Flow,
    data: Tensor,
    config: LoopConfig,
    *,
    validation: Tensor | None = None,
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """Maximise the mean evidence of the data; losses are nats for each number of the input.

    Args:
        model: changed in place.
        data, validation: inputs `(n, ...)` as the model takes them.
        config, folder, resume, fabric: see `training.minibatches`.
    """
    numbers = data[0].numel()
    return train_minibatches(
        model,
        lambda x: -model.evidence(x).mean() / numbers,
        (data,),
        config,
        validation=() if validation is None else (validation,),
        folder=folder,
        resume=resume,
        fabric=fabric,
    )

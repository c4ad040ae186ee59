"""Training of autoencoders: plain, sparse, denoising, and stacked layer by layer with labels at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.errors import CreativeMLError
from creativeml.losses.sparsity import kl_sparsity
from creativeml.models.autoencoders.autoencoder import (
    Autoencoder,
    CodeClassifier,
    CodeClassifierConfig,
    LayerPair,
)
from creativeml.models.autoencoders.conv_autoencoder import ConvAutoencoder
from creativeml.training.loop import fabric_of, holds_state
from creativeml.training.minibatches import History, LoopConfig, train_minibatches
from creativeml.training.networks import on_device


@dataclass(frozen=True)
class AutoencoderTrainingConfig:
    """What an autoencoder is trained for."""

    loop: LoopConfig = field(default_factory=LoopConfig)
    noise: float = 0.0
    """Standard deviation of the noise on the inputs, which the reconstruction shall not have (denoising)."""
    sparsity_weight: float = 0.0
    """beta, of the sum of KL(rho || mean activation) over the code's units; needs sigmoid codes."""
    sparsity_target: float = 0.05
    """rho."""

    def __post_init__(self) -> None:
        check_range("noise", self.noise, 0.0)
        check_range("sparsity_weight", self.sparsity_weight, 0.0)
        if not 0.0 < self.sparsity_target < 1.0:
            raise ValueError(f"sparsity_target must lie between 0 and 1, not {self.sparsity_target}")


def autoencoder_loss(
    model: Autoencoder | ConvAutoencoder | LayerPair, x: Tensor, config: AutoencoderTrainingConfig
) -> Tensor:
    """Mean squared error of the reconstruction of (noisy) inputs, and the penalty on codes that are too active."""
    noisy = x + config.noise * torch.randn_like(x) if config.noise else x
    code = model.encode(noisy)
    loss = F.mse_loss(model.decode(code).float(), x)
    if config.sparsity_weight:
        loss = loss + config.sparsity_weight * kl_sparsity(code.flatten(1), config.sparsity_target)
    return loss


def train_autoencoder(
    model: Autoencoder | ConvAutoencoder | LayerPair,
    data: Tensor,
    config: AutoencoderTrainingConfig,
    *,
    validation: Tensor | None = None,
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """Train all layers at once.

    Args:
        model: changed in place.
        data, validation: inputs `(n, ...)` as the model takes them.
        config, folder, resume, fabric: see `training.minibatches`.

    Raises:
        CreativeMLError: a sparsity penalty on codes that are not sigmoid; and as `train_minibatches`.
    """
    _check_sparsity(model, config)
    held_out = () if validation is None else (validation,)
    return train_minibatches(
        model,
        lambda x: autoencoder_loss(model, x, config),
        (data,),
        config.loop,
        validation=held_out,
        folder=folder,
        resume=resume,
        fabric=fabric,
    )


def train_stacked(
    model: Autoencoder,
    data: Tensor,
    config: AutoencoderTrainingConfig,
    *,
    validation: Tensor | None = None,
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> list[History]:
    """Train an autoencoder pair by pair, each on the codes of those before it, which stay as they are.

    Args:
        model: changed in place.
        data, validation: inputs `(n, features)`.
        config: of every pair.
        folder: its subfolders `pair-0`, `pair-1`, ... hold the states of each pair's loop.
        resume: go on with the first pair that has not been finished.
        fabric: see `training.minibatches`.

    Returns:
        What happened to each pair.
    """
    _check_sparsity(model, config)
    fabric_of(fabric, model)
    (data,), held_out = on_device(fabric, (data,)), on_device(fabric, () if validation is None else (validation,))
    needed = {name: p.requires_grad for name, p in model.named_parameters()}
    model.requires_grad_(False)
    histories = []
    for depth, pair in enumerate(model.pairs):
        assert isinstance(pair, LayerPair)
        own = None if folder is None else folder / f"pair-{depth}"
        begun = resume and holds_state(own)
        with torch.no_grad():
            codes, *looked_at = (model.encode(rows, depth=depth) for rows in (data, *held_out))
        pair.requires_grad_(True)
        histories.append(
            train_autoencoder(
                pair, codes, config, validation=next(iter(looked_at), None), folder=own, resume=begun, fabric=fabric
            )
        )
        pair.requires_grad_(False)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(needed[name])
    return histories


def fine_tune(
    model: Autoencoder,
    data: Tensor,
    labels: Tensor,
    classes: int,
    loop: LoopConfig,
    *,
    validation: tuple[Tensor, ...] = (),
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> tuple[CodeClassifier, History]:
    """Train a classifier that starts from an autoencoder's encoder.

    Args:
        model: left as it is.
        data: `(n, features)`.
        labels: `(n,)` class of each.
        classes: how many there are.
        loop, folder, resume, fabric: see `training.minibatches`.
        validation: inputs and labels.
    """
    torch.manual_seed(loop.seed)
    classifier = CodeClassifier(CodeClassifierConfig(model.config, classes)).take_encoder(model)
    history = train_minibatches(
        classifier,
        lambda x, y: F.cross_entropy(classifier(x).float(), y),
        (data, labels),
        loop,
        validation=validation,
        folder=folder,
        resume=resume,
        fabric=fabric,
    )
    return classifier, history


def _check_sparsity(model: nn.Module, config: AutoencoderTrainingConfig) -> None:
    activation = model.activation if isinstance(model, LayerPair) else getattr(model.config, "activation", None)
    if config.sparsity_weight and activation != "sigmoid":
        raise CreativeMLError("the sparsity penalty needs codes within 0 and 1; choose activation='sigmoid'")

"""Training of GANs of pictures: DCGAN (latents to pictures) and pix2pix (pictures to pictures).

One step: the discriminator learns to tell real pictures from drawn ones, then the generator learns to have the same
drawn ones taken for real (binary cross-entropy on logits, non-saturating: Goodfellow et al. 2014, arXiv 1406.2661). For
pix2pix the distance to the wanted picture is added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn

from creativeml.config import check_probability, check_range
from creativeml.losses.likelihood import bernoulli_nll
from creativeml.models.gans.dcgan import DCGAN, DCGANDiscriminator
from creativeml.models.gans.pix2pix import PatchDiscriminator, Pix2Pix
from creativeml.training.loop import History, LoopConfig
from creativeml.training.minibatches import rows_of_part
from creativeml.training.networks import Networks

Judge = Callable[[Tensor], Tensor]
"""Pictures → logits of being real."""


@dataclass(frozen=True)
class PictureGANConfig:
    """How both are trained; the rates are those of the two papers."""

    loop: LoopConfig = field(default_factory=lambda: LoopConfig(learning_rate=2e-4))
    beta1: float = 0.5
    """Of Adam."""
    distance_weight: float = 100.0
    """Of the L1 distance to the wanted picture beside the game, for pix2pix."""

    def __post_init__(self) -> None:
        check_probability("beta1", self.beta1)
        check_range("distance_weight", self.distance_weight, 0.0)


def discriminator_terms(judge: Judge, real: Tensor, drawn: Tensor) -> dict[str, Tensor]:
    """What the discriminator minimises; `drawn` gets no gradient."""
    on_real, on_drawn = judge(real).float(), judge(drawn.detach()).float()
    return {
        "real": bernoulli_nll(on_real, torch.ones_like(on_real)).mean(),
        "drawn": bernoulli_nll(on_drawn, torch.zeros_like(on_drawn)).mean(),
    }


def generator_terms(judge: Judge, drawn: Tensor) -> dict[str, Tensor]:
    """What the generator minimises: to be taken for real."""
    logits = judge(drawn).float()
    return {"generator": bernoulli_nll(logits, torch.ones_like(logits)).mean()}


def train_dcgan(
    generator: DCGAN,
    discriminator: DCGANDiscriminator,
    pictures: Tensor,
    config: PictureGANConfig,
    *,
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """Train a DCGAN; both networks are changed in place and end in evaluation mode.

    Args:
        generator, discriminator: of one configuration.
        pictures: `(n, channels, height, width)` within ±1; with `loop.overfit` the first so many.
        config: how.
        folder, resume, fabric: see `training.loop`.

    Raises:
        CreativeMLError: as `run_loop`.
    """
    game = _Game(generator, discriminator, config, fabric)
    real_pictures = game.on_device((pictures[: config.loop.overfit],))

    def draw(number: int) -> _Drawn:
        (real,) = rows_of_part(real_pictures, config.loop, number)
        latent = torch.randn(len(real), generator.config.latent_dim, device=real.device)
        with game.autocast():
            drawn = generator(latent).float()
        return _Drawn(discriminator, real, drawn, {})

    return game.run(lambda step: game.play(step, draw), folder=folder, resume=resume)


def train_pix2pix(
    generator: Pix2Pix,
    discriminator: PatchDiscriminator,
    data: tuple[Tensor, Tensor],
    config: PictureGANConfig,
    *,
    validation: tuple[Tensor, ...] = (),
    folder: Path | None = None,
    resume: bool = False,
    fabric: Fabric | None = None,
) -> History:
    """Train pix2pix; both networks are changed in place and end in evaluation mode.

    Args:
        generator, discriminator: of one configuration.
        data: sources `(n, in_channels, h, w)` and wanted pictures `(n, out_channels, h, w)`, within ±1; with
            `loop.overfit` the first so many.
        config: how.
        validation: sources and wanted pictures, of which the L1 distance is looked at.
        folder, resume, fabric: see `training.loop`.

    Raises:
        CreativeMLError: as `run_loop`.
    """
    game = _Game(generator, discriminator, config, fabric)
    pairs, held_out = game.on_device(tuple(t[: config.loop.overfit] for t in data)), game.on_device(validation)

    def draw(number: int) -> _Drawn:
        source, wanted = rows_of_part(pairs, config.loop, number)
        with game.autocast():
            drawn = generator(source).float()
        distance = config.distance_weight * F.l1_loss(drawn, wanted)
        return _Drawn(lambda picture: discriminator(source, picture), wanted, drawn, {"distance": distance})

    def look() -> float:
        return float(F.l1_loss(generator(held_out[0]), held_out[1]))

    return game.run(lambda step: game.play(step, draw), look=look if held_out else None, folder=folder, resume=resume)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Pictures of a part: real and drawn ones, who judges them, and further terms of the generator's."""

    judge: Judge
    real: Tensor
    drawn: Tensor
    further: dict[str, Tensor]


class _Game:
    """Two networks, and a step of both."""

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, config: PictureGANConfig, fabric: Fabric | None
    ) -> None:
        modules = {"generator": generator, "discriminator": discriminator}
        self.networks = Networks(modules, config.loop, fabric, betas=(config.beta1, 0.999))
        self.autocast, self.on_device, self.run = (
            self.networks.fabric.autocast,
            self.networks.on_device,
            self.networks.run,
        )

    def play(self, step: int, draw: Callable[[int], _Drawn]) -> dict[str, float]:
        """Update the discriminator, then the generator, on the pictures that are drawn for each part by its number."""
        networks = self.networks
        # The graph of a single part is kept for both updates; of several, each is drawn again.
        kept = [draw(number) for number in networks.parts(step)] if networks.config.accumulate == 1 else None

        def pictures() -> Iterable[_Drawn]:
            return kept or map(draw, networks.parts(step))

        figures = networks.update("discriminator", map(self._discriminator_terms, pictures()))
        discriminator = networks.modules["discriminator"]
        # Its weights need no gradient here; switching them off saves that half of its backward pass.
        discriminator.requires_grad_(False)
        try:
            return figures | networks.update("generator", map(self._generator_terms, pictures()))
        finally:
            discriminator.requires_grad_(True)

    def _discriminator_terms(self, part: _Drawn) -> dict[str, Tensor]:
        with self.autocast():
            return discriminator_terms(part.judge, part.real, part.drawn)

    def _generator_terms(self, part: _Drawn) -> dict[str, Tensor]:
        with self.autocast():
            return generator_terms(part.judge, part.drawn) | part.further

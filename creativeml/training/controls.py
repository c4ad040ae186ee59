"""What training with controls adds: the descriptors of real sounds as conditions, and a penalty for disobedience."""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.audio.descriptors.loss import DescriptorLoss
from creativeml.audio.descriptors.registry import chosen, describe
from creativeml.data.one_shots import OneShotDataset
from creativeml.models.gans.condition import control_entries
from creativeml.training.config import ControlConfig


@torch.no_grad()
def measured(sounds: Tensor, sample_rate: int, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Descriptor → `(b,)` of sounds `(b, samples)`, by the smooth faces: those that the penalty sees too."""
    return describe(sounds.float(), sample_rate, names, smooth=True)


def perturbed(values: dict[str, Tensor], spread: float) -> dict[str, Tensor]:
    """Values asked for: those of real sounds, moved by `spread` just-noticeable differences (standard deviation).

    So what is asked for together comes from the joint distribution of the data, and a little beyond it.
    """
    moved = {}
    for descriptor in chosen(values):
        value = values[descriptor.name]
        steps = spread * torch.randn_like(value)
        # A step of a logarithmic descriptor is a ratio.
        moved[descriptor.name] = (
            value * descriptor.jnd**steps if descriptor.logarithmic else value + descriptor.jnd * steps
        )
    return moved


class Obedience:
    """The penalty, paid every few steps.

    Args:
        config: names, weights, cadence.
        names: the generator's controls.
        sample_rate: in Hz.
    """

    def __init__(self, config: ControlConfig, names: tuple[str, ...], sample_rate: int) -> None:
        self._config = config
        weights = dict(config.weights)
        self._loss = DescriptorLoss(sample_rate, {name: weights.get(name, 1.0) for name in names})

    def is_due(self, step: int) -> bool:
        """Whether this step pays."""
        return step % self._config.every == 0

    def terms(self, sounds: Tensor, asked: dict[str, Tensor]) -> dict[str, Tensor]:
        """`control/NAME` → the weighted mean distance of sounds `(b, samples)` from what was asked for."""
        c = self._config
        found = self._loss.terms(sounds.float(), asked)
        total = sum(self._loss.weights.values())
        factor = c.weight * c.every / total
        return {f"control/{name}": factor * self._loss.weights[name] * term for name, term in found.items()}


@torch.no_grad()
def usual_controls(dataset: OneShotDataset, names: tuple[str, ...]) -> Tensor:
    """Entries `(kinds, controls)` of the condition vector at the median of each kind's training sounds.

    A kind without sounds (in a small-set check) gets 0, the middle of all drum sounds.
    """
    table = torch.zeros(len(dataset.kinds), len(names))
    for kind in range(len(dataset.kinds)):
        members = torch.nonzero(dataset.labels == kind).flatten()
        parts = [measured(dataset.batch(part.tolist())[0], dataset.sample_rate, names) for part in members.split(32)]
        if parts:
            entries = torch.cat([control_entries(values, names) for values in parts])
            table[kind] = entries.median(0).values
    return table

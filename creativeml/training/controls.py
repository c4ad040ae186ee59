"""What training with controls adds: the descriptors of real sounds as conditions, and a penalty for disobedience."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from creativeml.audio.descriptors.loss import DescriptorLoss
from creativeml.audio.descriptors.registry import chosen, describe
from creativeml.config import to_dict
from creativeml.data.descriptor_ranges import ranges_of
from creativeml.data.one_shots import SoundSet
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
        self._config, self.names = config, names
        weights = dict(config.weights)
        self._loss = DescriptorLoss(sample_rate, {name: weights.get(name, 1.0) for name in names})

    def is_due(self, step: int) -> bool:
        """Whether this step pays."""
        return self._config.weight > 0 and step % self._config.every == 0

    def terms(self, sounds: Tensor, asked: dict[str, Tensor]) -> dict[str, Tensor]:
        """`control/NAME` → the weighted mean distance of sounds `(b, samples)` from what was asked for."""
        c = self._config
        found = self._loss.terms(sounds.float(), asked)
        total = sum(self._loss.weights.values())
        factor = c.weight * c.every / total
        return {f"control/{name}": factor * self._loss.weights[name] * term for name, term in found.items()}


def measured_dataset(dataset: SoundSet, names: tuple[str, ...]) -> dict[str, Tensor]:
    """Descriptor → `(sounds,)` of all sounds of a dataset, in its order."""
    parts = torch.arange(len(dataset)).split(32)
    found = [measured(dataset.batch(part.tolist())[0], dataset.sample_rate, names) for part in parts]
    return {name: torch.cat([values[name] for values in found]) for name in names}


def usual_controls(dataset: SoundSet, values: dict[str, Tensor]) -> Tensor:
    """Entries `(kinds, controls)` of the condition vector at the median of each kind's training sounds.

    A kind without sounds (in a small-set check) gets 0, the middle of all drum sounds.
    """
    entries = control_entries(values, tuple(values))
    table = torch.zeros(len(dataset.kinds), len(values))
    for kind in dataset.labels.unique().tolist():
        table[kind] = entries[dataset.labels == kind].median(0).values
    return table


def data_ranges(dataset: SoundSet, values: dict[str, Tensor]) -> dict[str, Any]:
    """The `DescriptorRanges` of the training sounds as plain values, which travel with the model."""
    matrix = torch.stack(list(values.values()), dim=1).double().numpy()
    labels = np.array([dataset.kinds[label] for label in dataset.labels.tolist()])
    return to_dict(ranges_of(tuple(values), matrix, labels, dataset.kinds))

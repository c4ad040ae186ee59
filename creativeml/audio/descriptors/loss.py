"""How far sounds are from what was asked of them, in just-noticeable differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from creativeml.audio.descriptors.registry import chosen, describe
from creativeml.audio.descriptors.scales import TIMBRE
from creativeml.errors import CreativeMLError


class DescriptorLoss(nn.Module):
    """Mean absolute distance of the smooth descriptors from targets, in just-noticeable differences.

    A loss of 1 means: on the (weighted) average, every descriptor misses its target by as much as one can just hear,
    about 5 points of the AudioCommons scales. Differences of times and frequencies count as ratios.

    Args:
        sample_rate: of the sounds, in Hz.
        weights: descriptor name -> weight, positive; None = the seven AudioCommons descriptors, each with 1.

    Raises:
        CreativeMLError: an unknown descriptor, no descriptor, or a weight that is not positive.
    """

    def __init__(self, sample_rate: int, weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        given = dict.fromkeys(TIMBRE, 1.0) if weights is None else dict(weights)
        if not given:
            raise CreativeMLError("a descriptor loss needs at least one descriptor with a weight")
        for descriptor in chosen(given):
            if not 0 < given[descriptor.name] < float("inf"):
                raise CreativeMLError(
                    f"the weight of {descriptor.name} must be positive and finite, not {given[descriptor.name]}; "
                    "leave a descriptor out instead of giving it no weight"
                )
        self.sample_rate, self.weights = sample_rate, given

    def forward(self, sounds: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Weighted mean of `terms`: a scalar.

        Args:
            sounds: (..., samples) float.
            targets: descriptor name -> wanted values in its unit, of shape (...) or broadcast to it. A value that is
                NaN was not asked for and does not count. Descriptors without a target are not measured.

        Returns:
            0 if nothing was asked. A silent sound has no gradient in any descriptor; faint ones have large gradients,
            since a small change alters all that they are.

        Raises:
            CreativeMLError: a target for a descriptor without weight, or infinite, or of another shape; no target.
        """
        terms = self.terms(sounds, targets)
        asked = {name: float(torch.as_tensor(targets[name]).isfinite().any()) for name in terms}
        total = sum(self.weights[name] * asked[name] for name in terms)
        return torch.stack([self.weights[name] * term for name, term in terms.items()]).sum() / max(total, 1e-12)

    def terms(self, sounds: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Descriptor name -> mean distance in just-noticeable differences over the sounds, a scalar (for logs)."""
        for name in targets:
            if name not in self.weights:
                weighted = ", ".join(self.weights)
                raise CreativeMLError(f"a target for '{name}', which has no weight here; weighted are: {weighted}")
            wanted = torch.as_tensor(targets[name])
            if bool(wanted.isinf().any()):
                raise CreativeMLError(f"the target for {name} is infinite; leave a value out by NaN")
            try:
                fits = torch.broadcast_shapes(wanted.shape, sounds.shape[:-1]) == sounds.shape[:-1]
            except RuntimeError:
                fits = False
            if not fits:
                raise CreativeMLError(
                    f"the target for {name} has shape {tuple(wanted.shape)}, the sounds {tuple(sounds.shape[:-1])}; "
                    "give one value, or one for each sound"
                )
        if not targets:
            raise CreativeMLError("a descriptor loss needs a target for at least one descriptor")
        values = describe(sounds, self.sample_rate, targets, smooth=True)
        return {d.name: _distance(d.in_jnds, values[d.name], targets[d.name]) for d in chosen(targets)}


def _distance(in_jnds: Callable[[Tensor], Tensor], value: Tensor, target: Tensor) -> Tensor:
    target = torch.as_tensor(target, dtype=value.dtype, device=value.device).expand_as(value)
    asked = target.isfinite()
    # Where nothing is asked the value stands for its own target: no NaN enters, and the slope is 0.
    target = torch.where(asked, target, value.detach())
    return (in_jnds(value) - in_jnds(target)).abs().sum() / asked.sum().clamp(min=1)

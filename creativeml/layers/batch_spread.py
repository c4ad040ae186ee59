"""How much the sounds of a batch differ, as a further input of a critic."""

from __future__ import annotations

import torch
from torch import Tensor


def with_batch_spread(x: Tensor, group: int) -> Tensor:
    """Minibatch standard deviation (Karras et al. 2018, "Progressive Growing of GANs", section 3).

    Neighbours in the batch form groups. The standard deviation of every feature over the sounds of a group, averaged
    over all features, becomes one more channel: a critic that sees it notices when generated sounds are all alike.

    Groups are of neighbours, not of every n-th sound, so that of real and generated sounds one after the other none
    mixes the two, as long as `group` divides the number of each.

    Args:
        x: `(batch, channels, height, width)`.
        group: sounds that are compared with each other; must divide the batch.

    Returns:
        `(batch, channels + 1, height, width)`.

    Raises:
        ValueError: `group` does not divide the batch.
    """
    if len(x) % group:
        raise ValueError(f"a batch of {len(x)} cannot be divided into groups of {group}")
    groups = x.float().unflatten(0, (-1, group))
    # The small number keeps the root's slope finite where all sounds are equal.
    spread = (groups.var(1, correction=0) + 1e-8).sqrt().mean((1, 2, 3))
    # Copied, not expanded: the layout stays that of the features.
    channel = spread.repeat_interleave(group)[:, None, None, None].expand(-1, 1, *x.shape[2:])
    return torch.cat([x, channel.to(x.dtype)], dim=1)

"""A critic that looks at every n-th sample of a waveform at once.

Kong, Kim, Bae, "HiFi-GAN: Generative Adversarial Networks for Efficient and High Fidelity Speech Synthesis" (2020),
section 2.3. What differs from theirs, for the sake of CPUs: few channels, a lowered rate, the first part of a sound
only, where drums have most of theirs, and one verdict per sound instead of one per patch.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.layers.batch_spread import with_batch_spread
from creativeml.layers.equalized import GAIN, EqualConv, EqualLinear, activate

KERNEL, STRIDE = 5, 3


def fold(wave: Tensor, period: int) -> Tensor:
    """Waves `(b, samples)` → columns `(b, period, rows)`: the first holds every `period`-th sample from the first on.

    Silence is added at the end where the last row is not full.
    """
    missing = -wave.shape[1] % period
    return F.pad(wave, (0, missing)).unflatten(1, (-1, period)).transpose(1, 2)


class PeriodCritic(nn.Module):
    """Convolutions along the columns of a folded wave; columns are put together at the end only.

    Args:
        period: in samples.
        samples: of the waves.
        channels: of each convolution; every one takes a third of the rows.
        feature_dim: size of what it gives.
        spread_group: sounds whose spread it sees (`with_batch_spread`); 0 for none.
    """

    def __init__(
        self, period: int, samples: int, channels: Sequence[int], feature_dim: int, *, spread_group: int = 0
    ) -> None:
        super().__init__()
        self.period, self.spread_group = period, spread_group
        pairs = itertools.pairwise([1, *channels])
        self.convs = nn.ModuleList(EqualConv(i, o, (1, KERNEL), stride=(1, STRIDE)) for i, o in pairs)
        rows = -(-samples // period)
        for _ in channels:
            rows = -(-rows // STRIDE)
        self.to_features = EqualLinear((channels[-1] + bool(spread_group)) * rows, feature_dim, gain=GAIN)

    def forward(self, wave: Tensor) -> Tensor:
        """`(b, samples)` → features `(b, feature_dim)`."""
        # Columns as sounds of their own: in that layout the convolutions take a third of the time.
        x = fold(wave, self.period).flatten(0, 1)[:, None, None]
        for conv in self.convs:
            x = activate(conv(x))
        # A mean over the columns, scaled so that independent ones keep their variance.
        x = x.unflatten(0, (-1, self.period)).mean(1) * self.period**0.5
        if self.spread_group:
            x = with_batch_spread(x, self.spread_group)
        return activate(self.to_features(x.flatten(1)))

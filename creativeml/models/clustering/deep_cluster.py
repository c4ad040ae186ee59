"""DeepCluster: a convolutional network that is trained on the groups its own features fall into.

Caron, Bojanowski, Joulin and Douze, "Deep clustering for unsupervised learning of visual features" (ECCV 2018, arXiv
1807.05520). This is the network; the turns of k-means and classification are in `training.deep_cluster`. The paper's
network is AlexNet or VGG-16 on pictures, this one is small and sees log-mel spectrograms.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.config import check_range
from creativeml.models.registry import register


@dataclass(frozen=True)
class DeepClusterConfig:
    """Shape of the network."""

    channels: tuple[int, ...] = (16, 32)
    """Of each level; each halves both sizes of the picture."""
    feature_dim: int = 32
    clusters: int = 12
    """Groups among which the network tells, more than the classes that are expected; in the paper ten times as many."""

    def __post_init__(self) -> None:
        check_range("feature_dim", self.feature_dim, 1)
        check_range("clusters", self.clusters, 2)
        if not self.channels or min(self.channels) < 1:
            raise ValueError("channels must name at least one level of at least one channel")


@register("deep_cluster", DeepClusterConfig)
class DeepCluster(nn.Module):
    """The network.

    Args:
        config: its shape.
    """

    def __init__(self, config: DeepClusterConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise((1, *config.channels)):
            convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
            layers += [convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.AvgPool2d(2, ceil_mode=True)]
        self.trunk = nn.Sequential(*layers)
        # Where in frequency something happens tells drums apart, so height is kept in four parts.
        self.embed = nn.Linear(4 * config.channels[-1], config.feature_dim)
        self.head = nn.Linear(config.feature_dim, config.clusters)

    def features(self, pictures: Tensor) -> Tensor:
        """`(b, 1, bands, frames)` → `(b, feature_dim)`."""
        return self.embed(F.adaptive_avg_pool2d(self.trunk(pictures), (4, 1)).flatten(1))

    def forward(self, pictures: Tensor) -> Tensor:
        """`(b, 1, bands, frames)` → scores of the groups `(b, clusters)`, logits."""
        return self.head(F.relu(self.features(pictures)))

    def reset_head(self) -> None:
        """Fresh scores: the numbers of new groups have nothing to do with those of the old ones."""
        self.head.reset_parameters()

"""Several answers from one trunk: kinds and descriptors, or kinds and the domain that must not be told."""

from __future__ import annotations

from torch import Tensor, nn

from creativeml.layers.gradient_reversal import reverse_gradient
from creativeml.layers.perceptron import perceptron


class TwoHeads(nn.Module):
    """Kinds and descriptors of sounds from one trunk (multi-task learning, Caruana 1997).

    Args:
        trunk: `(b, ...)` → `(b, features)`.
        features: that the trunk gives.
        classes: kinds.
        values: descriptors.
    """

    def __init__(self, trunk: nn.Module, features: int, classes: int, values: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.kinds = nn.Linear(features, classes)
        self.values = nn.Linear(features, values)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`(b, ...)` → logits `(b, classes)` and descriptors `(b, values)`, in the unit they were taught in."""
        features = self.trunk(x)
        return self.kinds(features), self.values(features)


class DomainAdversarial(nn.Module):
    """Kinds from features that shall not tell the domain (DANN, Ganin et al. 2016, arXiv 1505.07818).

    Args:
        trunk: `(b, ...)` → `(b, features)`.
        features: that the trunk gives.
        classes: kinds.
        hidden: units of the layer between the features and the domain.
    """

    def __init__(self, trunk: nn.Module, features: int, classes: int, *, hidden: int = 32) -> None:
        super().__init__()
        self.trunk = trunk
        self.kinds = nn.Linear(features, classes)
        self.domain = perceptron((features, hidden, 1))

    def forward(self, x: Tensor) -> Tensor:
        """`(b, ...)` → logits `(b, classes)`."""
        return self.kinds(self.trunk(x))

    def with_domain(self, x: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """`(b, ...)` → logits of the kinds `(b, classes)` and of the target domain `(b,)`.

        Args:
            x: inputs.
            strength: of the reversed gradient that the trunk gets from the domain.
        """
        features = self.trunk(x)
        return self.kinds(features), self.domain(reverse_gradient(features, strength)).squeeze(1)

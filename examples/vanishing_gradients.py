"""How the gradient fares on its way down through fifty layers, and what becomes of the training.

    python examples/vanishing_gradients.py [--out vanishing_gradients.png] [--depth 50]

Five perceptrons of equal size are to tell kick, snare, tom and closed hat of the starter pack apart. They differ in
activation and initial weights, and the last one adds each layer to its input (He et al. 2016). Printed are the size of
the gradient at the first layer over that at the last one, before training, and the share of the recordings recognised
after it, of those known from training and of others from other sources. The picture shows the gradient at every layer.
A quarter of a minute on a core.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor, nn

from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.layers.activations import activation
from creativeml.layers.init import initialise

KINDS = ("kick", "snare", "tom", "hat_closed")
WIDTH = 64


class Deep(nn.Module):
    """Many affine maps of one width, each with its activation, and a score.

    Args:
        depth: layers before the score.
        inputs: size of the input vector.
        name: of the activation.
        initial: fills the weights of a layer.
        residual: whether each layer is added to its input.
    """

    def __init__(
        self, depth: int, inputs: int, name: str, initial: Callable[[nn.Module], object], *, residual: bool = False
    ) -> None:
        super().__init__()
        self.first = initialise(nn.Linear(inputs, WIDTH), name)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(depth))
        for layer in self.layers:
            initial(layer)
            if residual:
                # So many branches that are added up must each be small (Zhang et al. 2019, arXiv 1901.09321).
                with torch.no_grad():
                    layer.weight.mul_(depth**-0.5)  # type: ignore[operator]
        self.act, self.residual = activation(name), residual
        self.score = initialise(nn.Linear(WIDTH, len(KINDS)), "identity")

    def forward(self, x: Tensor) -> Tensor:
        """`(b, inputs)` → logits `(b, kinds)`."""
        x = self.first(x)
        for layer in self.layers:
            x = x + layer(self.act(x)) if self.residual else layer(self.act(x))
        return self.score(self.act(x))


def contestants(depth: int, inputs: int) -> dict[str, Deep]:
    """The five networks, by what is special about them."""

    def constant(layer: nn.Module) -> None:
        nn.init.normal_(layer.weight, std=0.01)  # type: ignore[arg-type]

    return {
        "ReLU, all weights about 0.01": Deep(depth, inputs, "relu", constant),
        "sigmoid, Xavier": Deep(depth, inputs, "sigmoid", lambda layer: initialise(layer, "sigmoid")),
        "ReLU, Xavier": Deep(depth, inputs, "relu", lambda layer: initialise(layer, "identity")),
        "ReLU, He": Deep(depth, inputs, "relu", lambda layer: initialise(layer, "relu")),
        "ReLU, He, residual": Deep(depth, inputs, "relu", lambda layer: initialise(layer, "relu"), residual=True),
    }


def main(*, out: Path = Path("vanishing_gradients.png"), depth: int = 50, steps: int = 150) -> int:
    """Measure, train, print, draw.

    Args:
        out: the picture.
        depth: layers of each network.
        steps: of training.
    """
    pack = starter_sounds(KINDS)
    pictures = pack.pictures().flatten(1)
    known, unheard = pack.split(0.25)
    pictures = (pictures - pictures[known].mean(0)) / (pictures[known].std(0) + 0.1)
    chance = pack.labels[unheard].bincount(minlength=len(KINDS)).max().item() / len(unheard)
    print(f"{depth} layers; the most frequent kind alone would be {chance:.0%}")
    print(f"{'network':30} {'gradient, first / last layer':>30} {'known':>8} {'unheard':>8}")
    curves: dict[str, list[float]] = {}
    torch.manual_seed(0)
    for name, network in contestants(depth, pictures.shape[1]).items():
        curves[name] = gradient_sizes(network, pictures[known], pack.labels[known])
        train(network, pictures[known], pack.labels[known], steps)
        right = network(pictures).argmax(1) == pack.labels
        shares = (right[part].float().mean().item() for part in (known, unheard))
        print(f"{name:30} {curves[name][0] / curves[name][-1]:30.0e}", *(f"{share:8.0%}" for share in shares))
    draw(curves, out)
    return 0


def gradient_sizes(network: Deep, pictures: Tensor, labels: Tensor) -> list[float]:
    """Norm of the loss's gradient with respect to each layer's output, from the first layer on."""
    # A copy in double precision: single has no numbers for what is left after fifty layers.
    network, outputs = copy.deepcopy(network).double(), []
    for layer in network.layers:
        layer.register_forward_hook(lambda _layer, _inputs, output: outputs.append(output))
    loss = F.cross_entropy(network(pictures.double()), labels)
    return [gradient.norm().item() for gradient in torch.autograd.grad(loss, outputs)]


def train(network: Deep, pictures: Tensor, labels: Tensor, steps: int) -> None:
    """Adam on the whole set."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(network(pictures), labels).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()


def draw(curves: dict[str, list[float]], out: Path) -> None:
    """Gradient at each layer, on a logarithmic axis."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, sizes in curves.items():
        axis.semilogy(range(1, len(sizes) + 1), sizes, label=name)
    axis.set(xlabel="layer (1: nearest to the sound)", ylabel="size of the gradient", title="Before training")
    axis.legend(fontsize=8)
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

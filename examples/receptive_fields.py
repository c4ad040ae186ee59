"""Which of two hits came first? Only a network that sees both at once can say.

    python examples/receptive_fields.py [--out receptive_fields.png]

Two stacks of causal convolutions with the same number of weights listen to a kick and a hat, 70 ms apart, and their
outputs are averaged over time: one has dilations 1, 2, 4, ... (van den Oord et al. 2016), the other none. Printed are
the receptive fields by formula and as measured by the gradient, and the share of pairs of unheard recordings whose
order is told. The picture shows how far back either looks from the second hit. Half a minute on a core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor, nn

from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.layers.dilated import DilatedStack
from creativeml.layers.init import initialise
from creativeml.layers.pooling import GlobalPool

KINDS = ("kick", "hat_closed")
SAMPLE_RATE, HIT, APART, SAMPLES = 11025, 384, 768, 1536
KERNEL, CHANNELS = 3, 12


def main(*, out: Path = Path("receptive_fields.png"), steps: int = 100, levels: int = 8) -> int:
    """Train both, print, draw.

    Args:
        out: the picture.
        steps: of training.
        levels: blocks of each stack.
    """
    pack = starter_sounds(KINDS, length_samples=HIT, sample_rate=SAMPLE_RATE)
    # Cut short with a fade, so that silence lies between the hits.
    hits = pack.sounds * torch.linspace(1, 0, HIT)
    known, unheard = pack.split(0.3)
    stacks = {"dilated": tuple(2**n for n in range(levels)), "not dilated": (1,) * levels}
    looks: dict[str, Tensor] = {}
    print(f"{'stack':12} {'weights':>8} {'field by formula':>17} {'measured':>9} {'in ms':>7} {'order told':>11}")
    for name, dilations in stacks.items():
        torch.manual_seed(0)
        stack = initialise(DilatedStack(1, 1, CHANNELS, KERNEL, dilations), "relu")
        network = nn.Sequential(stack, GlobalPool(), nn.Linear(CHANNELS, 2))
        weights = sum(p.numel() for p in network.parameters())
        optimizer = torch.optim.Adam(network.parameters(), 3e-3)
        for _ in range(steps):
            x, order = pairs(hits, pack.labels, known, 24)
            optimizer.zero_grad()
            F.cross_entropy(network(x), order).backward()
            optimizer.step()
        with torch.no_grad():
            x, order = pairs(hits, pack.labels, unheard, 200)
            told = (network(x).argmax(1) == order).float().mean().item()
        looks[name] = look_back(dilations)
        formula, measured = stack.receptive_field, int((looks[name] > 0).sum())  # type: ignore[union-attr]
        ms = 1000 * measured / SAMPLE_RATE
        print(f"{name:12} {weights:8} {formula:17} {measured:9} {ms:7.1f} {told:11.0%}")
    draw(x[0, 0], looks, out)
    return 0


def pairs(hits: Tensor, labels: Tensor, chosen: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Sounds `(count, 1, SAMPLES)` of two hits, and 0 where the kick came first, 1 where the hat did."""
    of_kind = [chosen[labels[chosen] == kind] for kind in range(2)]
    both = torch.stack([hits[found[torch.randint(len(found), (count,))]] for found in of_kind], dim=1)
    order = torch.randint(2, (count,))
    both = torch.where(order[:, None, None] == 1, both.flip(1), both)
    sounds = torch.zeros(count, 1, SAMPLES)
    for n in range(2):
        sounds[:, 0, n * APART : n * APART + HIT] = both[:, n]
    return sounds, order


def look_back(dilations: tuple[int, ...]) -> Tensor:
    """Gradient of a stack's output at the end of the second hit with respect to every sample, at most 1: `(SAMPLES,)`.

    All weights are positive here, so that no activation is silent and every path counts.
    """
    stack = DilatedStack(1, 1, 2, KERNEL, dilations).double()
    for p in stack.parameters():
        nn.init.uniform_(p, 0.1, 0.3)
    x = torch.ones(1, 1, SAMPLES, dtype=torch.float64, requires_grad=True)
    stack(x)[0, :, APART + HIT].sum().backward()
    assert x.grad is not None
    return x.grad[0, 0] / x.grad.max()


def draw(sound: Tensor, looks: dict[str, Tensor], out: Path) -> None:
    """A pair of hits, and what either stack sees of it from the end of the second one."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(len(looks), 1, figsize=(7, 4), sharex=True, layout="constrained")
    time = 1000 * torch.arange(SAMPLES) / SAMPLE_RATE
    for axis, (name, look) in zip(axes, looks.items(), strict=True):
        axis.plot(time, sound, linewidth=0.6)
        axis.fill_between(time, -1, 1, where=(look > 0).numpy(), alpha=0.25, color="tab:orange")
        axis.set(title=f"{name}: seen from the end of the second hit", ylim=(-1, 1), yticks=[])
    axes[-1].set_xlabel("ms")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

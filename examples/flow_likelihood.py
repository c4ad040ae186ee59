"""The likelihood of drum sounds under flows: NICE and Glow against independent Gaussians, and what is unlike a drum.

    python examples/flow_likelihood.py [--out flow_likelihood.png]

Trains both flows on log-mel pictures of the starter pack and prints, in bits for each number, how surprising pictures
of other sources are, the same pictures with their frames in reverse, and pictures of noise: a sound that is not like
drums is less likely. The picture shows drums, and samples that Glow draws. About 20 seconds on a core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import tyro
from torch import Tensor

from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.models.flows.flow import Flow
from creativeml.models.flows.glow import Glow, GlowConfig
from creativeml.models.flows.nice import NICE, NICEConfig
from creativeml.training.likelihood import train_likelihood
from creativeml.training.minibatches import LoopConfig

BANDS, FRAMES = 16, 8
SPREAD = 0.02
"""Of the noise on pictures: silence has no density."""


def main(*, out: Path = Path("flow_likelihood.png"), steps: int = 300) -> int:
    """Train, print, draw.

    Args:
        out: the picture.
        steps: of training each flow, unless likelihood on held-out sounds falls before.
    """
    pack = starter_sounds()
    known, unheard = pack.split()
    random = torch.Generator().manual_seed(0)
    x = pack.pictures(bands=BANDS, frames=FRAMES)
    x = x + SPREAD * torch.randn(x.shape, generator=random)
    mean = x[known].mean(0)
    x = 5.0 * (x - mean)
    tests = {"unheard drums": x[unheard], "reversed": 5.0 * ((x[unheard] / 5.0 + mean).flip(2) - mean)}
    tests["noise"] = x[known].std() * torch.randn(x[unheard].shape, generator=random)
    torch.manual_seed(0)
    flows: dict[str, Flow] = {
        "NICE": NICE(NICEConfig(BANDS * FRAMES, 4, (64,), "gaussian")),
        "Glow": Glow(GlowConfig((1, BANDS, FRAMES), 2, 3, 16)),
    }
    print(f"{'bits a number':16}{''.join(f'{name:>16}' for name in tests)}")
    gaussian = torch.distributions.Normal(x[known].mean(0), x[known].std(0))
    nats = {name: -gaussian.log_prob(part).mean() for name, part in tests.items()}
    print(f"{'Gaussians':16}{''.join(f'{n / torch.tensor(2.0).log():16.2f}' for n in nats.values())}")
    for name, flow in flows.items():
        loop = LoopConfig(steps=steps, batch_size=50, learning_rate=3e-3, validate_every=25, patience=3)
        parts = {key: part.reshape(-1, *flow.shape) for key, part in tests.items()}
        train_likelihood(flow, x[known].reshape(-1, *flow.shape), loop, validation=parts["unheard drums"])
        with torch.no_grad():
            bits = [float(flow.bits_per_dimension(part).mean()) for part in parts.values()]
        print(f"{name:16}{''.join(f'{value:16.2f}' for value in bits)}")
    drawn = flows["Glow"].sample(8, temperature=0.7, generator=random)[:, 0]
    draw(x[unheard][:8] / 5.0 + mean, drawn / 5.0 + mean, out)
    return 0


def draw(true: Tensor, drawn: Tensor, out: Path) -> None:
    """Drums above, samples below."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(2, 8, figsize=(12, 4), layout="constrained")
    for line, row, name in zip(axes, (true, drawn), ("drums", "samples"), strict=True):
        for axis, picture in zip(line, row, strict=True):
            axis.imshow(picture.numpy(), origin="lower", aspect="auto", vmin=0, vmax=1, cmap="magma")
            axis.set(xticks=[], yticks=[])
        line[0].set(ylabel=name)
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

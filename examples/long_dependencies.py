"""How long does a recurrent network remember? A drum hit, then a run of hats: what was the first hit?

    python examples/long_dependencies.py [--out long_dependencies.png] [--pause 40]

A vanilla network, an LSTM and a GRU of equal state read the frames of a kick, snare or tom of the starter pack, then
those of closed hats, and are asked for the first hit at the end. Printed is the share of right answers for hits from
sources not heard in training, after a short run of hats and after a long one, and how small the gradient is that comes
from the hit then, over that from the last frame.
The picture shows how the gradient of the last state fades with the distance of a frame. Under a minute on a core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor, nn

from creativeml.data.starter import StarterSounds, starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.layers.recurrent import CELLS, Recurrent

KINDS = ("kick", "snare", "tom", "hat_closed")
BANDS, FRAMES, STATE = 12, 4, 24


class Listener(nn.Module):
    """A recurrent network and a score of its last state.

    Args:
        cell: rnn, lstm or gru.
    """

    def __init__(self, cell: str) -> None:
        super().__init__()
        self.recurrent = Recurrent(cell, BANDS, STATE)
        self.score = nn.Linear(STATE, len(KINDS) - 1)
        if cell != "rnn":
            # The gate that keeps (the LSTM's forget gate, the GRU's update gate) starts out open, or little reaches far
            # (Jozefowicz et al., "An empirical exploration of recurrent network architectures", 2015).
            with torch.no_grad():
                self.recurrent.layers[0][0].bias_ih[STATE : 2 * STATE] = 3.0  # type: ignore[index]

    def forward(self, frames: Tensor) -> Tensor:
        """`(b, t, BANDS)` → logits `(b, 3)`."""
        return self.score(self.recurrent(frames)[1])


def main(*, out: Path = Path("long_dependencies.png"), steps: int = 200, pause: int = 40) -> int:
    """Train, print, draw.

    Args:
        out: the picture.
        steps: of training, for each network and either length.
        pause: frames of hats in the long run; the short one has four.
    """
    pack = starter_sounds(KINDS, length_samples=8192)
    known, unheard = pack.split(0.3)
    pictures = pack.pictures(bands=BANDS, frames=FRAMES).transpose(1, 2)
    pictures = (pictures - pictures.mean((0, 1))) / pictures.std((0, 1))
    fades: dict[str, list[float]] = {}
    print(f"{'network':8} {'after 4 frames':>15} {f'after {pause}':>10} {'gradient from there':>20}")
    for cell in CELLS:
        shares = []
        for length in (4, pause):
            torch.manual_seed(0)
            listener = Listener(cell)
            if length == pause:
                fades[cell] = fading(listener, runs(pack, pictures, known, length, 32)[0])
            shares.append(learn(listener, pack, pictures, known, unheard, length, steps))
        print(f"{cell:8} {shares[0]:15.0%} {shares[1]:10.0%} {fades[cell][0] / fades[cell][-1]:20.0e}")
    draw(fades, out)
    return 0


def runs(pack: StarterSounds, pictures: Tensor, chosen: Tensor, pause: int, count: int) -> tuple[Tensor, Tensor]:
    """Frames `(count, FRAMES + pause, BANDS)` of a hit and of hats after it, and the kind of the hit."""
    hat = len(KINDS) - 1
    answers = torch.randint(hat, (count,))
    first = torch.stack([pictures[pick(chosen[pack.labels[chosen] == kind])] for kind in answers])
    hats = chosen[pack.labels[chosen] == hat]
    rest = pictures[hats[torch.randint(len(hats), (count, -(-pause // FRAMES)))]].flatten(1, 2)
    return torch.cat([first, rest[:, :pause]], dim=1), answers


def pick(indices: Tensor) -> Tensor:
    """One of them, drawn at random."""
    return indices[torch.randint(len(indices), ())]


def learn(
    listener: Listener,
    pack: StarterSounds,
    pictures: Tensor,
    known: Tensor,
    unheard: Tensor,
    pause: int,
    steps: int,
) -> float:
    """Train on some recordings; returns the share of right answers for the others."""
    optimizer = torch.optim.Adam(listener.parameters(), 5e-3)
    for _ in range(steps):
        x, answers = runs(pack, pictures, known, pause, 32)
        optimizer.zero_grad()
        F.cross_entropy(listener(x), answers).backward()
        nn.utils.clip_grad_norm_(listener.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        x, answers = runs(pack, pictures, unheard, pause, 200)
        return (listener(x).argmax(1) == answers).float().mean().item()


def fading(listener: Listener, x: Tensor) -> list[float]:
    """Size of the gradient of the last state with respect to every frame, before training, from the first frame on."""
    x = x.clone().requires_grad_()
    listener.recurrent(x)[1].sum().backward()
    assert x.grad is not None
    return x.grad.norm(dim=(0, 2)).tolist()


def draw(fades: dict[str, list[float]], out: Path) -> None:
    """Gradient by the distance of a frame, on a logarithmic axis."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axis = plt.subplots(figsize=(7, 4), layout="constrained")
    for cell, sizes in fades.items():
        axis.semilogy(range(len(sizes)), [max(size, 1e-30) for size in reversed(sizes)], label=cell)
    axis.set(xlabel="frames before the end", ylabel="gradient of the last state", title="Before training")
    axis.legend()
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

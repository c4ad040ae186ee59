"""Take the noise off recordings of drums with a U-Net over waveforms.

    python examples/denoising_unet.py [--out denoising_unet.png] [--noise 0.1]

The network learns from kicks, snares and toms of the starter pack, to which white noise is added afresh at every step,
and is given noisy recordings from other sources. Printed is the ratio of signal to noise before and after, beside that
of the best fixed filter (Wiener's, from the average spectrum of the known recordings). The picture shows one sound as
it is, with noise, and cleaned. Half a minute on a core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
import tyro
from torch import Tensor

from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.models.autoencoders.unet import UNet, UNetConfig

KINDS = ("kick", "snare", "tom")
SAMPLE_RATE, SAMPLES = 11025, 2048


def main(*, out: Path = Path("denoising_unet.png"), steps: int = 250, noise: float = 0.1) -> int:
    """Train, print, draw.

    Args:
        out: the picture.
        steps: of training.
        noise: standard deviation of what is added; the sounds' peak is 1.
    """
    pack = starter_sounds(KINDS, length_samples=SAMPLES, sample_rate=SAMPLE_RATE)
    known, unheard = pack.split(0.3)
    torch.manual_seed(0)
    model = UNet(UNetConfig(dims=1, norm="none"))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    for _ in range(steps):
        clean = pack.sounds[known[torch.randint(len(known), (8,))], None]
        added = noise * torch.randn_like(clean)
        optimizer.zero_grad()
        # What it draws is the noise, which is easier than the sound (Zhang et al. 2017, arXiv 1608.03981).
        F.mse_loss(model(clean + added), added).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    clean = pack.sounds[unheard]
    noisy = clean + noise * torch.randn_like(clean)
    with torch.no_grad():
        cleaned = noisy - model.eval()(noisy[:, None])[:, 0]
    print(f"{len(unheard)} unheard recordings, signal to noise:")
    print(f"with noise         {decibels(noisy, clean):5.1f} dB")
    print(f"best fixed filter  {decibels(wiener(noisy, pack.sounds[known], noise), clean):5.1f} dB")
    print(f"U-Net              {decibels(cleaned, clean):5.1f} dB")
    draw({"recording": clean[0], "with noise": noisy[0], "cleaned": cleaned[0]}, out)
    return 0


def decibels(estimate: Tensor, truth: Tensor) -> float:
    """Ratio of signal to what was left or added, over all sounds `(n, samples)`, in dB."""
    return 10 * torch.log10(truth.square().sum() / (estimate - truth).square().sum()).item()


def wiener(noisy: Tensor, examples: Tensor, noise: float) -> Tensor:
    """Each frequency scaled by the share of the signal in its average power (Wiener 1949)."""
    signal = torch.fft.rfft(examples).abs().square().mean(0)
    return torch.fft.irfft(torch.fft.rfft(noisy) * signal / (signal + noise**2 * SAMPLES), SAMPLES)


def draw(sounds: dict[str, Tensor], out: Path) -> None:
    """Waveforms, one above the other."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(len(sounds), 1, figsize=(7, 5), sharex=True, layout="constrained")
    time = 1000 * torch.arange(SAMPLES).numpy() / SAMPLE_RATE
    for axis, (name, sound) in zip(axes, sounds.items(), strict=True):
        axis.plot(time, sound.numpy(), linewidth=0.6)
        axis.set(title=name, ylim=(-1.2, 1.2), yticks=[])
    axes[-1].set_xlabel("ms")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=100, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

"""How large representations of a drum sound are, and how much of the sound each gives back (the GANSynth comparison).

    python examples/representation_sizes.py [--kind snare] [--out representation_sizes.png]

A waveform GAN makes samples; GANSynth (Engel et al. 2019, arXiv 1902.08710) makes pictures of log-magnitude and
instantaneous frequency; many networks see log-mel spectrograms. Prints the numbers in each for one sound of 65,536
samples, and the ratio of the sound to what is lost on the way there and back. Phases are kept by the first two, and
guessed from magnitudes by the third. A few seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import tyro
from torch import Tensor

from creativeml.audio.features import MelConfig, griffin_lim, log1p_mel, mel_filters, mel_to_magnitude
from creativeml.audio.instantaneous_frequency import (
    demodulated_stft,
    from_picture,
    inverse_demodulated_stft,
    to_picture,
)
from creativeml.data.starter import starter_sounds
from creativeml.errors import CreativeMLError, require
from creativeml.files import atomic_path
from creativeml.losses.separation import si_sdr

SAMPLES, WINDOW, HOP = 65536, 2048, 512


def main(*, kind: str = "snare", count: int = 4, out: Path = Path("representation_sizes.png")) -> int:
    """Convert there and back, print, draw.

    Args:
        kind: of drum.
        count: recordings of it, over which the losses are averaged.
        out: the picture.
    """
    pack = starter_sounds((kind,), length_samples=SAMPLES)
    sounds = pack.sounds[:count]
    shown, rows = {}, [("waveform", sounds[0].numel(), sounds)]
    for hop in (HOP, HOP // 2):
        picture = to_picture(demodulated_stft(sounds, WINDOW, hop))
        back = inverse_demodulated_stft(from_picture(picture), hop)
        rows.append((f"level + inst. frequency, hop {hop}", picture[0].numel(), back))
        shown.setdefault("log-magnitude", picture[0, 0])
        shown.setdefault("instantaneous frequency", picture[0, 1])
    mel, back = there_and_back_by_mel(sounds)
    shown["log-mel"] = mel[0]
    rows.append(("log-mel, 128 bands", mel[0].numel(), back))
    print(f"{'representation':38}{'numbers':>9}{'a sample':>10}{'SNR / dB':>10}{'mel SNR / dB':>14}")
    for name, numbers, found in rows:
        exact, heard = ratio(found, sounds), ratio(spectrum(found), spectrum(sounds))
        print(f"{name:38}{numbers:9,}{numbers / SAMPLES:10.2f}{exact:10.1f}{heard:14.1f}")
    draw(sounds[0], shown, out)
    return 0


def there_and_back_by_mel(sounds: Tensor) -> tuple[Tensor, Tensor]:
    """Log-mel spectrograms, and the sounds that Griffin and Lim's method makes of them."""
    window, filters = torch.hann_window(WINDOW), mel_filters(MelConfig())
    mel = log1p_mel(sounds, window, filters, HOP)
    return mel, griffin_lim(mel_to_magnitude(mel, filters), window, HOP, sounds.shape[-1])


def spectrum(sounds: Tensor) -> Tensor:
    """Mel magnitudes in one row for each sound: what differs only in phase is equal here."""
    return torch.expm1(log1p_mel(sounds, torch.hann_window(WINDOW), mel_filters(MelConfig()), HOP)).flatten(1)


def ratio(found: Tensor, true: Tensor) -> float:
    """Mean ratio of signal to distortion in dB; above 100 counts as 100."""
    return float(si_sdr(found, true, eps=1e-12).clamp_max(100.0).mean())


def draw(sound: Tensor, pictures: dict[str, Tensor], out: Path) -> None:
    """The waveform and each picture."""
    require("matplotlib", extra="train").use("Agg")
    plt = require("matplotlib.pyplot", extra="train")
    figure, axes = plt.subplots(1, 1 + len(pictures), figsize=(14, 3), layout="constrained")
    axes[0].plot(sound.numpy(), linewidth=0.3)
    axes[0].set(title="waveform")
    for axis, (name, picture) in zip(axes[1:], pictures.items(), strict=True):
        axis.imshow(picture.numpy(), origin="lower", aspect="auto", cmap="magma")
        axis.set(title=f"{name} ({picture.shape[0]} x {picture.shape[1]})")
    with atomic_path(out) as temporary:
        figure.savefig(temporary, dpi=80, format="png")
    plt.close(figure)


if __name__ == "__main__":
    try:
        sys.exit(tyro.cli(main))
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

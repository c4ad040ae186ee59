"""Sounds as pictures of log-magnitude and instantaneous frequency, and back, exactly.

The short-time spectrum here is demodulated: the phase of each bin is measured against a cosine at the bin's centre
frequency that runs through the whole sound. A steady partial then turns its phase by the same small angle from frame to
frame, namely by how far it lies beside the centre, and the phase of an onset at sample 0 is 0 in every bin.

Engel et al., "GANSynth: Adversarial neural audio synthesis" (ICLR 2019, arXiv 1902.08710), who do not demodulate: there
the angle of a partial repeats over every fourth bin, which says the same less smoothly.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from creativeml.audio.constants import constant
from creativeml.audio.features import istft, stft

FLOOR_DB = -100.0
"""Level in a bin, relative to a full-scale sine, below which a picture holds silence."""
HELD_DB = 10.0
"""What is less than this above the floor holds its phase, so that the frequency of silence is that of the bin."""


def demodulated_stft(sounds: Tensor, window_samples: int, hop_samples: int) -> Tensor:
    """Demodulated short-time spectrum, a full-scale sine having magnitude 1.

    Args:
        sounds: `(b, samples)`, a multiple of the hop; silence is assumed before and after.
        window_samples: length of the Hann window and of the transform.
        hop_samples: from frame to frame.

    Returns:
        `(b, window_samples / 2, samples / hop_samples)` complex; the bin at half the sample rate is left out. Frame t
        is centred on sample `t * hop_samples`.
    """
    spectrum = stft(sounds.float(), _window(window_samples).to(sounds.device), hop_samples)
    carriers = _carriers(window_samples, hop_samples, spectrum.shape[-1]).to(sounds.device)
    return spectrum[..., :-1, :] * (carriers.conj() * (4.0 / window_samples))


def inverse_demodulated_stft(spectrum: Tensor, hop_samples: int) -> Tensor:
    """Sounds `(b, frames * hop_samples)` whose `demodulated_stft` is nearest to `spectrum (b, bins, frames)`."""
    bins, frames = spectrum.shape[-2:]
    window = _window(2 * bins).to(spectrum.device)
    carriers = _carriers(2 * bins, hop_samples, frames).to(spectrum.device)
    whole = F.pad(spectrum * carriers * (bins / 2.0), (0, 0, 0, 1))
    return istft(whole, window, hop_samples, frames * hop_samples)


def to_picture(spectrum: Tensor) -> Tensor:
    """Level and instantaneous frequency.

    Args:
        spectrum: `(b, bins, frames)`, as by `demodulated_stft`.

    Returns:
        `(b, 2, bins, frames)`. Level: -1 for silence (`FLOOR_DB`), 1 for a full-scale sine. Frequency, in [-1, 1]: by
        how much the phase turns from the frame before, in half turns; 1 means `sample_rate / (2 * hop_samples)` Hz
        above the centre of the bin. In the first frame it is the phase itself.
    """
    level = 20.0 * torch.log10(spectrum.abs() + 10.0 ** (FLOOR_DB / 20.0))
    heard = level > FLOOR_DB + HELD_DB
    frame = torch.arange(spectrum.shape[-1], device=spectrum.device)
    last_heard = torch.where(heard, frame, 0).cummax(-1).values
    phase = torch.where(heard, spectrum.angle(), 0.0).gather(-1, last_heard)
    turned = torch.remainder(F.pad(phase, (1, 0)).diff(dim=-1) / math.pi + 1.0, 2.0) - 1.0
    return torch.stack([1.0 - 2.0 * level / FLOOR_DB, turned], dim=1)


def from_picture(picture: Tensor) -> Tensor:
    """The spectrum `(b, bins, frames)` of a picture `(b, 2, bins, frames)`: the inverse of `to_picture`."""
    level, turned = picture.unbind(1)
    floor = 10.0 ** (FLOOR_DB / 20.0)
    magnitude = (10.0 ** ((1.0 - level) * (FLOOR_DB / 40.0)) - floor).clamp(min=0.0)
    # Double precision: a sum over all frames, of which whole turns are taken off before it becomes an angle.
    turns = torch.remainder(turned.double().cumsum(-1), 2.0)
    return torch.polar(magnitude, (turns * math.pi).float())


@constant
def _window(window_samples: int) -> Tensor:
    return torch.hann_window(window_samples, device="cpu")


@constant
def _carriers(window_samples: int, hop_samples: int, frames: int) -> Tensor:
    """`(bins, frames)`: cosines at the bins' centres at the first sample of each frame, as complex exponentials."""
    bins = torch.arange(window_samples // 2, dtype=torch.float64, device="cpu")
    first = torch.arange(frames, dtype=torch.float64, device="cpu") * hop_samples - window_samples // 2
    turns = torch.remainder(torch.outer(bins, first) / window_samples, 1.0)
    return torch.polar(torch.ones_like(turns), 2.0 * math.pi * turns).to(torch.complex64)

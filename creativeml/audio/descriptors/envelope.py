"""The course of a sound's energy in steps of a quarter of a millisecond: what attack and decay times are read from."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from creativeml.audio.descriptors.front_end import Prepared

HOP_S = 0.00025
WINDOW_HOPS = 20
"""The ear's window: 5 ms, over which the level of an attack is taken."""
ATTACK_END = 0.9
"""The attack is over when the amplitude first reaches this part of its maximum."""
ATTACK_END_SOFTNESS_DB = 0.9
_SILENT = 1e-12
"""Energy of a hop that no sound reaches (-120 dB of full scale): keeps silence finite."""


def hop_energies(sounds: Tensor, sample_rate: int, prepared: Prepared) -> Tensor:
    """Energy of each hop (n, hops), the last one filled up with silence."""

    def make() -> Tensor:
        hop = hop_samples(sample_rate)
        flat = sounds.reshape(-1, sounds.shape[-1])
        padded = functional.pad(flat, (0, -flat.shape[-1] % hop))
        return padded.unflatten(-1, (-1, hop)).square().sum(-1)

    return prepared.keep("hop_energies", make)


def hop_samples(sample_rate: int) -> int:
    """Samples per hop."""
    return max(1, round(HOP_S * sample_rate))


def hop_ms(sample_rate: int) -> float:
    """Length of a hop in milliseconds, as close to a quarter as whole samples allow."""
    return 1000.0 * hop_samples(sample_rate) / sample_rate


def rise(sounds: Tensor, sample_rate: int, prepared: Prepared) -> Tensor:
    """How far the level has risen so far, in dB below its maximum: (n, hops + WINDOW_HOPS - 2), ending at 0.

    The level is the energy under a Hann window of 5 ms; value i belongs to the middle of hop i - WINDOW_HOPS / 2 + 1.
    The window reaches over both ends of the sound, as if silence lay around it, so silence in front changes nothing.
    """

    def make() -> Tensor:
        energy = hop_energies(sounds, sample_rate, prepared)
        # Without its ends, which are 0.
        window = torch.hann_window(WINDOW_HOPS + 1, periodic=False, dtype=energy.dtype, device=energy.device)[1:-1]
        level = functional.conv1d(energy[:, None], window[None, None], padding=len(window) - 1)[:, 0]
        risen = level.cummax(-1).values
        return 10 * torch.log10((risen + _SILENT) / (risen[:, -1:] + _SILENT))

    return prepared.keep("rise", make)


def first_crossing(rise_db: Tensor, level_db: float) -> Tensor:
    """Index (n,), with a fraction, at which a rising course (n, values) first reaches a level; 0 if it begins there."""
    above = (rise_db < level_db).sum(-1).clamp(max=rise_db.shape[-1] - 1)
    after = rise_db.gather(-1, above[:, None])[:, 0]
    before = rise_db.gather(-1, (above - 1).clamp(min=0)[:, None])[:, 0]
    step = (after - before).clamp(min=_SILENT)
    return torch.where(above > 0, above - 1 + ((level_db - before) / step).clamp(0, 1), torch.zeros_like(after))


def soft_crossing(rise_db: Tensor, level_db: float, softness_db: float) -> Tensor:
    """`first_crossing` as the time spent below the level, where what is near it counts in part: (n,)."""
    below = 1 - soft_step((rise_db - level_db) / softness_db)
    return below.sum(-1) - 0.5 * below[:, 0]


def soft_step(position: Tensor) -> Tensor:
    """From 0 at -1 to 1 at 1 with a smooth slope, and constant outside, so that what is far away adds nothing."""
    part = (0.5 + 0.5 * position).clamp(0, 1)
    return part * part * (3 - 2 * part)


def attack_end(sounds: Tensor, sample_rate: int, prepared: Prepared, *, soft: bool) -> Tensor:
    """Where the attack is over, in hops from the beginning of the sound (n,); at least 0."""
    rise_db, level_db = rise(sounds, sample_rate, prepared), 20 * math.log10(ATTACK_END)
    crossing = soft_crossing(rise_db, level_db, ATTACK_END_SOFTNESS_DB) if soft else first_crossing(rise_db, level_db)
    return (crossing - WINDOW_HOPS / 2 + 1.5).clamp(min=0)

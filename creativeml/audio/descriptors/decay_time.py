"""Decay time in milliseconds: from the end of the attack until all that is left of the sound is 20 or 60 dB down.

What is left is the energy from a moment to the end, relative to that of the whole sound: M. R. Schroeder, "New method
of measuring reverberation time", JASA 37 (1965), as in ISO 3382. It falls without ever rising, so beats and the
roughness of noise do not disturb it; of a sound that decays exponentially it falls as fast as the level. The attack is
over when the amplitude first reaches 90 % of its maximum (see `attack_time`).

A sound that is cut off has fallen by any amount where it ends, and noise that goes on at -50 dB keeps the time to
-60 dB at the whole length: the times say what the recording does, nothing is extrapolated. Gain, polarity, silence
before and after do not matter.

`smooth` takes the time spent above the level, where what lies within a sixth of the fall (3 or 10 dB) around it counts
in part. On recorded drum hits the faces differ by 1.3 ms in the median to -20 dB and by 1.7 ms to -60 dB (0.5 %);
in one of twenty by 5 % and 2 %.

Silence has 0 ms; DC, which does not decay, the time until 1 % or a millionth of it is left.
"""

from __future__ import annotations

import torch
from torch import Tensor

from creativeml.audio.descriptors.envelope import attack_end, hop_energies, hop_ms, soft_step
from creativeml.audio.descriptors.front_end import Prepared

_SOFTNESS = 1 / 6
"""Half width of the soft threshold, as a part of the fall: the gradient reaches the decay that far around it."""
_SILENT = 1e-12
_NOTHING_LEFT = 1e-10
"""Part of the energy (-100 dB) below which what is left counts as nothing."""


def exact(sounds: Tensor, sample_rate: int, *, fall_db: float = 60.0, prepared: Prepared | None = None) -> Tensor:
    """Decay time to -`fall_db` in ms: `(..., samples)` -> `(...)`."""
    prepared = Prepared.of(sounds, sample_rate, prepared)
    left = _left_db(sounds, sample_rate, prepared)
    # `left` has one value more than there are hops, 0 at the very end, so every sound crosses the level.
    after_index = (left > -fall_db).sum(-1)
    after = left.gather(-1, after_index[:, None])[:, 0]
    before = left.gather(-1, (after_index - 1).clamp(min=0)[:, None])[:, 0]
    part = ((before + fall_db) / (before - after).clamp(min=_SILENT)).clamp(0, 1)
    end = torch.where(after_index > 0, after_index - 1 + part, torch.zeros_like(part))
    return _from_attack(end, sounds, sample_rate, prepared, soft=False)


def smooth(sounds: Tensor, sample_rate: int, *, fall_db: float = 60.0, prepared: Prepared | None = None) -> Tensor:
    """Decay time to -`fall_db` in ms with a soft threshold: `(..., samples)` -> `(...)`."""
    prepared = Prepared.of(sounds, sample_rate, prepared)
    above = soft_step((_left_db(sounds, sample_rate, prepared) + fall_db) / (_SOFTNESS * fall_db))
    end = above.sum(-1) - 0.5 * above[:, 0]
    return _from_attack(end, sounds, sample_rate, prepared, soft=True)


def _from_attack(end: Tensor, sounds: Tensor, sample_rate: int, prepared: Prepared, *, soft: bool) -> Tensor:
    hops = (end - attack_end(sounds, sample_rate, prepared, soft=soft)).clamp(min=0)
    return prepared.unflatten(hops * hop_ms(sample_rate))


def _left_db(sounds: Tensor, sample_rate: int, prepared: Prepared) -> Tensor:
    """Energy from the beginning of each hop to the end of the sound, in dB of all: (n, hops + 1)."""

    def make() -> Tensor:
        energy = hop_energies(sounds, sample_rate, prepared)
        # Summed from the end on, small values before large ones, single precision reaches below -100 dB.
        left = torch.nn.functional.pad(energy.flip(-1).cumsum(-1).flip(-1), (0, 1))
        return 10 * torch.log10(left / (left[:, :1] + _SILENT) + _NOTHING_LEFT)

    return prepared.keep("energy_left", make)

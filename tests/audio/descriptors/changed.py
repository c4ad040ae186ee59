"""Changed copies of sounds, the same samples for the original code and for ours.

Needs NumPy and SciPy only, so that `make_reference.py` can import it in the original's old environment.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import firwin, resample_poly

SOUNDS = (
    "clap/29800__stomachache__3.flac",
    "cowbell/drum_cowbell.flac",
    "crash/drum_cymbal_soft.flac",
    "crash/elec_cymbal.flac",
    "hat_closed/drum_cymbal_closed.flac",
    "hat_closed/hat_metal.flac",
    "hat_closed/hat_zild.flac",
    "hat_open/drum_cymbal_open.flac",
    "hat_open/hat_len.flac",
    "kick/MBass-4_hit_3.flac",
    "kick/bd_808.flac",
    "kick/bd_klub.flac",
    "perc/elec_tick.flac",
    "perc/perc_impact2.flac",
    "perc/tabla_na.flac",
    "ride/15590__lewis__sabmute.flac",
    "rim/MSnr-rim_1.flac",
    "snare/MSnr-hit_3.flac",
    "snare/drum_snare_hard.flac",
    "snare/elec_hi_snare.flac",
    "snare/sn_dolf.flac",
    "tom/MTnr-3_hit_4.flac",
    "tom/drum_tom_lo_soft.flac",
    "tom/elec_fuzz_tom.flac",
)
"""Of the starter pack, of every kind, all at 44.1 kHz."""

CHANGES = ("96 kHz", "polarity", "-12 dB", "0.25 s before", "1 s after")

_TAPS_PER_SIDE = 64


def changed(samples: np.ndarray, sample_rate: int, change: str) -> tuple[np.ndarray, int]:
    """One copy.

    Args:
        samples: (samples,) float64, full scale 1.
        sample_rate: in Hz; 44,100 for "96 kHz".
        change: of `CHANGES`.

    Returns:
        Samples and their rate in Hz.
    """
    if change == "96 kHz":
        return resampled_96(samples), 96_000
    before = round(0.25 * sample_rate) if change == "0.25 s before" else 0
    after = sample_rate if change == "1 s after" else 0
    factor = {"polarity": -1.0, "-12 dB": 10 ** (-12 / 20)}.get(change, 1.0)
    return np.pad(factor * samples, (before, after)), sample_rate


def resampled_96(samples: np.ndarray) -> np.ndarray:
    """From 44.1 to 96 kHz = 320 / 147 by a linear-phase filter of 128 input samples under a Kaiser window: flat up to
    19.8 kHz, 100 dB down from 22.05 kHz on, so that nothing appears where the first recording has nothing."""
    transition = (100 - 7.95) / (2.285 * 2 * _TAPS_PER_SIDE) / np.pi
    taps = firwin(2 * _TAPS_PER_SIDE * 320 + 1, (1 - transition / 2) / 320, window=("kaiser", 10.06))
    return resample_poly(samples, 320, 147, window=taps)

"""Peaks that stand out of a curve, as the reference finds them; for the exact faces only.

After the peak picker of the MIR toolbox (Lartillot, Toiviainen 2007, "A Matlab toolbox for musical feature extraction
from audio"): a local maximum counts if the curve falls by a threshold on both sides before it rises above it.
"""

from __future__ import annotations

import numpy as np


def find_peaks(
    values: np.ndarray, frequencies: np.ndarray, threshold: float, *, levels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Peaks of a spectrum, located between bins by a parabola.

    Args:
        values: (bins,) non-negative, at most about 1: where the peaks are looked for.
        frequencies: (bins,) evenly spaced, in Hz.
        threshold: least height of a peak, and least fall on either side of it, in units of `values`.
        levels: (bins,) a rising function of `values` in other units, in which the heights are wanted; `values` if
            None.

    Returns:
        Frequencies in Hz and heights of the peaks, highest first; both empty if there is none.
    """
    chosen = prominent(values, threshold)
    chosen = chosen[np.argsort(values[chosen])[::-1]]
    return parabola(values if levels is None else levels, frequencies, chosen)


def prominent(values: np.ndarray, threshold: float) -> np.ndarray:
    """Bins of the peaks, from low to high. The ends of the curve count as walls that fall off to nothing."""
    # The wall is -2, lower by more than any threshold than what is non-negative.
    walled = np.concatenate([[-2.0], values, [-2.0]])
    rise = np.diff(walled)
    maxima = 1 + np.flatnonzero((values >= threshold) & (rise[:-1] > 0) & (rise[1:] <= 0))
    if not len(maxima):
        return maxima
    chosen: list[int] = []
    candidate, height = int(maxima[0]), float(walled[maxima[0]])
    notch, notch_before = np.inf, -2.0
    heights = walled[maxima].tolist()
    for index, low in enumerate(_notches(walled, maxima), start=1):
        notch = min(notch, low)
        if height - notch < threshold:
            # The curve has not fallen enough since the candidate: the higher of the two goes on.
            notch_before = min(notch_before, notch)
            if heights[index] <= height:
                continue
        else:
            if height - notch_before < threshold:
                notch_before = min(notch_before, notch)
            else:
                chosen.append(candidate)
                notch_before = notch
        candidate, height, notch = int(maxima[index]), heights[index], np.inf
    if height - notch_before >= threshold:
        chosen.append(candidate)
    return np.asarray(chosen, dtype=int) - 1


def _notches(walled: np.ndarray, maxima: np.ndarray) -> list[float]:
    """Lowest value from each maximum to the next. The reference leaves the value just before the next one out, so that
    a single low bin between two maxima divides nothing; this belongs to the definition."""
    if len(maxima) < 2:
        return []
    bounds = np.stack([maxima[:-1], maxima[1:] - 1], axis=1).reshape(-1)
    return np.minimum.reduceat(walled, bounds)[::2].tolist()


def parabola(levels: np.ndarray, frequencies: np.ndarray, bins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies and heights of the maxima near `bins`, by the parabola through three neighbours; at the ends of the
    curve, those of the bins themselves."""
    inner = (bins > 0) & (bins < len(levels) - 1)
    middle = np.clip(bins, 1, max(1, len(levels) - 2))
    left, top, right = levels[middle - 1], levels[middle], levels[middle + 1]
    bend = 2 * (2 * top - left - right)
    shift = np.where(inner & (bend > 0), (right - left) / np.where(bend > 0, bend, 1), 0.0)
    height = np.where(inner, top - 0.25 * (left - right) * shift, levels[bins])
    return frequencies[bins] + shift * (frequencies[1] - frequencies[0]), height

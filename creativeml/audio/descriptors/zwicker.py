"""Specific loudness: how loud a sound is at each place along the ear's frequency scale.

After E. Zwicker, H. Fastl, U. Widmann, K. Kurakata, S. Kuwano, S. Namba (1991), "Program for calculating loudness
according to DIN 45631 (ISO 532B)", J. Acoust. Soc. Jpn. (E) 12(1), 39-42, in a free field, with the reading of it in
timbral_models 0.4 (after C. Churchill's MATLAB code, 2004), whose rounding `exact_loudness` follows.

From 28 third-octave levels (`third_octaves.py`) come the main loudnesses of 20 critical bands. Each of them holds
from its band's lower to its upper limit; above, it masks what is weaker along a slope that is steep for loud and flat
for soft sounds. Sampled every 0.1 Bark this gives 240 values.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from creativeml.audio.descriptors import third_octaves
from creativeml.audio.descriptors.framing import Rows
from creativeml.audio.descriptors.front_end import Prepared
from creativeml.audio.fourier import energies

BINS = 240
"""Values of specific loudness per frame, at 0.1, 0.2, ... 24 Bark."""

# Low third octaves sound softer than their level; by how much, depends on the level. Rows: up to which level (after
# correction, in dB) they apply; columns: the eleven bands from 25 to 250 Hz; values in dB.
_CORRECTED_UP_TO = (45.0, 55.0, 65.0, 71.0, 80.0, 90.0, 100.0)
_CORRECTION = np.array(
    [
        [-32, -24, -16, -10, -5, 0, -7, -3, 0, -2, 0],
        [-29, -22, -15, -10, -4, 0, -7, -2, 0, -2, 0],
        [-27, -19, -14, -9, -4, 0, -6, -2, 0, -2, 0],
        [-25, -17, -12, -9, -3, 0, -5, -2, 0, -2, 0],
        [-23, -16, -11, -7, -3, 0, -4, -1, 0, -1, 0],
        [-20, -14, -10, -6, -3, 0, -4, -1, 0, -1, 0],
        [-18, -12, -9, -6, -2, 0, -3, -1, 0, -1, 0],
        [-15, -10, -8, -4, -2, 0, -3, -1, 0, -1, 0],
    ]
)
_LOW_BANDS = _CORRECTION.shape[1]
_FIRST_CRITICAL = (6, 3, 2)
"""How many of the low third octaves form each of the first three critical bands; from there on it is one each."""
_THRESHOLD = (30, 18, 12, 8, 7, 6, 5, 4) + 12 * (3,)
"""Level [dB] below which a critical band is not heard."""
_TRANSMISSION = 10 * (0.0,) + (-0.5, -1.6, -3.2, -5.4, -5.6, -4.0, -1.5, 2.0, 5.0, 12.0)
"""What is lost on the way to the inner ear [dB]."""
_BANDWIDTH = (-0.25, -0.6, -0.8, -0.8, -0.5, 0, 0.5, 1.1, 1.5, 1.7, 1.8, 1.8, 1.7, 1.6, 1.4, 1.2, 0.8, 0.5, 0, -0.5)
"""Level of a third octave less that of the critical band it stands for [dB]."""
_UPPER = (0.9, 1.8, 2.8, 3.5, 4.4, 5.4, 6.6, 7.9, 9.2, 10.6, 12.3, 13.8, 15.2, 16.7, 18.1, 19.3, 20.6, 21.8, 22.7)
_UPPER_BARK = (*_UPPER, 23.6, 24.0)
"""Upper limits of the bands; the last one is empty and takes up the slope of the one before."""
_AT_LOUDNESS = (21.5, 18, 15.1, 11.5, 9, 6.1, 4.4, 3.1, 2.13, 1.36, 0.82, 0.42, 0.30, 0.22, 0.15, 0.10, 0.035, 0)
"""Specific loudness [sone/Bark] down to which each row of `_SLOPE` applies."""
# Fall of the slopes in sone/Bark per Bark; columns: the bands from the second to the eighth, then all others.
_SLOPE = np.array(
    [
        [13.0, 8.2, 6.3, 5.5, 5.5, 5.5, 5.5, 5.5],
        [9.0, 7.5, 6.0, 5.1, 4.5, 4.5, 4.5, 4.5],
        [7.8, 6.7, 5.6, 4.9, 4.4, 3.9, 3.9, 3.9],
        [6.2, 5.4, 4.6, 4.0, 3.5, 3.2, 3.2, 3.2],
        [4.5, 3.8, 3.6, 3.2, 2.9, 2.7, 2.7, 2.7],
        [3.7, 3.0, 2.8, 2.35, 2.2, 2.2, 2.2, 2.2],
        [2.9, 2.3, 2.1, 1.9, 1.8, 1.7, 1.7, 1.7],
        [2.4, 1.7, 1.5, 1.35, 1.3, 1.3, 1.3, 1.3],
        [1.95, 1.45, 1.3, 1.15, 1.1, 1.1, 1.1, 1.1],
        [1.5, 1.2, 0.94, 0.86, 0.82, 0.82, 0.82, 0.82],
        [0.72, 0.67, 0.64, 0.63, 0.62, 0.62, 0.62, 0.62],
        [0.59, 0.53, 0.51, 0.50, 0.42, 0.42, 0.42, 0.42],
        [0.40, 0.33, 0.26, 0.24, 0.24, 0.22, 0.22, 0.22],
        [0.27, 0.21, 0.20, 0.18, 0.17, 0.17, 0.17, 0.17],
        [0.16, 0.15, 0.14, 0.12, 0.11, 0.11, 0.11, 0.11],
        [0.12, 0.11, 0.10, 0.08, 0.08, 0.08, 0.08, 0.08],
        [0.09, 0.08, 0.07, 0.06, 0.06, 0.06, 0.06, 0.05],
        [0.06, 0.05, 0.03, 0.02, 0.02, 0.02, 0.02, 0.02],
    ]
)

_LEAST_POWER = 1e-20
"""Mean square that counts as silence."""
_SOFT_DB = 0.5
"""Scale of the logistic curves that replace steps."""


@dataclass(frozen=True)
class Heard:
    """Frames of 4096 samples as the ear takes them in."""

    powers: Tensor
    """(n, frames) mean squares."""
    loudness: Tensor
    """(n, frames) in sone."""
    specific: Tensor
    """(n, frames, 240) in sone/Bark."""

    def by_power(self, values: Tensor) -> Tensor:
        """Mean (n,) of values (n, frames), each frame counting by its energy; 0 for silence."""
        return (values * self.powers).sum(-1) / self.powers.sum(-1).clamp_min(_LEAST_POWER)

    def by_level(self, values: Tensor) -> Tensor:
        """The same, each frame counting by its root mean square."""
        # The root has no slope at 0, where a constant added to it makes no difference to a mean of many.
        levels = (self.powers + _LEAST_POWER).sqrt()
        return (values * levels).sum(-1) / levels.sum(-1)


def exact_frames(prepared: Prepared) -> Heard:
    """The prepared sounds through `exact_levels` and `exact_loudness`, in double precision where the device has it."""

    def hear() -> Heard:
        frames = third_octaves.cut(prepared.sounds)
        levels = third_octaves.exact_levels(frames, prepared.rate)
        loudness, specific = exact_loudness(levels)
        return Heard(frames.to(levels).square().mean(-1), loudness, specific)

    return prepared.keep("zwicker exact", hear)


def smooth_frames(prepared: Prepared) -> Heard:
    """The prepared sounds through `fast_levels` and `smooth_loudness`."""

    def hear() -> Heard:
        frames = third_octaves.cut(prepared.sounds)
        rows = Rows.of(frames.flatten(1), third_octaves.FRAME, count=1)
        specific = rows.dense(smooth_loudness(third_octaves.fast_levels(rows.frames(), prepared.rate)))
        return Heard(energies(frames) / third_octaves.FRAME, 0.1 * specific.sum(-1), specific)

    return prepared.keep("zwicker smooth", hear)


def bark_window(first: int, stop: int, like: Tensor) -> Tensor:
    """(240,) weights of the bins from `first` to `stop` - 1: an arch that is 1 in the middle and 0 at the ends.

    The reference means a bell curve, so wide that only its rounded top is left.
    """
    bins = np.arange(first, stop)
    bell = np.exp(-0.5 * (0.01 * (bins - (first + stop) / 2)) ** 2)
    weights = np.zeros(BINS)
    weights[first:stop] = (bell - bell.min()) / (bell.max() - bell.min())
    return _table(weights, like)


def exact_loudness(levels: Tensor) -> tuple[Tensor, Tensor]:
    """Specific loudness as the reference computes it, step by step.

    Args:
        levels: (..., 28) in dB, of `third_octaves.exact_levels`.

    Returns:
        Loudness (...) in sone, rounded to 0.001 (above 16 sone to 0.01), and specific loudness (..., 240) in
        sone/Bark. Silence gives 0.
    """
    flat = levels.reshape(-1, levels.shape[-1])
    total, specific = _walk_slopes(_main_loudness(flat))
    return total.reshape(levels.shape[:-1]), specific.reshape(*levels.shape[:-1], BINS)


def _main_loudness(levels: Tensor, *, soft: bool = False) -> Tensor:
    """(frames, 28) dB → (frames, 21) sone/Bark, the last always 0; `soft` lets steps of levels last a few dB."""
    low = levels[:, :_LOW_BANDS]
    correction = _table(_CORRECTION, levels)
    above = low.unsqueeze(1) - (_table(_CORRECTED_UP_TO, levels)[:, None] - correction[:-1])
    passed = torch.sigmoid(above / _SOFT_DB) if soft else (above > 0).to(levels)
    intensity = 10 ** ((low + correction[0] + (passed * correction.diff(dim=0)).sum(1)) / 10)
    first = torch.stack([part.sum(-1) for part in intensity.split(_FIRST_CRITICAL, dim=-1)], dim=-1)
    bands = torch.cat([10 * torch.log10(first.clamp_min(1e-30)), levels[:, _LOW_BANDS:]], dim=-1)
    threshold = _table(_THRESHOLD, levels)
    heard = bands - _table(_TRANSMISSION, levels) - _table(_BANDWIDTH, levels)
    reached = torch.sigmoid((bands - threshold) / _SOFT_DB) if soft else (bands > threshold).to(levels)
    main = _sone_per_bark(heard, threshold).clamp_min(0) * reached
    lowest = main[:, :1]
    # In the lowest band, less than its full width is excited. (The root has no slope at 0: a floor keeps it finite.)
    lowest = lowest * (0.4 + 0.32 * lowest.clamp_min(1e-6) ** 0.2).clamp_max(1)
    return functional.pad(torch.cat([lowest, main[:, 1:]], dim=-1), (0, 1))


def _sone_per_bark(level: Tensor, threshold: Tensor) -> Tensor:
    """Zwicker's power law near the threshold; negative below it."""
    share = 0.25
    above = 10 ** ((level - threshold) / 10)
    return 0.0635 * 10 ** (0.025 * threshold) * ((1 - share + share * above) ** 0.25 - 1)


def _walk_slopes(main: Tensor) -> tuple[Tensor, Tensor]:
    """Main loudness (frames, 21) → loudness (frames,) and specific loudness (frames, 240).

    A frame's curve is a chain of straight pieces: flat at the main loudness of a band, or down a slope of `_SLOPE`
    to the next value of `_AT_LOUDNESS`. Pieces begin and end at multiples of 0.1 Bark, so all frames can be walked
    together, one multiple after the other; where a frame's piece ends, its next one begins.
    """
    walk = _Walk(main)
    values = []
    start = 0
    for band, upper in enumerate(_UPPER_BARK):
        stop = round(upper * 10)
        for place in range(start, stop):
            begins = walk.ends <= place if place > start else torch.ones_like(walk.ends, dtype=torch.bool)
            walk.begin_piece(begins, place, band, upper)
            if place:
                values.append(walk.value(place))
        start = stop
    # The point at 24 Bark still belongs to the piece that ends there, every other one to the piece that begins there.
    values.append(walk.value(start))
    loudness = walk.loudness
    fine, coarse = torch.floor(loudness * 1000 + 0.5) / 1000, torch.floor(loudness * 100 + 0.05) / 100
    return torch.where(loudness <= 16, fine, coarse), torch.stack(values, dim=-1)


class _Walk:
    """Where each frame is on its way along the Bark scale; places are counted in steps of 0.1 Bark."""

    def __init__(self, main: Tensor) -> None:
        frames = len(main)
        self.main = main
        self.rows = _table(_AT_LOUDNESS, main)
        self.slopes = _table(_SLOPE, main)
        self.row = torch.full((frames,), len(_AT_LOUDNESS) - 1, device=main.device)
        self.ends = torch.zeros_like(self.row)
        self.begun, self.upper_value, self.next_value, self.fall = (main.new_zeros(frames) for _ in range(4))
        self.loudness = main.new_zeros(frames)

    def value(self, place: int) -> Tensor:
        """(frames,) on the present pieces."""
        return self.upper_value - (place - self.begun) * 0.1 * self.fall

    def begin_piece(self, begins: Tensor, place: int, band: int, upper_bark: float) -> None:
        """Start a new piece at `place` for the frames (frames,) bool that have come to the end of one."""
        main, value = self.main[:, band], self.next_value
        rising, flat = begins & (value < main), value <= main
        first = (self.rows > main[:, None]).sum(-1)
        row = torch.where(rising, first, self.row)
        floor, fall = self.rows[row], self.slopes[row, min(band - 1, 7)]
        goal = torch.maximum(floor, main)
        length = torch.round((value - goal) / fall * 10).clamp_min(1) * 0.1
        # In doubles, 0.1-steps add up to just above some limits; the reference then takes the piece for a clipped one.
        clipped = place * 0.1 + length > upper_bark
        length = torch.where(clipped, upper_bark - place * 0.1, length)
        goal = torch.where(clipped, value - length * fall, goal)
        length = torch.where(flat, upper_bark - place * 0.1, length)
        goal = torch.where(flat, main, goal)
        start = torch.where(flat, main, value)
        self.loudness = self.loudness + torch.where(begins, length * (start + goal) / 2, 0.0)
        self.upper_value = torch.where(begins, start, self.upper_value)
        self.next_value = torch.where(begins, goal, self.next_value)
        self.fall = torch.where(begins, torch.where(flat, 0.0, fall), self.fall)
        self.begun = torch.where(begins, float(place), self.begun)
        self.ends = torch.where(begins, place + torch.round(length * 10).long(), self.ends)
        reached = (begins & (goal == floor)).long()
        self.row = torch.where(begins, (row + reached).clamp_max(len(_AT_LOUDNESS) - 1), self.row)


def smooth_loudness(levels: Tensor) -> Tensor:
    """Specific loudness without the reference's rounding: all frames at once, and a slope wherever there is one.

    Two things differ from `exact_loudness`: the correction of low third octaves passes from one row of its table to
    the next within a few dB instead of jumping, and the pieces of a slope have the reference's mean steepness. What
    lies below the threshold of hearing or is masked has no influence on the result, so no gradient either. In frames of
    one-shots it differs by 0.0015 sone/Bark on average and 0.31 at most, the sum over all bins by 1.4 % in 95 of 100.

    Args:
        levels: (..., 28) in dB.

    Returns:
        (..., 240) sone/Bark. Silence gives 0.
    """
    main = _main_loudness(levels.reshape(-1, levels.shape[-1]), soft=True)
    curves = _Curves.of(main.dtype, main.device)
    # A slope begins where its band does, with the loudness at which the band before ended. How far down the falling
    # curve that is, in cells, decides its course through the band.
    end = main[:, 0]
    cells = [torch.full_like(end, _CELLS)]
    for band in range(1, main.shape[1]):
        cells.append(curves.find(end, band))
        end = torch.maximum(main[:, band], curves.read(cells[-1], curves.last[band]))
    sloping = curves.read(torch.stack(cells, dim=-1)[:, curves.bands], curves.steps)
    return torch.maximum(main[:, curves.bands], sloping).reshape(*levels.shape[:-1], BINS)


_CELLS, _ABOVE = 256, 48
"""Length of a falling curve's table in cells of 0.1 Bark; how many of them lie above the loudest row of slopes."""


@dataclass(frozen=True)
class _Curves:
    """How loudness falls along an endless slope, in each column of `_SLOPE`, sampled every 0.1 Bark (a cell).

    As long as pieces are multiples of 0.1 Bark, which the reference rounds them to, the curves are straight between
    samples, and reading them with linear interpolation is exact.
    """

    values: Tensor
    """(8 * 256,) sone/Bark, column after column."""
    falls: Tensor
    """(8, 18) sone/Bark per cell."""
    reached: Tensor
    """(8, 18): the cell at which each value of `_AT_LOUDNESS` is reached."""
    rows: Tensor
    """(18,) the values of `_AT_LOUDNESS`, negated and so in rising order."""
    bands: Tensor
    """(240,) the band of each bin."""
    steps: Tensor
    """(240,) where in `values` each bin reads that starts at cell 0 when its band begins."""
    last: tuple[int, ...]
    """(21,) the same for the end of each band."""

    @classmethod
    @functools.lru_cache(maxsize=8)
    @torch.inference_mode(False)
    def of(cls, dtype: torch.dtype, device: torch.device) -> _Curves:
        drops = -np.diff(_AT_LOUDNESS)[:, None]
        lengths = np.maximum(np.round(drops / _SLOPE[1:] * 10), 1)
        falls = np.concatenate([_SLOPE[:1] / 10, drops / lengths])
        reached = _ABOVE + np.concatenate([np.zeros((1, _SLOPE.shape[1])), np.cumsum(lengths, axis=0)])
        cells = np.arange(_CELLS)
        values = [np.interp(cells, places, _AT_LOUDNESS) for places in reached.T]
        above = np.maximum(_ABOVE - cells, 0) * falls[0][:, None]
        places, starts = np.arange(1, BINS + 1), np.round(np.array((0, *_UPPER_BARK)) * 10).astype(int)
        bands = np.searchsorted(starts[:-1], places, side="right") - 1
        columns = (np.arange(len(_UPPER_BARK)) - 1).clip(0, _SLOPE.shape[1] - 1) * _CELLS

        def tensor(array: np.ndarray) -> Tensor:
            return torch.from_numpy(array).to(device=device, dtype=dtype)

        return cls(
            values=tensor((np.stack(values) + above).ravel()),
            falls=tensor(falls.T.copy()),
            reached=tensor(reached.T.copy()),
            rows=tensor(-np.array(_AT_LOUDNESS)),
            bands=torch.from_numpy(bands).to(device),
            steps=torch.from_numpy(places - starts[bands] + columns[bands]).to(device),
            last=tuple((np.diff(starts) + columns).tolist()),
        )

    def find(self, value: Tensor, band: int) -> Tensor:
        """(frames,) the cell, with fraction, at which the curve of a band has fallen to `value` (frames,)."""
        column = min(max(band - 1, 0), len(self.falls) - 1)
        row = torch.bucketize(-value.detach(), self.rows)
        cell = self.reached[column, row] - (value + self.rows[row]) / self.falls[column, row]
        return cell.clamp_min(0)

    def read(self, cell: Tensor, offset: Tensor | int) -> Tensor:
        """Values on the curves `offset` entries of `values` further on than `cell` (frames, ...)."""
        whole = cell.detach().floor()
        index = whole.long() + offset
        column = torch.as_tensor(offset, device=cell.device) // _CELLS
        index = torch.minimum(index, (column + 1) * _CELLS - 2)
        low, high = self.values[index], self.values[index + 1]
        return low + (high - low) * (cell - whole)


def _table(values: object, like: Tensor) -> Tensor:
    return torch.as_tensor(np.asarray(values, dtype=np.float64)).to(like)

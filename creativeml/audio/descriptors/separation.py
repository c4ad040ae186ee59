"""How percussive a sound is: the share of what is left when its steady tones are taken out.

After D. Fitzgerald (2010), "Harmonic/percussive separation using median filtering", with the soft masks of librosa 0.9
(J. Driedger, M. Müller, S. Disch 2014, "Extending harmonic-percussive separation of audio").
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from creativeml.audio.descriptors.framing import Rows
from creativeml.audio.descriptors.onset_strength import HOP, WINDOW, hann_spectrum

_REACH = 15
"""Frames, or bins, on either side over which medians are taken."""
_VALUES_AT_ONCE = 1 << 18
"""Of which medians are taken; 65 MB in double precision."""
_GROUP = 4
"""Bins that the smooth version takes together, each some 11 Hz wide at 44.1 kHz."""
_EVERY = 2
"""It looks at every second frame."""
_FRAMES, _GROUPS = 4, 7
"""Its reach in these frames and in groups."""
_NOTHING = 1e-12
_FIT = (1.157, 0.023)
_RMS_WINDOW, _RMS_STEP = 1024, 512


def percussive_share(sounds: Tensor) -> Tensor:
    """Level of the percussive part over the sum of the levels of both parts.

    Args:
        sounds: (n, samples).

    Returns:
        (n,) between 0 and 1: sums of RMS levels over time. 0.5 for silence.
    """
    # One sound at a time: the medians need 31 times the memory of the spectrogram.
    return torch.cat([_percussive_share(sound[None]) for sound in sounds])


def _percussive_share(sounds: Tensor) -> Tensor:
    spectrum = hann_spectrum(sounds)
    magnitude = spectrum.abs()
    steady = median(magnitude, dim=1)
    sudden = median(magnitude, dim=2)
    highest = torch.maximum(steady, sudden)
    nothing = highest < torch.finfo(highest.dtype).tiny
    highest = highest.masked_fill(nothing, 1.0)
    steady, sudden = (steady / highest).square(), (sudden / highest).square()
    mask = torch.where(nothing, 0.5, sudden / (steady + sudden).masked_fill(nothing, 1.0))
    percussive = _rms(_inverse(spectrum * mask)).sum(-1)
    harmonic = _rms(_inverse(spectrum * (1 - mask))).sum(-1)
    both = percussive + harmonic
    return torch.where(both > 0, percussive / both.masked_fill(both == 0, 1.0), 0.5)


def median(values: Tensor, *, dim: int) -> Tensor:
    """Running median of (n, frames, bins) over 31 values along axis 1 or 2, the ends continued by reflection."""
    length, across = values.shape[dim], 3 - dim
    index = torch.arange(-_REACH, length + _REACH, device=values.device) % (2 * length)
    index = torch.minimum(index, 2 * length - 1 - index)
    # Every value is copied 31 times: of a long sound, not all at once.
    parts = values.split(max(1, _VALUES_AT_ONCE // (len(values) * length)), across)
    medians = [part.index_select(dim, index).unfold(dim, 2 * _REACH + 1, 1).median(-1).values for part in parts]
    return torch.cat(medians, across)


def _inverse(spectrum: Tensor) -> Tensor:
    """(n, frames, bins) → (n, 512 * (frames - 1)): the sound whose `hann_spectrum` is nearest."""
    window = torch.hann_window(WINDOW, dtype=spectrum.real.dtype, device=spectrum.device)
    if spectrum.shape[1] < 2:
        return spectrum.real.new_zeros(len(spectrum), HOP)
    return torch.istft(spectrum.transpose(1, 2), WINDOW, HOP, window=window, center=True)


def _rms(sounds: Tensor) -> Tensor:
    """(n, windows): levels of windows of 1024 samples, every 512, the last one over whatever remains."""
    samples = sounds.shape[-1]
    count = max(0, -(-(samples - _RMS_WINDOW) // _RMS_STEP))
    rest = sounds[:, count * _RMS_STEP :].square().mean(-1, keepdim=True)
    if not count:
        return rest.sqrt()
    full = sounds[:, : (count - 1) * _RMS_STEP + _RMS_WINDOW].unfold(-1, _RMS_WINDOW, _RMS_STEP).square().mean(-1)
    return torch.cat([full, rest], -1).sqrt()


def soft_percussive_share(rows: Rows, powers: Tensor) -> Tensor:
    """log10 of nearly `percussive_share`, from a power spectrogram.

    Means of square roots of magnitudes stand for the medians, over about the same width and half the time, in every
    second frame; the levels of the two parts are those of the masked spectra, without going back to sound. A line
    fitted to 150 drum sounds corrects the difference of the means; it leaves 0.1 (a quarter in the share itself).

    Args:
        rows: frames of 4096 samples, three quarters overlapping, of which those that sound are there.
        powers: (rows, bins).

    Returns:
        (n,) decimal logarithms, at most about 0.03.
    """
    grouped = powers[..., : powers.shape[-1] // _GROUP * _GROUP].unflatten(-1, (-1, _GROUP)).sum(-1)
    grouped = rows.dense(grouped)[:, ::_EVERY]
    scale = grouped.amax((-2, -1), keepdim=True).clamp(min=torch.finfo(powers.dtype).tiny ** 0.5)
    magnitude = (grouped / scale + _NOTHING).sqrt()
    root = magnitude.sqrt()
    steady, sudden = (_mean(root, *each).square().square() for each in ((_FRAMES, 1), (_GROUPS, 2)))
    percussive = magnitude * (sudden / (steady + sudden))
    levels = [torch.linalg.vector_norm(part, dim=-1).sum(-1) for part in (percussive, magnitude - percussive)]
    return _FIT[0] * (levels[0] / (levels[0] + levels[1])).log10() + _FIT[1]


def _mean(values: Tensor, reach: int, dim: int) -> Tensor:
    """Running mean along one axis of what there is of 2 * reach + 1 values."""
    length = values.shape[dim]
    reach = min(reach, length - 1)
    sums = values.cumsum(dim)
    last = sums.narrow(dim, length - 1, 1)
    ends = torch.cat([sums.narrow(dim, reach, length - reach), *[last] * reach], dim)
    begins = functional.pad(
        sums.narrow(dim, 0, max(0, length - reach - 1)), (0, 0) * (values.ndim - 1 - dim) + (min(length, reach + 1), 0)
    )
    place = torch.arange(length, dtype=values.dtype, device=values.device)
    count = (place + reach).clamp(max=length - 1) - (place - reach).clamp(min=0) + 1
    return (ends - begins) / count.view(-1, *(1,) * (values.ndim - 1 - dim))

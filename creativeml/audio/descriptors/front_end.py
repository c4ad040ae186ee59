"""What every perceptual descriptor starts from: the sound brought to one loudness, filtered copies, spectrograms.

The descriptors re-express the AudioCommons timbral models (Pearce, Safavi, Brookes, Mason, Wang, Plumbley 2019,
"Release of timbral characterisation tools for semantically annotating non-musical content", AudioCommons
deliverable D5.8; Apache-2.0). All of them hear a sound at -24 LUFS, which `prepare` provides.

Convention. A descriptor is a module with two functions of the same signature:

    exact(sounds, sample_rate, *, prepared=None) -> (...)
    smooth(sounds, sample_rate, *, prepared=None) -> (...)

`prepared` is the `Prepared` of just these sounds; `describe` makes it once and hands it to all descriptors, so that
what two of them need (the normalised sound, a filtered copy, a spectrogram) is computed once. Without it, they make
their own: `prepared = Prepared.of(sounds, sample_rate, prepared)`. Inside, everything is `(n, samples)`, the leading
axes joined; `prepared.unflatten` gives values `(n,)` the leading axes back. Gradients flow through all of it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Hashable
from typing import Literal, TypeAlias, TypeVar

import torch
from torch import Tensor

from creativeml.audio.descriptors.framing import Rows
from creativeml.audio.fourier import energies, filtered, power_spectrum, rfft
from creativeml.audio.lengths import fast_size
from creativeml.audio.loudness import BLOCK_S
from creativeml.errors import CreativeMLError

LOWEST_RATE, HIGHEST_RATE = 16_000, 192_000
"""Sample rates that are accepted, in Hz."""
SHORTEST_S = 0.01
_LOUDEST = 1e9
"""Peak up to which sounds are taken: that of 32-bit whole numbers; squares of much larger ones overflow."""
TARGET_LUFS = -24.0
LEAST_RATE = 44_100
"""Slower sounds are brought to this rate, in Hz, since the models look at frequencies up to 20 kHz."""

Filter: TypeAlias = tuple[Literal["high", "low"], float]
"""A Butterworth filter of order 2 applied three times: which side of the frequency [Hz] it lets pass."""

_FORGET_S = 0.25
"""After this time the slowest filter, a triple high-pass at 20 Hz, has decayed by more than 120 dB."""
_OFFSET_LU = -0.691
_ABSOLUTE_GATE = 10 ** ((-70.0 - _OFFSET_LU) / 10)
_RELATIVE_GATE = 10 ** (-10.0 / 10)
_SILENT_POWER = 1e-12
"""Mean square after K-weighting below which a sound is not amplified any further."""
_PASS = 0.95
"""Part of the band that a change of rate leaves as it is; above, a smooth slope."""

_T = TypeVar("_T")


class Prepared:
    """Sounds at -24 LUFS, with all that descriptors derive from them computed on demand and kept.

    Args:
        sounds: (..., samples) float32 or float64, full scale 1, at least 10 ms long; one channel each.
        sample_rate: in Hz, 16,000 to 192,000.

    Raises:
        CreativeMLError: for anything else, and for sounds that contain NaN or infinity.
    """

    def __init__(self, sounds: Tensor, sample_rate: int) -> None:
        _check(sounds, sample_rate)
        self.leading: torch.Size = sounds.shape[:-1]
        self._raw = sounds.reshape(math.prod(self.leading), sounds.shape[-1])
        self._raw_rate = int(sample_rate)
        self._kept: dict[Hashable, object] = {}

    @classmethod
    def of(cls, sounds: Tensor, sample_rate: int, prepared: Prepared | None) -> Prepared:
        """`prepared` if given, which must belong to `sounds`; else made of them."""
        return cls(sounds, sample_rate) if prepared is None else prepared

    def keep(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """What `make` returned the first time it was asked for under `key`; for what descriptors share."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]  # pyright: ignore[reportReturnType]

    def unflatten(self, values: Tensor) -> Tensor:
        """(n, ...) → (leading axes, ...)."""
        return values.reshape((*self.leading, *values.shape[1:]))

    @property
    def rate(self) -> int:
        """Sample rate of `sounds` and of all that derives from them: the given one, but at least 44,100 Hz."""
        return max(self._raw_rate, LEAST_RATE)

    @property
    def sounds(self) -> Tensor:
        """(n, samples) at -24 LUFS, or less where the peak would exceed 1.

        Sounds slower than 44.1 kHz are brought to it with their spectrum continued by silence (linear phase; the top
        5 % of their band fade out). Silence stays silence.
        """
        return self.keep("sounds", lambda: self._source * self.gain[:, None])

    @property
    def gain(self) -> Tensor:
        """(n,) factor that brings each sound to its loudness."""
        return self.keep("gain", self._find_gain)

    def filtered(self, *filters: Filter) -> Tensor:
        """(n, samples): `sounds` through the filters, one after the other, from silence.

        They act by their exact digital response (bilinear transform), each Butterworth order 2 three times, as the
        reference has them to get 36 dB per octave: `prepared.filtered(("high", 20.0), ("low", 500.0))`.
        """
        if not filters:
            return self.sounds
        return self.keep(("filtered", filters), lambda: self._filter(filters))

    def spectrogram(self, *filters: Filter, size: int) -> Tensor:
        """(n, frames, size // 2 + 1): `spectrogram` of `filtered(*filters)`."""
        return self.keep(("spectrogram", filters, size), lambda: spectrogram(self.filtered(*filters), size))

    def sounding_spectrogram(self, *filters: Filter, size: int) -> tuple[Rows, Tensor]:
        """The frames of `spectrogram` in which something sounds, and their spectra (rows, size // 2 + 1)."""

        def make() -> tuple[Rows, Tensor]:
            sounds = self.filtered(*filters)
            short = sounds.shape[-1] < size
            rows = Rows.of(sounds, sounds.shape[-1], count=1) if short else Rows.of(sounds, size // 4, count=4)
            window, scale = _window(sounds, size)
            return rows, rows.powers(window, size, centred=True) * scale

        return self.keep(("sounding spectrogram", filters, size), make)

    @property
    def _source(self) -> Tensor:
        if self._raw_rate == self.rate:
            return self._raw
        return self.keep("source", lambda: resample(self._raw, self._raw_rate, self.rate))

    @property
    def _source_spectrum(self) -> Tensor:
        samples = self._source.shape[-1]
        return self.keep("source spectrum", lambda: rfft(self._source, _filter_size(samples, self.rate)))

    def _find_gain(self) -> Tensor:
        # Before any change of rate, as in the reference; then the spectrum cannot be shared.
        spectrum = self._source_spectrum if self._raw_rate == self.rate else None
        power = mean_square_at_loudness(self._raw, self._raw_rate, spectrum=spectrum)
        target = 10 ** ((TARGET_LUFS - _OFFSET_LU) / 20)
        gain = target / power.clamp(min=_SILENT_POWER).sqrt()
        return gain / (peak(self._raw) * gain).clamp(min=1.0)

    def _filter(self, filters: tuple[Filter, ...]) -> Tensor:
        samples = self._source.shape[-1]
        size = _filter_size(samples, self.rate)
        response = filter_response(filters, size, self.rate)
        return filtered(self._source_spectrum, response, size, samples) * self.gain[:, None]


def _filter_size(samples: int, sample_rate: int) -> int:
    """Length of a transform with so much silence appended that filters of 20 Hz and more, which act on it by
    multiplication, do not wrap around."""
    return fast_size(samples + math.ceil(_FORGET_S * sample_rate))


def _check(sounds: Tensor, sample_rate: int) -> None:
    if not isinstance(sounds, Tensor):
        kind = type(sounds).__name__
        raise CreativeMLError(f"descriptors need torch tensors, not {kind}; convert with torch.as_tensor(...).float()")
    if sounds.dtype not in (torch.float32, torch.float64):
        raise CreativeMLError(
            f"descriptors need float32 or float64 sounds, not {sounds.dtype}; convert with .float(), and divide whole "
            "numbers by full scale (32768 for 16 bit)"
        )
    number = isinstance(sample_rate, (int, float)) and not isinstance(sample_rate, bool)
    if not number or not LOWEST_RATE <= sample_rate <= HIGHEST_RATE or sample_rate != int(sample_rate):
        raise CreativeMLError(
            f"descriptors need a whole sample rate of {LOWEST_RATE} to {HIGHEST_RATE} Hz, not {sample_rate}; "
            "resample the sound first"
        )
    least = math.ceil(SHORTEST_S * sample_rate)
    if sounds.dim() == 0 or sounds.shape[-1] < least:
        raise CreativeMLError(
            f"a sound of shape {tuple(sounds.shape)} is too short to describe: its last axis must hold at least "
            f"{least} samples (10 ms); append silence, or turn the axes round if time comes first"
        )
    if sounds.numel() == 0:
        raise CreativeMLError(f"a batch of shape {tuple(sounds.shape)} holds no sound to describe; pass at least one")
    # Comparisons with NaN are false.
    largest = float(sounds.detach().abs().amax())
    if not largest <= _LOUDEST:
        if math.isfinite(largest):
            raise CreativeMLError(
                f"a sound has a peak of {largest:.3g} where full scale is 1; divide it by the full scale of its format"
            )
        raise CreativeMLError("sounds contain NaN or infinity, which no descriptor can describe; repair them first")


def mean_square_at_loudness(sounds: Tensor, sample_rate: int, *, spectrum: Tensor | None = None) -> Tensor:
    """Gated mean square of the K-weighted sound, of which the loudness is 10 log10(...) - 0.691 LUFS.

    After ITU-R BS.1770-4 with the filters of the package pyloudnorm, which the reference measures with: they are
    textbook shapes near the standard's (up to 0.4 dB apart around 2 kHz; `creativeml.audio.loudness` has the
    standard's own). Which blocks count is decided by values, not differentiated. If no block reaches -70 LUFS, all
    blocks count.

    Args:
        sounds: (n, samples); shorter ones than 0.4 s are measured with silence appended to it.
        sample_rate: in Hz.
        spectrum: their transform of the length that filters need, if it is at hand.

    Returns:
        (n,) mean squares; 0 for silence.
    """
    samples = sounds.shape[-1]
    size = _filter_size(samples, sample_rate)
    spectrum = rfft(sounds, size) if spectrum is None else spectrum
    weighted = filtered(spectrum, _k_response(size, sample_rate), size, samples)
    # Blocks of 0.4 s overlap by three quarters: sums over quarters serve four of them each.
    quarter = round(BLOCK_S / 4 * sample_rate)
    count = max(0, round((samples / sample_rate - BLOCK_S) / (BLOCK_S / 4))) + 1
    padded = torch.nn.functional.pad(weighted, (0, (count + 3) * quarter - samples))
    quarters = energies(padded.unflatten(-1, (count + 3, quarter)))
    blocks = quarters.unfold(-1, 4, 1).sum(-1) / (4 * quarter)
    with torch.no_grad():
        loud = blocks > _ABSOLUTE_GATE
        gate = (blocks * loud).sum(-1, keepdim=True) / loud.sum(-1, keepdim=True).clamp(min=1) * _RELATIVE_GATE
        counted = loud & (blocks > gate)
        counted |= ~counted.any(-1, keepdim=True)
    return (blocks * counted).sum(-1) / counted.sum(-1)


@functools.lru_cache(maxsize=16)
@torch.inference_mode(False)
def _k_response(size: int, sample_rate: int) -> Tensor:
    return _response([_high_shelf(1500.0, 4.0, sample_rate), _high_pass(38.0, 0.5, sample_rate)], size)


def _high_shelf(frequency_hz: float, gain_db: float, sample_rate: int) -> list[list[float]]:
    # Shelf and high-pass after R. Bristow-Johnson, "Cookbook formulae for audio EQ biquad filter coefficients".
    root, angle = 10 ** (gain_db / 40), 2 * math.pi * frequency_hz / sample_rate
    cos, slope = math.cos(angle), 2 * math.sqrt(root) * math.sin(angle) * math.sqrt(2) / 2
    plus, minus = root + 1, root - 1
    return [
        [root * (plus + minus * cos + slope), -2 * root * (minus + plus * cos), root * (plus + minus * cos - slope)],
        [plus - minus * cos + slope, 2 * (minus - plus * cos), plus - minus * cos - slope],
    ]


def _high_pass(frequency_hz: float, quality: float, sample_rate: int) -> list[list[float]]:
    angle = 2 * math.pi * frequency_hz / sample_rate
    cos, alpha = math.cos(angle), math.sin(angle) / (2 * quality)
    return [[(1 + cos) / 2, -(1 + cos), (1 + cos) / 2], [1 + alpha, -2 * cos, 1 - alpha]]


def _low_pass(frequency_hz: float, quality: float, sample_rate: int) -> list[list[float]]:
    angle = 2 * math.pi * frequency_hz / sample_rate
    cos, alpha = math.cos(angle), math.sin(angle) / (2 * quality)
    return [[(1 - cos) / 2, 1 - cos, (1 - cos) / 2], [1 + alpha, -2 * cos, 1 - alpha]]


@functools.lru_cache(maxsize=64)
@torch.inference_mode(False)
def filter_response(filters: tuple[Filter, ...], size: int, sample_rate: int) -> Tensor:
    """Response of the filters at the frequencies of a real transform of `size` samples: (size // 2 + 1,) complex128.

    An order-2 Butterworth filter is the textbook biquad of quality 1/sqrt(2).
    """
    shapes = {"high": _high_pass, "low": _low_pass}
    return _response([shapes[kind](edge, math.sqrt(0.5), sample_rate) for kind, edge in filters], size) ** 3


def _response(biquads: list[list[list[float]]], size: int) -> Tensor:
    # What is cached must serve every caller: an ordinary CPU tensor, wherever the first call came from.
    angle = -2 * math.pi * torch.arange(size // 2 + 1, dtype=torch.float64, device="cpu") / size
    delay = torch.polar(torch.ones_like(angle), angle)
    response = torch.ones_like(delay)
    for (b0, b1, b2), (a0, a1, a2) in biquads:
        response = response * ((b2 * delay + b1) * delay + b0) / ((a2 * delay + a1) * delay + a0)
    return response


def spectrogram(sounds: Tensor, size: int) -> Tensor:
    """Power spectra of overlapping frames, each without its mean, as scipy's `spectrogram` gives them with a
    Hamming window, three quarters of overlap and the scaling "spectrum".

    Args:
        sounds: (n, samples). Of sounds shorter than a frame, there is one frame: all of it, under a window of its
            length, and then silence.
        size: samples per frame and transform; even.

    Returns:
        (n, frames, size // 2 + 1), the last at half the sample rate; a sine of amplitude 1 on a bin gives 0.5 there.
    """
    window, scale = _window(sounds, size)
    frames = sounds.unfold(-1, len(window), max(1, size // 4))
    return power_spectrum((frames - frames.mean(-1, keepdim=True)) * window, size) * scale


def _window(sounds: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Window of a frame, and what to multiply squared magnitudes (size // 2 + 1,) by."""
    window = torch.hamming_window(min(size, sounds.shape[-1]), dtype=sounds.dtype, device=sounds.device)
    twice = torch.full((size // 2 + 1,), 2.0, dtype=sounds.dtype, device=sounds.device)
    twice[0] = twice[-1] = 1.0
    return window, twice / window.sum().square()


def power(spectrum: Tensor) -> Tensor:
    """Squared magnitude; unlike abs() it has a gradient at 0, and it needs no root."""
    return spectrum.real.square() + spectrum.imag.square()


def peak(sounds: Tensor) -> Tensor:
    """(n, samples) → (n,): largest magnitude. Its gradient goes to one sample, without a pass over all of them."""
    if not sounds.requires_grad:
        return sounds.abs().amax(-1)
    return sounds.gather(-1, sounds.detach().abs().argmax(-1, keepdim=True)).squeeze(-1).abs()


def resample(sounds: Tensor, from_rate: int, to_rate: int) -> Tensor:
    """(n, samples) at another, higher rate: (n, ceil(samples * to_rate / from_rate)); differentiable.

    The spectrum is continued by zeros; its top 5 % fade out, as a filter that does not ring for long must have it.
    """
    samples = sounds.shape[-1]
    divisor = math.gcd(from_rate, to_rate)
    unit, target_unit = from_rate // divisor, to_rate // divisor
    # Only a multiple of `unit` is a whole number of samples at both rates.
    units = fast_size(math.ceil((samples + 0.05 * from_rate) / unit))
    size, target_size = units * unit, units * target_unit
    position = torch.arange(size // 2 + 1, dtype=sounds.dtype, device=sounds.device) / (size / 2)
    slope = 0.5 + 0.5 * torch.cos(math.pi * ((position - _PASS) / (1 - _PASS)).clamp(0, 1))
    spectrum = torch.fft.rfft(sounds, size) * slope
    result = torch.fft.irfft(spectrum, target_size) * (target_size / size)
    return result[..., : math.ceil(samples * to_rate / from_rate)]

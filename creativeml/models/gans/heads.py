"""Last stages of the generator: from features at a frame rate to 65,536 samples.

The full rate is the costly place of a waveform network on a CPU: few channels, many samples, all of it memory traffic.
`StftHead` and `PqmfHead` therefore stop at 1,024 or 4,096 frames and let a fixed synthesis filterbank do the rest;
`WaveformHead` is the published form, convolutions up to the last sample.

Heads share one idea: the network does not have to produce levels from nothing. A table of the class's mean level over
time and band (estimated from the training data) is the starting point; the network adds a gain to it, in nepers
(1 neper = 8.7 dB), and supplies a carrier of about unit variance. The class envelope of StyleWaveGAN is the case of
one band.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from creativeml.audio.exported_fourier import frames_of, irfft_parts, rfft_parts
from creativeml.audio.filterbanks import interpolation_at, interpolation_matrix, mel_centres_hz
from creativeml.audio.partials import WINDOW_SAMPLES, find_partials
from creativeml.layers.modal_bank import ModalBank
from creativeml.layers.modulated import ModulatedConv
from creativeml.layers.oscillators import REACH_NEPERS, OscillatorBank
from creativeml.layers.pqmf import PQMF
from creativeml.layers.resampling import SincUpsample, upsample

MAX_GAIN_NEPERS = 8.0
FLOOR_NEPERS = math.log(1e-4)
"""Levels below -80 dB count as silent."""
LEVEL_HOP_SAMPLES = 64
"""Time step of the level tables."""
RESTING_HZ = tuple(50.0 * math.exp(2 * REACH_NEPERS * place) for place in range(6))
"""Frequencies around which the oscillators of `StftHead` are tuned: 50 to 609 Hz, from kicks to cowbells."""
OSCILLATOR_FALL = 0.4
"""In nepers from one oscillator to the next at the start: the lowest leads."""
MODES_HZ = (250.0, 14000.0)
"""Between these frequencies lie the modes of `StftHead`: the rings of drums, bells and cymbals."""
MODE_START_NEPERS = -2.5
"""Level of each mode at the start, beside that of its band: one is hardly heard, all together are."""
MODE_WEIGHT, TUNING_WEIGHT = 0.5, 0.25
"""Of a mode's level and of its tuning in comparisons of levels, where a band counts 1."""
SILENT_MODE_NEPERS = -4.0
"""Beside the level of its band, of a mode near which nothing rings."""
BASS_SAMPLES_GAIN = 0.3
BASS_NOISE_GAIN = 0.3
BASS_LEVEL_HZ = 800.0
BASS_CUT_HZ = 340.0
_NOTHING = 1e-12


def bound(gain: Tensor) -> Tensor:
    """Gains within `MAX_GAIN_NEPERS`, softly."""
    return MAX_GAIN_NEPERS * torch.tanh(gain / MAX_GAIN_NEPERS)


class WaveformHead(nn.Module):
    """Features at the full rate → samples, times the class envelope (Lavault et al. 2022)."""

    bands = 1
    gains = 0
    noise_samples = 0

    def __init__(self, channels: int, style_dim: int, *, sample_rate: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.to_wave = ModulatedConv(channels, 1, 1, style_dim, demodulate=False)

    def forward(self, x: Tensor, level: Tensor, gain: Tensor | None, style: Tensor, noise: Tensor | None) -> Tensor:
        """`x (b, channels, 1, samples)`, `level (b, 1, envelope frames)` in nepers → `(b, samples)`."""
        wave = self.to_wave(x, style).flatten(1).float()
        envelope = torch.exp(upsample(level[:, :, None, :], self.frames // level.shape[-1])).flatten(1)
        return wave * envelope

    def band_powers(self, sounds: Tensor) -> Tensor:
        """Power over time, one band: `(b, samples)` → `(b, 1, samples / 64)`."""
        return F.avg_pool1d(sounds[:, None].square(), LEVEL_HOP_SAMPLES)


class StftHead(nn.Module):
    """Inverse STFT of a tone part and a noise part, above a bass of oscillators and directly drawn samples.

    - tone: complex carrier per bin and frame from the network;
    - noise: STFT of white noise, shaped by band gains (as in DDSP, Engel et al. 2020);
    - modes, if there are any: steady sines, each with a gain of its own over time;
    - bass, at 1/16 of the rate, since a short window resolves it badly: a bank of falling sines, and samples from the
      network for what is no sine. Below 340 Hz the STFT has no tone part, and its noise starts 10 dB lower.

    Args:
        channels: of the features.
        style_dim: size of the style.
        sample_rate: in Hz.
        frames: number of frames, `hop` samples apart, the first centred on sample 0.
        n_fft, hop: in samples.
        bands: number of gain bands of each part.
        modes: number of sines above the bass.
    """

    window: Tensor
    spread: Tensor
    bass_bands: Tensor
    tone_cut: Tensor
    noise_cut: Tensor
    uncover: Tensor
    synthesis_window: Tensor
    row_weights: Tensor
    sine_gains: Tensor
    # With modes only.
    mode_window: Tensor
    mode_bands: Tensor
    partial_bands: Tensor
    has_modes: Tensor

    def __init__(
        self,
        channels: int,
        style_dim: int,
        *,
        sample_rate: int,
        frames: int,
        n_fft: int = 256,
        hop: int = 128,
        bands: int = 32,
        low_factor: int = 16,
        modes: int = 0,
    ) -> None:
        super().__init__()
        self.frames, self.n_fft, self.hop, self.bands = frames, n_fft, hop, bands
        self.bins = n_fft // 2 + 1
        self.low_per_frame = hop // low_factor
        self._parts = [bands, bands, 1 + len(RESTING_HZ), modes]
        self.gains = sum(self._parts)
        self.noise_samples = frames * hop
        self.oscillators = OscillatorBank(RESTING_HZ, style_dim, sample_rate=sample_rate / low_factor)
        self.to_carrier = ModulatedConv(channels, 2 * self.bins + self.low_per_frame, 1, style_dim, demodulate=False)
        self.low_upsample = SincUpsample(low_factor)
        window = torch.hann_window(n_fft, periodic=True)
        if 2 * hop == n_fft:
            # Analysis and synthesis together are then one Hann window, which adds up to 1 without waves.
            window = window.sqrt()
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("spread", interpolation_matrix(bands, n_fft, sample_rate), persistent=False)
        self.register_buffer("bass_bands", _bass_bands(bands, sample_rate), persistent=False)
        frequency = torch.arange(self.bins) * sample_rate / n_fft
        tone_cut = (frequency / BASS_CUT_HZ).clamp(max=1.0).square()
        noise_cut = BASS_NOISE_GAIN + (1.0 - BASS_NOISE_GAIN) * tone_cut
        # In nepers, beside the levels; bin 0 has no tone at all.
        self.register_buffer("tone_cut", tone_cut.clamp(min=_NOTHING).log(), persistent=False)
        self.register_buffer("noise_cut", noise_cut.log(), persistent=False)
        # Gain of one analysis bin for white noise; carriers are scaled so that 1.0 means white noise of variance 1.
        self.bin_gain = math.sqrt(float(window.square().sum()))
        cover = self._overlap_add(window.square().expand(1, frames, n_fft)).clamp(min=0.1)
        self.register_buffer("uncover", 1.0 / cover, persistent=False)
        self.register_buffer("synthesis_window", window * self.bin_gain, persistent=False)
        # Amplitude of the sine to which the analysis gives level 1.
        self.sine = sine = 2.0 * self.bin_gain / float(window.sum())
        self.sample_rate = sample_rate
        weights = [1.0] * (bands + 1 + len(RESTING_HZ)) + [MODE_WEIGHT] * modes + [TUNING_WEIGHT] * modes
        self.register_buffer("row_weights", torch.tensor(weights)[:, None], persistent=False)
        fall = torch.exp(-OSCILLATOR_FALL * torch.arange(len(RESTING_HZ)))
        self.register_buffer("sine_gains", (sine * fall)[:, None], persistent=False)
        self.modes = None
        if modes:
            self.modes = ModalBank(modes, *MODES_HZ, style_dim, sample_rate=sample_rate, n_fft=n_fft, hop=hop)
            self.register_buffer("mode_window", sine * window / self.bin_gain, persistent=False)
            near = interpolation_at(self.modes.resting, bands, sample_rate)
            self.register_buffer("mode_bands", near.T.contiguous(), persistent=False)
            fine = interpolation_matrix(bands, WINDOW_SAMPLES, sample_rate)
            self.register_buffer("partial_bands", fine.T.contiguous(), persistent=False)
            centres = mel_centres_hz(bands, 20.0, sample_rate / 2)
            self.register_buffer("has_modes", (centres >= MODES_HZ[0]).float(), persistent=False)

    def forward(self, x: Tensor, level: Tensor, gain: Tensor | None, style: Tensor, noise: Tensor | None) -> Tensor:
        """Features → samples.

        Args:
            x: `(b, channels, 1, frames)`.
            level: `(b, bands, frames)` class level in nepers.
            gain: `(b, gains, frames)` what the network adds to it: tone bands, noise bands, bass samples, oscillators,
                modes.
            style: `(b, style_dim)`.
            noise: `(b, frames * hop)` white noise of variance 1.

        Returns:
            `(b, frames * hop)`.
        """
        assert gain is not None and noise is not None
        # Split at once: every slice taken by itself would cost a tensor of zeros in the gradient.
        tone_gain, noise_gain, bass_gain, mode_gain = bound(gain).split(self._parts, dim=1)
        carrier = self.to_carrier(x, style).squeeze(2).transpose(1, 2).float()
        real, imaginary, samples = carrier.split([self.bins, self.bins, self.low_per_frame], dim=2)
        tone_level = self._spread(level + tone_gain, self.tone_cut)
        noise_level = self._spread(level + noise_gain, self.noise_cut)
        white_real, white_imaginary = rfft_parts(self._windowed(noise))
        # By real and imaginary part: a complex product would first make complex numbers of the levels.
        real = torch.addcmul(real * tone_level, white_real, noise_level)
        imaginary = torch.addcmul(imaginary * tone_level, white_imaginary, noise_level)
        frames = irfft_parts(real, imaginary, self.n_fft)
        if self.modes is not None:
            # In the order of the frames' memory; turned round afterwards it would take twice as long.
            near = _exact(level.transpose(1, 2), self.mode_bands.T)
            amplitude = torch.exp(near + mode_gain.transpose(1, 2) + MODE_START_NEPERS)
            frames = self.modes.add_to(frames, amplitude, style, self.mode_window)
        wave = self._overlap_add(frames * self.synthesis_window) * self.uncover
        return wave + self._bass(samples, _exact(self.bass_bands, level) + bass_gain, style)

    def band_levels(self, level: Tensor, gain: Tensor, style: Tensor) -> Tensor:
        """What these gains make, in rows that `measure_levels` finds in sounds.

        Args:
            level: `(b, bands, t)` class level in nepers.
            gain: `(b, gains, t)`.
            style: `(b, style_dim)`.

        Returns:
            `(b, rows, t)`, in nepers: tone and noise together per band, the bass, the modes; and how the modes are
            tuned, from -1 to 1.
        """
        bands, bass_gain, mode_gain = bound(gain).split([2 * self.bands, *self._parts[2:]], dim=1)
        rows = [level + _sum_of_powers(bands), self.bass_bands @ level + bass_gain]
        if self.modes is not None:
            tuning = self.modes.tuning(style)[:, :, None].expand_as(mode_gain)
            rows += [self.mode_bands @ level + mode_gain + MODE_START_NEPERS, tuning]
        return torch.cat(rows, dim=1)

    def measure_levels(self, sounds: Tensor, frames: int) -> Tensor:
        """The same rows measured in sounds: `(b, samples)` → `(b, rows, frames)`, levels floored at `FLOOR_NEPERS`.

        What rings counts for the modes and not for the bands. Modes near which nothing rings shall be hardly heard, and
        their tuning is NaN: any will do.
        """
        levels = _to_nepers(self.band_powers(sounds), frames)
        bass = self.bass_bands @ levels
        if self.modes is None:
            return torch.cat([levels, bass], dim=1)
        found = find_partials(sounds, self.sample_rate, self.modes.resting, self.modes.reach, frames)
        left = (found.residue @ self.partial_bands) / (found.spectrum @ self.partial_bands)
        levels = (levels + 0.5 * (self.has_modes * left.log())[:, :, None]).clamp(min=FLOOR_NEPERS)
        silent = (self.mode_bands @ levels + SILENT_MODE_NEPERS).clamp(min=FLOOR_NEPERS)
        rings = ~found.offsets.isnan()[:, :, None]
        loud = (found.amplitudes / self.sine).clamp(min=math.exp(FLOOR_NEPERS)).log()
        tuning = (found.offsets / self.modes.reach)[:, :, None].expand_as(loud)
        return torch.cat([levels, bass, torch.where(rings, loud, silent), tuning], dim=1)

    def band_powers(self, sounds: Tensor) -> Tensor:
        """Mean power of each band, 1 for white noise of variance 1: `(b, samples)` → `(b, bands, frames)`."""
        weights = self.spread / self.spread.sum(1, keepdim=True)
        return (torch.fft.rfft(self._windowed(sounds)).abs().square() @ weights.T).transpose(1, 2)

    def _spread(self, nepers: Tensor, cut: Tensor) -> Tensor:
        """Band levels `(b, bands, frames)` → amplitudes `(b, frames, bins)`."""
        rows = nepers.transpose(1, 2)
        return torch.exp(torch.addmm(cut, rows.flatten(0, 1), self.spread).float()).unflatten(0, rows.shape[:2])

    def _windowed(self, sounds: Tensor) -> Tensor:
        half = self.n_fft // 2
        padded = F.pad(sounds, (half, self.n_fft - half - self.hop))
        return frames_of(padded, self.n_fft, self.hop) * (self.window / self.bin_gain)

    def _overlap_add(self, frames: Tensor) -> Tensor:
        batch, count, _ = frames.shape
        steps = self.n_fft // self.hop
        parts = frames.unflatten(2, (steps, self.hop)).unbind(2)
        if steps == 2:
            # The usual case, in a third of the passes over memory.
            out = parts[1].clone(memory_format=torch.contiguous_format)
            out[:, :-1] += parts[0][:, 1:]
            return out.flatten(1)
        out = frames.new_zeros(batch, count + steps - 1, self.hop)
        for step in range(steps):
            out[:, step : step + count] += parts[step]
        half = self.n_fft // 2
        return out.flatten(1)[:, half : half + count * self.hop]

    def _bass(self, samples: Tensor, level: Tensor, style: Tensor) -> Tensor:
        """`samples (b, frames, low_per_frame)`, `level (b, 1 + oscillators, frames)` → `(b, frames * hop)`."""
        amplitude = torch.exp(upsample(level[:, :, None, :], self.low_per_frame).squeeze(2))
        # White noise in the bass alone must have the level's density, hence the root of the rates' ratio.
        drawn = samples.flatten(1) * amplitude[:, 0] * (BASS_SAMPLES_GAIN * math.sqrt(self.low_per_frame / self.hop))
        sung = self.oscillators(amplitude[:, 1:] * self.sine_gains, style)
        return self.low_upsample(drawn + sung)


class PqmfHead(nn.Module):
    """Critically sampled bands put together by a pseudo-QMF filterbank (multi-band synthesis, as in RAVE).

    Tone and noise parts as in `StftHead`; the bands are uniform and real.
    """

    row_weights: Tensor

    def __init__(self, channels: int, style_dim: int, *, sample_rate: int, frames: int, bands: int = 16) -> None:
        super().__init__()
        self.frames, self.bands = frames, bands
        self.gains = 2 * bands
        self.noise_samples = frames * bands
        self.register_buffer("row_weights", torch.ones(bands, 1), persistent=False)
        self.to_carrier = ModulatedConv(channels, bands, 1, style_dim, demodulate=False)
        self.filterbank = PQMF(bands)

    def forward(self, x: Tensor, level: Tensor, gain: Tensor | None, style: Tensor, noise: Tensor | None) -> Tensor:
        """As `StftHead.forward`, with `gain (b, 2 * bands, frames)` and `noise (b, frames * bands)`."""
        assert gain is not None and noise is not None
        gain = bound(gain)
        carrier = self.to_carrier(x, style).squeeze(2).float()
        level = upsample(level[:, :, None, :], self.frames // level.shape[-1]).squeeze(2)
        tone_gain, noise_gain = gain.chunk(2, dim=1)
        white = noise.unflatten(1, (self.bands, self.frames))
        bands = carrier * torch.exp(level + tone_gain) + white * torch.exp(level + noise_gain)
        return self.filterbank.synthesize(bands)

    def band_levels(self, level: Tensor, gain: Tensor, style: Tensor) -> Tensor:
        """As `StftHead.band_levels`, without bass and modes: `(b, bands, t)`."""
        return level + _sum_of_powers(bound(gain))

    def measure_levels(self, sounds: Tensor, frames: int) -> Tensor:
        """As `StftHead.measure_levels`: `(b, bands, frames)`."""
        return _to_nepers(self.band_powers(sounds), frames)

    def band_powers(self, sounds: Tensor) -> Tensor:
        """As `StftHead.band_powers`: `(b, bands, samples / 64)`."""
        return F.avg_pool1d(self.filterbank.analyze(sounds).square(), LEVEL_HOP_SAMPLES // self.bands)


def _bass_bands(bands: int, sample_rate: float) -> Tensor:
    """Which bands' levels the bass starts from: rows for the samples (mean of the low bands) and each oscillator."""
    centres = mel_centres_hz(bands, 20.0, sample_rate / 2)
    low = (centres < BASS_LEVEL_HZ).float()
    nearest = [int((centres - hz).abs().argmin()) for hz in RESTING_HZ]
    return torch.cat([(low / low.sum())[None], torch.eye(bands)[nearest]])


def _exact(a: Tensor, b: Tensor) -> Tensor:
    """Product in float32 in any case: steps of 0.03 nepers between frames would be heard in a sine."""
    with torch.autocast(a.device.type, enabled=False):
        return a.float() @ b.float()


def _sum_of_powers(gain: Tensor) -> Tensor:
    tone, noise = gain.chunk(2, dim=1)
    return 0.5 * torch.logaddexp(2.0 * tone, 2.0 * noise)


def _to_nepers(powers: Tensor, frames: int) -> Tensor:
    return 0.5 * torch.log(powers.unflatten(-1, (frames, -1)).mean(-1) + math.exp(2.0 * FLOOR_NEPERS))

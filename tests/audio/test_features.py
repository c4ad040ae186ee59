from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from creativeml.audio.features import (
    MelConfig,
    MelSpectrogram,
    griffin_lim,
    istft,
    log1p_mel,
    mel_to_magnitude,
    stft,
)
from creativeml.errors import CreativeMLError

pytest.importorskip("torchaudio")
RATE = 44100


def drums(samples: int = 32768) -> torch.Tensor:
    """Kick, snare and hat (3, samples) that begin at full strength and die away."""
    time = torch.arange(samples, dtype=torch.float64) / RATE
    noise = torch.rand(samples, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2 - 1
    kick = torch.sin(2 * math.pi * 55 * time + 6 * torch.exp(-40 * time)) * torch.exp(-9 * time)
    snare = (0.6 * torch.sin(2 * math.pi * 190 * time) + 0.4 * noise) * torch.exp(-18 * time)
    hat = torch.diff(noise, prepend=torch.zeros(1)) * torch.exp(-50 * time) * 0.5
    return torch.stack([kick, snare, hat]).float() * 0.9


@pytest.mark.parametrize("samples", [4096, 5000, 512, 32768])
def test_istft_undoes_stft(samples):
    sounds = torch.rand(2, 3, samples, generator=torch.Generator().manual_seed(1)) - 0.5
    window = torch.hann_window(1024)
    spectrum = stft(sounds, window, 256)
    assert spectrum.shape == (2, 3, 513, math.ceil(samples / 256))
    rebuilt = istft(spectrum, window, 256, samples)
    # The last hop is missing the frame centred on the end.
    kept = samples - 512
    assert torch.allclose(rebuilt[..., :kept], sounds[..., :kept], atol=1e-5)
    assert rebuilt.shape == sounds.shape


def test_mel_agrees_with_librosa():
    librosa = pytest.importorskip("librosa")
    config = MelConfig()
    sounds = drums()
    reference = np.log1p(
        librosa.feature.melspectrogram(
            y=sounds.numpy(),
            sr=RATE,
            n_fft=config.window_samples,
            hop_length=config.hop_samples,
            power=1.0,
            n_mels=config.bands,
            fmin=config.low_hz,
            fmax=config.high_hz,
            norm=None,
            pad_mode="constant",
        )
    )
    found = MelSpectrogram(config)(sounds)
    assert found.shape == (3, 128, 64) == (3, config.bands, config.frames(32768))
    assert np.abs(found.numpy() - reference[..., :64]).max() < 1e-4


def test_module_is_the_function_for_any_leading_shape():
    spectrogram = MelSpectrogram(MelConfig(bands=64))
    sounds = drums(8192)
    batch = spectrogram(sounds)
    nested = spectrogram(sounds.reshape(3, 1, 1, 8192))
    assert torch.allclose(batch, nested[:, 0, 0]) and nested.shape == (3, 1, 1, 64, 16)
    assert torch.allclose(batch[1], spectrogram(sounds[1]), atol=1e-5)
    direct = log1p_mel(sounds, spectrogram.window, spectrogram.filters, 512)
    assert torch.equal(batch, direct)


def test_silence_is_zero_and_gradients_are_finite_there():
    spectrogram = MelSpectrogram()
    silence = torch.zeros(1, 4096, requires_grad=True)
    mel = spectrogram(silence)
    assert not mel.any()
    mel.sum().backward()
    assert torch.isfinite(silence.grad).all()


def test_magnitudes_have_the_mel_they_were_made_from():
    spectrogram = MelSpectrogram()
    mel = spectrogram(drums())
    magnitude = mel_to_magnitude(mel, spectrogram.filters)
    assert magnitude.shape == (3, 1025, 64) and (magnitude >= 0).all()
    again = torch.log1p(spectrogram.filters @ magnitude)
    assert (again - mel).abs().mean() < 0.002
    assert (again - mel).abs().max() < 0.2


def test_drums_survive_the_way_to_mel_and_back():
    spectrogram = MelSpectrogram()
    sounds = drums()
    mel = spectrogram(sounds)
    rebuilt = spectrogram.to_sound(mel, 32768)
    assert rebuilt.shape == sounds.shape and torch.isfinite(rebuilt).all()
    error = (spectrogram(rebuilt) - mel).abs().mean((1, 2)) / mel.mean((1, 2))
    assert error.max() < 0.12
    # The onset must stay sharp: the energy centre of the first 50 ms moves by less than 5 ms.
    time = torch.arange(2205) / RATE
    centres = [(time * s[:, :2205] ** 2).sum(1) / (s[:, :2205] ** 2).sum(1) for s in (sounds, rebuilt)]
    assert (centres[0] - centres[1]).abs().max() < 0.005


def test_griffin_lim_improves_with_iterations_and_is_deterministic():
    window = torch.hann_window(1024)
    magnitude = stft(drums(16384), window, 256).abs()

    def error(iterations: int) -> float:
        rebuilt = griffin_lim(magnitude, window, 256, 16384, iterations)
        return float((stft(rebuilt, window, 256).abs() - magnitude).norm() / magnitude.norm())

    assert error(40) < 0.5 * error(0)
    assert error(5) == error(5)


def test_wrong_settings_are_explained():
    with pytest.raises(CreativeMLError, match="high_hz <= 8000 Hz"):
        MelConfig(sample_rate=16000)
    with pytest.raises(CreativeMLError, match="hop of at most half its window"):
        MelConfig(hop_samples=2000)
    with pytest.raises(CreativeMLError, match="use fewer bands"):
        MelSpectrogram(MelConfig(window_samples=512, hop_samples=128))
    with pytest.raises(CreativeMLError, match="16 frames are needed"):
        MelSpectrogram().to_sound(torch.zeros(128, 10), 8192)

"""Configurations of autoencoders small enough for a test, on the sounds of 8,192 samples of `conftest`."""

from creativeml.models.autoencoders.drum_vae import DrumVAEConfig
from creativeml.models.autoencoders.wave_vae import WaveVAEConfig
from creativeml.models.gans.critics import CriticConfig, SpectralView
from creativeml.training.drum_vae import VAETrainingConfig
from creativeml.training.wave_vae import WaveVAETrainingConfig


def small_wave_vae(pretrain_steps: int, game_from: int) -> WaveVAETrainingConfig:
    """Of the waveform autoencoder, its phases within a few steps."""
    shape = WaveVAEConfig(
        kinds=("kick", "snare"),
        length_samples=8192,
        global_dim=8,
        frame_dim=2,
        encoder_channels=(8, 12, 16, 16),
        hidden_dim=32,
        style_dim=32,
        channels=(32, 24),
        modes=8,
    )
    critic = CriticConfig(
        2, views=(SpectralView(512, 128, 32, 64),), spectral_channels=(8, 8), wave_channels=(8, 8), feature_dim=16
    )
    steps = {"pretrain_steps": pretrain_steps, "game_from": game_from}
    return WaveVAETrainingConfig(shape, critic, batch_size=4, ema_sounds=40, seed=5, **steps)


def small_drum_vae() -> VAETrainingConfig:
    """Of the variational autoencoder."""
    shape = DrumVAEConfig(
        kinds=("kick", "snare"),
        length_samples=8192,
        latent_dim=8,
        window_samples=512,
        hop_samples=128,
        channels=(32, 24, 16),
        patch=4,
    )
    return VAETrainingConfig(shape, batch_size=4, ema_sounds=40, seed=5)

"""Every network of the library, by name: `list()`, `build(name, **overrides)`, `from_pretrained(folder)`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from creativeml.models.checkpoint import from_pretrained, save_pretrained
from creativeml.models.registry import build, list, register

if TYPE_CHECKING:
    from creativeml.models.autoencoders.autoencoder import (
        Autoencoder,
        AutoencoderConfig,
        CodeClassifier,
        CodeClassifierConfig,
    )
    from creativeml.models.autoencoders.conv_autoencoder import ConvAutoencoder, ConvAutoencoderConfig
    from creativeml.models.autoencoders.drum_vae import DrumVAE, DrumVAEConfig
    from creativeml.models.autoencoders.vae import VAE, VAEConfig
    from creativeml.models.classifiers.drum_classifier import DrumClassifier, DrumClassifierConfig
    from creativeml.models.flows.glow import Glow, GlowConfig
    from creativeml.models.flows.nice import NICE, NICEConfig
    from creativeml.models.gans.dcgan import DCGAN, DCGANConfig
    from creativeml.models.gans.encoder import SoundEncoder, SoundEncoderConfig
    from creativeml.models.gans.pix2pix import Pix2Pix, Pix2PixConfig
    from creativeml.models.gans.spectral_gan import SpectralGAN, SpectralGANConfig
    from creativeml.models.gans.style_wavegan import StyleWaveGAN, StyleWaveGANConfig
    from creativeml.models.gans.wavegan import WaveGAN, WaveGANConfig

# Classes are imported on first use, for a short start.
_HOMES = {
    "DCGAN": "gans.dcgan",
    "DCGANConfig": "gans.dcgan",
    "Pix2Pix": "gans.pix2pix",
    "Pix2PixConfig": "gans.pix2pix",
    "SoundEncoder": "gans.encoder",
    "SoundEncoderConfig": "gans.encoder",
    "StyleWaveGAN": "gans.style_wavegan",
    "StyleWaveGANConfig": "gans.style_wavegan",
    "SpectralGAN": "gans.spectral_gan",
    "SpectralGANConfig": "gans.spectral_gan",
    "DrumVAE": "autoencoders.drum_vae",
    "DrumVAEConfig": "autoencoders.drum_vae",
    "WaveGAN": "gans.wavegan",
    "WaveGANConfig": "gans.wavegan",
    "DrumClassifier": "classifiers.drum_classifier",
    "DrumClassifierConfig": "classifiers.drum_classifier",
    "Autoencoder": "autoencoders.autoencoder",
    "AutoencoderConfig": "autoencoders.autoencoder",
    "CodeClassifier": "autoencoders.autoencoder",
    "CodeClassifierConfig": "autoencoders.autoencoder",
    "ConvAutoencoder": "autoencoders.conv_autoencoder",
    "ConvAutoencoderConfig": "autoencoders.conv_autoencoder",
    "VAE": "autoencoders.vae",
    "VAEConfig": "autoencoders.vae",
    "Glow": "flows.glow",
    "GlowConfig": "flows.glow",
    "NICE": "flows.nice",
    "NICEConfig": "flows.nice",
}

__all__ = [
    "DCGAN",
    "NICE",
    "VAE",
    "Autoencoder",
    "AutoencoderConfig",
    "CodeClassifier",
    "CodeClassifierConfig",
    "ConvAutoencoder",
    "ConvAutoencoderConfig",
    "DCGANConfig",
    "DrumClassifier",
    "DrumClassifierConfig",
    "DrumVAE",
    "DrumVAEConfig",
    "Glow",
    "GlowConfig",
    "NICEConfig",
    "Pix2Pix",
    "Pix2PixConfig",
    "SoundEncoder",
    "SoundEncoderConfig",
    "SpectralGAN",
    "SpectralGANConfig",
    "StyleWaveGAN",
    "StyleWaveGANConfig",
    "VAEConfig",
    "WaveGAN",
    "WaveGANConfig",
    "build",
    "from_pretrained",
    "list",
    "register",
    "save_pretrained",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"creativeml.models.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'creativeml.models' has no attribute '{name}'")

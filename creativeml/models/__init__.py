"""Every network of the library, by name: `list()`, `build(name, **overrides)`, `from_pretrained(folder)`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from creativeml.models.checkpoint import from_pretrained, save_pretrained
from creativeml.models.registry import build, list, register

if TYPE_CHECKING:
    from creativeml.models.autoencoders.drum_vae import DrumVAE, DrumVAEConfig
    from creativeml.models.autoencoders.unet import UNet, UNetConfig
    from creativeml.models.classifiers.alexnet import AlexNet, AlexNetConfig
    from creativeml.models.classifiers.drum_classifier import DrumClassifier, DrumClassifierConfig
    from creativeml.models.classifiers.hierarchical_attention import HierarchicalAttention, HierarchicalAttentionConfig
    from creativeml.models.classifiers.lenet import LeNet, LeNetConfig
    from creativeml.models.classifiers.mlp import MLP, MLPConfig
    from creativeml.models.classifiers.recurrent import RecurrentClassifier, RecurrentClassifierConfig
    from creativeml.models.classifiers.resnet import ResNet, ResNetConfig
    from creativeml.models.classifiers.tcn import TCN, TCNConfig
    from creativeml.models.classifiers.transformer import TransformerClassifier, TransformerClassifierConfig
    from creativeml.models.classifiers.vgg import VGG, VGGConfig
    from creativeml.models.gans.encoder import SoundEncoder, SoundEncoderConfig
    from creativeml.models.gans.spectral_gan import SpectralGAN, SpectralGANConfig
    from creativeml.models.gans.style_wavegan import StyleWaveGAN, StyleWaveGANConfig
    from creativeml.models.gans.wavegan import WaveGAN, WaveGANConfig
    from creativeml.models.transformers.transformer import Transformer, TransformerConfig

# Classes are imported on first use, for a short start.
_HOMES = {
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
    "MLP": "classifiers.mlp",
    "MLPConfig": "classifiers.mlp",
    "LeNet": "classifiers.lenet",
    "LeNetConfig": "classifiers.lenet",
    "AlexNet": "classifiers.alexnet",
    "AlexNetConfig": "classifiers.alexnet",
    "VGG": "classifiers.vgg",
    "VGGConfig": "classifiers.vgg",
    "ResNet": "classifiers.resnet",
    "ResNetConfig": "classifiers.resnet",
    "TCN": "classifiers.tcn",
    "TCNConfig": "classifiers.tcn",
    "RecurrentClassifier": "classifiers.recurrent",
    "RecurrentClassifierConfig": "classifiers.recurrent",
    "HierarchicalAttention": "classifiers.hierarchical_attention",
    "HierarchicalAttentionConfig": "classifiers.hierarchical_attention",
    "TransformerClassifier": "classifiers.transformer",
    "TransformerClassifierConfig": "classifiers.transformer",
    "Transformer": "transformers.transformer",
    "TransformerConfig": "transformers.transformer",
    "UNet": "autoencoders.unet",
    "UNetConfig": "autoencoders.unet",
}

__all__ = [
    "MLP",
    "TCN",
    "VGG",
    "AlexNet",
    "AlexNetConfig",
    "DrumClassifier",
    "DrumClassifierConfig",
    "DrumVAE",
    "DrumVAEConfig",
    "HierarchicalAttention",
    "HierarchicalAttentionConfig",
    "LeNet",
    "LeNetConfig",
    "MLPConfig",
    "RecurrentClassifier",
    "RecurrentClassifierConfig",
    "ResNet",
    "ResNetConfig",
    "SoundEncoder",
    "SoundEncoderConfig",
    "SpectralGAN",
    "SpectralGANConfig",
    "StyleWaveGAN",
    "StyleWaveGANConfig",
    "TCNConfig",
    "Transformer",
    "TransformerClassifier",
    "TransformerClassifierConfig",
    "TransformerConfig",
    "UNet",
    "UNetConfig",
    "VGGConfig",
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

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
    from creativeml.models.autoencoders.mel_vae import MelVAE, MelVAEConfig
    from creativeml.models.autoencoders.unet import UNet, UNetConfig
    from creativeml.models.autoencoders.vae import VAE, VAEConfig
    from creativeml.models.autoencoders.wave_vae import WaveVAE, WaveVAEConfig
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
    from creativeml.models.clustering.deep_cluster import DeepCluster, DeepClusterConfig
    from creativeml.models.embeddings.word2vec import Word2Vec, Word2VecConfig
    from creativeml.models.flows.glow import Glow, GlowConfig
    from creativeml.models.flows.nice import NICE, NICEConfig
    from creativeml.models.gans.dcgan import DCGAN, DCGANConfig
    from creativeml.models.gans.encoder import SoundEncoder, SoundEncoderConfig
    from creativeml.models.gans.pix2pix import Pix2Pix, Pix2PixConfig
    from creativeml.models.gans.spectral_gan import SpectralGAN, SpectralGANConfig
    from creativeml.models.gans.style_wavegan import StyleWaveGAN, StyleWaveGANConfig
    from creativeml.models.gans.wavegan import WaveGAN, WaveGANConfig
    from creativeml.models.separation.deep_clustering import DeepClustering, DeepClusteringConfig
    from creativeml.models.transformers.transformer import Transformer, TransformerConfig

# Classes are imported on first use, for a short start.
_HOMES = {
    "Autoencoder": "autoencoders.autoencoder",
    "AutoencoderConfig": "autoencoders.autoencoder",
    "CodeClassifier": "autoencoders.autoencoder",
    "CodeClassifierConfig": "autoencoders.autoencoder",
    "ConvAutoencoder": "autoencoders.conv_autoencoder",
    "ConvAutoencoderConfig": "autoencoders.conv_autoencoder",
    "DrumVAE": "autoencoders.drum_vae",
    "DrumVAEConfig": "autoencoders.drum_vae",
    "MelVAE": "autoencoders.mel_vae",
    "MelVAEConfig": "autoencoders.mel_vae",
    "UNet": "autoencoders.unet",
    "UNetConfig": "autoencoders.unet",
    "VAE": "autoencoders.vae",
    "VAEConfig": "autoencoders.vae",
    "WaveVAE": "autoencoders.wave_vae",
    "WaveVAEConfig": "autoencoders.wave_vae",
    "AlexNet": "classifiers.alexnet",
    "AlexNetConfig": "classifiers.alexnet",
    "DrumClassifier": "classifiers.drum_classifier",
    "DrumClassifierConfig": "classifiers.drum_classifier",
    "HierarchicalAttention": "classifiers.hierarchical_attention",
    "HierarchicalAttentionConfig": "classifiers.hierarchical_attention",
    "LeNet": "classifiers.lenet",
    "LeNetConfig": "classifiers.lenet",
    "MLP": "classifiers.mlp",
    "MLPConfig": "classifiers.mlp",
    "RecurrentClassifier": "classifiers.recurrent",
    "RecurrentClassifierConfig": "classifiers.recurrent",
    "ResNet": "classifiers.resnet",
    "ResNetConfig": "classifiers.resnet",
    "TCN": "classifiers.tcn",
    "TCNConfig": "classifiers.tcn",
    "TransformerClassifier": "classifiers.transformer",
    "TransformerClassifierConfig": "classifiers.transformer",
    "VGG": "classifiers.vgg",
    "VGGConfig": "classifiers.vgg",
    "DeepCluster": "clustering.deep_cluster",
    "DeepClusterConfig": "clustering.deep_cluster",
    "Word2Vec": "embeddings.word2vec",
    "Word2VecConfig": "embeddings.word2vec",
    "Glow": "flows.glow",
    "GlowConfig": "flows.glow",
    "NICE": "flows.nice",
    "NICEConfig": "flows.nice",
    "DCGAN": "gans.dcgan",
    "DCGANConfig": "gans.dcgan",
    "SoundEncoder": "gans.encoder",
    "SoundEncoderConfig": "gans.encoder",
    "Pix2Pix": "gans.pix2pix",
    "Pix2PixConfig": "gans.pix2pix",
    "SpectralGAN": "gans.spectral_gan",
    "SpectralGANConfig": "gans.spectral_gan",
    "StyleWaveGAN": "gans.style_wavegan",
    "StyleWaveGANConfig": "gans.style_wavegan",
    "WaveGAN": "gans.wavegan",
    "WaveGANConfig": "gans.wavegan",
    "DeepClustering": "separation.deep_clustering",
    "DeepClusteringConfig": "separation.deep_clustering",
    "Transformer": "transformers.transformer",
    "TransformerConfig": "transformers.transformer",
}

__all__ = [
    "DCGAN",
    "MLP",
    "NICE",
    "TCN",
    "VAE",
    "VGG",
    "AlexNet",
    "AlexNetConfig",
    "Autoencoder",
    "AutoencoderConfig",
    "CodeClassifier",
    "CodeClassifierConfig",
    "ConvAutoencoder",
    "ConvAutoencoderConfig",
    "DCGANConfig",
    "DeepCluster",
    "DeepClusterConfig",
    "DeepClustering",
    "DeepClusteringConfig",
    "DrumClassifier",
    "DrumClassifierConfig",
    "DrumVAE",
    "DrumVAEConfig",
    "Glow",
    "GlowConfig",
    "HierarchicalAttention",
    "HierarchicalAttentionConfig",
    "LeNet",
    "LeNetConfig",
    "MLPConfig",
    "MelVAE",
    "MelVAEConfig",
    "NICEConfig",
    "Pix2Pix",
    "Pix2PixConfig",
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
    "VAEConfig",
    "VGGConfig",
    "WaveGAN",
    "WaveGANConfig",
    "WaveVAE",
    "WaveVAEConfig",
    "Word2Vec",
    "Word2VecConfig",
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

"""Small real configurations of the registry's models, and what to call each with: for the contract that all must keep.

`TINY`: name → (fields that differ from the default, function of the batch size that gives the arguments of `forward`).
Files `tiny_*.py` beside this one hold those of other families.
"""

from collections.abc import Callable

import torch
from torch import Tensor

KINDS = ["kick", "snare"]
PICTURE = {"kinds": KINDS, "length_samples": 4096, "latent_dim": 4, "window_samples": 256, "hop_samples": 64}


def latent_and_condition(latent_dim: int, condition_dim: int) -> Callable[[int], tuple[Tensor, ...]]:
    def inputs(batch: int) -> tuple[Tensor, ...]:
        return torch.randn(batch, latent_dim), torch.eye(condition_dim)[torch.arange(batch) % condition_dim]

    return inputs


def sounds(samples: int) -> Callable[[int], tuple[Tensor, ...]]:
    return lambda batch: (torch.randn(batch, samples) * torch.exp(-torch.arange(samples) / 2e3),)


TINY: dict[str, tuple[dict, Callable[[int], tuple[Tensor, ...]]]] = {
    "style_wavegan": (
        {"kinds": KINDS, "length_samples": 8192, "latent_dim": 4, "style_dim": 8, "channels": [8, 8], "modes": 4},
        latent_and_condition(4, 2),
    ),
    "wavegan": ({"kinds": KINDS, "channels": 2, "latent_dim": 4}, latent_and_condition(4, 2)),
    "spectral_gan": ({**PICTURE, "channels": [8, 4]}, latent_and_condition(4, 2)),
    "drum_vae": ({**PICTURE, "channels": [8, 4]}, latent_and_condition(4, 2)),
    "wave_vae": (
        {
            "kinds": KINDS,
            "length_samples": 8192,
            "global_dim": 4,
            "frame_dim": 2,
            "encoder_channels": [4, 4, 4, 4],
            "hidden_dim": 8,
            "style_dim": 8,
            "start_frames": 32,
            "channels": [8, 8],
            "modes": 4,
        },
        lambda batch: (*latent_and_condition(4 + 2 * 32, 2)(batch), *sounds(8192)(batch)),
    ),
    "mel_vae": (
        {"bands": 16, "frames": 16, "latent_dim": 2, "channels": [4, 4], "hidden_dim": 4},
        lambda batch: (3.0 * torch.rand(batch, 16, 16), torch.randn(batch, 2)),
    ),
    "sound_encoder": (
        {"latent_dim": 4, "condition_dim": 2, "sample_rate": 44100, "length_samples": 8192},
        lambda batch: (sounds(8192)(batch)[0], torch.eye(2)[torch.arange(batch) % 2]),
    ),
    "drum_classifier": (
        {
            "kinds": KINDS,
            "length_samples": 16384,
            "channels": [4, 4],
            "close_up_channels": [4],
            "spectrum_channels": [4],
            "members": 2,
            "embedding_dim": 4,
        },
        sounds(16384),
    ),
}

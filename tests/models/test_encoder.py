"""The encoder of a generator: a network of the registry like any other."""

import torch

from creativeml import models
from creativeml.models.gans.encoder import SoundEncoder, SoundEncoderConfig

SMALL = SoundEncoderConfig(latent_dim=8, condition_dim=2, length_samples=8192, channels=(4, 8, 8, 8, 8))


def test_it_gives_a_distribution_per_sound_that_depends_on_sound_and_condition():
    torch.manual_seed(0)
    encoder = SoundEncoder(SMALL)
    sound = 0.3 * torch.randn(1, 8192)
    mean, log_variance = encoder(torch.cat([sound, sound, sound.cumsum(1)]), torch.eye(2)[[0, 1, 0]])
    assert mean.shape == log_variance.shape == (3, 8)
    to_another_kind, to_another_sound = (mean[0] - mean[1:]).abs().amax(1).tolist()
    assert to_another_kind > 1e-4 and to_another_sound > 1e-4


def test_it_is_saved_and_loaded_by_the_registry(tmp_path):
    torch.manual_seed(0)
    encoder = SoundEncoder(SMALL)
    models.save_pretrained(encoder, tmp_path)
    again = models.from_pretrained(tmp_path)
    assert isinstance(again, SoundEncoder) and again.config == SMALL
    sounds, kinds = 0.3 * torch.randn(2, 8192), torch.eye(2)
    for ours, theirs in zip(encoder(sounds, kinds), again(sounds, kinds), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0)

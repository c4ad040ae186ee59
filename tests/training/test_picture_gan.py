"""Pictures of real drums: the DCGAN comes to draw the like, pix2pix to make them of what is left after blurring."""

import json

import pytest
import torch
import torch.nn.functional as F

from creativeml.audio.pictures import log_mel_pictures
from creativeml.models.gans.dcgan import DCGAN, DCGANConfig, DCGANDiscriminator
from creativeml.models.gans.pix2pix import PatchDiscriminator, Pix2Pix, Pix2PixConfig
from creativeml.training.minibatches import LoopConfig
from creativeml.training.picture_gan import (
    PictureGANConfig,
    discriminator_terms,
    generator_terms,
    train_dcgan,
    train_pix2pix,
)

SMALL = DCGANConfig(height=16, width=16, latent_dim=16, channels=16, levels=2)


@pytest.fixture(scope="module")
def pictures(drum_recordings):
    """`(n, 1, 16, 16)` of the starter pack."""
    return log_mel_pictures(drum_recordings.sounds, 44100, bands=16, frames=16)


def dcgan(seed=0):
    torch.manual_seed(seed)
    return DCGAN(SMALL), DCGANDiscriminator(SMALL)


def test_pictures_are_levels_of_bands_and_frames():
    time = torch.arange(16384) / 44100
    sounds = torch.stack([torch.sin(2 * torch.pi * 1000.0 * time), torch.zeros(16384)])
    loud, silent = log_mel_pictures(sounds, 44100, bands=32, frames=16)
    assert loud.shape == (1, 32, 16) and torch.equal(silent, -torch.ones(1, 32, 16))
    band = loud[0].mean(1).argmax()
    assert loud[0, band, 4:12].min() > 0.7 and loud[0, 0, 4:12].max() < 0.0
    assert log_mel_pictures(sounds[:, :16001], 44100, bands=32, frames=16).shape == (2, 1, 32, 16)


def test_terms_are_binary_cross_entropies_and_the_drawn_get_no_gradient_from_the_discriminator():
    torch.manual_seed(0)
    judge = torch.nn.Linear(4, 1)
    real, drawn = torch.randn(5, 4), torch.randn(5, 4, requires_grad=True)
    terms = discriminator_terms(judge, real, drawn)
    bce = F.binary_cross_entropy_with_logits
    torch.testing.assert_close(terms["real"], bce(judge(real), torch.ones(5, 1)))
    torch.testing.assert_close(terms["drawn"], bce(judge(drawn), torch.zeros(5, 1)))
    sum(terms.values()).backward()
    assert drawn.grad is None
    torch.testing.assert_close(generator_terms(judge, drawn)["generator"], bce(judge(drawn), torch.ones(5, 1)))


def test_dcgan_comes_to_draw_pictures_like_those_of_drums(pictures):
    generator, discriminator = dcgan()
    latent = torch.randn(200, 16, generator=torch.Generator().manual_seed(9))
    config = PictureGANConfig(LoopConfig(steps=250, batch_size=32, learning_rate=1e-3))

    def away():
        drawn = generator.eval()(latent).detach()
        mean = (drawn.mean(0) - pictures.mean(0)).abs().mean()
        return float(mean), float(drawn.std(0).mean())

    before, _ = away()
    train_dcgan(generator, discriminator, pictures, config)
    after, variety = away()
    assert after < 0.5 * before
    assert variety > 0.3 * float(pictures.std(0).mean()), "not one picture for all latents"


def test_a_resumed_game_ends_with_the_very_weights(pictures, tmp_path):
    def run(steps, folder, resume=False):
        networks = dcgan(3)
        loop = LoopConfig(steps=steps, batch_size=8, learning_rate=2e-4, validate_every=3)
        history = train_dcgan(*networks, pictures, PictureGANConfig(loop), folder=folder, resume=resume)
        return history, [value for network in networks for value in network.state_dict().values()]

    expected, whole = run(12, tmp_path / "whole")
    run(6, tmp_path / "halves")
    history, halves = run(12, tmp_path / "halves", resume=True)
    assert history == expected and all(torch.equal(a, b) for a, b in zip(whole, halves, strict=True))
    log = (tmp_path / "whole" / "log.jsonl").read_text()
    assert {"real", "drawn", "generator"} <= set(json.loads(log.splitlines()[0]))


def test_the_generators_step_computes_no_gradients_of_the_discriminator(pictures):
    """After a step its gradients are those of its own terms, and it learns on."""
    generator, discriminator = dcgan()
    found, kept = [], [p.detach().clone() for p in discriminator.parameters()]
    discriminator.register_forward_pre_hook(lambda network, _: found.append(network.layers[0].weight.requires_grad))
    loop = LoopConfig(steps=2, batch_size=8)
    train_dcgan(generator, discriminator, pictures, PictureGANConfig(loop))
    assert found == [True, True, False] * 2
    assert all(p.requires_grad for p in discriminator.parameters())
    assert not any(torch.equal(p, before) for p, before in zip(discriminator.parameters(), kept, strict=True))


def test_pix2pix_makes_sharp_pictures_of_unheard_drums_from_blurred_ones(pictures, drum_recordings):
    known, unheard = drum_recordings.split()
    blurred = F.interpolate(F.avg_pool2d(pictures, 4), scale_factor=4, mode="nearest")
    torch.manual_seed(0)
    shape = Pix2PixConfig(channels=16, depth=3, patch_levels=1, dropout=0.0)
    generator, discriminator = Pix2Pix(shape), PatchDiscriminator(shape)
    loop = LoopConfig(steps=120, batch_size=16, learning_rate=1e-3, validate_every=40)
    learnt, held_out = (blurred[known], pictures[known]), (blurred[unheard], pictures[unheard])
    history = train_pix2pix(generator, discriminator, learnt, PictureGANConfig(loop), validation=held_out)
    distance = float(F.l1_loss(generator(held_out[0]), held_out[1]).detach())
    assert distance == pytest.approx(min(history.validation), rel=1e-5)
    assert distance < 0.8 * float(F.l1_loss(*held_out))


def test_a_small_set_is_learnt_by_heart(pictures):
    torch.manual_seed(0)
    shape = Pix2PixConfig(channels=16, depth=3, patch_levels=1, dropout=0.0)
    generator, discriminator = Pix2Pix(shape), PatchDiscriminator(shape)
    noise = torch.randn(len(pictures), 1, 16, 16)
    loop = LoopConfig(steps=120, batch_size=4, learning_rate=2e-3, overfit=4)
    train_pix2pix(generator, discriminator, (noise, pictures), PictureGANConfig(loop))
    generator.train()
    assert float(F.l1_loss(generator(noise[:4]), pictures[:4]).detach()) < 0.1
    assert float(F.l1_loss(generator(noise[4:8]), pictures[4:8]).detach()) > 0.2

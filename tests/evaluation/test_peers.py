"""The untrained peers have the published sizes, can be played, and nothing in them is idle."""

import pytest
import torch

from creativeml.evaluation.cost import macs, parameter_count, play_model
from creativeml.evaluation.peers import PEERS, RaveV2Decoder
from creativeml.synthesis.generate import SoundModel

# Millions of parameters and GFLOP a sound of networks of these shapes, counted in another program.
COUNTED = {"1-D StyleGAN2": (19.3, 9.4), "RAVE v2 decoder": (15.5, 4.8)}


@pytest.fixture(scope="module", params=sorted(PEERS))
def peer(request):
    torch.manual_seed(0)
    return request.param, PEERS[request.param]().eval()


def test_sizes_and_work(peer):
    name, model = peer
    parameters, gflop = COUNTED[name]
    assert parameter_count(model) / 1e6 == pytest.approx(parameters, rel=0.02)
    assert 2 * macs(model) / 1e9 == pytest.approx(gflop, rel=0.02)


def test_they_are_played_like_the_models_here(peer):
    _, model = peer
    assert isinstance(model, SoundModel)
    sounds = play_model(model, 2)
    assert sounds.shape == (2, 65536) and bool(sounds.isfinite().all())
    assert 0.01 < float(sounds.std()) < 10 and not torch.equal(sounds[0], sounds[1])


def test_every_weight_has_a_part_in_the_sound(peer):
    _, model = peer
    condition = model.condition_for(["kick"])
    latent = torch.randn(1, model.config.latent_dim)
    model(latent, condition).square().mean().backward()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not bool(p.grad.any())]
    assert idle == []


def test_one_latent_frame_of_the_decoder_reaches_only_its_surroundings():
    """32 frames of 2,048 samples: what is changed in the last one leaves the first quarter alone."""
    torch.manual_seed(0)
    model = RaveV2Decoder().eval()
    latent = torch.randn(1, model.config.latent_dim)
    changed = latent.unflatten(1, (model.LATENT_DIM, model.FRAMES)).clone()
    changed[..., -1] += 1.0
    with torch.no_grad():
        before, after = model(latent, latent), model(changed.flatten(1), latent)
    difference = (after - before).abs()[0]
    assert float(difference[: 65536 // 4].max()) == 0.0 and float(difference[-2048:].max()) > 1e-4

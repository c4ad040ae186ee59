"""The waveform autoencoder: what its latents say, what is known of their kinds, and what it borrows."""

import math

import pytest
import torch

import creativeml
from creativeml.errors import CreativeMLError
from creativeml.models.autoencoders.wave_vae import WaveVAE, WaveVAEConfig, borrow
from creativeml.synthesis.generate import SoundModel

SMALL = WaveVAEConfig(
    kinds=("kick", "snare"),
    length_samples=8192,
    global_dim=4,
    frame_dim=2,
    encoder_channels=(4, 4, 4, 4),
    hidden_dim=8,
    style_dim=8,
    channels=(8, 8),
    modes=4,
)


def small() -> WaveVAE:
    torch.manual_seed(0)
    model = WaveVAE(SMALL)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return model.eval()


def noise_of(model: WaveVAE, batch: int = 1) -> list[torch.Tensor]:
    return [torch.randn(batch, *shape) for shape in model.noise_shapes()]


def test_it_is_played_like_any_model_of_sounds():
    model = small()
    assert isinstance(model, SoundModel)
    condition = model.condition_for(["snare", {"kick": 0.5, "snare": 0.5}])
    assert condition.tolist() == [[0, 1], [0.5, 0.5]]
    sounds = model(torch.randn(2, SMALL.latent_dim), condition)
    assert sounds.shape == (2, 8192) and bool(torch.isfinite(sounds).all())
    with pytest.raises(CreativeMLError, match="gong"):
        model.condition_for(["gong"])


def test_an_entry_of_the_sequence_changes_the_sound_where_its_frame_is():
    """The frames of the head are 128 samples apart, those of the sequence 256: what is far from a frame stays."""
    model, noise = small(), None
    latents = torch.zeros(1, SMALL.latent_dim)
    noise = noise_of(model)
    with torch.no_grad():
        before = model.decode(latents, noise)
        for frame in (4, 20):
            moved = latents.clone()
            moved[0, SMALL.global_dim + frame * SMALL.frame_dim] = 3.0
            change = (model.decode(moved, noise) - before).abs()[0].unflatten(0, (32, 256)).amax(1)
            assert abs(int(change.argmax()) - frame) <= 2
            far = change[[n for n in range(32) if abs(n - frame) > 9]]
            assert float(far.max()) < 0.02 * float(change.max())


def test_the_encoder_gives_the_vector_then_the_sequence_in_order_of_time():
    """A click late in the sound moves the late entries of the sequence; the early ones stay."""
    model = small()
    silent, clicked = torch.zeros(1, 8192), torch.zeros(1, 8192)
    clicked[0, 6144] = 0.9
    with torch.no_grad():
        change = (model.encode(clicked)[0] - model.encode(silent)[0]).abs()[0]
    sequence = change[SMALL.global_dim :].unflatten(0, (32, 2)).amax(1)
    assert abs(int(sequence.argmax()) - 24) <= 2
    assert float(sequence[:16].max()) < 1e-5
    assert float(change[: SMALL.global_dim].max()) > 1e-4


def test_drawn_latents_have_the_mean_and_covariance_that_recordings_of_the_kind_had():
    model = small()
    random = torch.Generator().manual_seed(1)
    dim, count = SMALL.latent_dim, 40_000
    mixing = torch.randn(dim, dim, generator=random) / math.sqrt(dim)
    means = torch.randn(2 * count, dim, generator=random) @ mixing.T
    labels = torch.arange(2 * count) % 2
    means[labels == 1] += 3.0
    log_variances = torch.full_like(means, math.log(0.25))
    model.fit_prior(means, log_variances, labels)
    drawn = model.place(torch.randn(20_000, dim, generator=random), model.condition_for(["snare"]).expand(20_000, -1))
    torch.testing.assert_close(drawn.mean(0), torch.full((dim,), 3.0), atol=0.05, rtol=0)
    wanted = mixing @ mixing.T + 0.25 * torch.eye(dim)
    torch.testing.assert_close(drawn.T.cov(), wanted, atol=0.1, rtol=0)
    still = model.place(torch.randn(3, dim), model.condition_for(["snare"]).expand(3, -1), truncation=0.0)
    torch.testing.assert_close(still, model.prior_mean[1].expand(3, -1))


def test_of_few_recordings_only_the_reach_of_each_entry_is_known():
    """Two recordings span a line; latents drawn for them must not be bound to it."""
    model = small()
    random = torch.Generator().manual_seed(2)
    means = torch.randn(200, SMALL.latent_dim, generator=random)
    labels = torch.zeros(200, dtype=torch.long)
    labels[:2] = 1
    model.fit_prior(means, torch.full_like(means, -6.0), labels)
    condition = model.condition_for(["snare"]).expand(4000, -1)
    spread = model.place(torch.randn(4000, SMALL.latent_dim, generator=random), condition).std(0)
    assert float(spread.min()) > 0.5 and float(spread.max()) < 1.5


def test_a_kind_without_recordings_gets_what_all_have():
    model = small()
    means = torch.randn(50, SMALL.latent_dim)
    model.fit_prior(means, torch.full_like(means, -4.0), torch.zeros(50, dtype=torch.long))
    torch.testing.assert_close(model.prior_mean[1], means.mean(0))


def test_a_borrowed_network_makes_the_sounds_of_its_lender():
    """Told the lender's style and controls, in the order of the autoencoder, its synthesis network sounds the same."""
    lender = creativeml.load("drums").model
    model = WaveVAE(WaveVAEConfig())
    borrow(model, lender)
    latent = torch.randn(1, 64, generator=torch.Generator().manual_seed(3))
    noise = [torch.randn(1, *shape) for shape in lender.noise_shapes()]
    lender.dtype = torch.float32
    with torch.no_grad():
        condition = lender.condition_for(["tom"])
        style = lender.map(latent, condition)
        theirs = lender.synthesize(style, condition, noise)
        shares, controls = condition.split([11, 8], dim=1)
        ours = model.synthesis.render(torch.cat([style, controls, shares], dim=1), shares, noise)
    assert float(theirs.abs().max()) > 0.1
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_only_a_generator_of_the_same_shape_lends():
    with pytest.raises(ValueError, match="kinds"):
        borrow(small(), creativeml.load("drums").model)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"frame_dim": -1}, "frame_dim"),
        ({"encoder_channels": (4, 4)}, "more channels"),
        ({"start_frames": 48}, "power of two"),
        ({"kinds": ()}, "kinds"),
    ],
)
def test_shapes_that_cannot_be_are_refused(fields, said):
    with pytest.raises((ValueError, CreativeMLError), match=said):
        WaveVAEConfig(**fields)


def test_without_a_sequence_a_vector_is_all():
    model = WaveVAE(WaveVAEConfig(**{**SMALL.__dict__, "frame_dim": 0}))
    mean, _ = model.encode(torch.randn(2, 8192))
    assert mean.shape == (2, 4) and model.decode(mean).shape == (2, 8192)

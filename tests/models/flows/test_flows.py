"""Flows are bijections with the volume change that autograd finds, and densities that integrate to one."""

import math

import pytest
import torch
import torch.nn.functional as F

from creativeml import models
from creativeml.models.flows.flow import prior_log_prob
from creativeml.models.flows.glow import ActNorm, Glow, GlowConfig, InvertibleConv, squeeze, unsqueeze
from creativeml.models.flows.nice import NICE, NICEConfig

CASES = {
    "nice, odd size": ("nice", {"features": 7, "hidden": [16], "couplings": 3}),
    "nice, gaussian": ("nice", {"features": 8, "hidden": [16, 16], "prior": "gaussian"}),
    "glow of waveforms": ("glow", {"shape": [1, 16], "levels": 2, "steps": 2, "hidden": 8, "output_spread": 0.1}),
    "glow of pictures": ("glow", {"shape": [1, 4, 8], "levels": 2, "steps": 2, "hidden": 8, "output_spread": 0.1}),
    "glow, odd channels": ("glow", {"shape": [3, 4], "levels": 1, "steps": 3, "hidden": 8, "output_spread": 0.1}),
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def flow(request):
    """A flow with weights that are all in use, its normalisation set by a batch."""
    torch.manual_seed(3)
    name, overrides = request.param
    model = models.build(name, **overrides)
    model.train()(2.0 + 3.0 * torch.randn(32, *model.shape))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model.eval()


def test_inverse_gives_back_the_input(flow):
    x = 2.0 + 3.0 * torch.randn(16, *flow.shape)
    latent, _ = flow(x)
    assert latent.shape == (16, flow.size)
    assert (flow.inverse(latent) - x).abs().max() < 1e-5 * x.abs().max()
    assert (flow(flow.inverse(latent))[0] - latent).abs().max() < 1e-5 * latent.abs().max()


def test_log_determinant_is_that_of_autograd(flow):
    flow = flow.double()
    x = torch.randn(3, *flow.shape, dtype=torch.float64)
    found = flow(x)[1]
    for n in range(3):
        jacobian = torch.autograd.functional.jacobian(lambda v: flow(v[None])[0][0], x[n]).reshape(flow.size, flow.size)
        assert found[n].item() == pytest.approx(torch.linalg.slogdet(jacobian)[1].item(), abs=1e-9)
    assert found.abs().min() > 1e-3, "a trivial flow would prove nothing"


def test_a_float32_flow_keeps_to_1e_5_of_the_input():
    torch.manual_seed(0)
    flow = Glow(GlowConfig(shape=(1, 16, 16), levels=2, steps=4, hidden=16, output_spread=0.05))
    x = torch.randn(8, 1, 16, 16)
    flow.train()(x)
    assert (flow.eval().inverse(flow(x)[0]) - x).abs().max() < 1e-5


def test_density_of_two_numbers_integrates_to_one():
    torch.manual_seed(1)
    flow = NICE(NICEConfig(features=2, hidden=(8,), couplings=2)).eval()
    with torch.no_grad():
        flow.log_scale.copy_(torch.tensor([0.3, -0.4]))
    axis = torch.linspace(-60, 60, 1201)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        total = flow.log_prob(grid).double().exp().sum() * float(axis[1] - axis[0]) ** 2
    assert total.item() == pytest.approx(1.0, abs=1e-3)


def test_priors_are_those_of_torch():
    latent = torch.randn(5, 4, dtype=torch.float64)
    normal = torch.distributions.Normal(0.0, 1.0).log_prob(latent).sum(1)
    assert torch.allclose(prior_log_prob(latent, "gaussian"), normal)
    uniform = torch.distributions.Uniform(torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64))
    logistic = torch.distributions.TransformedDistribution(uniform, torch.distributions.SigmoidTransform().inv)
    assert torch.allclose(prior_log_prob(latent, "logistic"), logistic.log_prob(latent).sum(1))


@pytest.mark.parametrize("prior", ["gaussian", "logistic"])
def test_samples_of_an_identity_flow_follow_the_prior(prior):
    flow = NICE(NICEConfig(features=2, prior=prior))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.zero_()
    drawn = flow.sample(20_000, generator=torch.Generator().manual_seed(0))
    spread = 1.0 if prior == "gaussian" else math.pi / math.sqrt(3.0)
    assert drawn.std().item() == pytest.approx(spread, rel=0.03) and abs(drawn.mean().item()) < 0.05
    assert torch.equal(flow.sample(3, temperature=0.0), torch.zeros(3, 2))


def test_squeeze_keeps_neighbours_together_and_is_undone():
    picture = torch.arange(2 * 4 * 6.0).view(1, 2, 4, 6)
    folded = squeeze(picture)
    assert folded.shape == (1, 8, 2, 3)
    assert torch.equal(folded, F.pixel_unshuffle(picture, 2))
    for x in (picture, torch.randn(2, 3, 8)):
        assert torch.equal(unsqueeze(squeeze(x)), x)
    assert torch.equal(squeeze(torch.arange(6.0).view(1, 1, 6))[0], torch.tensor([[0.0, 2, 4], [1, 3, 5]]))


def test_actnorm_normalises_the_first_training_batch_only():
    norm, x = ActNorm(3), 5.0 + 2.0 * torch.randn(64, 3, 10)
    assert torch.equal(norm.eval()(x)[0], x)
    y = norm.train()(x)[0]
    assert y.mean((0, 2)).abs().max() < 1e-4 and (y.std((0, 2), correction=0) - 1).abs().max() < 1e-4
    again = norm(3.0 * x)[0]
    assert torch.allclose(again, (3.0 * x - x.mean((0, 2))[:, None]) / x.std((0, 2), correction=0)[:, None], atol=1e-4)


def test_mixing_starts_as_a_rotation():
    torch.manual_seed(0)
    mix = InvertibleConv(6)
    _, log_det = mix(torch.randn(2, 6, 5))
    assert log_det.abs().max() < 1e-4
    lower, upper = mix._triangles()
    matrix = mix.permutation @ lower @ upper
    assert torch.allclose(matrix @ matrix.T, torch.eye(6), atol=1e-5)


def test_shapes_that_cannot_be_halved_are_refused():
    with pytest.raises(ValueError, match="multiple of 4"):
        GlowConfig(shape=(1, 6), levels=2)
    with pytest.raises(ValueError, match="takes inputs of shape"):
        NICE(NICEConfig(features=4))(torch.zeros(1, 5))

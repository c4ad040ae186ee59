"""Adversarial terms against closed forms for critics whose gradient is known."""

import math

import pytest
import torch

from creativeml.losses.adversarial import AdversarialConfig, AdversarialLoss, overshoot, r1, slope_penalty


def linear(slope: torch.Tensor):
    return lambda views: (views[0] * slope).sum(-1, keepdim=True)


def test_overshoot_counts_only_what_lies_beyond_full_scale():
    sounds = torch.tensor([[0.5, -1.0, 1.5, -2.0], [0.0, 0.1, 0.2, 0.9]])
    assert math.isclose(float(overshoot(sounds)), (0.25 + 1.0) / 2)
    sounds = torch.tensor([[3.0, 0.0]], requires_grad=True)
    overshoot(sounds).backward()
    assert sounds.grad is not None and sounds.grad.tolist() == [[4.0, 0.0]]


def test_non_saturating_game_is_binary_cross_entropy_on_logits():
    loss = AdversarialLoss(AdversarialConfig(drift_weight=0.0, overshoot_weight=0.0))
    real, fake = torch.randn(16, 3), torch.randn(16, 3)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    expected = bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))
    torch.testing.assert_close(loss.critic(real, fake)["critic"], expected)
    torch.testing.assert_close(
        loss.generator(fake, torch.zeros(16, 8))["adversarial"], bce(fake, torch.ones_like(fake))
    )


def test_wasserstein_game_and_drift():
    loss = AdversarialLoss(AdversarialConfig(game="wasserstein", drift_weight=0.5))
    terms = loss.critic(torch.full((4, 1), 2.0), torch.full((4, 1), -1.0))
    assert float(terms["critic"]) == -3.0 and float(terms["drift"]) == 2.0
    assert float(loss.generator(torch.full((4, 1), -1.0), torch.zeros(4, 8))["adversarial"]) == 1.0


@pytest.mark.parametrize(
    ("norm", "one_sided", "expected"), [(0.5, True, 0.0), (0.5, False, 0.25), (3.0, True, 4.0), (3.0, False, 4.0)]
)
def test_slope_penalties_of_a_linear_critic(norm, one_sided, expected):
    torch.manual_seed(0)
    slope = torch.randn(10)
    slope = norm * slope / slope.norm()
    real, fake = [torch.randn(5, 10)], [torch.randn(5, 10)]
    assert math.isclose(float(slope_penalty(linear(slope), real, fake, one_sided=one_sided)), expected, abs_tol=1e-5)


def test_r1_of_a_linear_critic_is_its_squared_slope_in_the_documented_unit():
    slope = torch.full((4096,), 0.1)
    value = float(r1(linear(slope), [torch.randn(3, 4096)]))
    assert math.isclose(value, 4096 * 0.01, rel_tol=1e-4)


def test_penalties_have_gradients_for_the_critic_and_keep_their_average_weight_when_rare():
    slope = torch.full((16,), 2.0, requires_grad=True)
    views = [torch.randn(3, 16)]
    values = []
    for every in (1, 8):
        loss = AdversarialLoss(AdversarialConfig(penalty="lp", penalty_weight=10.0, penalty_every=every))
        assert [loss.penalty_is_due(step) for step in range(9)].count(True) == (9 if every == 1 else 2)
        values.append(loss.penalty(linear(slope), views, views)["lp"])
    assert math.isclose(float(values[1].detach()), 8 * float(values[0].detach()), rel_tol=1e-6)
    values[0].backward()
    assert slope.grad is not None and bool((slope.grad > 0).all())


def test_overshoot_penalty_is_what_keeps_a_generator_in_range():
    """One number as generator, a critic that always wants it louder: without the wall it runs away."""

    def train(weight: float) -> float:
        level = torch.tensor([[0.5]], requires_grad=True)
        optimizer = torch.optim.SGD([level], lr=0.1)
        loss = AdversarialLoss(AdversarialConfig(game="wasserstein", overshoot_weight=weight))
        for _ in range(200):
            optimizer.zero_grad()
            sum(loss.generator(level, level).values()).backward()
            optimizer.step()
        return float(level.detach())

    assert train(0.0) > 10.0
    assert 1.0 < train(10.0) < 1.1

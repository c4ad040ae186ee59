"""Optimizers against closed forms on a ravine, schedules against those of torch."""

import pytest
import torch
from torch.optim import lr_scheduler

from creativeml.errors import CreativeMLError
from creativeml.training.optimizers import make_optimizer, make_schedule, set_rate

CURVATURES = torch.tensor([100.0, 1.0], dtype=torch.float64)
"""Of a quadratic bowl 100 times as steep in one direction as in the other."""
OPTIMUM = torch.tensor([3.0, -2.0], dtype=torch.float64)


def steps_to_the_bottom(name, rate, **options):
    x = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    optimizer = make_optimizer(name, [x], rate, **options)
    for step in range(2000):
        if (x.detach() - OPTIMUM).norm() < 1e-4 * OPTIMUM.norm():
            return step
        optimizer.zero_grad()
        (0.5 * CURVATURES * (x - OPTIMUM).square()).sum().backward()
        optimizer.step()
    return None


def test_momentum_goes_down_a_ravine_in_fewer_steps_than_plain_descent():
    """Both at the best settings that theory gives for these curvatures (Polyak 1964)."""
    high, low = CURVATURES.sqrt().tolist()
    plain = steps_to_the_bottom("sgd", 2.0 / (high**2 + low**2))
    with_momentum = steps_to_the_bottom(
        "momentum", 4.0 / (high + low) ** 2, momentum=((high - low) / (high + low)) ** 2
    )
    # The error shrinks by (k - 1) / (k + 1) at every plain step, where k = 100 is the ratio of curvatures.
    predicted = torch.log(torch.tensor(1e-4)) / torch.log(torch.tensor(99 / 101))
    assert plain == pytest.approx(float(predicted), abs=2)
    assert with_momentum < plain / 4


def test_adam_gets_there_and_steps_that_are_too_long_do_not():
    assert steps_to_the_bottom("adam", 0.05) is not None
    assert steps_to_the_bottom("sgd", 2.05 / 100.0) is None


def test_one_step_of_each_is_the_formula():
    for name, expected in (("sgd", -0.1 * 2.0), ("momentum", -0.1 * 2.0), ("adam", -0.1)):
        x = torch.zeros(1, requires_grad=True)
        optimizer = make_optimizer(name, [x], 0.1)
        (2.0 * x).sum().backward()
        optimizer.step()
        assert x.item() == pytest.approx(expected, abs=1e-6)
    optimizer.zero_grad()
    two = make_optimizer("momentum", [x := torch.zeros(1, requires_grad=True)], 0.1, momentum=0.5)
    for _ in range(2):
        two.zero_grad()
        (2.0 * x).sum().backward()
        two.step()
    assert x.item() == pytest.approx(-0.1 * (2.0 + 3.0))


def rates(name, steps, torch_schedule, **options):
    """Ours and torch's, over a run."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.3)
    ours, theirs = make_schedule(name, steps, **options), torch_schedule(optimizer)
    found = []
    for step in range(steps):
        found.append((0.3 * ours(step), optimizer.param_groups[0]["lr"]))
        optimizer.step()
        theirs.step()
    return found


@pytest.mark.parametrize(
    ("name", "options", "torch_schedule"),
    [
        ("constant", {}, lambda o: lr_scheduler.ConstantLR(o, factor=1.0)),
        ("step", {"drop": 0.5, "drop_every": 7}, lambda o: lr_scheduler.StepLR(o, 7, 0.5)),
        ("cosine", {}, lambda o: lr_scheduler.CosineAnnealingLR(o, 30)),
        (
            "cosine",
            {"warm_up": 6},
            lambda o: lr_scheduler.SequentialLR(
                o, [lr_scheduler.LinearLR(o, 1 / 7, 1.0, 6), lr_scheduler.CosineAnnealingLR(o, 24)], [6]
            ),
        ),
    ],
)
def test_schedules_are_those_of_torch(name, options, torch_schedule):
    for ours, theirs in rates(name, 30, torch_schedule, **options):
        assert ours == pytest.approx(theirs, rel=1e-6)


def test_rates_are_set_from_those_at_the_start():
    optimizer = torch.optim.SGD([{"params": [torch.zeros(1)], "lr": 0.5}, {"params": [torch.zeros(1)]}], 0.2)
    for factor in (0.1, 0.5):
        set_rate(optimizer, factor)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.1]


def test_what_there_is_not_is_refused():
    weights = [torch.zeros(1, requires_grad=True)]
    for wrong, refused in (
        ("known: sgd, momentum, adam", lambda: make_optimizer("adan", weights, 0.1)),
        ("above 0, not 0", lambda: make_optimizer("sgd", weights, 0)),
        ("known: constant, step, cosine", lambda: make_schedule("linear", 10)),
        ("must be shorter", lambda: make_schedule("cosine", 10, warm_up=10)),
    ):
        with pytest.raises(CreativeMLError, match=wrong):
            refused()

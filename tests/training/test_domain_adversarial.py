"""A domain-adversarial network does without what only one domain has."""

import math

import pytest
import torch
from torch import nn

from creativeml.layers.shared_trunk import DomainAdversarial
from creativeml.training.domain_adversarial import (
    DomainConfig,
    domain_terms,
    reversal_strength,
    train_domain_adversarial,
)
from creativeml.training.minibatches import LoopConfig
from creativeml.training.supervised import accuracy


def domains(rows, random):
    """Two kinds told by a weak sign in both domains, and by a strong one in the source alone.

    In the target domain the strong sign is replaced by a constant far out.
    """
    labels = torch.randint(2, (2 * rows,), generator=random)
    sign = 2.0 * labels - 1.0
    weak = sign + 0.6 * torch.randn(2 * rows, generator=random)
    strong = 2.0 * sign + 0.3 * torch.randn(2 * rows, generator=random)
    strong[rows:] = 3.0 + 0.3 * torch.randn(rows, generator=random)
    x = torch.stack([weak, strong], 1)
    return (x[:rows], labels[:rows]), (x[rows:], labels[rows:])


def trained(strength, folder=None, seed=0, **loop):
    """A trunk of one feature: with room for more, the trunk often finds ways to fool the domain's head for a while."""
    source, target = domains(300, torch.Generator().manual_seed(seed))
    torch.manual_seed(seed)
    model = DomainAdversarial(nn.Linear(2, 1), 1, 2)
    config = DomainConfig(LoopConfig(**{"steps": 400, "learning_rate": 1e-2, "batch_size": 64} | loop), strength)
    looked_at = target if folder is not None else ()
    history = train_domain_adversarial(model, source, target[0], config, validation=looked_at, folder=folder)
    return model, history, accuracy(model, *source), accuracy(model, *target)


def test_the_target_domain_is_recognised_without_any_of_its_labels():
    for seed in range(2):
        _, _, known, alone = trained(0.0, seed=seed)
        assert known > 0.97 and alone < 0.6
        _, _, known, adapted = trained(1.0, seed=seed)
        # The weak sign alone recognises 95 % at best.
        assert adapted > 0.85 and known > 0.9


def test_terms_are_the_two_cross_entropies_and_the_strength_turns_the_domain_round():
    torch.manual_seed(0)
    model = DomainAdversarial(nn.Linear(2, 4), 4, 2)
    (x, labels), (away, _) = domains(10, torch.Generator().manual_seed(0))
    terms = domain_terms(model, (x, labels), away, 0.5)
    logits, domain = model.with_domain(torch.cat([x, away]), 1.0)
    truth = torch.tensor([0.0] * 10 + [1.0] * 10)
    expected = nn.functional.binary_cross_entropy_with_logits(domain, truth)
    torch.testing.assert_close(terms["domain"], expected)
    torch.testing.assert_close(terms["kinds"], nn.functional.cross_entropy(logits[:10], labels))
    weight = model.trunk.weight
    (turned,) = torch.autograd.grad(terms["domain"], weight, retain_graph=True)
    plain = nn.functional.binary_cross_entropy_with_logits(
        model.domain(model.trunk(torch.cat([x, away]))).squeeze(1), truth
    )
    torch.testing.assert_close(turned, -0.5 * torch.autograd.grad(plain, weight)[0])


def test_a_small_set_is_spread_over_the_kinds_and_not_judged_by_others():
    (x, labels), (away, _) = domains(100, torch.Generator().manual_seed(0))
    order = labels.argsort(stable=True)
    x, labels = x[order], labels[order]
    torch.manual_seed(0)
    model = DomainAdversarial(nn.Linear(2, 1), 1, 2)
    config = DomainConfig(LoopConfig(steps=200, learning_rate=0.05, overfit=8), 0.1)
    history = train_domain_adversarial(model, (x, labels), away, config, validation=(x, labels))
    assert history.validation == [] and accuracy(model, x, labels) > 0.9


def test_without_strength_the_target_is_never_seen():
    source, (away, _) = domains(50, torch.Generator().manual_seed(0))
    ends = []
    for target in (away, 100.0 * away):
        torch.manual_seed(0)
        model = DomainAdversarial(nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4)), 4, 2)
        train_domain_adversarial(model, source, target, DomainConfig(LoopConfig(steps=5), 0.0))
        ends.append(model.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(*(end.values() for end in ends), strict=True))


def test_the_strength_rises_from_nothing_to_what_is_asked():
    config = DomainConfig(LoopConfig(steps=100), strength=0.7)
    strengths = [reversal_strength(config, step) for step in range(101)]
    assert strengths[0] == 0.0 and strengths == sorted(strengths)
    assert strengths[50] == pytest.approx(0.7 * math.tanh(2.5)) and strengths[100] == pytest.approx(0.7, rel=1e-3)
    for wrong in ({"strength": -1.0}, {"ramp": 0.0}):
        with pytest.raises(ValueError):
            DomainConfig(**wrong)


def test_the_log_holds_both_terms_and_the_best_weights_are_kept(tmp_path):
    _, history, _, _ = trained(1.0, tmp_path, steps=20, validate_every=10)
    assert history.steps == [10, 20] and len(history.validation) == 2
    assert '"domain"' in (tmp_path / "log.jsonl").read_text()

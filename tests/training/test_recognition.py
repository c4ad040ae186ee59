"""The auxiliary classifier: what it asks of sounds, and that training listens to it."""

import math
from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric

import creativeml
from creativeml.errors import CreativeMLError
from creativeml.models.checkpoint import from_pretrained
from creativeml.models.gans.ear import BUNDLED
from creativeml.training.config import RecognitionConfig
from creativeml.training.fit import fit
from creativeml.training.recognition import RecognitionPenalty
from creativeml.training.run import FitOptions

KINDS = ("cowbell", "kick", "my own kind")


@pytest.fixture(scope="module")
def sounds():
    drums = creativeml.load("drums")
    return torch.cat([drums.generate(kind=kind, count=2, seed=3) for kind in ("kick", "cowbell")])


def test_it_is_the_classifiers_cross_entropy_beyond_what_is_allowed(sounds):
    model = from_pretrained(BUNDLED)
    kick, cowbell = (model.config.kinds.index(kind) for kind in ("kick", "cowbell"))
    logs = model(sounds).log_softmax(1)
    for labels, columns in (([1, 1, 0, 0], [kick, kick, cowbell, cowbell]), ([0, 0, 1, 1], [cowbell] * 2 + [kick] * 2)):
        surprise = -logs[torch.arange(4), columns]
        expected = 0.5 * 3 * (surprise - -math.log(0.9)).clamp(min=0).mean()
        found = RecognitionPenalty(RecognitionConfig(0.5, 3, 0.9), KINDS, 44100).terms(sounds, torch.tensor(labels))
        torch.testing.assert_close(found["recognition"], expected)
    assert found["recognition"] > 1, "kicks asked for and cowbells given must cost"


def test_a_kind_that_the_ear_does_not_know_pays_nothing_and_a_known_one_has_a_gradient(sounds):
    heard = sounds.clone().requires_grad_(True)
    terms = RecognitionPenalty(RecognitionConfig(1.0), KINDS, 44100).terms(heard, torch.tensor([2, 0, 2, 1]))
    (gradient,) = torch.autograd.grad(terms["recognition"], heard)
    assert gradient[0].abs().max() == 0 and gradient[2].abs().max() == 0
    assert gradient[1].abs().max() > 0 and gradient[3].abs().max() > 0


def test_what_cannot_be_heard_is_refused():
    with pytest.raises(CreativeMLError, match=r"knows none of the kinds foo, bar; set recognition\.weight=0"):
        RecognitionPenalty(RecognitionConfig(1.0), ("foo", "bar"), 44100)
    with pytest.raises(ValueError, match="probability"):
        RecognitionConfig(enough=0.0)


def test_training_listens(drums, small, tmp_path):
    game = replace(small.reconstruction, pretrain_steps=0)
    weights = []
    for n, weight in enumerate((0.0, 0.0, 2.0)):
        config = replace(small, reconstruction=game, recognition=RecognitionConfig(weight, every=3))
        options = FitOptions(steps=4, checkpoint_every=4)
        run = fit(config, drums, tmp_path / str(n), Fabric(accelerator="cpu", devices=1), options)
        weights.append([p.detach().clone() for p in run.gan.generator.parameters()])
    unheard, again, heard = weights
    assert all(torch.equal(a, b) for a, b in zip(unheard, again, strict=True)), "a difference would say nothing"
    assert not all(torch.equal(a, b) for a, b in zip(unheard, heard, strict=True))

"""word2vec's losses are those of the papers, counted by hand."""

import math

import pytest
import torch

from creativeml.models.embeddings.word2vec import Word2Vec, Word2VecConfig


def model(method):
    torch.manual_seed(0)
    return Word2Vec(Word2VecConfig(("a", "b", "c", "d"), 3, method))


def log_sigmoid(x):
    return -math.log1p(math.exp(-x))


def test_skip_gram_loss_counts_true_and_drawn_pairs():
    net = model("skip_gram")
    u, v = net.inputs.weight.detach(), net.outputs.weight.detach()
    expected = -sum(log_sigmoid(float(u[0] @ v[n])) for n in (1, 2)) - 2 * sum(log_sigmoid(-float(u[0] @ v[n])) for n in (3, 1))
    found = net(torch.tensor([0]), torch.tensor([[1, 2, -1]]), torch.tensor([[3, 1]]))
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_cbow_loss_scores_the_mean_of_the_surroundings():
    net = model("cbow")
    u, v = net.inputs.weight.detach(), net.outputs.weight.detach()
    mean = (u[1] + u[2]) / 2
    expected = -log_sigmoid(float(mean @ v[0])) - sum(log_sigmoid(-float(mean @ v[n])) for n in (3, 1))
    found = net(torch.tensor([0]), torch.tensor([[1, 2, -1]]), torch.tensor([[3, 1]]))
    assert found.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("method", ["skip_gram", "cbow"])
def test_padding_does_not_count(method):
    net = model(method)
    short = net(torch.tensor([0]), torch.tensor([[1]]), torch.tensor([[3]]))
    assert torch.allclose(short, net(torch.tensor([0]), torch.tensor([[1, -1, -1]]), torch.tensor([[3]])))


def test_similarity_is_the_cosine_and_nearest_is_sorted_by_it():
    net = model("cbow")
    with torch.no_grad():
        net.inputs.weight.copy_(torch.tensor([[1.0, 0, 0], [2.0, 0.2, 0], [0, 1.0, 0], [-1.0, 0, 0]]))
    assert net.similarity("a", "c") == pytest.approx(0.0) and net.similarity("a", "d") == pytest.approx(-1.0)
    assert net.nearest("a") == ["b", "c", "d"] and net.nearest("a", 1) == ["b"]


def test_repeated_tokens_are_refused():
    with pytest.raises(ValueError, match="each once"):
        Word2VecConfig(("a", "a"))

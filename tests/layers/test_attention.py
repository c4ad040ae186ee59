"""Attention and Transformer layers are torch's with copied weights; masks let nothing through."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from creativeml.layers.attention import (
    AdditiveScores,
    MultiHeadAttention,
    SequenceAttention,
    attend,
    dot_scores,
    scaled_dot_scores,
    shares,
)
from creativeml.layers.positional import LearnedPositions, SinusoidalPositions, sinusoids
from creativeml.layers.transformer import DecoderLayer, EncoderLayer, causal_mask

CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def vectors(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_scores_attend_as_torch_does():
    q, k, v = vectors(2, 3, 5, 8), vectors(2, 3, 7, 8, seed=1), vectors(2, 3, 7, 4, seed=2)
    mask = vectors(2, 3, 5, 7, seed=3) > 0
    mask[..., 0] = True
    for allowed in (None, mask):
        expected = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        torch.testing.assert_close(attend(scaled_dot_scores(q, k), v, allowed)[0], expected, **CLOSE)
        unscaled = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed, scale=1.0)
        torch.testing.assert_close(attend(dot_scores(q, k), v, allowed)[0], unscaled, **CLOSE)


def test_scaling_keeps_the_variance_of_scores_at_one():
    for dim in (4, 64, 1024):
        q, k = vectors(200, dim), vectors(200, dim, seed=1)
        assert scaled_dot_scores(q, k).var().item() == pytest.approx(1.0, rel=0.1)
        assert dot_scores(q, k).var().item() == pytest.approx(dim, rel=0.1)


def test_additive_scores_by_the_definition():
    torch.manual_seed(0)
    layer, q, k = AdditiveScores(3, 5, 6), vectors(2, 4, 3), vectors(2, 7, 5, seed=1)
    scores = layer(q, k)
    assert scores.shape == (2, 4, 7)
    w, u, v = layer.query, layer.key, layer.score.weight[0]
    for b, i, j in ((0, 0, 0), (1, 3, 6), (0, 2, 5)):
        expected = torch.dot(v, torch.tanh(w(q[b, i]) + u.weight @ k[b, j]))
        assert scores[b, i, j].item() == pytest.approx(expected.item(), abs=1e-6)


def test_shares_sum_to_one_and_what_may_not_be_seen_gets_exactly_nothing():
    scores = 30.0 * vectors(4, 6, 9)
    mask = vectors(4, 6, 9, seed=1) > 0
    mask[0, 0] = False
    weights = shares(scores, mask)
    assert not weights[~mask].any() and weights.isfinite().all()
    seen = mask.any(-1)
    torch.testing.assert_close(weights.sum(-1)[seen], torch.ones(int(seen.sum())))
    assert not weights[0, 0].any()
    values = vectors(4, 9, 3, seed=2)
    elsewhere = values.clone()
    elsewhere[0, ~mask[0, 1]] += 100.0
    assert torch.equal(attend(scores, values, mask)[0][0, 1], attend(scores, elsewhere, mask)[0][0, 1])


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_multi_head_attention_is_torchs(heads):
    torch.manual_seed(0)
    ours, theirs = MultiHeadAttention(8, heads), nn.MultiheadAttention(8, heads, batch_first=True)
    nn.init.normal_(theirs.in_proj_bias)
    ours.load_state_dict(theirs.state_dict())
    q, k = vectors(3, 5, 8), vectors(3, 7, 8, seed=1)
    there = torch.arange(7) < torch.tensor([7, 3, 1])[:, None]
    found, weights = ours(q, k, there[:, None])
    expected, expected_weights = theirs(q, k, k, key_padding_mask=~there, average_attn_weights=False)
    torch.testing.assert_close(found, expected, **CLOSE)
    torch.testing.assert_close(weights, expected_weights, **CLOSE)
    found, _ = ours(q, q, causal_mask(5))
    expected, _ = theirs(q, q, q, attn_mask=~causal_mask(5))
    torch.testing.assert_close(found, expected, **CLOSE)
    with pytest.raises(ValueError, match="3 heads"):
        MultiHeadAttention(8, 3)


def test_attention_without_positions_does_not_know_the_order():
    torch.manual_seed(0)
    layer, x, order = EncoderLayer(8, 2, 16), vectors(1, 6, 8), torch.randperm(6)
    torch.testing.assert_close(layer(x[:, order]), layer(x)[:, order], **CLOSE)
    placed = SinusoidalPositions()
    assert (layer(placed(x[:, order])) - layer(placed(x))[:, order]).abs().max() > 0.01


@pytest.mark.parametrize("norm_first", [False, True])
def test_transformer_layers_are_torchs(norm_first):
    torch.manual_seed(0)
    options = {"dropout": 0.0, "norm_first": norm_first}
    pairs = []
    for our_kind, their_kind in (
        (EncoderLayer, nn.TransformerEncoderLayer),
        (DecoderLayer, nn.TransformerDecoderLayer),
    ):
        ours, theirs = our_kind(8, 2, 16, **options), their_kind(8, 2, 16, batch_first=True, **options)
        for p in theirs.parameters():
            nn.init.normal_(p, std=0.5)
        ours.load_state_dict(theirs.state_dict())
        pairs.append((ours, theirs))
    (encoder, their_encoder), (decoder, their_decoder) = pairs
    source, target = vectors(3, 7, 8), vectors(3, 5, 8, seed=1)
    there = torch.arange(7) < torch.tensor([7, 3, 1])[:, None]
    memory = encoder(source, there[:, None])
    expected = their_encoder(source, src_key_padding_mask=~there)
    torch.testing.assert_close(memory[there], expected[there], rtol=1e-4, atol=1e-5)
    found = decoder(target, source, causal_mask(5), there[:, None])
    expected = their_decoder(target, source, tgt_mask=~causal_mask(5), memory_key_padding_mask=~there)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_causal_mask_leaks_nothing():
    """By the gradient: an output depends on all positions up to its own, and on none after it."""
    torch.manual_seed(0)
    layers = [DecoderLayer(8, 2, 16), DecoderLayer(8, 2, 16)]
    x, memory = vectors(1, 6, 8).requires_grad_(), vectors(1, 3, 8, seed=1)
    y = x
    for layer in layers:
        y = layer(y, memory, causal_mask(6))
    for t in range(6):
        (gradient,) = torch.autograd.grad(y[0, t].square().sum(), x, retain_graph=True)
        touched = gradient[0].abs().amax(1)
        assert not touched[t + 1 :].any() and (touched[: t + 1] > 0).all()


def test_dropout_is_active_only_in_training():
    torch.manual_seed(0)
    layer, x = EncoderLayer(8, 2, 16, dropout=0.5), vectors(2, 5, 8)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    assert torch.equal(layer(x), layer(x))


def test_sequence_attention_of_yang_by_its_equations():
    torch.manual_seed(0)
    layer, h = SequenceAttention(4, 6), vectors(2, 5, 4)
    summary, weights = layer(h)
    for b in range(2):
        u = [torch.tanh(layer.affine.weight @ step + layer.affine.bias) for step in h[b]]
        e = torch.stack([torch.dot(v, layer.context) for v in u]).exp()
        torch.testing.assert_close(weights[b], e / e.sum(), **CLOSE)
        mean = sum(a * step for a, step in zip(e / e.sum(), h[b], strict=True))
        torch.testing.assert_close(summary[b], mean, **CLOSE)


def test_masked_steps_of_sequence_attention_count_exactly_nothing():
    torch.manual_seed(0)
    layer, h = SequenceAttention(4, 6), vectors(3, 5, 4)
    mask = torch.arange(5) < torch.tensor([5, 2, 0])[:, None]
    summary, weights = layer(h, mask)
    assert not weights[~mask].any() and not summary[2].any()
    torch.testing.assert_close(weights.sum(1), torch.tensor([1.0, 1.0, 0.0]))
    torch.testing.assert_close(summary[1:2], layer(h[1:2, :2])[0], **CLOSE)


def test_positions_are_the_papers_sinusoids_and_their_products_tell_distances():
    table = sinusoids(50, 16)
    for position, i in ((0, 0), (3, 2), (49, 7)):
        angle = position / 10000 ** (2 * i / 16)
        assert table[position, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-6)
        assert table[position, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)
    products = table @ table.T
    for offset in range(0, 40, 7):
        diagonal = products.diagonal(offset)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=0, atol=1e-4)
    assert products.argmax(1).tolist() == list(range(50))
    x = vectors(2, 50, 16)
    torch.testing.assert_close(SinusoidalPositions()(x) - x, table.expand(2, -1, -1), rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="even"):
        sinusoids(3, 5)


def test_learned_positions_end_where_their_table_does():
    layer, x = LearnedPositions(4, 3), torch.zeros(2, 3, 3)
    assert torch.equal(layer(x)[1], layer.table[:3])
    with pytest.raises(ValueError, match="5 positions"):
        layer(torch.zeros(1, 5, 3))

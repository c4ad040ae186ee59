"""What each network is known for: it learns what it should be able to learn, and not what it should not."""

import pytest
import torch
import torch.nn.functional as F

from creativeml import models
from creativeml.losses.penalties import l2_penalty
from creativeml.models.tokens import PADDING


def train(model, inputs, labels, steps, rate=0.01, penalty=0.0):
    """Steps of Adam on one batch; returns the accuracy on it."""
    optimizer = torch.optim.Adam(model.parameters(), rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(*inputs), labels)
        (loss + penalty * l2_penalty(model) if penalty else loss).backward()
        optimizer.step()
    return (model(*inputs).argmax(1) == labels).float().mean().item()


def test_a_perceptron_cannot_learn_exclusive_or_and_one_hidden_layer_can():
    corners = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])[:, None]
    labels = torch.tensor([0, 1, 1, 0])
    accuracies = {}
    for depth in (0, 1):
        torch.manual_seed(0)
        model = models.build("mlp", dims=1, classes=2, width=8, depth=depth, positions=2, activation="tanh")
        accuracies[depth] = train(model, (corners,), labels, 200, 0.05)
    assert accuracies[0] <= 0.75 and accuracies[1] == 1.0


def test_a_wide_hidden_layer_approximates_a_function_and_a_narrow_one_does_not():
    """Three periods of a sine, by one hidden layer."""
    x = torch.linspace(-1, 1, 128)[:, None, None]
    target = torch.sin(3 * torch.pi * x[:, 0])
    errors = {}
    for width in (2, 64):
        torch.manual_seed(0)
        model = models.build("mlp", dims=1, classes=1, width=width, depth=1, positions=1, activation="tanh")
        # Slopes steep enough for the periods there are.
        with torch.no_grad():
            model.hidden[0].weight.normal_(0, 6)
            model.hidden[0].bias.uniform_(-6, 6)
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        for _ in range(500):
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), target)
            loss.backward()
            optimizer.step()
        errors[width] = loss.item()
    assert errors[64] < 0.03 < 0.1 < errors[2]


def test_weight_penalties_keep_weights_small():
    torch.manual_seed(0)
    x, labels = torch.randn(32, 1, 4), torch.randint(2, (32,))
    sizes = {}
    for penalty in (0.0, 0.05):
        torch.manual_seed(1)
        model = models.build("mlp", dims=1, classes=2, width=16, depth=1, positions=4)
        train(model, (x,), labels, 150, penalty=penalty)
        sizes[penalty] = l2_penalty(model).item()
    assert sizes[0.05] < 0.3 * sizes[0.0]


def test_a_convolutional_classifier_recognises_a_shifted_pattern_where_a_perceptron_does_not():
    """Two motifs, seen at one place in training, then moved: the average over positions does not mind."""
    torch.manual_seed(0)
    motifs = torch.randn(2, 8)
    labels = torch.arange(64) % 2

    def sounds(at):
        x = 0.05 * torch.randn(64, 1, 64)
        x[:, 0, at : at + 8] += motifs[labels]
        return x

    accuracies = {}
    for name, options in (("tcn", {"levels": 2, "width": 8, "kernel": 5}), ("mlp", {"positions": 64, "width": 32})):
        model = models.build(name, dims=1, classes=2, **options)
        assert train(model, (sounds(8),), labels, 150) == 1.0
        found = torch.cat([model(sounds(at)).argmax(1) == labels for at in range(18, 49, 2)])
        accuracies[name] = found.float().mean().item()
    assert accuracies["tcn"] > 0.95 and accuracies["mlp"] < 0.75


@pytest.mark.parametrize("name", ["resnet", "vgg", "lenet", "alexnet"])
@pytest.mark.parametrize("dims", [1, 2])
def test_picture_networks_overfit_a_small_set(name, dims):
    torch.manual_seed(0)
    x, labels = torch.randn(8, 1, *[64] * dims), torch.arange(8) % 4
    options = {"lenet": {"width": 12, "activation": "tanh"}, "resnet": {"stages": [1, 1]}, "vgg": {"stages": [1, 1]}}
    quiet = {} if name in ("resnet", "lenet") else {"dropout": 0.0, "hidden": 32}
    model = models.build(name, dims=dims, classes=4, **options.get(name, {}), **quiet)
    assert train(model, (x,), labels, 60, 0.003) == 1.0


@pytest.mark.parametrize("summary", ["last", "mean"])
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_recurrent_classifiers_hear_the_order_of_frames(cell, summary):
    """A rise and a fall have the same frames, in another order."""
    torch.manual_seed(0)
    start = torch.rand(32)
    rise = start[:, None] + torch.linspace(0, 1, 8)
    x = torch.cat([rise, rise.flip(1)])[:, None] - 1.0
    labels = torch.arange(64) // 32
    model = models.build("recurrent_classifier", dims=1, classes=2, width=8, cell=cell, summary=summary)
    assert train(model, (x,), labels, 150) > 0.95
    assert model(x[:1].flip(2)).argmax() == 1


def test_frames_of_waveforms_and_spectrograms_are_what_they_are_called():
    """A frame is one patch of samples, or of columns with all their bands, and the last is filled up."""
    torch.manual_seed(0)
    one = models.build("recurrent_classifier", dims=1, width=4, patch=10).frames
    two = models.build("recurrent_classifier", dims=2, width=4, patch=3, bands=5).frames
    for frames, x, count, size in (
        (one, torch.randn(1, 1, 95), 10, 10),
        (two, torch.randn(1, 1, 5, 17), 6, 3),
    ):
        vectors = frames(x)
        assert vectors.shape == (1, count, 4)
        changed = x.clone()
        changed[..., 2 * size] += 1.0
        assert (frames(changed) - vectors).abs().amax((0, 2)).nonzero().flatten().tolist() == [2]
    assert two(torch.randn(1, 1, 40, 17)).shape == (1, 6, 4)


def test_attention_of_the_whole_to_the_frames_is_a_share_of_what_the_scores_are_made_of():
    torch.manual_seed(0)
    model = models.build("transformer_classifier", dims=2, width=8, heads=2, layers=2, bands=4, classes=3).eval()
    x = torch.randn(2, 1, 4, 9)
    maps = model.attention_map(x)
    assert maps.shape == (2, 2, 2, 9) and (maps > 0).all() and (maps.sum(-1) < 1).all()
    # What the first layer's attention of the whole sees is what torch's own gives.
    layer = model.layers[0]
    theirs = torch.nn.MultiheadAttention(8, 2, batch_first=True)
    theirs.load_state_dict(layer.self_attn.state_dict())
    normed = layer.norm1(model.sequence(x))
    expected = theirs(normed, normed, normed, average_attn_weights=False)[1][:, :, 0, 1:]
    torch.testing.assert_close(maps[:, 0], expected, rtol=1e-4, atol=1e-6)


def test_a_transformer_learns_which_frame_matters():
    """The class is written in one frame, at any place, marked by a second band."""
    torch.manual_seed(0)

    def draw(count):
        x = torch.randn(count, 1, 2, 10)
        x[:, :, 1] = 0.0
        place, rows = torch.randint(10, (count,)), torch.arange(count)
        x[rows, 0, 1, place] = 3.0
        return x, (x[rows, 0, 0, place] > 0).long(), place

    model = models.build("transformer_classifier", width=16, heads=2, layers=2, hidden=32, bands=2, classes=2)
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    for _ in range(250):
        x, labels, _ = draw(64)
        optimizer.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimizer.step()
    x, labels, place = draw(400)
    assert (model(x).argmax(1) == labels).float().mean() > 0.9
    looked_at = model.attention_map(x).amax((1, 2)).argmax(1)
    assert (looked_at == place).float().mean() > 0.6


def test_padding_of_patterns_changes_nothing_and_gets_exactly_nothing():
    torch.manual_seed(0)
    model = models.build("hierarchical_attention", tokens=9, classes=3, width=6).eval()
    tokens = torch.randint(1, 9, (2, 3, 8))
    tokens[1, 2] = PADDING
    tokens[0, 1, 5:] = PADDING
    found = model.explain(tokens)
    assert not found.steps[tokens == PADDING].any() and found.bars[1, 2] == 0
    torch.testing.assert_close(found.bars.sum(1), torch.ones(2))
    torch.testing.assert_close(found.steps.sum(2)[tokens.any(2)], torch.ones(5))
    longer = F.pad(tokens, (0, 4, 0, 2))
    torch.testing.assert_close(model(longer), found.logits, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(model.explain(longer).steps[:, :3, :8], found.steps, rtol=1e-5, atol=1e-6)
    assert model(torch.zeros_like(tokens)).isfinite().all()


def test_hierarchical_attention_finds_the_bar_with_the_fill():
    """Patterns of one groove with a fill in one bar, of either class: the shares show where."""
    torch.manual_seed(0)

    def draw(count):
        tokens = torch.randint(1, 4, (count, 4, 8))
        labels, bar, rows = torch.randint(2, (count,)), torch.randint(4, (count,)), torch.arange(count)
        step = torch.randint(8, (count,))
        tokens[rows, bar, step] = 4 + labels
        return tokens, labels, bar, step

    model = models.build("hierarchical_attention", tokens=6, classes=2, width=12)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(80):
        tokens, labels, *_ = draw(64)
        optimizer.zero_grad()
        F.cross_entropy(model(tokens), labels).backward()
        optimizer.step()
    tokens, labels, bar, _ = draw(300)
    found = model.explain(tokens)
    assert (found.logits.argmax(1) == labels).float().mean() > 0.95
    assert (found.bars.argmax(1) == bar).float().mean() > 0.6


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_the_sequence_transformer_is_torchs_with_copied_weights():
    torch.manual_seed(0)
    size = {"width": 8, "heads": 2, "hidden": 16, "encoder_layers": 2, "decoder_layers": 2}
    for norm_first in (False, True):
        ours = models.build("transformer", source_tokens=11, target_tokens=12, norm_first=norm_first, **size).eval()
        theirs = torch.nn.Transformer(8, 2, 2, 2, 16, 0.0, batch_first=True, norm_first=norm_first).eval()
        for mine, stack in ((ours.encoder, theirs.encoder), (ours.decoder, theirs.decoder)):
            for a, b in zip(mine, stack.layers, strict=True):
                b.load_state_dict(a.state_dict())
            if not norm_first:
                stack.norm = None
        source, target = torch.randint(1, 11, (3, 7)), torch.randint(1, 12, (3, 5))
        source[1, 4:], source[2, 1:] = 0, 0
        x, y = (ours._vectors(e, t) for e, t in ((ours.embed_source, source), (ours.embed_target, target)))
        padded = source == 0
        expected = theirs(
            x,
            y,
            tgt_mask=torch.ones(5, 5, dtype=torch.bool).triu(1),
            src_key_padding_mask=padded,
            memory_key_padding_mask=padded,
        )
        torch.testing.assert_close(ours(source, target), ours.score(expected), rtol=1e-4, atol=1e-5)


def test_the_sequence_transformer_does_not_see_what_it_has_to_say_nor_padding():
    torch.manual_seed(0)
    model = models.build("transformer", source_tokens=11, target_tokens=12, width=8, heads=2).eval()
    source, target = torch.randint(1, 11, (2, 7)), torch.randint(1, 12, (2, 6))
    scores = model(source, target)
    for t in range(1, 6):
        changed = target.clone()
        changed[:, t:] = changed[:, t:] % 11 + 1
        assert torch.equal(model(source, changed)[:, :t], scores[:, :t])
        assert not torch.equal(model(source, changed)[:, t:], scores[:, t:])
    torch.testing.assert_close(model(F.pad(source, (0, 3)), target), scores, rtol=1e-5, atol=1e-5)


def test_the_sequence_transformer_learns_to_reverse():
    torch.manual_seed(0)
    model = models.build("transformer", source_tokens=8, target_tokens=9, width=32, heads=4, hidden=64, norm_first=True)
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    for _ in range(300):
        source = torch.randint(1, 8, (64, 5))
        target = torch.cat([torch.full((64, 1), 8), source.flip(1)], dim=1)
        optimizer.zero_grad()
        F.cross_entropy(model(source, target[:, :-1]).flatten(0, 1), target[:, 1:].flatten()).backward()
        optimizer.step()
    source = torch.randint(1, 8, (100, 5))
    found = model.eval().complete(source, start=8, length=5)
    assert (found == source.flip(1)).float().mean() > 0.95


def test_a_unet_removes_noise_better_than_doing_nothing():
    """Bursts of a sine in noise; held out bursts, error against that of the noisy sound itself."""
    torch.manual_seed(0)

    def draw(count):
        t = torch.arange(128.0)
        rate, decay = 0.1 + 0.3 * torch.rand(count, 1), 20 + 40 * torch.rand(count, 1)
        clean = (torch.sin(rate * t) * torch.exp(-t / decay))[:, None]
        return clean, clean + 0.3 * torch.randn_like(clean)

    model = models.build("unet", dims=1, width=8, depth=3)
    optimizer = torch.optim.Adam(model.parameters(), 0.003)
    for _ in range(120):
        clean, noisy = draw(32)
        optimizer.zero_grad()
        F.mse_loss(model(noisy), clean).backward()
        optimizer.step()
    clean, noisy = draw(100)
    assert F.mse_loss(model(noisy), clean) < 0.25 * F.mse_loss(noisy, clean)


def test_each_level_of_a_unet_widens_what_a_position_sees():
    extents = []
    for depth in (1, 2, 3):
        torch.manual_seed(0)
        model = models.build("unet", dims=1, width=2, depth=depth, norm="none").double()
        for p in model.parameters():
            # Positive throughout: no activation is silent, so that every path counts (but those pooling drops).
            torch.nn.init.uniform_(p, 0.1, 1.0)
        # A ramp, so that pooling always takes the later one of two.
        x = torch.linspace(1, 2, 256, dtype=torch.float64).view(1, 1, -1).requires_grad_()
        model(x)[0, 0, 128].backward()
        touched = x.grad[0, 0].nonzero().flatten()
        extents.append(int(touched.max() - touched.min()))
    assert 9 < extents[0] < 0.6 * extents[1] < 0.4 * extents[2] < 100

"""Autoencoders learn PCA's subspace, the asked sparsity, to remove noise, and features that help few labels."""

import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

from creativeml.errors import CreativeMLError
from creativeml.models.autoencoders.autoencoder import (
    Autoencoder,
    AutoencoderConfig,
)
from creativeml.training.autoencoders import AutoencoderTrainingConfig, fine_tune, train_autoencoder, train_stacked
from creativeml.training.minibatches import LoopConfig


def training(steps, *, rate=3e-3, batch=64, **changes):
    return AutoencoderTrainingConfig(LoopConfig(steps=steps, batch_size=batch, learning_rate=rate), **changes)


def test_tied_linear_autoencoder_spans_the_subspace_of_pca_on_drums(drum_pictures):
    torch.manual_seed(0)
    x = drum_pictures[0]
    x = 5.0 * (x - x.mean(0))
    model = Autoencoder(AutoencoderConfig(128, (3,), "identity", tied=True))
    for steps, rate in ((800, 1e-2), (800, 1e-3)):
        train_autoencoder(model, x, training(steps, rate=rate, batch=1000))
    components = PCA(3).fit(x.numpy()).components_
    angles = subspace_angles(model.pairs[0].encoder.weight.detach().numpy().T, components.T)
    assert angles.max() < 1e-2


def test_sparse_codes_are_active_as_often_as_asked(drum_pictures):
    x = drum_pictures[0]
    activity = {}
    for weight in (0.0, 0.1):
        torch.manual_seed(0)
        model = Autoencoder(AutoencoderConfig(128, (40,), "sigmoid"))
        config = training(1200, rate=5e-3, batch=1000, sparsity_weight=weight, sparsity_target=0.1)
        train_autoencoder(model, x, config)
        activity[weight] = model.encode(x).mean(0)
    assert activity[0.1].mean().item() == pytest.approx(0.1, abs=0.01)
    assert (activity[0.1] - 0.1).abs().max() < 0.05
    assert (activity[0.0] - 0.1).abs().mean() > 0.1, "without the penalty codes are not sparse"


def test_denoising_beats_the_identity_on_noisy_drums_that_it_has_not_heard(drum_pictures, drum_recordings):
    torch.manual_seed(0)
    known, unheard = (drum_pictures[0][rows] for rows in drum_recordings.split())
    model = Autoencoder(AutoencoderConfig(128, (64,), "tanh"))
    train_autoencoder(model, known, training(1200, noise=0.2))
    noisy = unheard + 0.2 * torch.randn(unheard.shape, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        left = F.mse_loss(model(noisy), unheard).item()
    assert left < 0.5 * F.mse_loss(noisy, unheard).item()


def test_earlier_layers_stay_bit_for_bit_while_a_new_one_is_trained(drum_pictures):
    torch.manual_seed(0)
    x, copies = drum_pictures[0], []
    model = Autoencoder(AutoencoderConfig(128, (32, 16, 8)))
    fresh = {k: v.clone() for k, v in model.state_dict().items()}
    for depth in range(3):
        # A run that ends after each pair: later pairs of the shorter runs are checked to be untouched too.
        part = Autoencoder(model.config)
        part.load_state_dict(fresh)
        kept, part.pairs = part.pairs, part.pairs[: depth + 1]
        train_stacked(part, x, training(30))
        part.pairs = kept
        copies.append({k: v.clone() for k, v in part.state_dict().items()})
    for depth, state in enumerate(copies):
        for name, value in state.items():
            pair = int(name.split(".")[1])
            assert torch.equal(value, copies[2][name] if pair <= depth else fresh[name])
            assert pair > depth or "bias" in name or not torch.equal(value, fresh[name])
    assert all(p.requires_grad for p in model.parameters())


def test_stacking_goes_on_where_it_was_cut_off(drum_pictures, tmp_path):
    x, config = drum_pictures[0], AutoencoderConfig(128, (16, 4))
    torch.manual_seed(0)
    whole = Autoencoder(config)
    fresh = {k: v.clone() for k, v in whole.state_dict().items()}
    train_stacked(whole, x, training(40))
    cut = Autoencoder(config)
    cut.load_state_dict(fresh)
    train_stacked(cut, x, training(40), folder=tmp_path)
    # Cut off before the first state of the second pair: there is its folder, but nothing to go on from.
    shutil.rmtree(tmp_path / "pair-1" / "checkpoints")
    again = Autoencoder(config)
    again.load_state_dict(fresh)
    train_stacked(again, x, training(40), folder=tmp_path, resume=True)
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), again.state_dict().values(), strict=True))


def test_stacked_pre_training_helps_a_deep_network_at_five_labels_a_class(drum_pictures, drum_recordings):
    """Five sigmoid layers, which are hard to train from fresh weights; with three the two are nearly equal.

    Neither the pre-training nor the labels know of a source recording that is asked for.
    """
    x, labels, kinds = drum_pictures
    chosen = torch.tensor([kinds.index(kind) for kind in ("kick", "snare", "hat_closed", "tom", "crash")])
    y = torch.where(torch.isin(labels, chosen), (labels[:, None] == chosen).float().argmax(1), -1)
    config = AutoencoderConfig(128, (64, 48, 40, 32, 24), "sigmoid")
    gains = []
    for number in range(3):
        known, unheard = drum_recordings.split(0.35, seed=number)
        assert not np.intersect1d(drum_recordings.groups[known], drum_recordings.groups[unheard]).size
        seen = (x - x[known].mean(0)) / x[known].std(0).clamp_min(0.05)
        torch.manual_seed(number)
        stacked = Autoencoder(config)
        train_stacked(stacked, seen[known], training(200, rate=5e-3, noise=0.3))
        rest = unheard[y[unheard] >= 0]
        for draw in range(2):
            random = np.random.default_rng(10 * number + draw)
            few = np.concatenate([random.choice(known[y[known] == k], 5, False) for k in range(len(chosen))])
            torch.manual_seed(number)
            right = []
            for start in (stacked, Autoencoder(config)):
                loop = LoopConfig(steps=300, batch_size=100, learning_rate=3e-3, seed=number)
                tuned, _ = fine_tune(start, seen[few], y[few], len(chosen), loop)
                with torch.no_grad():
                    right.append((tuned(seen[rest]).argmax(1) == y[rest]).float().mean().item())
            gains.append(right[0] - right[1])
    assert np.mean(gains) > 0.05


def test_a_penalty_that_the_codes_do_not_fit_is_refused():
    model = Autoencoder(AutoencoderConfig(4, (2,), "tanh"))
    with pytest.raises(CreativeMLError, match="activation='sigmoid'"):
        train_autoencoder(model, torch.zeros(3, 4), training(1, sparsity_weight=1.0))
    with pytest.raises(CreativeMLError, match="activation='sigmoid'"):
        train_autoencoder(model.pairs[0], torch.zeros(3, 4), training(1, sparsity_weight=1.0))
    sigmoid = Autoencoder(AutoencoderConfig(4, (2,), "sigmoid")).pairs[0]
    assert train_autoencoder(sigmoid, torch.zeros(3, 4), training(1, sparsity_weight=1.0)).steps == [1]
    with pytest.raises(ValueError, match="sparsity_target"):
        AutoencoderTrainingConfig(sparsity_target=0.0)

"""The model library's trainings, small and on real drums, for `test_fabrics.py`.

By torchrun it is started as a script: it does all of them, and each process tells the weights at the end.
"""

import hashlib
import json
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from creativeml.data.patterns import varied_patterns
from creativeml.data.starter import starter_sounds
from creativeml.models.autoencoders.autoencoder import Autoencoder, AutoencoderConfig
from creativeml.models.autoencoders.vae import VAE, VAEConfig
from creativeml.models.clustering.deep_cluster import DeepCluster, DeepClusterConfig
from creativeml.models.separation.deep_clustering import DeepClustering, DeepClusteringConfig
from creativeml.training.autoencoders import AutoencoderTrainingConfig, fine_tune, train_autoencoder, train_stacked
from creativeml.training.deep_cluster import DeepClusterTrainingConfig, train_deep_cluster
from creativeml.training.deep_clustering import DeepClusteringTrainingConfig, train_deep_clustering
from creativeml.training.likelihood import train_likelihood
from creativeml.training.minibatches import LoopConfig, train_minibatches
from creativeml.training.replicas import fabric_for
from creativeml.training.word2vec import Word2VecTrainingConfig, train_word2vec

COUNT = 64


def drums():
    """Sounds, pictures `(64, 128)` and labels: kicks and hats in turns."""
    pack = starter_sounds(("kick", "hat_closed"), length_samples=4096, sample_rate=22050)
    kinds = [torch.nonzero(pack.labels == kind).flatten() for kind in (0, 1)]
    rows = torch.stack([members[torch.arange(COUNT // 2) % len(members)] for members in kinds], 1).flatten()
    return pack.sounds[rows], pack.pictures().flatten(1)[rows], pack.labels[rows]


def spoiled(tensor, start):
    """Not a number from a row on: whoever looks at those rows cannot go on."""
    if start is not None:
        tensor[start:] = torch.nan
    return tensor


def loop_of(steps, overfit=None, batch_size=16):
    return LoopConfig(steps, batch_size, 3e-3, overfit=overfit, validate_every=10, optimizer="momentum")


def autoencoder(steps, *, overfit=None, spoil_from=None, parts=1, **options):
    torch.manual_seed(1)
    model = Autoencoder(AutoencoderConfig(128, (32,)))
    config = AutoencoderTrainingConfig(loop_of(steps, overfit), noise=0.1, sparsity_weight=0.1)
    train_autoencoder(model, spoiled(drums()[1], spoil_from), config, **options)
    return model


def stacked(steps, *, overfit=None, spoil_from=None, parts=1, **options):
    torch.manual_seed(1)
    model = Autoencoder(AutoencoderConfig(128, (32, 16)[:parts]))
    pictures = spoiled(drums()[1], spoil_from)
    train_stacked(model, pictures, AutoencoderTrainingConfig(loop_of(steps, overfit)), **options)
    return model


def tuned(steps, *, overfit=None, spoil_from=None, parts=1, **options):
    torch.manual_seed(1)
    start = Autoencoder(AutoencoderConfig(128, (32, 16)))
    _, pictures, labels = drums()
    return fine_tune(start, spoiled(pictures, spoil_from), labels, 2, loop_of(steps, overfit), **options)[0]


def likelihood(steps, *, overfit=None, spoil_from=None, parts=1, **options):
    torch.manual_seed(1)
    model = VAE(VAEConfig(128, (32,), 4))
    train_likelihood(model, spoiled(drums()[1], spoil_from), loop_of(steps, overfit), **options)
    return model


def deep_cluster(steps, *, overfit=None, spoil_from=None, parts=1, **options):
    torch.manual_seed(1)
    model = DeepCluster(DeepClusterConfig(channels=(4, 8), clusters=4))
    pictures = spoiled(drums()[1], spoil_from).view(-1, 1, 16, 8)
    train_deep_cluster(model, pictures, DeepClusterTrainingConfig(loop_of(steps, overfit), turns=parts), **options)
    return model


def deep_clustering(steps, *, overfit=None, spoil_from=None, parts=1, **options):
    torch.manual_seed(1)
    model = DeepClustering(DeepClusteringConfig(window_samples=256, hidden=8, layers=1, dim=4))
    sounds, _, labels = drums()
    config = DeepClusteringTrainingConfig(loop_of(steps, overfit))
    train_deep_clustering(model, spoiled(sounds, spoil_from), labels, config, **options)
    return model


def word2vec(steps, *, overfit=None, spoil_from=None, parts=1, **options):
    sequences = [pattern.hits() for pattern in varied_patterns(20)]
    if spoil_from is not None:
        sequences[1:] = [list(reversed(sequence)) for sequence in sequences[1:]]
    return train_word2vec(sequences, Word2VecTrainingConfig(loop_of(steps, overfit)), **options)[0]


TRAININGS = {
    training.__name__: training
    for training in (autoencoder, stacked, tuned, likelihood, deep_cluster, deep_clustering, word2vec)
}


def classifier(steps, *, batch_size=32, fabric=None):
    """Nothing random in it, and passes of whole batches: what it becomes depends on the rows of each step alone."""
    _, pictures, labels = drums()
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(128, 32), nn.Tanh(), nn.Linear(32, 2))
    if steps:
        config = LoopConfig(steps, batch_size, 0.1, optimizer="momentum")
        train_minibatches(model, lambda x, y: F.cross_entropy(model(x), y), (pictures, labels), config, fabric=fabric)
    return flat(model)


def flat(model):
    """All weights in one row."""
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def main(told: Path) -> None:
    fabric = fabric_for("cpu", "32-true")
    weights = {}
    for name, train in TRAININGS.items():
        state = train(12, parts=2, fabric=fabric).state_dict().values()
        weights[name] = hashlib.sha256(b"".join(v.contiguous().numpy().tobytes() for v in state)).hexdigest()
    lines = {"weights": weights, "classifier": classifier(10, batch_size=16, fabric=fabric).tolist()}
    (told / f"{fabric.global_rank}.json").write_text(json.dumps(lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Every family of classifier on the same drums at the same budget: accuracy, size, cost, and who is taken for whom.

    python examples/compare_classifiers.py DATA --out COMPARISON --seconds 60 --seeds 3

DATA is a dataset folder made by `creativeml prepare`. Each network is trained for so many seconds of one core on varied
copies of the train recordings, the weights with the lowest validation loss are kept, and the test recordings are asked
once. Networks are of reduced width (their published sizes are counted by the tests); classical methods get what time
they need. It writes `comparison.md`, `comparison.json` and a picture of the best one's confusions; what is stopped goes
on with the same command. The defaults take 40 minutes.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
import tyro
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, GradientBoostingClassifier, RandomForestClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from creativeml import models
from creativeml.audio.log_mel import FLOOR_DB, log_mel
from creativeml.config import read_json
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError
from creativeml.evaluation.bags import BagOfFrames
from creativeml.evaluation.judge import Recognition, recognition_of
from creativeml.files import atomic_path, atomic_write_json, atomic_write_text
from creativeml.memory import keep_large_blocks
from creativeml.training.minibatches import LoopConfig, train_minibatches
from creativeml.training.varied_sounds import vary

matplotlib.use("Agg")
from matplotlib import pyplot as plt

BANDS, WAVE_SAMPLES = 64, 16384
VARIED = 4000
"""Copies of the train recordings, made once for all."""
TRIAL = 15
"""Steps that are timed to learn how many the budget allows."""
LOOKS = 10
"""Comparisons with the validation recordings."""


@dataclass(frozen=True)
class Family:
    """A network, what differs from its default configuration, and what it is shown."""

    title: str
    model: str
    view: str = "picture"
    rate: float = 1e-3
    fields: dict[str, Any] = field(default_factory=dict)


FAMILIES = {
    "mlp": Family("MLP", "mlp", fields={"width": 128}),
    "lenet": Family("LeNet-5", "lenet", rate=3e-3),
    "alexnet": Family("AlexNet, 1/8 wide", "alexnet", fields={"width": 8, "hidden": 256}),
    # With the dropout of the paper, meant for a million pictures, it learns nothing in such a time.
    "vgg": Family(
        "VGG-16, 1/8 wide",
        "vgg",
        fields={"width": 8, "hidden": 128, "stages": [2, 2, 3, 3, 3], "dropout": 0.1},
    ),
    "resnet": Family("ResNet-18, 1/4 wide", "resnet", fields={"width": 16, "stages": [2, 2, 2, 2]}),
    "resnet_wave": Family(
        "ResNet-18, 1/4 wide, on waveforms", "resnet", "wave", fields={"dims": 1, "width": 16, "stages": [2, 2, 2, 2]}
    ),
    "tcn": Family("TCN (dilated) on frames", "tcn", "frames", fields={"dims": 1, "in_channels": BANDS, "width": 64}),
    "rnn": Family("RNN", "recurrent_classifier", rate=5e-4, fields={"cell": "rnn", "width": 64, "summary": "mean"}),
    "lstm": Family("LSTM", "recurrent_classifier", rate=2e-3, fields={"cell": "lstm", "width": 64, "summary": "mean"}),
    "gru": Family("GRU", "recurrent_classifier", rate=2e-3, fields={"cell": "gru", "width": 64, "summary": "mean"}),
    "transformer": Family("Transformer", "transformer_classifier", fields={"width": 64, "patch": 4}),
}
VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "picture": lambda views: views[0][:, None],
    "frames": lambda views: views[0],
    "wave": lambda views: views[1][:, None],
}
"""How each is made of what `see` returns."""


def see(sounds: Tensor, sample_rate: int) -> tuple[Tensor, Tensor]:
    """Log-mel pictures `(b, 64, 64)` of the first 0.75 s, about -2 to 2, and the first 0.37 s of the waveforms."""
    sounds = sounds / sounds.abs().amax(1, keepdim=True).clamp_min(1e-8)
    levels = log_mel(sounds[:, : 63 * 512], sample_rate, window_samples=2048, hop_samples=512, bands=BANDS, low_hz=30.0)
    return (levels - FLOOR_DB / 2) / 20.0, sounds[:, :WAVE_SAMPLES]


@dataclass
class Drums:
    """What all methods are trained on and asked: views of sounds, and labels."""

    kinds: tuple[str, ...]
    groups: list[str]
    """Of the test recordings: takes of one drum are of one group."""
    train: tuple[Tensor, Tensor, Tensor]
    validation: tuple[Tensor, Tensor, Tensor]
    test: tuple[Tensor, Tensor, Tensor]


def load_drums(folder: Path, number: int) -> Drums:
    """Varied train recordings, every kind equally often; validation and test recordings as they are."""
    sets = {split: OneShotDataset(folder, split, peak=None) for split in ("train", "validation", "test")}
    kinds, rate = sets["train"].kinds, sets["train"].sample_rate
    if any(part.kinds != kinds for part in sets.values()):
        raise CreativeMLError(f"{folder}: a split lacks a kind; prepare it with more sounds")
    varied = vary(
        sets["train"],
        lambda sounds: see(sounds, rate),
        number=number,
        probability=0.5,
        layer_probability=0.0,
        generator=torch.Generator().manual_seed(0),
    )
    views, labels = varied.batch(torch.arange(len(varied.labels)))

    def plain(part: OneShotDataset) -> tuple[Tensor, Tensor, Tensor]:
        return (*see(part.batch(range(len(part)))[0], rate), part.labels)

    groups = [row.get("group") or row["path"] for row in sets["test"].rows]
    return Drums(kinds, groups, (*views, labels), plain(sets["validation"]), plain(sets["test"]))


def train_network(family: Family, drums: Drums, seed: int, seconds: float) -> dict[str, Any]:
    """One network; what it said of the test recordings, and what it cost."""
    view, kinds = VIEWS[family.view], len(drums.kinds)

    def fresh() -> nn.Module:
        torch.manual_seed(seed)
        return models.build(family.model, classes=kinds, **family.fields)

    def loss(*rows: Tensor) -> Tensor:
        return F.cross_entropy(model(view(rows)).float(), rows[2])

    def train(steps: int, looks: int) -> float:
        # The rate falls to nothing, which suits any number of steps.
        schedule = LoopConfig(
            steps,
            32,
            family.rate,
            weight_decay=1e-4,
            validate_every=max(1, steps // looks),
            seed=seed,
            schedule="cosine",
        )
        started = time.process_time()
        train_minibatches(model, loss, drums.train, schedule, validation=drums.validation if looks > 1 else ())
        return time.process_time() - started

    model = fresh()
    train(TRIAL, 1)
    steps = max(20, round(TRIAL * seconds / train(TRIAL, 1)))
    model = fresh()
    spent = train(steps, LOOKS)
    with torch.no_grad():
        recognised = model(view(drums.test)).argmax(1)
    one = view(tuple(part[:1] for part in drums.test))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(one)
    return {
        "recognised": recognised.tolist(),
        "seconds": spent,
        "steps": steps,
        "parameters": sum(p.numel() for p in model.parameters()),
        "macs": counter.get_total_flops() / 2,
        "ms": _milliseconds(lambda: model(one)),
    }


@torch.no_grad()
def _milliseconds(play: Callable[[], object]) -> float:
    times = []
    for _ in range(20):
        started = time.perf_counter()
        play()
        times.append(time.perf_counter() - started)
    return 1000.0 * float(np.median(times))


class MixturePerKind:
    """A Gaussian mixture of each kind's frames; the likeliest mixture names the sound."""

    def fit(self, pictures: np.ndarray, labels: np.ndarray) -> MixturePerKind:
        frames = pictures.transpose(0, 2, 1)
        self.mixtures = [
            GaussianMixture(4, covariance_type="diag", reg_covar=1e-2, random_state=0).fit(
                frames[labels == kind].reshape(-1, frames.shape[2])
            )
            for kind in range(labels.max() + 1)
        ]
        return self

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        frames = pictures.transpose(0, 2, 1)
        flat = frames.reshape(-1, frames.shape[2])
        scores = [m.score_samples(flat).reshape(len(frames), -1).sum(1) for m in self.mixtures]
        return np.argmax(scores, axis=0)


class MixtureOfExperts:
    """Logistic regressions, each for a part of the sounds, and a gate that says for which (Jacobs et al. 1991).

    Learnt by expectation-maximisation (Jordan and Jacobs 1994): each sound counts for an expert as much as the gate and
    the expert's answer speak for it. It begins with the parts that a Gaussian mixture finds. On the open drums a single
    regression with the same penalty names as many test recordings rightly: there is nothing for experts to share.
    """

    def __init__(self, experts: int = 2, *, rounds: int = 2, seed: int = 0) -> None:
        if experts < 2 or rounds < 1:
            raise ValueError(f"a mixture has at least 2 experts and 1 round, not {experts} and {rounds}")
        self.experts, self.rounds, self.seed = experts, rounds, seed
        self.scaler = StandardScaler()

    def fit(self, pictures: np.ndarray, labels: np.ndarray) -> MixtureOfExperts:
        x = self.scaler.fit_transform(summary(pictures))
        plane = PCA(min(8, *x.shape), random_state=self.seed).fit_transform(x)
        parts = GaussianMixture(self.experts, covariance_type="diag", reg_covar=1e-2, random_state=self.seed)
        shares = parts.fit(plane).predict_proba(plane)
        for _ in range(self.rounds):
            # Nothing counts 0, so that every expert knows all kinds.
            shares = np.maximum(shares, 1e-6)
            self.models = [_logistic().fit(x, labels, part) for part in shares.T]
            numbers = np.repeat(np.arange(self.experts), len(x))
            self.gate = _logistic().fit(np.tile(x, (self.experts, 1)), numbers, shares.T.ravel())
            rights = np.stack([m.predict_proba(x)[np.arange(len(x)), labels] for m in self.models], axis=1)
            shares = self.gate.predict_proba(x) * rights
            shares /= shares.sum(1, keepdims=True)
        return self

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        x = self.scaler.transform(summary(pictures))
        answers = np.stack([m.predict_proba(x) for m in self.models])
        return np.einsum("ne,enk->nk", self.gate.predict_proba(x), answers).argmax(1)


def _logistic() -> LogisticRegression:
    # Several experts fit more than one regression does: less is allowed to each, as the validation recordings say.
    return LogisticRegression(C=0.01, max_iter=2000)


def summary(pictures: np.ndarray) -> np.ndarray:
    """Mean, standard deviation and start of every band over time: `(n, bands, frames)` → `(n, 3 * bands)`."""
    return np.concatenate([pictures.mean(2), pictures.std(2), pictures[:, :, :4].mean(2)], axis=1)


class BagOfFramesClassifier:
    """Logistic regression of how often the spectra of a codebook occur."""

    def fit(self, pictures: np.ndarray, labels: np.ndarray) -> BagOfFramesClassifier:
        self.bag = BagOfFrames(64).fit(pictures[:1000])
        self.model = LogisticRegression(C=100.0, max_iter=2000).fit(self.bag.transform(pictures), labels)
        return self

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        return self.model.predict(self.bag.transform(pictures))


class Summarised:
    """A method of scikit-learn on standardised summaries of the pictures."""

    def __init__(self, method: Any) -> None:
        self.pipeline = make_pipeline(StandardScaler(), method)

    def fit(self, pictures: np.ndarray, labels: np.ndarray) -> Summarised:
        self.pipeline.fit(summary(pictures), labels)
        return self

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        return self.pipeline.predict(summary(pictures))


CLASSICAL: dict[str, Callable[[int], Any]] = {
    "linear regression of the kinds (ridge)": lambda seed: Summarised(RidgeClassifier()),
    "logistic regression": lambda seed: Summarised(LogisticRegression(C=0.01, max_iter=2000)),
    "k nearest neighbours": lambda seed: Summarised(KNeighborsClassifier(5)),
    "naive Bayes": lambda seed: Summarised(GaussianNB()),
    "support vectors": lambda seed: Summarised(SVC(C=10.0)),
    "tree": lambda seed: Summarised(DecisionTreeClassifier(random_state=seed)),
    "bagged trees": lambda seed: Summarised(BaggingClassifier(n_estimators=30, random_state=seed)),
    "random forest": lambda seed: Summarised(RandomForestClassifier(300, random_state=seed)),
    "boosted trees": lambda seed: Summarised(
        GradientBoostingClassifier(n_estimators=20, subsample=0.5, random_state=seed)
    ),
    "stacking (neighbours, Bayes, logistic)": lambda seed: Summarised(
        StackingClassifier(
            [("k", KNeighborsClassifier(5)), ("b", GaussianNB()), ("l", LogisticRegression(C=0.01, max_iter=2000))],
            cv=3,
        )
    ),
    "bag of frames": lambda seed: BagOfFramesClassifier(),
    "Gaussian mixture per kind": lambda seed: MixturePerKind(),
    "mixture of experts (logistic)": lambda seed: MixtureOfExperts(seed=seed),
}


def fit_classical(name: str, drums: Drums, seed: int) -> dict[str, Any]:
    """One classical method; the same figures as for networks, but parameters and multiplications."""
    method = CLASSICAL[name](seed)
    pictures, labels = drums.train[0].numpy(), drums.train[2].numpy()
    started = time.process_time()
    method.fit(pictures, labels)
    spent = time.process_time() - started
    recognised = method.predict(drums.test[0].numpy())
    one = drums.test[0][:1].numpy()
    return {
        "recognised": recognised.tolist(),
        "seconds": spent,
        "steps": None,
        "parameters": None,
        "macs": None,
        "ms": _milliseconds(lambda: method.predict(one)),
    }


def table(results: dict[str, list[dict[str, Any]]], drums: Drums, about: str) -> str:
    """Markdown: one row a method, best first."""
    truth = drums.test[2]
    rows = []
    for title, runs in results.items():
        found = [recognition_of(torch.tensor(run["recognised"]), truth, drums.kinds).balanced for run in runs]
        plain = np.mean([np.mean(np.array(run["recognised"]) == truth.numpy()) for run in runs])
        low, high = over_seeds(found)
        first = runs[0]
        macs = "–" if first["macs"] is None else f"{first['macs'] / 1e6:.1f} M"
        size = "–" if first["parameters"] is None else f"{first['parameters'] / 1e3:,.0f} k"
        rows.append(
            (
                float(np.mean(found)),
                f"| {title} | {np.mean(found):.1%} [{low:.1%}, {high:.1%}] | {plain:.1%} | {size} | {macs} |"
                f" {np.mean([run['seconds'] for run in runs]):.0f} | {first['ms']:.2f} |",
            )
        )
    head = "| | balanced accuracy | accuracy | parameters | multiplications | seconds of training | ms a sound |"
    lines = [head, "|" + "---|" * 7, *(row for _, row in sorted(rows, reverse=True))]
    return f"{about}\n\n" + "\n".join(lines) + "\n"


def over_seeds(values: list[float]) -> tuple[float, float]:
    """95 % interval of the mean over seeds by Student's t; the value itself for a single seed."""
    if len(values) < 2:
        return values[0], values[0]
    quantile = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}.get(len(values), 2.0)
    half = quantile * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    mean = float(np.mean(values))
    return max(0.0, mean - half), min(1.0, mean + half)


def draw_confusion(recognition: Recognition, title: str, path: Path) -> None:
    """Picture of who is taken for whom, in percent of the true kind."""
    shares = 100 * recognition.confusion / recognition.confusion.sum(1, keepdim=True).clamp_min(1)
    figure, axes = plt.subplots(figsize=(7, 6))
    axes.imshow(shares.numpy(), cmap="Blues", vmin=0, vmax=100)
    for row, column in np.argwhere(shares.numpy() >= 1):
        colour = "white" if shares[row, column] > 60 else "black"
        axes.text(column, row, f"{shares[row, column]:.0f}", ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(recognition.kinds)), recognition.kinds, rotation=60, ha="right")
    axes.set_yticks(range(len(recognition.kinds)), recognition.kinds)
    axes.set_xlabel("recognised as")
    axes.set_ylabel("true kind")
    axes.set_title(title)
    figure.tight_layout()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    plt.close(figure)


def main(
    data: tyro.conf.Positional[Path],
    *,
    out: Path,
    seconds: float = 60.0,
    seeds: int = 3,
    only: tuple[str, ...] = (),
    varied: int = VARIED,
) -> None:
    """Train, ask, and write the table.

    Args:
        data: dataset folder.
        out: folder of the results; made if missing, gone on with if begun.
        seconds: of one core for each network and seed.
        seeds: of each method.
        only: some of the networks and of the classical methods, by key.
        varied: copies of the train recordings, at least.
    """
    names = {**{key: family.title for key, family in FAMILIES.items()}, **{key: key for key in CLASSICAL}}
    unknown = [key for key in only if key not in names]
    if unknown:
        raise CreativeMLError(f"there is no method '{unknown[0]}' (known: {', '.join(names)})")
    keep_large_blocks()
    torch.set_num_threads(1)
    drums = load_drums(data, varied)
    place = out / "comparison.json"
    done: dict[str, Any] = read_json(place) if place.is_file() else {}
    settings = {"seconds": seconds, "varied": varied, "test": len(drums.groups), "kinds": list(drums.kinds)}
    if done.setdefault("settings", settings) != settings:
        raise CreativeMLError(f"{out} was begun with other settings; choose another --out")
    results: dict[str, list[dict[str, Any]]] = done.setdefault("results", {})
    for key in only or names:
        runs = results.setdefault(key, [])
        while len(runs) < seeds:
            seed = len(runs)
            run = (
                train_network(FAMILIES[key], drums, seed, seconds)
                if key in FAMILIES
                else fit_classical(key, drums, seed)
            )
            runs.append(run)
            atomic_write_json(place, done)
            right = recognition_of(torch.tensor(run["recognised"]), drums.test[2], drums.kinds).balanced
            print(f"{names[key]}, seed {seed}: {right:.1%} in {run['seconds']:.0f} s", flush=True)
    about = (
        f"{len(drums.groups)} test recordings of {len(drums.kinds)} kinds, {len(drums.train[2])} varied copies for"
        f" training; {seconds:g} s of one core for each network, {seeds} seeds; balanced accuracy, 95 % interval"
        " over seeds."
    )
    text = table({names[key]: runs for key, runs in results.items()}, drums, about)
    atomic_write_text(out / "comparison.md", text)
    print(text)
    draw_best(results, names, drums, out / "confusion.png")


def draw_best(results: dict[str, list[dict[str, Any]]], names: dict[str, str], drums: Drums, path: Path) -> None:
    """Confusions of the method that was best on average, over all its seeds, and its interval over test recordings."""
    truth = drums.test[2]

    def counted(runs: list[dict[str, Any]]) -> Recognition:
        return recognition_of(
            torch.tensor([run["recognised"] for run in runs]).flatten(), truth.repeat(len(runs)), drums.kinds
        )

    best = max(results, key=lambda key: counted(results[key]).balanced)
    runs = results[best]
    right = np.array([np.array(run["recognised"]) == truth.numpy() for run in runs]).mean(0)
    low, high = np.quantile(by_groups(right, truth.numpy(), drums.groups), (0.025, 0.975))
    print(
        f"best: {names[best]}, {counted(runs).balanced:.1%} balanced; 95 % interval over groups of test recordings"
        f" [{low:.1%}, {high:.1%}]; confusions in {path}"
    )
    draw_confusion(counted(runs), names[best], path)


def by_groups(right: np.ndarray, truth: np.ndarray, groups: list[str], draws: int = 2000) -> np.ndarray:
    """Balanced accuracy when groups of takes are drawn again: `(draws,)`; kinds that are not drawn do not count."""
    generator = np.random.default_rng(0)
    names, place = np.unique(groups, return_inverse=True)
    times = generator.multinomial(len(names), np.full(len(names), 1 / len(names)), draws)[:, place]
    kinds = np.eye(truth.max() + 1)[truth]
    drawn = times @ kinds
    shares = np.divide((times * right) @ kinds, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0)
    return np.nanmean(shares, axis=1)


if __name__ == "__main__":
    try:
        tyro.cli(main)
    except CreativeMLError as error:
        sys.exit(f"error: {error}")

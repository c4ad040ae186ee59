"""`creativeml bench` with tiny networks: every figure is there and plausible; contestants really take
turns."""

import json
import time
from dataclasses import replace

import pytest
import torch

from creativeml.cli import run
from creativeml.cli.bench import run_bench, tables
from creativeml.errors import CreativeMLError
from creativeml.evaluation.cost import in_turns
from creativeml.evaluation.peers import PEERS
from creativeml.models.gans.critics import CriticConfig
from creativeml.models.gans.style_wavegan import StyleWaveGANConfig
from creativeml.models.gans.wavegan import WaveGANConfig
from creativeml.synthesis.catalog import DEFAULT_MODEL, find_model
from creativeml.synthesis.generate import load
from creativeml.training.config import ALL_CONTROLS, GANTrainingConfig, ReconstructionConfig, training_preset
from creativeml.training.drum_vae import vae_preset
from creativeml.training.speed import (
    CONTESTANTS,
    PEER_FLAGS,
    Contestant,
    TrainingTask,
    contestants,
    cycle_steps,
    memory_mb,
)

KINDS = ("kick", "snare")


def tiny_fast():
    generator = StyleWaveGANConfig(kinds=KINDS, latent_dim=4, style_dim=4, channels=(4,) * 5)
    critic = CriticConfig(2, spectral_channels=(4, 4), wave_channels=(4, 4), feature_dim=4)
    rebuilt = ReconstructionConfig(pretrain_steps=10, every=4)
    return GANTrainingConfig("fast", generator, critic, reconstruction=rebuilt, batch_size=2)


def tiny_wavegan():
    preset = training_preset("wavegan", KINDS, batch_size=2)
    generator = WaveGANConfig(kinds=KINDS, channels=1, latent_dim=4)
    return GANTrainingConfig(**{**vars(preset), "generator": generator})


@pytest.fixture(scope="module")
def figures():
    entries = [
        Contestant("tiny", tiny_fast()),
        Contestant("base", tiny_wavegan()),
        Contestant("peer", None, "RAVE v2 decoder"),
    ]
    return run_bench(entries, 2, training=True, memory=False)


def test_every_figure_is_there(figures):
    assert figures["training"].keys() == {"tiny", "base"}, "peers are played only"
    for name in ("tiny", "base", "peer"):
        made = figures["generation"][name]
        assert 0 < made["one_p50_ms"] <= made["one_p95_ms"]
        assert made["one_times_real_time"] == pytest.approx(65536 / 44100 / made["one_p50_ms"] * 1000)
        assert made["gflop"] > 0 and made["parameters_m"] > 0 and made["first_ms"] > 0
        assert 0 < made["share_of_limit"] < 1.2
        if name == "peer":
            continue
        trained = figures["training"][name]
        assert 0 < trained["slowest"] <= trained["sounds_per_second"] <= trained["fastest"]
    assert all(rate > 0 for rate in figures["data"].values())
    assert figures["machine"]["threads"] >= 1
    json.dumps(figures)


def test_baselines_are_timed_in_generation_and_training():
    """The spectral GAN and the VAE, small: a cycle is one step, and their sounds are whole ones."""
    shape = {"kinds": KINDS, "latent_dim": 4, "channels": (4, 4, 4), "patch": 8}
    entries = []
    for name, config in (("spectral", training_preset("spectral", KINDS, batch_size=4)), ("vae", vae_preset(KINDS))):
        generator = replace(config.generator, **shape)
        entries.append(Contestant(name, replace(config, generator=generator, batch_size=4)))
    figures = run_bench(entries, 1, training=True, memory=False)
    for entry in entries:
        assert cycle_steps(entry.config) == 1
        assert figures["training"][entry.name]["sounds_per_second"] > 0
        assert figures["generation"][entry.name]["one_p50_ms"] > 0
    assert figures["training"]["vae"]["critic_steps"] == 0 and figures["training"]["spectral"]["penalty_every"] == 1
    assert "| vae " in tables(figures)
    assert memory_mb(entries[1], "training") is None or 100 < memory_mb(entries[1], "training") < 3000


def test_the_preset_goes_on_from_the_bundled_weights():
    (fast,) = contestants(["fast"], find_model(DEFAULT_MODEL).folder)
    task, bundled = TrainingTask(fast.config, fast.start), load(DEFAULT_MODEL).model
    weight = task.gan.average.levels[2].convs[0].weight
    torch.testing.assert_close(weight, bundled.levels[2].convs[0].weight.to(weight), rtol=0, atol=0)


def test_tables(figures):
    text = tables(figures)
    for word in (
        "| tiny ",
        "| base ",
        "sounds/s",
        "clips/s",
        "threads",
        "tiny is so many times as fast as: base",
        "share of limit",
    ):
        assert word in text
    ratio = figures["training"]["tiny"]["sounds_per_second"] / figures["training"]["base"]["sounds_per_second"]
    assert f"{ratio:.1f} (training)" in text
    memory = {"torch alone": {"one": 400.0}, "tiny": {"one": 431.4, "training": None}}
    text = tables({**figures, "memory": memory, "training": {}})
    assert "sounds/s" not in text and "431" in text and "alone take 400 MB" in text


def test_peak_memory_is_of_another_process():
    tiny = Contestant("tiny", tiny_fast())
    peer = Contestant("RAVE", None, PEER_FLAGS["rave"])
    peaks = [memory_mb(*work) for work in ((None, "one"), (tiny, "one"), (tiny, "training"), (peer, "one"))]
    assert peaks == [None] * 4 or (100 < peaks[0] < peaks[1] < peaks[2] < 3000 and peaks[0] < peaks[3] < 3000)
    with pytest.raises(CreativeMLError, match="RAVE is a peer"):
        memory_mb(peer, "training")


def test_a_timed_cycle_holds_every_costly_term():
    config = tiny_fast()
    assert cycle_steps(config) == 8 and cycle_steps(tiny_wavegan()) == 1
    task = TrainingTask(config)
    assert task.gan.step == 16 and not task.gan.pretraining
    task.run()
    assert task.gan.step == 24 and task.sounds_per_cycle == 16


def test_tasks_take_turns():
    order: list[str] = []
    tasks = {"a": lambda: order.append("a"), "b": lambda: (order.append("b"), time.sleep(0.002))}
    seconds = in_turns(tasks, repetitions=2, calls=2, tick=lambda: None)
    assert order == ["a", "b", "a", "a", "b", "b", "a", "a", "b", "b"]
    assert len(seconds["a"]) == 4 and min(seconds["b"]) >= 0.002


def test_contestants_are_the_presets():
    entries = contestants([preset for preset, *_ in CONTESTANTS] + list(PEER_FLAGS))
    presets = [entry.config.preset for entry in entries if entry.config is not None]
    assert presets == ["fast", "fast-pqmf", "paper", "wavegan", "spectral", "vae"]
    assert entries[0].config.generator.controls == ALL_CONTROLS
    assert {entry.peer for entry in entries} == {"", *PEERS}
    assert len({entry.name for entry in entries}) == len(entries)


def test_mistakes_are_one_line(capsys):
    for wrong, words in (
        (["--models", "fsat"], "known: fast"),
        (["--repetitions", "0"], "--repetitions must be"),
    ):
        assert run(["bench", *wrong]) == 1
        error = capsys.readouterr().err.strip()
        assert words in error and "\n" not in error

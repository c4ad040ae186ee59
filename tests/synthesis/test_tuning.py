"""Sounds brought nearer to what was asked: measured by the exact descriptors, which tuning does not use."""

import pytest
import torch

from creativeml.audio.descriptors import DESCRIPTORS, describe
from creativeml.errors import CreativeMLError
from creativeml.models.checkpoint import from_pretrained, read_config, save_pretrained
from creativeml.models.gans.style_wavegan import StyleWaveGAN, StyleWaveGANConfig
from creativeml.synthesis.export import render, requests_for
from creativeml.synthesis.generate import load
from creativeml.synthesis.request import file_name
from creativeml.synthesis.tuning import tuned

CONTROLS = ("brightness", "warmth")


@pytest.fixture(scope="module")
def drawn():
    """A small generator with random weights, and what three of its sounds are made from."""
    torch.manual_seed(0)
    config = StyleWaveGANConfig(
        kinds=("kick", "snare"),
        controls=CONTROLS,
        length_samples=16384,
        latent_dim=4,
        style_dim=8,
        channels=(12, 12, 12),
        convs_per_level=1,
    )
    model = StyleWaveGAN(config).eval().requires_grad_(False)
    with torch.no_grad():
        for level in model.levels:
            level.to_gain.weight.normal_(0, 2.0)
        model.level -= torch.linspace(0, 6, config.level_frames)
        condition = model.condition_for(["kick", "snare", "kick"])
        style = model.map(torch.randn(3, 4), condition)
    noise = [torch.randn(3, *shape) for shape in model.noise_shapes()]
    return model, style, condition, noise


def misses(sounds, asked):
    found = describe(sounds, 44100, tuple(asked))
    rows = [(found[n] - value).abs() / DESCRIPTORS[n].jnd for n, value in asked.items()]
    return torch.stack(rows).mean(0)


def test_without_steps_or_questions_the_sound_is_untouched(drawn):
    model, style, condition, noise = drawn
    plain = model.synthesize(style, condition, noise)
    assert torch.equal(tuned(model, style, condition, noise, {}, 44100, steps=9), plain)
    assert torch.equal(tuned(model, style, condition, noise, {"brightness": 50.0}, 44100, steps=0), plain)


@pytest.mark.parametrize("asked", [("brightness",), CONTROLS])
def test_sounds_come_nearer_to_what_was_asked(drawn, asked):
    model, style, condition, noise = drawn
    plain = model.synthesize(style, condition, noise)
    # What another sound of the same model has: elsewhere, but not out of reach.
    other = describe(model.synthesize(-2 * style[1:2], condition[:1], [n[:1] for n in noise]), 44100, asked)
    wanted = {n: float(other[n]) for n in asked}
    assert float(misses(plain, wanted).mean()) > 0.4
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with torch.inference_mode():
        sounds = tuned(model, style, condition, noise, wanted, 44100, steps=12, fixed=2)
    assert sounds.shape == plain.shape and not torch.equal(sounds, plain)
    assert float(misses(sounds, wanted).mean()) < 0.6 * float(misses(plain, wanted).mean())
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(sounds, tuned(model, style, condition, noise, wanted, 44100, steps=12, fixed=2))


def test_what_is_met_already_is_left_alone(drawn):
    model, style, condition, noise = drawn
    one = [n[:1] for n in noise]
    plain = model.synthesize(style[:1], condition[:1], one)
    met = {"brightness": float(describe(plain, 44100, ("brightness",), smooth=True)["brightness"])}
    assert torch.equal(tuned(model, style[:1], condition[:1], one, met, 44100, steps=12), plain)


def test_an_instrument_tunes_and_the_steps_are_part_of_a_sounds_name(controls_folder, tmp_path):
    model = from_pretrained(controls_folder)
    with torch.no_grad():
        for level in model.levels:
            level.to_gain.weight.normal_(0, 1.0)  # 0 in an untrained model, whose levels nothing can move then
    save_pretrained(model, tmp_path / "model", info=read_config(controls_folder)["info"])
    instrument = load(tmp_path / "model")
    asked = instrument.feasible("snare", {"brightness": 70.0}).values
    plain, nearer = (instrument.sound("snare", 3, controls=asked, tuning=steps) for steps in (0, 16))
    assert float(misses(nearer[None], asked)) < 0.7 * float(misses(plain[None], asked))
    assert torch.equal(nearer, instrument.generate("snare", 2, 2, controls=asked, tuning=16)[1])
    free, tuned_one, untuned = (
        requests_for(instrument, ["snare"], 1, 3, 1.0, controls, steps)[0]
        for controls, steps in (({}, 16), (asked, 16), (asked, 0))
    )
    assert free.tuning == 0, "nothing to tune by"
    assert len({file_name(request) for request in (free, tuned_one, untuned)}) == 3
    _, record = render(instrument, tuned_one)
    assert record.request == tuned_one and record.measured.keys() == asked.keys()
    with pytest.raises(CreativeMLError, match="tuning must be a whole number from 0 to 100"):
        instrument.sound("snare", 3, controls=asked, tuning=101)

"""Layers and takes by the model, measured: softer is duller, less hard and quieter; takes are one drum."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from creativeml.audio.descriptors.registry import describe
from creativeml.audio.loudness import integrated_loudness
from creativeml.errors import CreativeMLError
from creativeml.kits.kit import Layer, Shaping, level_of
from creativeml.kits.layers import model_layers, own_layers, remade
from creativeml.kits.wave import plain_wav, samples_of
from creativeml.synthesis.audible import heard
from creativeml.synthesis.export import export_sounds, read_manifest, remake, render
from creativeml.synthesis.request import Request, file_name


def rows(layers: tuple[Layer, ...]) -> list[tuple[float, float, float]]:
    """Brightness, hardness and loudness of the first take of each layer, by the exact measures."""
    found = []
    for layer in layers:
        sound = layer.takes[0].samples
        values = describe(torch.from_numpy(sound)[None], 44100, ["brightness", "hardness"])
        loudness = integrated_loudness(sound, 44100)
        found.append((float(values["brightness"]), float(values["hardness"]), loudness))
    return found


@pytest.mark.parametrize(("kind", "count"), [("kick", 3), ("hat_closed", 2), ("ride", 2)])
def test_harder_strokes_are_brighter_harder_and_louder(drums, made, kind, count):
    layers = model_layers(drums, Request(kind, 7), kind, count, make=made)
    found = rows(layers)
    for softer, harder in pairwise(found):
        assert all(a < b for a, b in zip(softer, harder, strict=True)), (softer, harder)
    # Hosts play at v / 127: at no velocity does a stroke get quieter than at the one before.
    pairs = [(layer, own[2]) for layer, own in zip(layers, found, strict=True)]
    levels = [20 * np.log10(level_of(v)) + loudness for layer, loudness in pairs for v in (layer.low, layer.high)]
    assert all(a < b for a, b in pairwise(levels))
    # Of a kick the model knows softer strokes itself.
    assert kind != "kick" or all(not layer.takes[0].shaping.cutoff_hz for layer in layers)


def test_the_loudest_layer_begins_with_the_pads_own_sound(drums, made):
    request = Request("snare", 11, controls={"warmth": 40.0})
    data, record = render(drums, request, measure=False)
    layers = model_layers(drums, request, "Snare", 2, 2, make=made)
    first = layers[-1].takes[0]
    assert first.data == plain_wav(data) and first.record == record and first.shaping == Shaping()
    assert layers[0].takes[0].record.controls["warmth"] == 40.0


def test_takes_differ_and_are_nearer_than_other_seeds(drums, made):
    """By what is heard of a difference, and by plain spectra in dB that are taken here with numpy alone."""

    def picture(samples: np.ndarray) -> np.ndarray:
        samples = samples.astype(np.float64) / np.sqrt(np.square(samples, dtype=np.float64).sum())
        frames = np.lib.stride_tricks.sliding_window_view(samples, 2048)[:20480:1024]
        power = np.abs(np.fft.rfft(frames * np.hanning(2048))) ** 2
        edges = np.unique(np.round(np.geomspace(2, 1024, 20)).astype(int))
        return 10 * np.log10(np.add.reduceat(power, edges[:-1], axis=1) + 1e-2)

    for kind in ("kick", "snare", "hat_open", "tom"):
        layer = model_layers(drums, Request(kind, 5), kind, 1, 4, make=made)[0]
        sounds = [take.samples for take in layer.takes]
        others = [samples_of(made(Request(kind, seed))[0]) for seed in range(50, 56)]
        places = heard(torch.from_numpy(np.stack([*sounds, *others])), 44100)
        apart = torch.cdist(places, places).numpy()
        takes = [apart[i, k] for i in range(4) for k in range(i)]
        assert min(takes) > 0.5 and max(takes) < apart[0, 4:].min(), (kind, takes, apart[0, 4:])
        first, *rest = map(picture, [*sounds, *others])
        plain = [np.abs(first - other).mean() for other in rest]
        assert min(plain[:3]) > 0 and max(plain[:3]) < np.median(plain[3:]), (kind, plain)
        loudness = [integrated_loudness(sound, 44100) for sound in sounds]
        assert max(loudness) == loudness[0] or max(loudness) - loudness[0] < 0.01


@pytest.mark.parametrize("kind", ["kick", "snare", "tom", "ride"])
def test_takes_of_a_variation_are_strokes_of_it_and_not_of_the_sound_it_varies(drums, made, kind):
    plain, varied = Request(kind, 5), Request(kind, 5, vary=0.6, take=4)
    row = model_layers(drums, varied, kind, 1, 4, make=made)[0].takes
    assert row[0].record.request == varied and len({take.data for take in row}) == 4
    sounds = [samples_of(made(plain)[0]), *(take.samples for take in row)]
    places = heard(torch.from_numpy(np.stack(sounds)), 44100)
    apart = torch.cdist(places, places).numpy()
    assert apart[1, 2:].min() > 0.5 and apart[1, 2:].max() < apart[0, 2:].min(), apart
    # A stroke has the latent of its take, and noise of its own.
    first, *noise = drums.random_inputs(5, 0.6, 4)
    again, *other = drums.random_inputs(5, 0.6, 4, 1)
    assert torch.equal(first, again) and not any(map(torch.equal, noise, other))


def test_strokes_are_in_names_and_manifests_and_differ(drums, tmp_path):
    strokes = [Request("kick", 7, stroke=n) for n in range(3)]
    strokes += [Request("kick", 7, vary=0.2, take=2, stroke=n) for n in range(3)]
    names = [file_name(request) for request in strokes]
    assert names[:2] == ["Kick_s0007.wav", "Kick_s0007_r001.wav"]
    assert names[3:5] == ["Kick_s0007_t002_020.wav", "Kick_s0007_t002_020_r001.wav"] and len(set(names)) == 6
    export_sounds(drums, strokes, tmp_path / "a")
    manifest = read_manifest(tmp_path / "a" / "manifest.json")
    assert [s.request for s in manifest.sounds] == strokes
    assert len({s.sha256 for s in manifest.sounds}) == 6
    assert '"stroke": 0' not in (tmp_path / "a" / "manifest.json").read_text()
    assert not remake(manifest, drums, tmp_path / "b")[1]
    for stroke in (-1, 1001, True, 0.5):
        with pytest.raises(CreativeMLError, match="stroke"):
            drums.sound("kick", 1, stroke=stroke)


def test_a_name_as_long_as_can_be_has_takes_too(drums, made):
    name = "Kick " + "x" * 59
    row = model_layers(drums, Request("kick", 7), name, 1, 11, make=made)[0].takes
    assert row[0].name == name and row[1].name == name[:62] + " 2" and row[10].name == name[:61] + " 11"


def test_a_recording_gets_layers_by_a_filter_and_says_so(recording):
    layers = own_layers(recording, 44100, "Mine", "snare.wav", 4)
    assert np.array_equal(layers[-1].takes[0].samples, np.rint(recording * 2.0**23).astype(np.float32) / 2**23)
    for softer, harder in pairwise(rows(layers)):
        assert all(a < b for a, b in zip(softer, harder, strict=True))
    cutoffs = [layer.takes[0].shaping.cutoff_hz for layer in layers]
    assert cutoffs[-1] == 0 and all(0 < a < b for a, b in pairwise(cutoffs[:-1]))
    assert {take.own for layer in layers for take in layer.takes} == {"snare.wav"}
    assert all(take.record is None for layer in layers for take in layer.takes)


def test_every_take_can_be_made_again_bit_by_bit(drums, made):
    shaping = Shaping(tune_semitones=3.5, decay=0.6)
    for layer in model_layers(drums, Request("perc", 9), "Perc", 2, 2, shaping=shaping, make=made):
        for take in layer.takes:
            assert remade(drums, take.record, take.shaping, take.name) == take


def test_takes_are_in_names_and_manifests_and_old_ones_stay(drums, tmp_path):
    plain, turn = Request("kick", 7), Request("kick", 7, vary=0.2, take=2)
    assert file_name(plain) == "Kick_s0007.wav" and file_name(turn) == "Kick_s0007_t002_020.wav"
    export_sounds(drums, [plain, turn], tmp_path / "a")
    manifest = read_manifest(tmp_path / "a" / "manifest.json")
    assert [s.request for s in manifest.sounds] == [plain, turn]
    assert '"take": 0' not in (tmp_path / "a" / "manifest.json").read_text()
    _, differing = remake(manifest, drums, tmp_path / "b")
    assert not differing
    # A sound without takes is what it was: its noise and latent come of the seed alone.
    generator = torch.Generator().manual_seed(7)
    shapes = ((64,), *drums.model.noise_shapes())
    for mine, shape in zip(drums.random_inputs(7), shapes, strict=True):
        assert torch.equal(mine, torch.randn((1, *shape), generator=generator))


def test_a_varied_latent_is_as_likely_as_any(drums):
    first = drums.random_inputs(1)[0].flatten()
    takes = torch.stack([drums.random_inputs(1, 0.6, t)[0].flatten() for t in range(1, 200)])
    assert torch.equal(drums.random_inputs(1, 0.0, 3)[0].flatten(), first)
    assert takes.mean(0).sub(0.8 * first).abs().max() < 0.25
    assert takes.std(0).mean() == pytest.approx(0.6, abs=0.02)


def test_what_cannot_be_asked_for_is_refused(drums):
    for bad in ({"take": -1}, {"take": 1, "vary": 1.5}, {"vary": 0.2}, {"take": True}):
        with pytest.raises(CreativeMLError):
            drums.sound("kick", 1, **bad)
    for layers, takes in ((0, 1), (9, 1), (1, 0), (1, 17)):
        with pytest.raises(CreativeMLError):
            model_layers(drums, Request("kick", 1), "Kick", layers, takes)


def test_a_model_without_controls_gets_softer_layers_too(tiny_without_controls):
    layers = model_layers(tiny_without_controls, Request("kick", 1), "Kick", 2)
    (soft, hard) = rows(layers)
    assert soft[0] < hard[0] and soft[2] < hard[2] and layers[0].takes[0].shaping.cutoff_hz > 0

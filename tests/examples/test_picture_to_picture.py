"""The example that draws the rest of a sound from its beginning."""

import torch

from creativeml.audio.log_mel import FLOOR_DB


def test_a_short_training_beats_the_trivial_answers(example, figures, tmp_path):
    assert example.main(out=tmp_path / "picture.png", steps=120) == 0
    found = {name: values[0] for name, values in figures().items()}
    assert len(found) == 5
    trivial = ("silence (the source as it is)", "the last frame held", "mean of the known pictures")
    assert found["pix2pix"] < min(found[name] for name in trivial)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_only_the_beginning_is_given_and_only_the_rest_is_judged(example):
    pictures = torch.rand(3, 1, example.SIZE, example.SIZE)
    sources = example.beginnings(pictures)
    assert (sources[..., example.GIVEN :] == example.SILENCE).all()
    assert torch.equal(sources[..., : example.GIVEN], pictures[..., : example.GIVEN])
    assert example.nearest(sources, sources.flip(0)).tolist() == [2, 1, 0]
    other = pictures.clone()
    other[..., : example.GIVEN] += 5.0
    assert example.distance(other, pictures) == 0.0
    # The whole range from silence to full scale is the floor in dB.
    assert abs(example.distance(pictures + 2.0, pictures) + FLOOR_DB) < 1e-4

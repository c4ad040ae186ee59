"""examples/mel_vae.py on the starter pack: it keeps a model that makes pictures, and goes on where it was."""

import re

import torch

from creativeml.models import from_pretrained


def test_it_learns_keeps_the_model_and_goes_on(example, starter, tmp_path, capsys):
    assert example.main(starter, out=tmp_path / "few", steps=100, varied=150) == 0
    few = capsys.readouterr().out
    model = from_pretrained(tmp_path / "few")
    assert model.sample(2, generator=torch.Generator().manual_seed(0)).shape == (2, 128, 128)
    assert (tmp_path / "few/pictures.png").read_bytes().startswith(b"\x89PNG")
    autoencoder, mean = map(float, re.findall(r"(?:autoencoder|mean picture) ([\d.]+)", few))
    assert autoencoder < mean
    assert example.main(starter, out=tmp_path / "few", steps=100, varied=150) == 0
    assert capsys.readouterr().out == few

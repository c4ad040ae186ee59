"""examples/mel_vae.py on the starter pack: it keeps a model that makes pictures, and goes on where it was."""

import re

import torch

from creativeml.models import from_pretrained


def test_it_learns_keeps_the_model_and_goes_on(example, starter, tmp_path, capsys):
    def distance(steps: int) -> float:
        assert example.main(starter, out=tmp_path / str(steps), steps=steps, varied=60) == 0
        return float(re.search(r"autoencoder ([\d.]+)", capsys.readouterr().out)[1])

    first = distance(10)
    assert distance(60) < 0.8 * first
    model = from_pretrained(tmp_path / "60")
    assert model.sample(2, generator=torch.Generator().manual_seed(0)).shape == (2, 128, 128)
    assert (tmp_path / "60/pictures.png").read_bytes().startswith(b"\x89PNG")
    assert distance(10) == first, "a run that is over says what it said"

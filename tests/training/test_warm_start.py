"""Networks that go on from others, with controls that those did not have."""

import pytest
import torch

from creativeml.errors import CreativeMLError
from creativeml.models.checkpoint import save_pretrained
from creativeml.models.gans.critics import CriticConfig, EnsembleCritic
from creativeml.models.gans.encoder import SoundEncoder, SoundEncoderConfig
from creativeml.models.gans.style_wavegan import StyleWaveGAN, StyleWaveGANConfig
from creativeml.training.state import save_state
from creativeml.training.warm_start import start_from

KINDS = ("kick", "snare")
CONTROLS = ("brightness", "decay_time_20")


def generator(controls=(), kinds=KINDS, seed=0, modes=4):
    torch.manual_seed(seed)
    config = StyleWaveGANConfig(kinds, controls, latent_dim=4, style_dim=4, channels=(4,) * 5, modes=modes)
    made = StyleWaveGAN(config)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter)
    return made.eval()


def critic(condition_dim):
    return EnsembleCritic(CriticConfig(condition_dim, spectral_channels=(4, 4), wave_channels=(4, 4), feature_dim=4))


def encoder(condition_dim):
    return SoundEncoder(SoundEncoderConfig(4, condition_dim))


@torch.no_grad()
def sounds_of(model, condition):
    random = torch.Generator().manual_seed(3)
    latent = torch.randn(len(condition), 4, generator=random)
    noise = [torch.randn(len(condition), *shape, generator=random) for shape in model.noise_shapes()]
    return model(latent, condition, noise=noise)


def test_new_controls_change_nothing_at_first(tmp_path):
    old, new = generator(), generator(CONTROLS, seed=1)
    save_pretrained(old, tmp_path)
    save_pretrained(encoder(2), tmp_path / "encoder")
    filled = encoder(4)
    assert start_from(tmp_path, {"generator": new, "critic": critic(4), "encoder": filled}) == ["encoder", "generator"]
    asked = {"brightness": torch.tensor([20.0, 80.0]), "decay_time_20": torch.tensor([30.0, 300.0])}
    expected = sounds_of(old, old.condition_for(KINDS))
    made = sounds_of(new, new.condition_for(KINDS, asked))
    assert float(expected.abs().max()) > 0
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


def test_all_networks_of_a_run(tmp_path):
    torch.manual_seed(5)
    old = {"generator": generator(), "average": generator(seed=2), "critic": critic(2), "encoder": encoder(2)}
    save_state(tmp_path / "checkpoints", 7, old, {}, {})
    new = {
        "generator": generator(CONTROLS, seed=3),
        "average": generator(CONTROLS, seed=3),
        "critic": critic(4),
        "encoder": encoder(4),
    }
    assert start_from(tmp_path, new) == ["average", "critic", "encoder", "generator"]
    heard = torch.randn(2, 65536, generator=torch.Generator().manual_seed(0))
    kinds, more = torch.eye(2), torch.cat([torch.eye(2), torch.randn(2, 2)], 1)
    with torch.no_grad():
        views = old["critic"].views(heard)
        torch.testing.assert_close(new["critic"](views, more), old["critic"](views, kinds), rtol=1e-4, atol=1e-4)
        for a, b in zip(new["encoder"](heard, more), old["encoder"](heard, kinds), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
    expected = sounds_of(old["average"], kinds)
    largest = float(expected.abs().max())
    torch.testing.assert_close(sounds_of(new["average"], more), expected, rtol=1e-4, atol=1e-4 * largest)


def test_other_shapes_are_refused(tmp_path):
    save_pretrained(generator(), tmp_path)
    with pytest.raises(CreativeMLError, match="kinds and preset must be the same"):
        start_from(tmp_path, {"generator": generator(kinds=("kick",))})
    with pytest.raises(CreativeMLError, match="neither a model nor the folder of a run"):
        start_from(tmp_path / "nothing", {"generator": generator()})


def test_modes_are_added_to_a_generator_without(tmp_path):
    old, new = generator(modes=0), generator(modes=8, seed=1)
    tuning = new.head.modes.to_tuning.weight.clone()
    save_pretrained(old, tmp_path / "old")
    save_pretrained(new, tmp_path / "new")
    assert start_from(tmp_path / "old", {"generator": new}) == ["generator"]
    assert torch.equal(new.head.modes.to_tuning.weight, tuning)
    for before, after in zip(old.levels, new.levels, strict=True):
        assert torch.equal(after.to_gain.weight[:-8], before.to_gain.weight)
        assert not bool(after.to_gain.weight[-8:].any())
    with pytest.raises(CreativeMLError, match="which the new network lacks"):
        start_from(tmp_path / "new", {"generator": old})

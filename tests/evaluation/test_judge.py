"""A judge is trained on recordings, recognises held-out ones, and knows what it was trained on."""

import json

import pytest
import torch

from creativeml.audio.log_mel import hz_to_mel
from creativeml.data.one_shots import OneShotDataset
from creativeml.errors import CreativeMLError
from creativeml.evaluation.judge import BUNDLED, load_judge, recognition_of
from creativeml.evaluation.measure import recognition
from creativeml.models import build, save_pretrained
from creativeml.models.classifiers.drum_classifier import DrumClassifier, DrumClassifierConfig
from creativeml.models.classifiers.views import close_up, fine_spectrum, tonality
from creativeml.training.judge import (
    ClassifierTraining,
    _folds,
    cross_validate,
    train_classifier,
)
from creativeml.training.varied_sounds import layer, mask, mask_views, mixup, vary


def test_recognition_counts_and_balances():
    found = recognition_of(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 1, 1]), ("kick", "snare", "tom"))
    assert found.confusion.tolist() == [[1, 0, 0], [1, 2, 0], [0, 0, 0]]
    assert found.per_kind == {"kick": 1.0, "snare": pytest.approx(2 / 3)}
    assert found.balanced == pytest.approx(5 / 6)


def test_training_reaches_held_out_sounds(trained):
    assert trained.test.balanced >= 0.9
    assert trained.test.confusion.sum() == 21 and trained.seconds > 0
    assert not trained.model.training


def test_a_saved_judge_decides_the_same_and_knows_its_training_sounds(trained, judge, corpus):
    sounds = torch.randn(3, 16384) * torch.exp(-torch.arange(16384) / 2000)
    with torch.no_grad():
        # The weights are stored in half precision.
        assert torch.allclose(judge.model(sounds), trained.model(sounds), atol=0.05)
    lines = (corpus / "manifest.csv").read_text().splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]
    heard = {row["split"] for row in rows if judge.was_trained_on(row["sha256"])}
    assert heard == {"train"}
    assert judge.info["test"]["balanced_accuracy"] == trained.test.balanced


def test_level_and_length_do_not_change_the_decision(judge):
    sounds = torch.randn(2, 8000)
    padded = torch.nn.functional.pad(sounds, (0, 20000))
    assert torch.allclose(judge.model.embed(sounds), judge.model.embed(0.01 * padded), atol=1e-3)
    assert set(judge.model.recognise(sounds)) <= set(judge.model.config.kinds)


def test_kinds_that_the_judge_does_not_know_are_left_out(judge):
    embedding = judge.embedding(torch.randn(3, 16384), 44100)
    found = judge.recognise(embedding, ["kick", "gong", "snare"])
    assert found.confusion.sum() == 2
    with pytest.raises(CreativeMLError, match="44100 Hz, not 48000"):
        judge.embedding(torch.randn(1, 16384), 48000)


def test_what_is_no_judge_is_refused(tmp_path):
    save_pretrained(build("wavegan", length_samples=64, channels=1, latent_dim=2), tmp_path)
    with pytest.raises(CreativeMLError, match="holds 'wavegan'"):
        load_judge(tmp_path)


def test_training_is_the_same_again(corpus):
    shape = DrumClassifierConfig(bands=16, channels=(4,), hop_samples=1024, embedding_dim=4)
    settings = ClassifierTraining(steps=2, batch_size=6, check_every=1)
    runs = [train_classifier(corpus, config=shape, settings=settings, report=lambda _: None) for _ in range(2)]
    first, second = (list(run.model.state_dict().values()) for run in runs)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_one_kind_is_not_enough(corpus, tmp_path):
    description = json.loads((corpus / "dataset.json").read_text())
    (tmp_path / "dataset.json").write_text(json.dumps({**description, "kinds": ["kick"]}))
    (tmp_path / "manifest.csv").write_text((corpus / "manifest.csv").read_text())
    (tmp_path / "audio").symlink_to(corpus / "audio")
    with pytest.raises(CreativeMLError, match="at least two kinds"):
        train_classifier(tmp_path)


def test_folds_keep_groups_together_and_judge_every_recording_once(corpus):
    data = OneShotDataset(corpus, "all")
    groups = [row["group"] for row in data.rows]
    seen = []
    for heard, unheard in _folds(data, 4, seed=0):
        assert not {groups[i] for i in heard} & {groups[i] for i in unheard}
        assert set(data.labels[unheard].tolist()) == {0, 1, 2}
        seen += unheard
    assert sorted(seen) == list(range(len(data)))
    with pytest.raises(CreativeMLError, match="1000 folds cannot be made of 39 source groups"):
        _folds(data, 1000, seed=0)


def test_cross_validation_recognises_recordings_of_unheard_groups(corpus):
    shape = DrumClassifierConfig(bands=32, channels=(8, 16), embedding_dim=12, dropout=0.1)
    lines = []
    settings = ClassifierTraining(steps=60, batch_size=12)
    found = cross_validate(corpus, folds=2, config=shape, settings=settings, report=lines.append)
    assert found.confusion.sum() == 75 and found.balanced >= 0.9
    assert len(lines) == 3 and lines[2].startswith("fold 2 of 2: ")


def test_masks_hide_a_part_and_spare_the_attack():
    picture = torch.rand(40, 32, 64, generator=torch.Generator().manual_seed(0)) + 1
    hidden = mask(picture, torch.Generator().manual_seed(1)) != picture
    assert 0 < hidden.float().mean() < 0.2
    whole_frames = hidden.all(1)
    assert whole_frames.any() and not whole_frames[:, :2].any()


def test_masks_of_the_other_views_leave_time_and_tonality_alone():
    views = tuple(torch.rand(40, *shape) + 1 for shape in ((32, 64), (32, 24), (96, 5), (12,)))
    picture, close_up, spectrum, tones = mask_views(views, torch.Generator().manual_seed(1))
    assert torch.equal(tones, views[3]) and not torch.equal(picture, views[0])
    for seen, masked in ((views[1], close_up), (views[2], spectrum)):
        bands = (seen != masked).any(2)
        # The smallest value of all is what a mask writes: it may stand there already.
        assert 0 < bands.float().mean() < 0.125 and ((seen != masked).sum(2)[bands] >= seen.shape[2] - 1).all()


def test_varied_sounds_are_balanced_and_complete_and_stay_in_their_part(corpus):
    data = OneShotDataset(corpus, "train")
    settings = {"number": 90, "probability": 0.0, "layer_probability": 1.0}
    alone = vary(
        data,
        lambda sounds: (sounds,),
        parts=torch.arange(len(data)),
        generator=torch.Generator().manual_seed(0),
        **settings,
    )
    assert torch.bincount(alone.labels).tolist() == [30, 30, 30]
    assert set(alone.origins.tolist()) == set(range(len(data)))
    assert torch.equal(alone.labels, data.labels[alone.origins])
    # A sound that is alone in its part can be joined with itself only.
    own = data.batch(alone.origins)[0]
    own = own / own.abs().amax(1, keepdim=True)
    assert torch.allclose(alone.views[0].float(), own, atol=1e-3)
    joined = vary(data, lambda sounds: (sounds,), generator=torch.Generator().manual_seed(0), **settings)
    own = data.batch(joined.origins)[0]
    changed = (joined.views[0].float() - own / own.abs().amax(1, keepdim=True)).abs().amax(1) > 0.01
    assert changed.float().mean() > 0.5
    few = joined.made_of([0, 5])
    assert set(few.origins.tolist()) == {0, 5} and len(few.views[0]) == len(few.labels) == len(few.origins)


def test_layers_take_both_sounds():
    ones, twos = torch.ones(300, 8820), torch.ones(300, 8820)
    twos[:, ::2] = -1
    made = layer(ones, 0.5 * twos, 0.6, 44100, torch.Generator().manual_seed(0))
    untouched = (made == 1).all(1)
    # Attack of the first and tail of the second: in the end the second alone.
    joined = (made[:, 0] > 0.9) & (made[:, -10] < -0.9)
    assert untouched.float().mean() == pytest.approx(0.4, abs=0.08)
    assert joined.float().mean() == pytest.approx(0.3, abs=0.08)
    assert made.abs().max() <= 1.0001


def test_mixtures_keep_their_shares():
    picture, targets = torch.eye(8)[:, :, None], torch.eye(8)
    mixed, shares = mixup((picture, targets), 0.3, torch.Generator().manual_seed(0))
    assert torch.allclose(mixed[..., 0], shares) and torch.allclose(shares.sum(1), torch.ones(8))
    assert mixup((picture, targets), 0, torch.Generator())[0] is picture


def test_tonality_tells_partials_from_noise_at_any_level():
    time = torch.arange(16384) / 44100
    tone = torch.sin(2 * torch.pi * 800 * time)[None]
    noise = torch.randn(1, 16384, generator=torch.Generator().manual_seed(0))
    both = tonality(torch.cat([tone, noise]))
    # 800 Hz are bin 74: third band.
    assert both.shape == (2, 12) and both[0, 2] > 4 * both[1, 2] and both[0, 8] > 4 * both[1, 8]
    assert torch.allclose(tonality(0.01 * tone), tonality(torch.nn.functional.pad(tone, (0, 9000))), atol=1e-3)
    assert torch.isfinite(tonality(torch.zeros(1, 100))).all()


def test_close_up_shows_when_and_spectrum_shows_where():
    click = torch.zeros(2, 44100)
    click[0, 128 * 4], click[1, 128 * 17] = 1.0, 1.0
    assert close_up(click, 44100).mean(1).argmax(1).tolist() == [4, 17]
    time = torch.arange(44100) / 44100
    for frequency in (220.0, 1000.0, 6000.0):
        seen = fine_spectrum(torch.sin(2 * torch.pi * frequency * time)[None], 44100)[0]
        # Bands are centred on every 97th part of the way from 30 Hz to 16 kHz in mel, the first one part up.
        low, high = hz_to_mel(30.0), hz_to_mel(16000.0)
        expected = 97 * (hz_to_mel(frequency) - low) / (high - low) - 1
        assert abs(int(seen[:, 2].argmax()) - expected) <= 1
    # The last stretch begins after 30 frames of 1,024 samples, its windows reach two frames back.
    ended = torch.nn.functional.pad(torch.ones(1, 28 * 1024 - 2048), (0, 44100))
    assert float(fine_spectrum(ended, 44100)[0, :, 4].max()) < -1.99


def test_members_decide_together_and_each_for_itself():
    shape = {"bands": 32, "channels": (4,), "embedding_dim": 6}
    model = DrumClassifier(DrumClassifierConfig(members=3, **shape)).eval()
    embedding = model.embed(torch.randn(2, 9000))
    assert embedding.shape == (2, 18)
    scores = model.member_scores(embedding)
    assert scores.shape == (2, 3, 11) and not torch.allclose(scores[:, 0], scores[:, 1])
    assert torch.allclose(model.classify_embedding(embedding), scores.softmax(2).log().mean(1), atol=1e-5)
    other = embedding.clone()
    other[:, 6:12] += 1.0
    changed = (model.member_scores(other) != scores).flatten(2).any(2)
    assert changed.tolist() == [[False, True, False]] * 2
    plain = DrumClassifier(DrumClassifierConfig(members=1, close_up_channels=(), spectrum_channels=(), **shape)).eval()
    assert plain.embed(torch.randn(2, 9000)).shape == (2, 6)


def test_wrong_shapes_and_settings_are_refused():
    for wrong in (
        {"kinds": ("kick",)},
        {"bands": 63},
        {"dropout": 1.0},
        {"members": 0},
        {"close_up_channels": (4,) * 6},
    ):
        with pytest.raises(ValueError):
            DrumClassifierConfig(**wrong)
    with pytest.raises(ValueError):
        ClassifierTraining(steps=0)


@pytest.mark.skipif(not BUNDLED.is_dir(), reason="the package was built without a judge")
def test_the_bundled_judge_fits_the_page():
    bundled = load_judge()
    assert isinstance(bundled.model, DrumClassifier)
    assert sum(p.stat().st_size for p in BUNDLED.iterdir()) < 2_000_000
    assert bundled.info["test"]["balanced_accuracy"] >= 0.82
    assert bundled.info["cross_validation"]["balanced_accuracy"] >= 0.82
    assert bundled.embedding(torch.randn(1, 65536), 44100).shape[1] <= 128


def test_recognition_without_heard_recordings(judge, corpus):
    from creativeml.evaluation.measure import JUDGE, SoundBatch, measure

    data = OneShotDataset(corpus, "train")
    sounds, _ = data.batch(range(4))
    batch = SoundBatch("kick", sounds, tuple("abcd"), tuple(row["sha256"] for row in data.rows[:4]))
    measured = measure("train", [batch], 44100, {JUDGE: judge.embedding})
    assert recognition(judge, measured)["sounds"] == 4
    nothing = recognition(judge, measured, unheard_only=True)
    assert nothing["sounds"] == 0 and nothing["per_kind"] == {}

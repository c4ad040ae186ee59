"""An index finds the training recording behind a sound, however it is disguised, and leaves new sounds alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from scipy.stats import binom

import creativeml
from creativeml.data.starter import starter_files
from creativeml.errors import CreativeMLError
from creativeml.evaluation.measure import measure
from creativeml.evaluation.novelty import aligned_levels, novelty
from creativeml.evaluation.training_index import FILE, Recording, TrainingIndex, index_of, load_index, with_starter
from creativeml.synthesis.catalog import find_model

RATE = 44100
SHIPPED = Path(creativeml.__file__).parent / "weights" / "drums" / FILE


@pytest.fixture(scope="module")
def shipped():
    return load_index(SHIPPED)


@pytest.fixture(scope="module")
def heard(shipped):
    """Training recordings that are in the starter pack, at full length, with their places in the index."""
    places = [n for n, recording in enumerate(shipped.recordings) if recording.starter][::8]
    of = {f"{file.path.parent.name}/{file.path.name}": file for file in starter_files()}
    sounds = torch.zeros(len(places), 65536)
    for sound, place in zip(sounds, places, strict=True):
        samples = torch.from_numpy(of[shipped.recordings[place].starter].mono(RATE)[:65536].copy())
        sound[: len(samples)] = samples
    return places, sounds


@pytest.fixture(scope="module")
def small(starter_pack):
    """Real drums of a pack, indexed here."""
    sounds = torch.cat([batch.sounds for batch in starter_pack])
    rows = [(batch.kind, group) for batch in starter_pack for group in batch.groups]
    recordings = [
        Recording(f"{n}.wav", kind, group, f"corpus {n % 3}", "somebody, 'quoted' ü", "CC0-1.0", f"{n:064x}")
        for n, (kind, group) in enumerate(rows)
    ]
    return sounds, TrainingIndex(aligned_levels(sounds, RATE), recordings, RATE)


def test_the_shipped_index_is_of_what_the_weights_have_heard(shipped):
    details = find_model("drums").details
    assert sorted(recording.sha256[:12] for recording in shipped.recordings) == details["trained_on_sha256"]
    known = {kind["kind"]: kind["sounds"] for kind in details["descriptor_ranges"]["kinds"]}
    kinds = [recording.kind for recording in shipped.recordings]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == known
    assert all(recording.licence and recording.credit and recording.source for recording in shipped.recordings)
    assert SHIPPED.stat().st_size < 600_000


def test_a_recording_finds_itself(shipped, heard):
    places, sounds = heard
    for place, found in zip(places, shipped.nearest(sounds), strict=True):
        assert found.recording.group == shipped.recordings[place].group
        assert found.distance < 1.0 and found.near and found.rank < 0.02 and found.words == "suspiciously near"


@pytest.mark.parametrize(
    ("disguise", "flagged"),
    [
        (lambda s: 0.1 * s, 0.98),
        (lambda s: -s, 0.98),
        (lambda s: torch.nn.functional.pad(s, (1323, 0))[:, : s.shape[1]], 0.95),
        # A fade to a third is heard a little: few drums are as near to each other as a copy and its original must be.
        (
            lambda s: -0.3 * torch.nn.functional.pad(s, (90, 0))[:, : s.shape[1]] * torch.linspace(1, 0.3, s.shape[1]),
            0.7,
        ),
    ],
    ids=["gain", "polarity", "30 ms late", "all at once"],
)
def test_a_disguised_copy_is_found(small, disguise, flagged):
    sounds, index = small
    found = index.nearest(disguise(sounds))
    same = sum(match.recording.group == own.group for match, own in zip(found, index.recordings, strict=True))
    assert same >= 0.98 * len(sounds)
    assert sum(match.near for match in found) >= flagged * len(sounds)


def test_distances_are_those_of_brute_force(small, shipped, heard):
    """Every sound with every recording, by numpy and scipy alone."""
    for index, sounds in ((small[1], small[0].flip(1)), (shipped, heard[1].flip(1))):
        known = index.levels.double().numpy()
        scale = known.std(0, ddof=1)
        between = cdist(aligned_levels(sounds, RATE).double().numpy() / scale, known / scale)
        for row, found in zip(between, index.nearest_few(sounds, 3), strict=True):
            assert [match.index for match in found] == list(np.argsort(row)[:3])
            assert [match.distance for match in found] == pytest.approx(np.sort(row)[:3], rel=1e-5)
        groups = np.array([recording.group for recording in index.recordings])
        within = cdist(known / scale, known / scale)
        within[groups[:, None] == groups[None]] = np.inf
        own = within.min(1)
        assert index.threshold == pytest.approx(np.quantile(own, 0.01), rel=1e-5)
        match = index.nearest(sounds[:1])[0]
        assert match.rank == pytest.approx(np.mean(own < match.distance))


def test_the_threshold_is_that_of_an_evaluation(starter_pack, small):
    measured = measure("training", starter_pack, RATE, {"aligned": aligned_levels})
    found = novelty(measured, measured, "aligned")
    assert small[1].threshold == pytest.approx(found.threshold, rel=0.02)
    assert small[1].distances.median() == pytest.approx(float(found.distances.median()), rel=0.02)


def test_made_sounds_are_not_flagged_more_than_unheard_recordings(shipped):
    """Of 108 held-out recordings one is; of as many made sounds so many as chance then gives, at most."""
    instrument = creativeml.load("drums")
    kinds = ("kick", "snare", "hat_closed", "clap", "perc")
    found = [match for kind in kinds for match in shipped.nearest(instrument.generate(kind=kind, count=12, seed=40))]
    assert sum(match.near for match in found) <= binom.ppf(0.999, len(found), 1 / 108)
    # And they are drums: most recordings that they resemble are of the kind that was asked for.
    asked = [kind for kind in kinds for _ in range(12)]
    assert np.mean([match.recording.kind == kind for match, kind in zip(found, asked, strict=True)]) > 0.7


def test_words_go_with_the_place_among_recordings(small):
    match = small[1].nearest(small[0][:1].flip(1))[0]
    said = [replace(match, distance=match.threshold * 2, rank=rank).words for rank in (0.1, 0.5, 0.9)]
    assert said == [f"{word} another drum usually is" for word in ("nearer than", "as near as", "farther than")]
    assert replace(match, distance=0.99 * match.threshold).words == "suspiciously near"


def test_a_file_gives_the_same_answers(small, tmp_path):
    sounds, index = small
    index.save(tmp_path / FILE)
    again = load_index(tmp_path / FILE)
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / FILE).read_bytes()
    assert again.recordings == index.recordings and again.sample_rate == RATE
    assert again.nearest(sounds[:9]) == index.nearest(sounds[:9])


def test_what_cannot_be_read_is_said(small, tmp_path):
    path = tmp_path / FILE
    with pytest.raises(CreativeMLError, match="no such index"):
        load_index(path)
    small[1].save(path)
    whole = path.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    head = json.loads(whole[8 : 8 + size])
    about = json.loads(head["__metadata__"]["training_index"])
    shorter = {**about["recordings"], "name": about["recordings"]["name"][1:]}
    changes = [
        {"format": 7},
        {"recordings": None},
        {"recordings": {}},
        {"recordings": shorter},
        {"sample_rate": "fast"},
    ]
    texts = ["{", "[]", "{}", *(json.dumps({**about, **changed}) for changed in changes)]
    for text in texts:
        values = json.dumps({**head, "__metadata__": {"training_index": text}}).encode()
        path.write_bytes(len(values).to_bytes(8, "little") + values + whole[8 + size :])
        with pytest.raises(CreativeMLError, match=r"training_index\.py"):
            load_index(path)
    path.write_bytes(whole[:-100])
    with pytest.raises(CreativeMLError, match="damaged"):
        load_index(path)


def test_an_index_of_a_prepared_dataset(tmp_path, capsys):
    from creativeml.cli import run
    from creativeml.data.one_shots import OneShotDataset

    assert run(["prepare", "starter", "--out", str(tmp_path / "data")]) == 0
    data = OneShotDataset(tmp_path / "data", "train")
    index = with_starter(index_of(data), starter_files(), data.length_samples)
    assert len(index) == len(data)
    # Its own files, but for the few that preparation cuts where the pack does not.
    own = [recording for recording in index.recordings if recording.starter]
    assert len(own) >= 0.97 * len(index)
    assert all(recording.name.endswith(recording.starter) for recording in own)
    some = [row["sha256"][:12] for row in data.rows[:20]]
    assert {recording.sha256[:12] for recording in index_of(data, some).recordings} == set(some)
    with pytest.raises(CreativeMLError, match="1 of the 21 recordings"):
        index_of(data, [*some, "0" * 12])

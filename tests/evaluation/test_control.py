"""Obedience: instruments whose obedience is known by construction get the figures that follow from it."""

import csv
import dataclasses
import json
import math
import shutil

import numpy as np
import pytest
import soundfile
import torch
from scipy.stats import spearmanr

from creativeml.audio.descriptors import TIMBRE, describe
from creativeml.data.descriptor_ranges import DescriptorRanges, KindRanges
from creativeml.data.descriptor_table import describe_dataset
from creativeml.errors import CreativeMLError
from creativeml.evaluation.control import (
    CURVE_LEVELS,
    Bank,
    Examination,
    Question,
    answer,
    bank_of,
    draw,
    plan,
    recordings,
    search,
)
from creativeml.evaluation.descriptor_values import measured
from creativeml.evaluation.obedience import obedience
from creativeml.files import project_folder

RATE = 44100
SAMPLES = 22050
NAMES = ("loudness", "decay_time_60")
LEVEL_RANGE, DECAY_RANGE = (-40.0, -20.0), (60.0, 300.0)


def ranges_of(kinds, ends, names, sounds=50) -> DescriptorRanges:
    """Ranges as if values were evenly spread between the ends: (kind -> descriptor -> (low, high))."""
    # Levels of the stored quantiles; the outermost shown ones are 5 and 95 %.
    levels = np.array((0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.995))
    places = (levels - 0.05) / 0.9
    none = tuple(tuple(float(i == j) for i in range(len(names))) for j in range(len(names)))
    each = tuple(
        KindRanges(
            kind,
            sounds,
            tuple(tuple(low + places * (high - low)) for low, high in (ends[kind][name] for name in names)),
            none,
        )
        for kind in kinds
    )
    return DescriptorRanges(tuple(names), each, each[0])


class Sine:
    """A decaying sine whose loudness and decay are set in closed form: gain moves LUFS one to one, and an exponential
    decay of time constant t has lost 60 dB after 6.908 t."""

    def __init__(self, obeys=lambda targets: targets) -> None:
        self.obeys = obeys

    def __call__(self, kind, targets, count, seed):
        sounds = []
        for number in range(count):
            random = np.random.default_rng(seed + number)
            free = {"loudness": random.uniform(*LEVEL_RANGE), "decay_time_60": random.uniform(*DECAY_RANGE)}
            wanted = {**free, **self.obeys({**targets})}
            time = torch.arange(SAMPLES).double() / RATE
            tone = torch.sin(2 * math.pi * (500 if kind == "kick" else 1500) * time + 0.3)
            sound = (tone * torch.exp(-time * 6.9078e3 / wanted["decay_time_60"])).float()
            own = float(describe(sound, RATE, ["loudness"])["loudness"])
            sounds.append(sound * 10 ** ((wanted["loudness"] - own) / 20))
        return torch.stack(sounds)


@pytest.fixture(scope="module")
def examination() -> Examination:
    both = {"loudness": LEVEL_RANGE, "decay_time_60": DECAY_RANGE}
    random = np.random.default_rng(0)
    values = torch.tensor(np.stack([random.uniform(*LEVEL_RANGE, 12), random.uniform(*DECAY_RANGE, 12)], 1))
    held_out = Bank(NAMES, ("kick",) * 6 + ("snare",) * 6, values, tuple(f"drum {i // 2}" for i in range(12)))
    return plan(ranges_of(("kick", "snare"), {"kick": both, "snare": both}, NAMES), held_out)


def examined(make, examination, **options):
    answers = answer(make, examination, RATE, **options)
    result = obedience(examination, answers, resamples=100)
    json.dumps(result, allow_nan=False)
    return result


def test_questions_lie_at_the_levels_of_each_range(examination):
    sweeps = [q for q in examination.questions if q.kind == "kick" and q.swept == "loudness"]
    assert [q.targets for q in sweeps] == [{"loudness": pytest.approx(-40 + 20 * level)} for level in CURVE_LEVELS]
    # Times are heard as ratios: the places are linear in log(1 + time / 10 ms).
    decays = [q.targets["decay_time_60"] for q in examination.questions if q.kind == "kick" and q.swept == NAMES[1]]
    assert decays == pytest.approx([10 * 7 * (31 / 7) ** level - 10 for level in CURVE_LEVELS])
    joint = [q for q in examination.questions if not q.swept]
    assert len(joint) == 12 and all(set(q.targets) == set(NAMES) and q.group for q in joint)
    assert {q.kind for q in examination.of(["snare"]).questions} == {"snare"}


def test_an_instrument_that_obeys_exactly_has_no_error(examination):
    result = examined(Sine(), examination)
    for section in ("sweeps", "joint"):
        for name in NAMES:
            figures = result[section]["per_descriptor"][name]
            # Loudness to its float rounding; decay to the resolution of its hops (1 ms).
            assert figures["mean_absolute_error"]["value"] < (0.01 if name == "loudness" else 0.08)
            assert figures["within_jnd"]["value"] == 1
            # Sweeps ask for each value several times; what is then measured differs by rounding alone.
            assert figures["spearman"]["value"] > (0.98 if section == "sweeps" else 0.99)
            curve = figures["curve"]
            assert all(abs(point["median"] - point["asked"]) < 0.02 for point in curve)
    order = result["sweeps"]["overall"]["order"]
    assert [order[name]["value"] for name in ("E1", "E2", "E3")] == [1, 1, 1]
    assert result["sweeps"]["per_descriptor"]["loudness"]["unit"] == "LUFS"
    assert result["sweeps"]["overall"]["unit"] == "JND"
    talk = result["joint"]["cross_talk"]["normalised"]
    assert np.allclose(talk, np.eye(2), atol=0.02)


def test_an_instrument_that_ignores_its_controls_has_no_order(examination):
    # What it makes differs from question to question, but not because of what is asked.
    calls = iter(range(10_000))

    def deaf(kind, targets, count, seed):
        return Sine(lambda targets: {})(kind, {}, count, 1000 * next(calls))

    result = examined(deaf, examination, count=8)
    for section in ("sweeps", "joint"):
        for name in NAMES:
            figures = result[section]["per_descriptor"][name]
            assert figures["spearman"]["low"] - 0.1 < 0 < figures["spearman"]["high"] + 0.1
            assert figures["within_jnd"]["value"] < 0.4
    assert abs(result["sweeps"]["overall"]["order"]["E1"]["value"] - 0.5) < 0.2
    # One that gives the very same sounds at all levels orders nothing at all.
    same = examined(Sine(lambda targets: {}), examination)
    assert same["sweeps"]["overall"]["spearman"]["value"] == 0
    assert same["sweeps"]["overall"]["order"]["E1"]["value"] == 0
    assert np.allclose(same["sweeps"]["cross_talk"]["normalised"], 0, atol=1e-6)


def test_saturation_shows_in_the_curve_and_counts_as_error(examination):
    def dull(targets):
        return {**targets, **({"loudness": min(targets["loudness"], -30.0)} if "loudness" in targets else {})}

    figures = examined(Sine(dull), examination)["sweeps"]["per_descriptor"]["loudness"]
    medians = [point["median"] for point in figures["curve"]]
    assert medians == pytest.approx([0, 0.2, 0.5, 0.5, 0.5], abs=0.01)
    # The errors at 20, 50 and 80 % are 0, 0 and 6 LU: against what was asked, not what it was clamped to.
    assert figures["mean_absolute_error"]["value"] == pytest.approx(2, abs=0.02)
    assert figures["bias"]["value"] == pytest.approx(-2, abs=0.02)
    assert figures["within_jnd"]["value"] == pytest.approx(2 / 3)
    assert figures["order"]["E3"]["value"] < 0.1 and figures["order"]["E2"]["value"] == 1


def test_cross_talk_is_found_where_it_was_put(examination):
    """Loudness also rises by 4 LU over the range of the decay, a fifth of its own range."""

    def leaky(targets):
        if "decay_time_60" in targets:
            low, high = (math.log1p(t / 10) for t in DECAY_RANGE)
            place = (math.log1p(targets["decay_time_60"] / 10) - low) / (high - low)
            targets["loudness"] = targets.get("loudness", -30.0) + 4 * place
        return targets

    result = examined(Sine(leaky), examination)
    for section in ("sweeps", "joint"):
        talk = result[section]["cross_talk"]
        assert np.allclose(talk["normalised"], [[1, 0], [0.2, 1]], atol=0.02)
        assert talk["worst"]["asked"] == "decay_time_60" and talk["worst"]["measured"] == "loudness"
        # From the 20 to the 80 % value of the decay 0.6 of 4 LU, and 1 LU is a just-noticeable difference.
        assert talk["worst"]["jnds"] == pytest.approx(2.4, abs=0.02)
        assert np.all(np.array(talk["low"]) <= np.array(talk["normalised"]) + 1e-9)


def test_figures_agree_with_scipy_and_numpy():
    """One kind, answers with errors of known distribution."""
    random = np.random.default_rng(1)
    names = ("brightness", "warmth")
    asked = random.uniform(20, 80, (61, 2))
    got = asked[:, None] + random.normal(0, 6, (61, 1, 2))
    questions = tuple(
        Question("kick", dict(zip(names, row, strict=True)), group=f"g{i}") for i, row in enumerate(asked)
    )
    ranges = {"kick": torch.tensor([[20.0, 80.0], [20.0, 80.0]])}
    result = obedience(Examination(names, questions, ranges), torch.tensor(got), resamples=300)["joint"]
    for column, name in enumerate(names):
        error = got[:, 0, column] - asked[:, column]
        figures = result["per_descriptor"][name]
        assert figures["unit"] == "points"
        assert figures["mean_absolute_error"]["value"] == pytest.approx(np.abs(error).mean())
        assert figures["median_absolute_error"]["value"] == pytest.approx(np.median(np.abs(error)))
        assert figures["bias"]["value"] == pytest.approx(error.mean())
        assert figures["within_jnd"]["value"] == pytest.approx((np.abs(error) <= 5).mean())
        rank = spearmanr(asked[:, column], got[:, 0, column]).statistic
        assert figures["spearman"]["value"] == pytest.approx(rank)
        # The interval of a mean is about two standard errors wide on either side.
        wide = figures["mean_absolute_error"]["high"] - figures["mean_absolute_error"]["low"]
        assert wide == pytest.approx(3.92 * np.abs(error).std() / math.sqrt(61), rel=0.25)
    pooled = np.abs(got[:, 0] - asked)
    assert result["overall"]["mean_absolute_error"]["value"] == pytest.approx(pooled.mean())
    assert result["overall"]["unit"] == "points"
    slopes = np.linalg.lstsq(asked - asked.mean(0), got[:, 0] - got[:, 0].mean(0), rcond=None)[0]
    assert np.allclose(result["cross_talk"]["normalised"], slopes)


def test_kinds_count_in_equal_shares_and_ties_share_ranks():
    names = ("brightness",)
    rows = [("kick", 50.0, 51.0)] * 30 + [("snare", 40.0, 44.0), ("snare", 60.0, 64.0)]
    questions = tuple(Question(kind, {"brightness": asked}) for kind, asked, _ in rows)
    ranges = dict.fromkeys(("kick", "snare"), torch.tensor([[20.0, 80.0]]))
    answers = torch.tensor([got for *_, got in rows])[:, None, None]
    result = obedience(Examination(names, questions, ranges), answers, resamples=20)["joint"]
    assert result["overall"]["mean_absolute_error"]["value"] == pytest.approx((1 + 4) / 2)
    assert result["per_kind"]["snare"]["brightness"]["mean_absolute_error"] == pytest.approx(4)
    assert result["overall"]["spearman"]["value"] == pytest.approx(1)


@pytest.fixture(scope="module")
def real_bank():
    """Real sounds with the timbre descriptors that the exact faces give them."""
    starter = project_folder("datasets") / "starter"
    with (starter / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["class"] in ("kick", "snare")]
    sounds, kinds = [], []
    for row in rows:
        samples, rate = soundfile.read(starter / row["path"], dtype="float32", always_2d=True)
        if rate == RATE and kinds.count(row["class"]) < 6:
            sounds.append(fit(torch.from_numpy(samples).mean(1), 32768))
            kinds.append(row["class"])
    sounds = torch.stack(sounds)
    values = describe(sounds, RATE, TIMBRE)
    table = torch.stack([values[name].double() for name in TIMBRE], 1)
    return sounds, Bank(TIMBRE, tuple(kinds), table, tuple(f"drum {i}" for i in range(len(kinds))))


def fit(sound: torch.Tensor, length: int) -> torch.Tensor:
    """Cut with a fade, or pad."""
    part = torch.nn.functional.pad(sound, (0, max(0, length - len(sound))))[:length].clone()
    part[-256:] *= torch.linspace(1, 0, 256)
    return part


def test_a_bank_that_holds_what_is_asked_finds_it(real_bank):
    """All seven timbre descriptors, on recordings: an instrument that plays the recording asked for."""
    sounds, bank = real_bank
    ends = {kind: dict(zip(TIMBRE, [(0.0, 100.0)] * 7, strict=True)) for kind in ("kick", "snare")}
    examination = plan(ranges_of(("kick", "snare"), ends, TIMBRE), bank)
    joint = dataclasses.replace(examination, questions=tuple(q for q in examination.questions if not q.swept))

    def make(kind, targets, count, seed):
        asked = torch.tensor([targets[name] for name in bank.names])
        return sounds[[int((bank.values - asked).abs().mean(1).argmin())] * count]

    result = obedience(joint, answer(make, joint, RATE, count=1), resamples=20)
    assert result["sweeps"] is None
    assert result["joint"]["overall"]["mean_absolute_error"]["value"] < 0.01
    assert result["joint"]["overall"]["within_jnd"]["value"] == 1
    assert result["joint"]["overall"]["spearman"]["value"] == pytest.approx(1)
    # A search may not answer with the recording itself, nor with its source; without sources it may.
    found = search(bank, joint)
    assert found.shape == (12, 1, 7)
    own = torch.tensor([list(q.targets.values()) for q in joint.questions]).double()
    assert bool(((found[:, 0] - own).abs().sum(1) > 1e-6).all())
    free = dataclasses.replace(bank, groups=("",) * len(bank.kinds))
    assert torch.allclose(search(free, joint)[:, 0], own)
    error = obedience(joint, found, resamples=20)["joint"]["overall"]["mean_absolute_error"]["value"]
    drawn = obedience(joint, draw(free, joint), resamples=20)["joint"]["overall"]["mean_absolute_error"]["value"]
    assert 0.01 < error < drawn


def test_more_sounds_to_choose_from_are_nearer(examination):
    bank = bank_of(
        lambda kind, count, seed: Sine()(kind, {}, count, seed), ("kick", "snare"), 64, RATE, names=NAMES, workers=2
    )
    assert len(bank.kinds) == 128 and bank.members("snare") == list(range(64, 128))
    errors = []
    for size in (4, 16, 64):
        few = [i for kind in ("kick", "snare") for i in bank.members(kind)[:size]]
        part = Bank(NAMES, tuple(bank.kinds[i] for i in few), bank.values[few], ("",) * len(few))
        result = obedience(examination, search(part, examination), resamples=10)
        errors.append([result[s]["overall"]["mean_absolute_error"]["value"] for s in ("sweeps", "joint")])
    assert np.all(np.diff(np.array(errors), axis=0) < 0)
    assert errors[-1][0] < 0.5


def test_threads_change_nothing_and_progress_counts_sounds():
    sounds = torch.randn(11, 11025, generator=torch.Generator().manual_seed(0)) * 0.1
    told: list[int] = []
    before = torch.get_num_threads()
    many = measured(sounds.split(5), RATE, ["brightness", "loudness"], workers=3, progress=told.append)
    alone = measured([sounds], RATE, ["brightness", "loudness"], workers=1)
    assert torch.allclose(many, alone, atol=1e-3)
    assert sum(told) == 11 and torch.get_num_threads() == before
    plain = describe(sounds, RATE, ["loudness"])["loudness"]
    assert torch.allclose(many[:, 1], plain.double(), atol=1e-4)


def test_described_recordings_are_read_and_others_refused(corpus, tmp_path):
    with pytest.raises(CreativeMLError, match="creativeml describe --data"):
        recordings(corpus, "test")
    own = tmp_path / "own"
    shutil.copytree(corpus, own)
    lines = (own / "manifest.csv").read_text().splitlines()
    kept = [line for line in lines if "test_0" in line or "test_1" in line]
    (own / "manifest.csv").write_text("\n".join([lines[0], *kept]) + "\n")
    describe_dataset(own)
    bank = recordings(own, "test", ["loudness"])
    assert bank.names == ("loudness",) and bank.values.shape == (6, 1) and bank.groups[0] == "kick-test-0"


def test_what_cannot_be_asked_is_named():
    names = ("brightness", "depth")
    ends = {kind: {"brightness": (20.0, 80.0), "depth": (10.0, 13.0)} for kind in ("kick", "clap")}
    nothing = Bank(names, (), torch.zeros(0, 2), ())
    examination = plan(ranges_of(("kick",), ends, names), nothing)
    assert {q.swept for q in examination.questions} == {"brightness"} and "depth of kick" in examination.left_out[0]
    few = ranges_of(("clap",), ends, names, sounds=4)
    with pytest.raises(CreativeMLError, match="add recordings"):
        plan(few, nothing)
    with pytest.raises(CreativeMLError, match="no kick to choose from"):
        search(nothing, examination)
    with pytest.raises(CreativeMLError, match="asked for 2 sounds"):
        answer(lambda kind, targets, count, seed: torch.zeros(1, 22050), examination, RATE)
    with pytest.raises(CreativeMLError, match="questions, count, descriptors"):
        obedience(examination, torch.zeros(1, 1, 2))
    with pytest.raises(CreativeMLError, match="not finite"):
        obedience(examination, torch.full((len(examination.questions), 1, 2), math.nan))


def test_an_instrument_of_other_kinds_is_asked_nothing(examination):
    nobody = examination.of(["gong"])
    bank = Bank(NAMES, ("kick",), torch.zeros(1, 2), ("",))
    result = obedience(nobody, search(bank, nobody))
    assert result["sweeps"] is None and result["joint"] is None and result["sounds"] == 0
    assert draw(bank, nobody).shape == (0, 1, 2) and answer(Sine(), nobody, RATE).shape == (0, 2, 2)

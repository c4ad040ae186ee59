"""The plain loop: resumes exactly, stops early, learns few rows by heart, keeps its best weights."""

import itertools
import json
import signal

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from creativeml.errors import CreativeMLError
from creativeml.training.minibatches import LoopConfig, train_minibatches
from creativeml.training.replicas import fabric_for
from creativeml.training.stopping import Stopped


def problem(rows=40):
    random = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 6, generator=random)
    return x, x @ torch.randn(6, 2, generator=random) + 0.3 * torch.randn(rows, 2, generator=random)


def network():
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(6, 16), nn.Dropout(0.2), nn.Tanh(), nn.Linear(16, 2))


def loss_of(model):
    return lambda x, y: F.mse_loss(model(x), y)


def test_a_resumed_run_ends_with_the_very_weights_of_one_in_one_go(tmp_path):
    whole, halves = network(), network()
    long, short = (LoopConfig(steps=n, batch_size=7, validate_every=10) for n in (40, 20))
    expected = train_minibatches(whole, loss_of(whole), problem(), long, validation=problem(10))
    train_minibatches(halves, loss_of(halves), problem(), short, validation=problem(10), folder=tmp_path)
    other = network()
    history = train_minibatches(
        other, loss_of(other), problem(), long, validation=problem(10), folder=tmp_path, resume=True
    )
    assert history == expected and history.steps == [10, 20, 30, 40]
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_costs_no_step(tmp_path, number):
    config = LoopConfig(steps=40, batch_size=7, validate_every=10)
    whole, halves, other, held_out = network(), network(), network(), problem(10)
    expected = train_minibatches(whole, loss_of(whole), problem(), config, validation=held_out, folder=tmp_path / "w")
    calls = itertools.count(1)

    def interrupted(x, y):
        if next(calls) == 14:
            signal.raise_signal(number)
        return loss_of(halves)(x, y)

    before = signal.signal(number, signal.default_int_handler)  # who starts the tests may ignore it
    try:
        with pytest.raises(Stopped, match=number.name):
            train_minibatches(halves, interrupted, problem(), config, validation=held_out, folder=tmp_path / "h")
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert max(path.name for path in (tmp_path / "h/checkpoints").glob("*.json")) > "step-00000010.json"
    history = train_minibatches(
        other, loss_of(other), problem(), config, validation=held_out, folder=tmp_path / "h", resume=True
    )
    assert history == expected
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), other.state_dict().values(), strict=True))
    assert (tmp_path / "h/log.jsonl").read_text() == (tmp_path / "w/log.jsonl").read_text()


def test_training_stops_early_and_keeps_the_best_weights():
    x, y = problem(12)
    held_out = torch.randn(40, 6), torch.randn(40, 2)
    model = network()
    config = LoopConfig(steps=2000, learning_rate=0.01, validate_every=10, patience=5)
    history = train_minibatches(model, loss_of(model), (x, y), config, validation=held_out)
    assert history.stopped_early and history.steps[-1] < 2000
    assert history.steps[-1] - history.best == 50
    assert min(history.validation) == history.validation[history.steps.index(history.best)]
    with torch.no_grad():
        assert loss_of(model)(*held_out).item() == pytest.approx(min(history.validation), rel=1e-6)


def test_the_last_weights_are_kept_if_asked_for():
    x, y = problem(12)
    held_out = torch.randn(40, 6), torch.randn(40, 2)
    model = network()
    config = LoopConfig(steps=300, learning_rate=0.01, validate_every=10, keep_best=False)
    history = train_minibatches(model, loss_of(model), (x, y), config, validation=held_out)
    assert history.best == 300 and history.validation[-1] > min(history.validation)
    with torch.no_grad():
        assert loss_of(model)(*held_out).item() == pytest.approx(history.validation[-1], rel=1e-6)
    with pytest.raises(ValueError, match="patience waits"):
        LoopConfig(patience=3, keep_best=False)


def test_a_run_that_stopped_early_goes_on_with_more_patience(tmp_path):
    torch.manual_seed(0)
    x, y = problem(30)
    held_out = torch.randn(30, 6), torch.randn(30, 2)
    ends = {}
    for resume, patience in ((False, 1), (True, 1), (True, None)):
        model = network()
        config = LoopConfig(steps=400, learning_rate=0.01, validate_every=10, patience=patience)
        history = train_minibatches(
            model, loss_of(model), (x, y), config, validation=held_out, folder=tmp_path, resume=resume
        )
        ends[resume, patience] = history.steps[-1], history.stopped_early
    assert ends[False, 1][0] < 400 and ends[False, 1][1]
    assert ends[True, 1] == ends[False, 1], "the same patience has nothing left to wait for"
    assert ends[True, None] == (400, False)


def test_few_rows_are_learnt_by_heart_and_the_others_are_not_seen():
    x, y = problem()
    y[4:] = float("nan")
    model = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 2))
    history = train_minibatches(model, loss_of(model), (x, y), LoopConfig(steps=600, learning_rate=0.01, overfit=4))
    assert history.training[-1] < 1e-4


def test_every_row_is_seen_once_in_a_pass():
    seen = []
    model = nn.Linear(1, 1)

    def loss(rows):
        seen.append(rows.flatten().tolist())
        return model(rows).mean()

    train_minibatches(model, loss, (torch.arange(12.0)[:, None],), LoopConfig(steps=6, batch_size=4))
    first, second = ([row for batch in part for row in batch] for part in (seen[:3], seen[3:]))
    assert sorted(first) == sorted(second) == list(range(12)) and first != second


def test_a_resume_keeps_schedule_log_and_mixed_precision(tmp_path):
    """Momentum, warm-up and cosine, bfloat16 through Fabric: halves give the weights and the log of the whole."""
    fabric = fabric_for("cpu", "bf16-mixed")
    # The schedule belongs to the whole run, so the first half is the whole one cut off, as by a signal.
    config = LoopConfig(steps=40, batch_size=7, validate_every=10, optimizer="momentum", schedule="cosine", warm_up=6)

    class CutOff(Exception):
        pass

    def run(folder, *, resume=False, cut_after=None):
        model, steps, seen = network(), [], set()

        def loss(x, y):
            if model.training:
                steps.append(1)
                if cut_after is not None and len(steps) > cut_after:
                    raise CutOff
            seen.add(model(x).dtype)
            return {"squares": F.mse_loss(model(x), y), "size": 1e-3 * model[0].weight.square().sum()}

        history = train_minibatches(
            model, loss, problem(), config, validation=problem(10), folder=folder, resume=resume, fabric=fabric
        )
        assert seen == {torch.bfloat16}
        return model, history

    whole, expected = run(tmp_path / "whole")
    with pytest.raises(CutOff):
        run(tmp_path / "halves", cut_after=25)
    other, history = run(tmp_path / "halves", resume=True)
    assert history == expected
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), other.state_dict().values(), strict=True))
    logs = [(tmp_path / name / "log.jsonl").read_text() for name in ("whole", "halves")]
    assert logs[0] == logs[1]
    lines = [json.loads(line) for line in logs[0].splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40]
    assert set(lines[0]) == {"step", "squares", "size", "validation"}
    assert lines[1]["squares"] + lines[1]["size"] == pytest.approx(history.training[1])


def test_a_folder_is_used_for_one_run_and_resumed_only_with_one(tmp_path):
    model = network()
    with pytest.raises(CreativeMLError, match="no checkpoint to resume from"):
        train_minibatches(model, loss_of(model), problem(), LoopConfig(steps=2), folder=tmp_path, resume=True)
    train_minibatches(model, loss_of(model), problem(), LoopConfig(steps=2), folder=tmp_path)
    with pytest.raises(CreativeMLError, match="holds a run already"):
        train_minibatches(model, loss_of(model), problem(), LoopConfig(steps=2), folder=tmp_path)
    with pytest.raises(CreativeMLError, match="name the folder"):
        train_minibatches(model, loss_of(model), problem(), LoopConfig(steps=2), resume=True)


def test_losses_that_are_not_finite_and_useless_data_are_refused(tmp_path):
    model = nn.Linear(2, 1)
    with pytest.raises(CreativeMLError, match="not finite at step 0"):
        train_minibatches(model, lambda x: model(x).mean() * float("nan"), (torch.zeros(3, 2),), LoopConfig(steps=2))
    for data in ((), (torch.zeros(0, 2),), (torch.zeros(3, 2), torch.zeros(4))):
        with pytest.raises(CreativeMLError, match="equally many rows"):
            train_minibatches(model, lambda *_: model(torch.zeros(1, 2)).mean(), data, LoopConfig())
    with pytest.raises(CreativeMLError, match="no checkpoint to resume from"):
        train_minibatches(
            model, lambda x: model(x).mean(), (torch.zeros(3, 2),), LoopConfig(), folder=tmp_path, resume=True
        )
    with pytest.raises(ValueError, match="learning_rate"):
        LoopConfig(learning_rate=0.0)

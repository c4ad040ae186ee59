"""Every training of the model library takes a fabric: alone, in mixed precision, resumed, in two processes.

The two processes are real ones, started by torchrun and connected by gloo. What is trained is in
`library_trainings.py`.
"""

import importlib.util
import inspect
import json
import pkgutil
from pathlib import Path

import pytest
import torch

import creativeml.training
from creativeml.training.replicas import fabric_for
from tests.training.small_runs import finish_in_two_processes

SCRIPT = Path(__file__).parent / "library_trainings.py"
SPEC = importlib.util.spec_from_file_location("library_trainings", SCRIPT)
library = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(library)


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory) -> list[dict]:
    """What two processes say of all trainings."""
    told = tmp_path_factory.mktemp("told")
    finish_in_two_processes(SCRIPT, told)
    return [json.loads((told / f"{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1)]


def alike(first, second):
    states = [model.state_dict().values() for model in (first, second)]
    return all(torch.equal(a, b) for a, b in zip(*states, strict=True))


def test_every_training_that_can_be_resumed_takes_a_fabric():
    found = {}
    for module in pkgutil.iter_modules(creativeml.training.__path__, "creativeml.training."):
        for name, function in vars(importlib.import_module(module.name)).items():
            if name.startswith(("train_", "fine_tune")) and inspect.isfunction(function):
                found[name] = set(inspect.signature(function).parameters)
    resumable = {name: flags for name, flags in found.items() if "resume" in flags}
    assert {"train_minibatches", "train_word2vec", "train_deep_cluster", "fine_tune"} <= set(resumable)
    assert [name for name, flags in resumable.items() if not {"folder", "fabric"} <= flags] == []


@pytest.mark.parametrize("name", library.TRAININGS)
def test_a_plain_fabric_changes_nothing_and_a_resumed_run_ends_with_the_same_weights(name, tmp_path):
    train, fabric = library.TRAININGS[name], fabric_for("cpu", "32-true")
    alone = train(20)
    assert alike(alone, train(20, fabric=fabric))
    train(10, fabric=fabric, folder=tmp_path)
    assert alike(alone, train(20, fabric=fabric, folder=tmp_path, resume=True))
    assert len(list(tmp_path.rglob("log.jsonl"))) == 1


@pytest.mark.parametrize("name", library.TRAININGS)
def test_mixed_precision_trains_nearly_the_same_weights(name):
    train, fabric = library.TRAININGS[name], fabric_for("cpu", "bf16-mixed")
    start, exact, mixed = (library.flat(m) for m in (train(1), train(20), train(20, fabric=fabric)))
    assert not torch.equal(exact, mixed), "bfloat16 was not used"
    assert (exact - mixed).norm() < 0.2 * (exact - start).norm()


@pytest.mark.parametrize("name", library.TRAININGS)
def test_few_rows_are_learnt_by_heart_and_the_others_are_not_seen(name):
    train = library.TRAININGS[name]
    assert alike(train(6, overfit=6), train(6, overfit=6, spoil_from=6))
    assert not alike(train(6, overfit=6), train(6))


@pytest.mark.parametrize("name", library.TRAININGS)
def test_two_processes_have_the_same_weights_at_the_end(name, two_processes):
    first, second = (found["weights"][name] for found in two_processes)
    assert first == second


def test_two_processes_at_half_the_batch_train_as_one_at_the_whole(two_processes):
    """Their two batches are the rows of the whole one, and the mean of their gradients is its gradient."""
    start, expected = library.classifier(0), library.classifier(10)
    way = (expected - start).norm()
    assert way > 0.1
    assert two_processes[0]["classifier"] == two_processes[1]["classifier"]
    assert (torch.tensor(two_processes[0]["classifier"]) - expected).norm() < 1e-5 * way
    # One process alone at half the batch goes elsewhere: the other one's rows count.
    assert (library.classifier(10, batch_size=16) - expected).norm() > 1e-2 * way

"""Training in two processes: real ones, started by torchrun as a user starts them, connected by gloo."""

import importlib.util
import json
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import torch.distributed as dist

from creativeml.config import save_json
from creativeml.evaluation.cost import parameter_count
from creativeml.files import project_folder
from creativeml.kinds import KINDS
from creativeml.models.gans.style_wavegan import StyleWaveGAN
from creativeml.training.config import ALL_CONTROLS, changed_training, training_preset
from creativeml.training.replicas import agreed_name
from tests.training.small_runs import finish_in_two_processes

SCRIPT = Path(__file__).parent / "in_two_processes.py"


def start(folder: Path, config, data: Path, out: Path, steps: int, *, resume: bool = False) -> list[dict]:
    told = folder / f"told-{out.name}-{steps}-{resume}"
    told.mkdir()
    save_json(config, folder / "small.json")
    how = "resume" if resume else "new"
    finish_in_two_processes(SCRIPT, folder / "small.json", data, out, steps, how, told)
    return [json.loads((told / f"{rank}.json").read_text(encoding="utf-8")) for rank in (0, 1)]


def test_processes_of_each_start_find_one_another_in_a_store_that_remembers_the_earlier_ones():
    server = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=timedelta(seconds=20))
    names = set()
    with ThreadPoolExecutor(3) as pool:
        for start in range(12):
            agreed = {}
            # One after the other, in every order: whoever comes early sees what the start before has left.
            for rank in random.Random(start).sample(range(3), 3):
                own = dist.TCPStore("127.0.0.1", server.port, is_master=False, timeout=timedelta(seconds=20))
                agreed[rank] = pool.submit(agreed_name, own, rank, 3)
                time.sleep(0.05)
            found = {future.result() for future in agreed.values()}
            assert len(found) == 1
            names |= found
    assert len(names) == 12


def test_a_first_process_that_is_not_there_is_told():
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=timedelta(seconds=5))
    store.set("called", "of an earlier start")
    with pytest.raises(RuntimeError, match="does not answer"):
        agreed_name(store, 1, 2, patience_s=0.3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("replicas")


def test_two_processes_train_one_model_and_resume_exactly(folder, drums, small):
    whole = start(folder, small, drums, folder / "whole", 8)
    for found in whole:
        # Means over both processes, against the same by hand.
        assert found["gradients"] == [[[1.5] * 3] * 2, [0.0] * 4] and found["values"] == [5.0]
        assert found["any"] == [True, False]
        assert found["step"] == 8 and found["sounds_seen"] == 8 * 4 * 2
    assert whole[0]["weights"] == whole[1]["weights"] and whole[0]["probability"] == whole[1]["probability"]

    lines = [json.loads(line) for line in (folder / "whole" / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len([line for line in lines if "validation/distance" in line or "sounds_seen" in line]) == len(
        {line["step"] for line in lines if "sounds_seen" in line}
    ), "one process alone writes the log"

    start(folder, small, drums, folder / "halves", 6)
    again = start(folder, small, drums, folder / "halves", 8, resume=True)
    assert again[0]["weights"] == again[1]["weights"] == whole[0]["weights"]


def test_the_recipe_for_a_big_machine_asks_for_trainings_that_exist():
    path = project_folder("examples") / "big_machine.py"
    spec = importlib.util.spec_from_file_location("big_machine", path)
    big_machine = sys.modules["big_machine"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(big_machine)
    sizes = {}
    for name, recipe in big_machine.RECIPES.items():
        flags = list(recipe.flags)
        changes = [flags[place + 1] for place, flag in enumerate(flags) if flag == "--set"]
        preset = flags[flags.index("--preset") + 1]
        config = changed_training(training_preset(preset, KINDS, controls=ALL_CONTROLS), changes)
        sizes[name] = parameter_count(StyleWaveGAN(config.generator))
        command = big_machine.command(recipe, Path("data"), Path("out"), 8, "cuda", 100)
        assert command[command.index("--nproc-per-node") + 1] == "8" and "--batch-size" in command
    fast = parameter_count(StyleWaveGAN(training_preset("fast", KINDS, controls=ALL_CONTROLS).generator))
    assert 3 * fast < sizes["large"] == sizes["large-fsdp"] < 6 * fast

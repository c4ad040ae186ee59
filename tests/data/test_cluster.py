"""`creativeml prepare --cluster` on a real Dask cluster of processes of this machine."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from creativeml.cli import run
from creativeml.data.cluster import cluster
from creativeml.data.descriptor_table import describe_dataset
from creativeml.data.folders import NamingRules, scan_folder
from creativeml.data.prepare import PrepareOptions, prepare_dataset
from creativeml.errors import CreativeMLError
from creativeml.files import project_folder, sha256_file

dask = pytest.importorskip("dask", reason="needs Dask: pip install 'creativeml[cluster]'")
distributed = pytest.importorskip("distributed", reason="needs Dask: pip install 'creativeml[cluster]'")

STARTER = project_folder("datasets") / "starter"
SHAPE = ("--length", "16384", "--max-seconds", "0.5", "--json")


@pytest.fixture(scope="module")
def client():
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def contents(folder: Path) -> dict[str, str]:
    return {str(p.relative_to(folder)): sha256_file(p) for p in folder.rglob("*") if p.is_file()}


def kill_a_worker_once(client, journal: Path, lines: int, killed: list[int]) -> threading.Thread:
    """As soon as so many sounds are in the journal."""
    workers = list(client.run(os.getpid).values())

    def wait() -> None:
        while not journal.is_file() or journal.read_bytes().count(b"\n") < lines:
            time.sleep(0.005)
        os.kill(workers[0], signal.SIGKILL)
        killed.append(workers[0])

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_a_cluster_makes_the_bytes_of_this_machine_though_a_worker_is_killed(client, tmp_path, capsys):
    here, there = tmp_path / "here", tmp_path / "there"
    assert run(["prepare", str(STARTER), "--out", str(here), "--workers", "1", *SHAPE]) == 0
    killed: list[int] = []
    thread = kill_a_worker_once(client, there / "prepare-journal.jsonl", 20, killed)
    address = client.scheduler.address
    assert run(["prepare", str(STARTER), "--out", str(there), "--cluster", address, *SHAPE]) == 0
    thread.join(10)
    assert killed and contents(there) == contents(here) and len(contents(here)) > 60
    assert "rejected" in capsys.readouterr().out


def test_what_is_wrong_with_a_cluster_is_told(client, tmp_path, capsys, monkeypatch):
    arguments = ["prepare", str(STARTER), "--out", str(tmp_path / "data"), *SHAPE]
    monkeypatch.setattr("creativeml.data.cluster._CONNECTING_S", 0.5)
    assert run([*arguments, "--cluster", "tcp://127.0.0.1:9"]) == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("error: tcp://127.0.0.1:9: no Dask scheduler answers there")
    monkeypatch.setattr("creativeml.__version__", "0.0.1")
    assert run([*arguments, "--cluster", client.scheduler.address]) == 1
    assert "here is 0.0.1; install the same everywhere" in capsys.readouterr().err


FATAL = """
import os, signal, sys

def watch(event, arguments):
    if event == "open" and str(arguments[0]).endswith({name!r}):
        with open({log!r}, "a") as file:
            file.write("died\\n")
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(watch)
"""


def test_a_sound_that_kills_worker_after_worker_is_refused_by_name_and_no_other(tmp_path):
    """Every process of the cluster dies as it opens that file; the scheduler blames what waits beside it as well."""
    found = scan_folder(STARTER / "crash", "crashes", NamingRules("auto", "auto", "CC0-1.0", "A"))
    assert len(found.sounds) > 7
    bad = found.sounds.pop(5)
    prepare_dataset(found, tmp_path / "here", PrepareOptions(length_samples=16_384))
    found.sounds.insert(5, bad)
    (tmp_path / "fatal.py").write_text(FATAL.format(name=bad.path.name, log=str(tmp_path / "deaths")))
    settings = {"distributed.worker.preload": [str(tmp_path / "fatal.py")], "distributed.scheduler.allowed-failures": 0}
    notes: list[str] = []
    with (
        dask.config.set(settings),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as local,
        cluster(local.scheduler_address) as crew,
    ):
        options = PrepareOptions(length_samples=16_384)
        report = prepare_dataset(found, tmp_path / "there", options, executor=crew, on_note=notes.append)
    ((name, reason),) = [(refused.name, refused.reason) for refused in report.rejected]
    told = "cannot be read: each worker that it was given to died, also when it was the only one at work"
    assert (name, reason) == (bad.name, told)
    assert (tmp_path / "deaths").read_text().count("died") == 2
    assert f"{bad.name}: each worker that it was given to died; it is tried once more, alone" in notes
    here, there = contents(tmp_path / "here"), contents(tmp_path / "there")
    different = {path for path in here.keys() | there.keys() if here.get(path) != there.get(path)}
    assert all(path.startswith("report.") for path in different), different


def test_from_python_a_cluster_prepares_and_describes(client, tmp_path):
    found = scan_folder(STARTER / "tom", "toms", NamingRules("auto", "auto", "CC0-1.0", "A"))
    found.sounds = found.sounds[:4]
    options = PrepareOptions(length_samples=16_384)
    prepare_dataset(found, tmp_path / "here", options)
    prepare_dataset(found, tmp_path / "there", options, executor=client.get_executor())
    assert describe_dataset(tmp_path / "here").new == 4
    with cluster(client.scheduler.address, (tmp_path,)) as crew:
        assert crew.workers == 2 and describe_dataset(tmp_path / "there", executor=crew).new == 4
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    with pytest.raises(
        CreativeMLError, match=r"nowhere: tcp://.* does not see it; a cluster needs a file system of all"
    ):
        cluster(client.scheduler.address, (tmp_path / "nowhere",)).__enter__()

"""The queue of long work: in order, one at a time, told of without waiting, stopped when nobody wants it."""

from __future__ import annotations

import importlib
import threading
import time

import pytest

from creativeml.errors import CreativeMLError


@pytest.fixture(scope="module")
def jobs(apps_folder):
    return importlib.import_module("_shared.jobs")


def until(condition, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


def endless(job) -> None:
    done = 0
    while True:
        done += 1
        job.report("turning", done / (done + 100))
        time.sleep(0.005)


def test_jobs_run_in_order_and_tell_how_many_come_before(jobs):
    queue, order, gate = jobs.Jobs(), [], threading.Event()

    def work(name):
        def run(job):
            assert gate.wait(10)
            order.append(name)
            return name.upper()

        return run

    ids = [queue.submit(work(name)) for name in "abc"]
    until(lambda: queue.told(ids[0])["state"] == "running")
    assert [queue.told(i)["before"] for i in ids] == [0, 1, 2]
    gate.set()
    until(lambda: queue.told(ids[2])["state"] == "done")
    assert order == list("abc") and [queue.told(i)["answer"] for i in ids] == list("ABC")
    assert queue.told("foreign") is None and queue.told(None) is None and queue.told(["a"]) is None


def test_progress_rises_and_the_time_left_falls(jobs):
    queue = jobs.Jobs()

    def work(job):
        for n in range(1, 101):
            job.report("counting", n / 100)
            time.sleep(0.005)

    name, seen = queue.submit(work), []
    while (told := queue.told(name))["state"] != "done":
        seen.append((told["share"], told["left_s"]))
        time.sleep(0.01)
    shares = [share for share, _ in seen]
    left = [seconds for _, seconds in seen if seconds is not None]
    assert shares == sorted(shares) and len(set(shares)) > 10
    assert 0.2 < max(left) < 5 and left[-1] < 0.5 * max(left)


def test_a_running_job_is_stopped_and_the_next_begins(jobs):
    queue = jobs.Jobs()
    first, second = queue.submit(endless), queue.submit(lambda job: "done")
    until(lambda: queue.told(first)["share"] > 0)
    queue.stop(first)
    until(lambda: queue.told(first)["state"] == "stopped", 1.0)
    until(lambda: queue.told(second)["answer"] == "done")
    queue.stop(second)
    assert queue.told(second)["state"] == "done"
    queue.stop("foreign")


def test_a_waiting_job_is_stopped_without_being_begun(jobs):
    queue, begun = jobs.Jobs(), []
    first, second = queue.submit(endless), queue.submit(begun.append)
    queue.stop(second)
    assert queue.told(second)["state"] == "stopped"
    queue.stop(first)
    third = queue.submit(lambda job: "done")
    until(lambda: queue.told(third)["state"] == "done")
    assert begun == []


def test_what_a_closed_page_wanted_is_given_up(jobs):
    queue, begun, held = jobs.Jobs(wanted_s=0.6), [], threading.Event()
    queue.submit(endless)
    last = queue.submit(lambda job: "done")
    until(lambda: queue.told(last)["state"] == "done")
    queue.submit(lambda job: held.wait())
    queue.submit(begun.append)
    time.sleep(0.8)
    last = queue.submit(lambda job: "done")
    held.set()
    until(lambda: queue.told(last)["state"] == "done")
    assert begun == []


def test_the_queue_is_bounded(jobs):
    queue = jobs.Jobs(most_waiting=2)
    first = queue.submit(endless)
    until(lambda: queue.told(first)["state"] == "running")
    waiting = [queue.submit(endless) for _ in range(2)]
    with pytest.raises(CreativeMLError, match="busy: 2 wait already"):
        queue.submit(endless)
    queue.stop(waiting[0])
    waiting.append(queue.submit(endless))
    for name in (*waiting, first):
        queue.stop(name)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (CreativeMLError("the beat is silent"), "the beat is silent"),
        (MemoryError(), "not enough memory"),
        (ZeroDivisionError(), "something went wrong"),
    ],
)
def test_what_fails_is_told_and_the_worker_goes_on(jobs, capfd, error, words):
    queue = jobs.Jobs()

    def work(job):
        raise error

    first, second = queue.submit(work), queue.submit(lambda job: 1)
    until(lambda: queue.told(second)["state"] == "done")
    told = queue.told(first)
    assert told["state"] == "failed" and words in told["error"]
    assert ("Traceback" in capfd.readouterr().err) == isinstance(error, ZeroDivisionError)

"""Work that takes longer than a request may: one at a time, in order, told of while it runs, and stopped on demand."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any

from _shared.background import told
from creativeml.errors import CreativeMLError

KEPT = 256
_LEAST_SHARE = 0.02
"""From which on the time that is left can be told."""
_OVER = ("done", "failed", "stopped")


class Stopped(Exception):
    """Nobody wants the work any more."""


@dataclass
class Job:
    """One piece of work.

    Attributes:
        work: called with the job, which it reports to.
        id: what whoever asked for it knows it by.
        state: "waiting", "running", "stopping", "done", "failed" or "stopped".
        stage: what is being done, in a word.
        share: of the work, 0 to 1.
        answer, error: of the work.
    """

    work: Callable[[Job], Any]
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: str = "waiting"
    stage: str = ""
    share: float = 0.0
    answer: Any = None
    error: str = ""
    _wanted_s: float = 60.0
    _seen: float = field(default_factory=time.monotonic)
    _first: tuple[float, float] | None = None

    def check(self) -> None:
        """Go on, or raise `Stopped`: call it often."""
        if self.state == "stopping" or self.abandoned:
            raise Stopped

    def report(self, stage: str, share: float) -> None:
        """What is being done, and how much of all is done. Raises `Stopped` as `check` does."""
        self.stage, self.share = stage, min(1.0, max(self.share, share))
        if self._first is None and self.share > 0:
            self._first = (time.monotonic(), self.share)
        self.check()

    @property
    def abandoned(self) -> bool:
        """Whether nobody has asked for it for long: its page was closed."""
        return time.monotonic() - self._seen > self._wanted_s

    @property
    def left_s(self) -> float | None:
        """Seconds until it is done, once they can be told."""
        if self._first is None or self.share - self._first[1] < _LEAST_SHARE:
            return None
        began, first = self._first
        return (time.monotonic() - began) * (1 - self.share) / (self.share - first)


class Jobs:
    """A queue with one worker. To ask how far a job is never waits for it.

    Args:
        most_waiting: further ones are refused.
        wanted_s: a job that nobody has asked after for so long is given up, so that a closed page blocks nobody.
            Browsers let a page in the background ask once a minute.
    """

    def __init__(self, *, most_waiting: int = 8, wanted_s: float = 90.0) -> None:
        self._most, self._wanted_s = most_waiting, wanted_s
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._changed = Condition()
        self._worker: Thread | None = None

    def submit(self, work: Callable[[Job], Any]) -> str:
        """Queue work; gives the job's id.

        Args:
            work: gives an answer; reports to the job it is called with.

        Raises:
            CreativeMLError: too many wait already.
        """
        with self._changed:
            self._drop_abandoned()
            waiting = sum(job.state == "waiting" for job in self._jobs.values())
            if waiting >= self._most:
                raise CreativeMLError(f"busy: {waiting} wait already; try again in a minute")
            job = Job(work, _wanted_s=self._wanted_s)
            self._jobs[job.id] = job
            for name in [name for name, known in self._jobs.items() if known.state in _OVER][: -KEPT or None]:
                del self._jobs[name]
            if self._worker is None:
                self._worker = Thread(target=self._run, daemon=True)
                self._worker.start()
            self._changed.notify_all()
            return job.id

    def told(self, name: Any) -> dict[str, Any] | None:
        """How far a job is, None if it is not known: "state", "stage", "share", "left_s", "before" (jobs that come
        first), "answer", "error"."""
        with self._changed:
            job = self._jobs.get(name) if isinstance(name, str) else None
            if job is None:
                return None
            job._seen = time.monotonic()
            self._drop_abandoned()
            before = 0
            if job.state == "waiting":
                order = list(self._jobs.values())
                before = sum(other.state not in _OVER for other in order[: order.index(job)])
            values = {key: getattr(job, key) for key in ("state", "stage", "share", "left_s", "answer", "error")}
            return {**values, "before": before}

    def stop(self, name: Any) -> None:
        """End a job as soon as it next looks up; one that is over or unknown is left alone."""
        with self._changed:
            job = self._jobs.get(name) if isinstance(name, str) else None
            if job is not None and job.state not in _OVER:
                job.state = "stopped" if job.state == "waiting" else "stopping"

    def _drop_abandoned(self) -> None:
        for job in self._jobs.values():
            if job.state == "waiting" and job.abandoned:
                job.state = "stopped"

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._next() is not None)
                job = self._next()
                assert job is not None
                if job.abandoned:
                    job.state = "stopped"
                    continue
                job.state = "running"
            self._do(job)

    def _next(self) -> Job | None:
        return next((job for job in self._jobs.values() if job.state == "waiting"), None)

    def _do(self, job: Job) -> None:
        state, answer, error = "done", None, ""
        try:
            answer = job.work(job)
        except Stopped:
            state = "stopped"
        except CreativeMLError as problem:
            state, error = "failed", str(problem)
        except MemoryError:
            state, error = "failed", "this machine has not enough memory for that; take shorter sounds"
        except Exception as problem:
            told(problem)
            state, error = "failed", "something went wrong; the window where the server runs says what"
        with self._changed:
            job.answer, job.error, job.state = answer, error, state
            job.work = lambda _: None  # what the work held goes

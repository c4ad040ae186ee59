"""What a page computes while it is already being looked at, and whose turn it is meanwhile."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Condition, Lock, Thread
from typing import Generic, TypeVar

from creativeml.errors import CreativeMLError

T = TypeVar("T")


def told(error: BaseException) -> None:
    """Say in the console what went wrong in a thread: in one line if it is foreseen, else with its traceback."""
    if isinstance(error, CreativeMLError):
        print(f"error: {error}", file=sys.stderr, flush=True)
    else:
        traceback.print_exception(error)


class InBackground(Generic[T]):
    """Something that is made in a thread of its own, for example a loaded model.

    Args:
        make: makes it.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: Future[T] = Future()
        self._begun = Lock()

    def start(self) -> None:
        """Begin to make it; once, however often this is called."""
        if self._begun.acquire(blocking=False):
            Thread(target=self._run, daemon=True).start()

    def get(self) -> T:
        """The thing, as soon as it is there. Raises what kept it from being made."""
        return self._made.result()

    def _run(self) -> None:
        try:
            self._made.set_result(self._make())
        except BaseException as error:
            told(error)
            self._made.set_exception(error)


class Turns:
    """One computes at a time, and whoever a person waits for goes before what is made ahead."""

    def __init__(self) -> None:
        self._free = Condition()
        self._busy = False
        self._asked = 0

    @contextlib.contextmanager
    def asked(self) -> Iterator[None]:
        """A turn for what somebody waits for."""
        with self._free:
            self._asked += 1
            try:
                self._free.wait_for(lambda: not self._busy)
            finally:
                self._asked -= 1
            self._busy = True
        with self._ending():
            yield

    @contextlib.contextmanager
    def ahead(self) -> Iterator[None]:
        """A turn for what may wait: keep it short."""
        with self._free:
            self._free.wait_for(lambda: not self._busy and not self._asked)
            self._busy = True
        with self._ending():
            yield

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._free:
                self._busy = False
                self._free.notify_all()

"""Whoever does a long row of equal pieces of work: threads, processes that may be killed, or a user's own executor.

Results come in the order of the pieces, and only a few are ever under way, so that an interruption loses little.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from itertools import islice
from multiprocessing import connection
from typing import Any, NamedTuple, Protocol

from creativeml.errors import CreativeMLError
from creativeml.interruptions import Undisturbed

_AHEAD = 4
"""Pieces under way for each worker."""
_FRUITLESS = 3
"""Times in a row that all processes may be lost without one result."""
_SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

OnNote = Callable[[str], object]
"""Is told in one line what the person who waits ought to know."""


class Piece(NamedTuple):
    """One piece of work.

    Attributes:
        name: what it is about, for people.
        work: a function of a module; for processes, pickled by its name.
        arguments: for processes, values that can be pickled.
        here: it must be done in this process.
        known: its result, if that is known already.
    """

    name: str
    work: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    here: bool = False
    known: Any = None


class Died(NamedTuple):
    """Instead of a result: the piece has killed its worker twice."""

    how: str


class Crew(Protocol):
    """Who works.

    Attributes:
        workers: how many work side by side.
        deadly: what a future raises if workers that had its piece, perhaps beside others, have died too often.
    """

    workers: int
    deadly: tuple[type[BaseException], ...]

    def submit(self, number: int, piece: Piece) -> Future[Any]:
        """Begin with a piece."""
        ...

    def give_up(self, futures: Iterable[Future[Any]]) -> None:
        """Nobody waits for these pieces any more."""
        ...

    def recover(self, first: Piece) -> dict[int, str]:
        """After a BrokenExecutor: be ready again.

        Args:
            first: the piece whose result was waited for.

        Returns:
            {number: how its worker died} of the pieces that were under way in workers that died by themselves.

        Raises:
            CreativeMLError: it cannot go on.
        """
        ...


class Hired:
    """A crew of any executor, which is not shut down.

    Args:
        executor: like those of `concurrent.futures`; the functions it is given are pickled by name if it needs that.
        workers: how many it has; bounds what is under way.
        deadly: see Crew.
    """

    def __init__(self, executor: Executor, workers: int, deadly: tuple[type[BaseException], ...] = ()) -> None:
        self.workers, self.deadly, self._executor = workers, deadly, executor

    def submit(self, number: int, piece: Piece) -> Future[Any]:
        """As in Crew."""
        return self._executor.submit(piece.work, *piece.arguments)

    def give_up(self, futures: Iterable[Future[Any]]) -> None:
        """As in Crew."""
        for future in futures:
            future.cancel()

    def recover(self, first: Piece) -> dict[int, str]:
        """A broken executor of somebody else cannot be mended here."""
        raise CreativeMLError(
            f"{first.name}: the executor broke while this was under way or waited; run the same command again"
        )


class Processes:
    """A crew of processes of this machine, one thread each. If one dies, all are made anew.

    They begin at once. They ignore Ctrl-C, which is for the process that waits for them, and leave when that is killed.

    Args:
        workers: how many.

    Raises:
        BrokenExecutor: none can be started.
    """

    deadly: tuple[type[BaseException], ...] = ()

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        with contextlib.ExitStack() as undo:
            with Undisturbed():
                # Of each process its id, and one more than the number of its piece.
                self._places = context.RawArray("q", 2 * self.workers)
                begin = (self._places, context.Value("i", 0))
                self._pool = ProcessPoolExecutor(self.workers, context, _begin, begin)
                undo.callback(self._pool.shutdown)
                self._pool.submit(_nothing).result()
                self._processes = {child.pid: child for child in multiprocessing.active_children()}
            undo.pop_all()

    def submit(self, number: int, piece: Piece) -> Future[Any]:
        """As in Crew."""
        if len(self._processes) == self.workers:
            return self._pool.submit(_do, number, piece.work, *piece.arguments)
        with Undisturbed():  # the pool starts them as they are needed
            future = self._pool.submit(_do, number, piece.work, *piece.arguments)
            self._processes.update({child.pid: child for child in multiprocessing.active_children()})
        return future

    def give_up(self, futures: Iterable[Future[Any]]) -> None:
        """Left to `close`: the pool's own thread fails if a process dies and it finds what others cancelled."""

    def recover(self, first: Piece) -> dict[int, str]:
        """As in Crew."""
        self.close()
        rows = zip(self._places[::2], self._places[1::2], strict=True)
        number_of = {process: place - 1 for process, place in rows if place}
        # The pool ends the others by SIGTERM, so whoever died of that is not to blame.
        fallen = [p for p in self._processes.values() if p.exitcode not in (0, -signal.SIGTERM)]
        found = {number_of[p.pid]: _how(p.exitcode) for p in fallen if p.pid in number_of}
        try:
            self._start()
        except BrokenExecutor as error:
            raise CreativeMLError(f"{first.name}: no further worker processes can be started; run it again") from error
        return found

    def close(self) -> None:
        """Wait for what is under way, and leave the rest."""
        own = set(self._places[::2])
        living = [process for process in self._processes.values() if process.pid in own]
        # The pool would wait for ever if one dies now with the lock of the queue from which the others are told.
        threading.Thread(target=_end_with_the_first_to_die, args=(living,), daemon=True).start()
        self._pool.shutdown(cancel_futures=True)


def _end_with_the_first_to_die(living: list[Any]) -> None:
    while living:
        ended = connection.wait([process.sentinel for process in living])
        gone = [process for process in living if process.sentinel in ended]
        living = [process for process in living if process.sentinel not in ended]
        for process in gone:
            process.join(1)
        if any(process.exitcode for process in gone):
            for process in living:
                process.terminate()


_place: Any = None
_slot = -1


def _begin(places: Any, counter: Any) -> None:
    """First thing in a worker process, before numpy or torch are imported there."""
    global _place, _slot
    for name in _SINGLE:
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with counter.get_lock():
        _place, _slot = places, counter.value
        counter.value += 1
    places[2 * _slot] = os.getpid()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()


def _leave_with(sentinel: Any) -> None:
    # A process pool's workers otherwise wait for ever once their parent was killed.
    connection.wait([sentinel])
    os._exit(1)


def _nothing() -> None:
    """The first piece: shows that processes can be started."""


def _do(number: int, work: Callable[..., Any], *arguments: Any) -> Any:
    _place[2 * _slot + 1] = number + 1
    try:
        return work(*arguments)
    finally:
        _place[2 * _slot + 1] = 0


def _how(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended with code {code}"
    more = ", as the system does when memory runs out" if code == -9 else ""
    return f"was killed by signal {-code}{more}"


@contextlib.contextmanager
def crew_for(pieces: int, workers: int, few: int, on_note: OnNote) -> Iterator[Crew]:
    """Processes for many pieces, threads for few of them or where processes cannot be started.

    Args:
        pieces: how many there are.
        workers: processes or threads.
        few: so many pieces and fewer are done sooner by threads.
        on_note: is told if processes cannot be started.
    """
    processes = None
    if workers > 1 and pieces > few:
        try:
            processes = Processes(workers)
        except (BrokenExecutor, OSError):
            on_note(
                "no worker processes could be started, so threads do it; in a program of your own, call it "
                'under `if __name__ == "__main__":`'
            )
    if processes is not None:
        try:
            yield processes
        finally:
            processes.close()
        return
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield Hired(pool, workers)
        finally:
            pool.shutdown(cancel_futures=True)


def in_order(crew: Crew, pieces: Iterable[Piece], on_note: OnNote) -> Generator[Any, None, None]:
    """The result of each piece, in order; `Died` of those that kill their worker twice, the second time alone.

    Args:
        crew: who works; pieces to be done here are done by as many threads.
        pieces: taken only as they are begun.
        on_note: is told of workers that died.

    Raises:
        CreativeMLError: workers die again and again without getting anything done, or as in Crew.
    """
    rest = enumerate(pieces)
    waiting: deque[tuple[int, Piece, Future[Any]]] = deque()
    fruitless = 0
    with ThreadPoolExecutor(crew.workers) as here:

        def begin(number: int, piece: Piece) -> Future[Any]:
            if piece.known is not None:
                return _done(piece.known)
            try:
                return here.submit(piece.work, *piece.arguments) if piece.here else crew.submit(number, piece)
            except BrokenExecutor as error:  # it broke since the last result; told when its turn comes
                return _failed(error)

        try:
            while True:
                missing = _AHEAD * crew.workers - len(waiting)
                waiting += ((number, piece, begin(number, piece)) for number, piece in islice(rest, missing))
                if not waiting:
                    return
                try:
                    result = waiting[0][2].result()
                except BrokenExecutor:
                    fruitless += 1
                    if fruitless > _FRUITLESS:
                        raise CreativeMLError(
                            f"{waiting[0][1].name}: workers die before anything is done; run the same command again, "
                            "with fewer --workers if memory is short"
                        ) from None
                    waiting = _again(crew, waiting, begin, on_note)
                    continue
                except crew.deadly:
                    result = _alone(crew, waiting, begin, on_note)
                waiting.popleft()
                fruitless = 0
                yield result
        finally:
            crew.give_up(future for _, piece, future in waiting if not piece.here)
            here.shutdown(cancel_futures=True)


def _alone(
    crew: Crew, waiting: deque[tuple[int, Piece, Future[Any]]], begin: Callable[..., Future[Any]], on_note: OnNote
) -> Any:
    """Result of the first piece, once nothing else is under way: what waits beside a deadly piece is blamed as well."""
    number, piece, _ = waiting[0]
    on_note(f"{piece.name}: each worker that it was given to died; it is tried once more, alone")
    wait([future for _, _, future in waiting])
    try:
        return begin(number, piece).result()
    except crew.deadly:
        return Died("each worker that it was given to died, also when it was the only one at work")


def _again(
    crew: Crew, waiting: deque[tuple[int, Piece, Future[Any]]], begin: Callable[..., Future[Any]], on_note: OnNote
) -> deque[tuple[int, Piece, Future[Any]]]:
    """What was lost begun again; first, and alone, what was under way where a worker died."""
    suspects = crew.recover(waiting[0][1])
    found: dict[int, Future[Any]] = {}
    for number, piece, _ in waiting:
        if number not in suspects:
            continue
        on_note(f"{piece.name}: the process that worked on it {suspects[number]}; it is tried once more, alone")
        try:
            found[number] = _done(begin(number, piece).result())
        except BrokenExecutor:
            how = crew.recover(piece).get(number, suspects[number])
            found[number] = _done(Died(f"the process that worked on it {how}, twice"))
        except BaseException as error:
            found[number] = _failed(error)
            if not isinstance(error, Exception):
                raise
    return deque(
        (n, piece, found[n] if n in found else begin(n, piece) if _is_lost(future) else future)
        for n, piece, future in waiting
    )


def _is_lost(future: Future[Any]) -> bool:
    """Not the pieces that are done, or under way in this process."""
    return future.cancelled() or (future.done() and isinstance(future.exception(), BrokenExecutor))


def _done(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def _failed(error: BaseException) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future

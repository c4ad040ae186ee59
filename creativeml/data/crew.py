"""Whoever does a long row of equal pieces of work: threads, processes that may be killed, or a user's own executor.

Results come in the order of the pieces, and only a few are ever under way, so that an interruption loses little.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from itertools import islice
from multiprocessing import connection, resource_tracker
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple, Protocol

from creativeml.errors import CreativeMLError
from creativeml.interruptions import Undisturbed

_AHEAD = 4
"""Pieces under way for each worker."""
_ENDING_S = 10.0
"""How long a process that has been told to leave, or has left its connection, may take to end."""
_STARTS = 3
"""How often a process is started anew that dies before it has work, once one has shown that they can be started."""
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
    """Instead of a result: the piece has killed its worker, and again when it was the only one at work."""

    how: str


class Crew(Protocol):
    """Who works.

    Attributes:
        workers: how many work side by side.
        deadly: what a future raises if a worker that had its piece, perhaps beside others, has died.
        cancels: whether what nobody waits for any more may be cancelled.
    """

    workers: int
    deadly: tuple[type[BaseException], ...]
    cancels: bool

    def submit(self, piece: Piece) -> Future[Any]:
        """Begin with a piece. A BrokenExecutor, raised here or by the future, says that no more can be done."""
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
        # Python's own fails, and leaves its processes, if one of them dies before it has seen what was cancelled.
        self.cancels = not isinstance(executor, ProcessPoolExecutor)

    def submit(self, piece: Piece) -> Future[Any]:
        """As in Crew."""
        return self._executor.submit(piece.work, *piece.arguments)


class ProcessDied(Exception):
    """A process ended while it had a piece of work; the text says how."""


class _Worker(NamedTuple):
    process: BaseProcess
    pipe: connection.Connection


class Processes:
    """A crew of processes of this machine, each at the hand of a thread that waits for it; who dies is replaced.

    They work with one thread each, as far as the program's main module does not load numpy or torch. They ignore
    Ctrl-C, which is for the process that waits for them, and leave when that is killed. Python's ProcessPoolExecutor
    would not do: its processes share queues and locks, so that one that is killed breaks all, and at some moments the
    thread that manages them fails or waits for ever.

    Args:
        workers: how many.

    Raises:
        BrokenExecutor: none can be started.
    """

    deadly: tuple[type[BaseException], ...] = (ProcessDied,)
    cancels = True

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(workers)
        self._proven = False
        if os.name == "posix":
            resource_tracker.ensure_running()  # whoever starts it has its signals unblocked
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self.submit(Piece("", _nothing)).result()
            undo.pop_all()
        self._proven = True

    def submit(self, piece: Piece) -> Future[Any]:
        """As in Crew."""
        with Undisturbed():  # it may start a thread, which must not be left half known
            return self._pool.submit(self._do, piece)

    def _do(self, piece: Piece) -> Any:
        order = ForkingPickler.dumps((piece.work, piece.arguments))
        worker = self._free()
        try:
            worker.pipe.send_bytes(order)
            answer = worker.pipe.recv_bytes()
        except (EOFError, OSError):
            worker.pipe.close()
            raise ProcessDied(f"the process that worked on it {_how(_exit_code(worker.process))}") from None
        except BaseException:  # no memory for the answer, half of which is read
            worker.pipe.close()
            raise
        self._idle.put(worker)
        result, error, where = _loads(answer)
        if error is not None:
            raise error from _Elsewhere(where)
        return result

    def _free(self) -> _Worker:
        while True:
            try:
                worker = self._idle.get_nowait()
            except queue.Empty:
                return self._new()
            if not connection.wait([worker.process.sentinel], 0):
                return worker
            _exit_code(worker.process)  # it died while it had nothing to do
            worker.pipe.close()

    def _new(self) -> _Worker:
        for _ in range(_STARTS - 1 if self._proven else 0):
            with contextlib.suppress(BrokenExecutor):
                return _started()
        return _started()

    def close(self) -> None:
        """Wait for what is under way, and leave the rest."""
        self._pool.shutdown(cancel_futures=True)
        left = []
        with contextlib.suppress(queue.Empty):
            while True:
                left.append(self._idle.get_nowait())
        for worker in left:
            worker.pipe.close()
        for worker in left:
            _exit_code(worker.process)


class _Elsewhere(Exception):
    """Where an error was raised in another process, as text."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


_reaping = threading.Lock()
"""Of two threads that ask for the end of one process, one is not told how it ended; who starts a process asks for all.
Those who ask elsewhere in a program are few, and all they cost is that knowledge."""


def _started() -> _Worker:
    """A new process, ready to work."""
    if hasattr(signal, "pthread_sigmask"):
        # For good: it is a thread of the crew. The process has it from the thread, and so never hears of Ctrl-C.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    context = multiprocessing.get_context("spawn")
    with contextlib.ExitStack() as undo:
        process = None
        try:
            pipe, end = context.Pipe()
            undo.callback(pipe.close)
            with _reaping, end:
                begun = context.Process(target=_serve, args=(end,), daemon=True)
                begun.start()
            process = begun
            pipe.recv_bytes()
        except (EOFError, OSError) as error:
            how = _how(_exit_code(process)) if process else f"could not be started: {error}"
            raise BrokenExecutor(f"a new worker process {how}") from error
        undo.pop_all()
        return _Worker(process, pipe)


def _exit_code(process: BaseProcess) -> int | None:
    """Of a process that ends."""
    late = not connection.wait([process.sentinel], _ENDING_S)
    with _reaping:
        if late:
            process.kill()
        process.join()
        return process.exitcode


def _serve(pipe: connection.Connection) -> None:
    """What a worker process does; it begins before numpy or torch are imported there."""
    for name in _SINGLE:
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where a thread's signals cannot be blocked
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_with, args=(parent.sentinel,), daemon=True).start()
    with contextlib.suppress(EOFError, OSError):  # the other end is closed
        pipe.send_bytes(b"ready")
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes()))


def _answer(order: bytes) -> Any:
    """What is sent for a piece of work: its result, or its error and where that was raised."""
    result, fault, where = None, None, ""
    try:
        work, arguments = _loads(order)
        result = work(*arguments)
    except Exception as error:
        fault, where = error, "".join(traceback.format_exception(type(error), error, error.__traceback__))
    try:
        return ForkingPickler.dumps((result, fault, where))
    except Exception as error:
        what = type(result if fault is None else fault).__name__
        return ForkingPickler.dumps((None, TypeError(f"{what} cannot leave its process: {error}"), where))


def _loads(message: bytes) -> Any:
    """The way back of `ForkingPickler.dumps`; both ends belong to one program."""
    return ForkingPickler.loads(message)  # pyright: ignore[reportAttributeAccessIssue]


def _leave_with(sentinel: Any) -> None:
    # What is under way is for nobody once the parent was killed.
    connection.wait([sentinel])
    os._exit(1)


def _nothing() -> None:
    """The first piece: shows that processes can be started."""


def _how(code: int | None) -> str:
    if code is None:
        return "died"
    if code >= 0:
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
    """The result of each piece, in order; `Died` of those that kill their worker also when they are alone.

    Args:
        crew: who works; pieces to be done here are done by as many threads.
        pieces: taken only as they are begun.
        on_note: is told of workers that died.

    Raises:
        CreativeMLError: no more can be done.
    """
    rest = iter(pieces)
    waiting: deque[tuple[Piece, Future[Any]]] = deque()
    with ThreadPoolExecutor(crew.workers) as here:

        def begin(piece: Piece) -> Future[Any]:
            if piece.known is not None:
                return _done(piece.known)
            try:
                return here.submit(piece.work, *piece.arguments) if piece.here else crew.submit(piece)
            except BrokenExecutor as error:  # told when its turn comes
                return _failed(error)

        try:
            while True:
                missing = _AHEAD * crew.workers - len(waiting)
                waiting += ((piece, begin(piece)) for piece in islice(rest, missing))
                if not waiting:
                    return
                try:
                    result = _result(crew, waiting, begin, on_note)
                except BrokenExecutor as error:
                    raise CreativeMLError(f"{waiting[0][0].name}: {error}; run the same command again") from error
                waiting.popleft()
                yield result
        finally:
            for piece, future in waiting:
                if piece.here or crew.cancels:
                    future.cancel()


def _result(
    crew: Crew, waiting: deque[tuple[Piece, Future[Any]]], begin: Callable[[Piece], Future[Any]], on_note: OnNote
) -> Any:
    """Result of the first piece; if that killed its worker, of a second try with nothing else under way."""
    piece, future = waiting[0]
    try:
        return future.result()
    except crew.deadly as error:
        on_note(f"{piece.name}: {_told(error)}; it is tried once more, alone")
    wait([future for _, future in waiting])
    try:
        return begin(piece).result()
    except crew.deadly as error:
        return Died(f"{_told(error)}, also when it was the only one at work")


def _told(error: BaseException) -> str:
    return str(error) if isinstance(error, ProcessDied) else "each worker that it was given to died"


def _done(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def _failed(error: BaseException) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future

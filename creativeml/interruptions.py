"""Ctrl-C and SIGTERM: who answers them, how a verb of the command line is unwound by them, how its process ends.

An answer that raises is lost in a finalizer, and does harm in the middle of an import or of the start of a thread.
The end of the process does harm to threads that still compute. Each has a remedy here.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

if TYPE_CHECKING:
    from typing_extensions import Self

PATIENCE_S = 30.0
"""How long a verb may take to unwind after a SIGTERM; threads and libraries that never return may not keep it alive.
Imports and finalizers are not waited for any longer, either."""
_AGAIN_S = 0.05
_FINALIZERS = (f"{os.sep}weakref.py", f"{os.sep}multiprocessing{os.sep}util.py")
"""Ends of the names of files whose functions finalizers are."""
_NEAR = 5
"""So many frames there are at most between a handler and the method that it interrupts while handlers are exchanged."""


class SignalHandlers:
    """Within it `handle` answers both signals. Those that are ignored stay so, as in the background of a script.

    Only the main thread is told of signals; elsewhere nothing is changed, nor in children that a fork makes. A signal
    that comes while handlers are exchanged goes to those that were there.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._process = 0
        self._late: list[int] = []

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                before = signal.getsignal(number)
                # None belongs to a program that is not Python's, and could not be put back.
                if before not in (signal.SIG_IGN, None):
                    self._before[number] = before
                    signal.signal(number, self._answer)
            self._process = os.getpid()
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        self._process = 0
        while self._late:
            self.handle_late(self._late.pop(0))

    @property
    def within(self) -> bool:
        """Whether signals are answered here. Handlers that an interruption has left where they were pass them on."""
        return self._process == os.getpid()

    def handle(self, number: int, frame: FrameType | None) -> None:
        """Answer a signal. May raise."""
        raise NotImplementedError

    def pass_on(self, number: int, frame: FrameType | None = None) -> None:
        """Do what would have been done without."""
        before = self._before[number]
        if callable(before):
            before(number, frame)
        else:
            signal.signal(number, before)
            signal.raise_signal(number)

    def handle_late(self, number: int) -> None:
        """Answer a signal of the block, once it has been left. May raise."""
        signal.raise_signal(number)

    def _answer(self, number: int, frame: FrameType | None) -> None:
        method = self._exchanging(frame)
        if method == "__exit__" and self.within:
            self._late.append(number)
        elif method == "__enter__":
            try:
                self.pass_on(number, frame)
            except BaseException:
                self._process = 0
                raise
        elif self.within:
            self.handle(number, frame)
        else:
            self.pass_on(number, frame)

    def _exchanging(self, frame: FrameType | None) -> str:
        """The method of this object that is interrupted while it exchanges handlers."""
        for _ in range(_NEAR):
            if frame is None:
                break
            name = frame.f_code.co_name
            if name in ("__enter__", "__exit__") and frame.f_locals.get("self") is self:
                return name
            frame = frame.f_back
        return ""


class Undisturbed(SignalHandlers):
    """Within it both signals wait until its end; but a further Ctrl-C does not, so that there is a way out.

    In the middle of starting a thread they would leave one that nobody knows and waits for.
    """

    def handle(self, number: int, frame: FrameType | None) -> None:
        """As in SignalHandlers."""
        if self._late and number == signal.SIGINT:
            self._late.clear()
            self.pass_on(number, frame)
        elif number not in self._late:
            self._late.append(number)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a verb in order as Ctrl-C does."""


class Stop(SignalHandlers):
    """Within it both signals unwind what is under way: files are closed, child processes end.

    A Ctrl-C that a program answers in its own way stays its own. Where there is a helper (see `start_helper`), imports
    and finalizers are done to their end before, and a further SIGTERM does not disturb the unwinding.

    Attributes:
        asked: whether there was a SIGTERM.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = False
        self._deferred = 0
        self._ends = False
        self._outside: FrameType | None = None
        self._hook = sys.unraisablehook

    def __enter__(self) -> Self:
        self._outside = sys._getframe(1)
        super().__enter__()
        if self.within:
            self._hook, sys.unraisablehook = sys.unraisablehook, self._not_raised
        return self

    def __exit__(self, *error: object) -> None:
        self._outside = None
        if self.within:
            if _coming:
                time.sleep(3 * _AGAIN_S)  # then it has come
            sys.unraisablehook = self._hook
        super().__exit__(*error)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """As in SignalHandlers."""
        if number == signal.SIGINT and self._before[number] is not signal.default_int_handler:
            self.pass_on(number, frame)
            return
        self.asked = self.asked or number == signal.SIGTERM
        self._deferred += 1
        if self._deferred * _AGAIN_S < PATIENCE_S and self._must_be_finished(frame) and _ask_helper(number, later=True):
            return
        self._deferred = 0
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self._ends:
            self._ends = _ask_helper(number, later=False)
            raise Terminated

    def handle_late(self, number: int) -> None:
        """As in SignalHandlers."""
        self.handle(number, None)

    def _must_be_finished(self, frame: FrameType | None) -> bool:
        """Whether a frame is part of an import or of a finalizer that a verb has begun.

        A compiled library whose loading fails half way may abort the whole process; a finalizer that is left half way
        is not begun again.
        """
        while frame is not None and frame is not self._outside:
            file, name = frame.f_code.co_filename, frame.f_code.co_name
            if file.startswith("<frozen importlib") or file.endswith(_FINALIZERS) or name in ("__del__", "_not_raised"):
                return True
            frame = frame.f_back
        return False

    def _not_raised(self, what: sys.UnraisableHookArgs) -> None:
        """What is raised in other finalizers is lost; the signal comes again after it."""
        self._ends = self._ends and what.exc_type is not Terminated
        number = signal.SIGTERM if what.exc_type is Terminated else signal.SIGINT
        ours = self.within and what.exc_type in (Terminated, KeyboardInterrupt)
        if not (ours and threading.current_thread() is threading.main_thread() and _ask_helper(number, later=True)):
            self._hook(what)


class _Helper(NamedTuple):
    """The thread that handlers ask for help."""

    pipe: int
    process: int
    """Children that a fork makes have its pipe, but no such thread."""


_helper: _Helper | None = None
_coming: set[int] = set()
"""Signals that the helper is about to send again."""


def start_helper() -> None:
    """Start the thread that sends a signal again which came too early, and ends the process that does not end.

    Handlers write to it by a pipe: that is allowed whatever locks the code that they interrupt may hold.
    """
    global _helper
    received, pipe = os.pipe()
    _helper = _Helper(pipe, os.getpid())
    threading.Thread(target=_help, args=(received,), daemon=True).start()


def _ask_helper(number: int, *, later: bool) -> bool:
    """Whether there is a helper, which then has been told of a signal, and whether to send it again: once, however
    often it comes meanwhile."""
    if _helper is None or _helper.process != os.getpid():
        return False
    if not (later and number in _coming):
        if later:
            _coming.add(number)  # before the helper can take it away
        os.write(_helper.pipe, bytes([number, later]))
    return True


def _help(received: int) -> None:
    ends = False
    while True:
        number, later = os.read(received, 2)
        if later:
            time.sleep(_AGAIN_S)
            _coming.discard(number)
            main = threading.main_thread().ident
            if hasattr(signal, "pthread_kill") and main is not None:
                signal.pthread_kill(main, number)  # wakes it if it waits for a lock
            else:
                signal.raise_signal(number)
        elif not ends:
            ends = True
            threading.Thread(target=_leave, daemon=True).start()


def _leave() -> None:
    time.sleep(PATIENCE_S)
    os._exit(128 + signal.SIGTERM)


def leave_with(work: Callable[[], int]) -> NoReturn:
    """Do the work of a whole program, and end its process with the exit code that it gives.

    Python ends threads that nobody waits for by unwinding their stack, and compiled libraries abort the process then.
    So while there are such threads the process ends without that, once everything else is over.
    """
    start_helper()
    usual = set(threading.enumerate())
    try:
        code = work()
    except KeyboardInterrupt as stop:
        code = 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
    except Exception as error:
        sys.excepthook(type(error), error, error.__traceback__)
        code = 1
    if all(not thread.daemon for thread in set(threading.enumerate()) - usual):
        sys.exit(code)
    # What the interpreter does at its end, in its order; multiprocessing ends its processes by the same names.
    for step in (getattr(threading, "_shutdown"), atexit._run_exitfuncs, _flush):  # noqa: B009 (unknown to checkers)
        try:
            step()
        except KeyboardInterrupt:
            code = 128 + signal.SIGINT
        except OSError:
            code = code or 120  # what the interpreter says if its output cannot be written
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()

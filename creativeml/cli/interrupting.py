"""Ctrl-C and SIGTERM while a verb works: it is unwound, but not while a library is loaded."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any, NamedTuple

PATIENCE_S = 30.0
"""How long a verb may take to unwind after a SIGTERM; threads and libraries that never return may not keep it alive."""
_AGAIN_S = 0.05


class _Helper(NamedTuple):
    """The thread that handlers ask for help."""

    pipe: int
    process: int
    """Children that a fork makes have its pipe, but no such thread."""


_helper: _Helper | None = None


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a verb in order as Ctrl-C does."""


class Stop:
    """Within it both signals unwind what is under way: files are closed, child processes end.

    Verbs may handle them anew. Outside the main thread, which alone may, nothing is handled.

    Attributes:
        asked: whether there was a SIGTERM.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}
        self._outside: FrameType | None = None

    def __enter__(self) -> Stop:
        if threading.current_thread() is not threading.main_thread():
            return self
        self._outside = sys._getframe(1)
        # None belongs to a program that is not Python's, and could not be put back.
        if signal.getsignal(signal.SIGTERM) is not None:
            self._before[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._stop)
        # It may be ignored: whoever starts a program in the background asks for that.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._outside = None
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.asked = self.asked or number == signal.SIGTERM
        helper = _helper if _helper is not None and _helper.process == os.getpid() else None
        # A compiled library whose loading fails half way may abort the whole process.
        later = helper is not None and self._loads(frame)
        if helper is not None:
            os.write(helper.pipe, bytes([number, later]))
        if not later:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    def _loads(self, frame: FrameType | None) -> bool:
        """Whether a frame is part of an import that a verb has begun."""
        while frame is not None and frame is not self._outside:
            if frame.f_code.co_filename.startswith("<frozen importlib"):
                return True
            frame = frame.f_back
        return False


def start_helper() -> None:
    """Start the thread that sends a signal again which came too early, and ends the process that does not end.

    Handlers write to it by a pipe: that is allowed whatever locks the code that they interrupt may hold.
    """
    global _helper
    received, pipe = os.pipe()
    _helper = _Helper(pipe, os.getpid())
    threading.Thread(target=_help, args=(received,), daemon=True).start()


def _help(received: int) -> None:
    ends = False
    while True:
        number, later = os.read(received, 2)
        if later:
            time.sleep(_AGAIN_S)
            main = threading.main_thread().ident
            if hasattr(signal, "pthread_kill") and main is not None:
                signal.pthread_kill(main, number)  # wakes it if it waits for a lock
            else:
                signal.raise_signal(number)
        elif number == signal.SIGTERM and not ends:
            ends = True
            threading.Thread(target=_leave, daemon=True).start()


def _leave() -> None:
    time.sleep(PATIENCE_S)
    os._exit(128 + signal.SIGTERM)

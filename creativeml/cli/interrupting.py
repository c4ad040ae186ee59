"""Ctrl-C and SIGTERM while a verb works: it is unwound, but neither while a library is loaded nor for ever."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

PATIENCE_S = 30.0
"""How long after a SIGTERM a process may take to end in order; a library that never returns may not keep it alive."""
_AGAIN_S = 0.05
_to_helper: int | None = None


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
        self._before: dict[int, object] = {}

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            self._before[signal.SIGTERM] = signal.signal(signal.SIGTERM, self._stop)
            # It may be ignored: whoever starts a program in the background asks for that.
            if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
                self._before[signal.SIGINT] = signal.signal(signal.SIGINT, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # pyright: ignore[reportArgumentType]

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.asked = self.asked or number == signal.SIGTERM
        # A compiled library whose loading fails half way may abort the whole process.
        later = _to_helper is not None and _loads(frame)
        if _to_helper is not None:
            os.write(_to_helper, bytes([number, later]))
        if not later:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _loads(frame: FrameType | None) -> bool:
    """Whether a frame is part of an import."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def start_helper() -> None:
    """Start the thread that sends a signal again which came too early, and ends the process that does not end.

    Handlers write to it by a pipe: that is allowed whatever locks the code that they interrupt may hold.
    """
    global _to_helper
    received, _to_helper = os.pipe()
    threading.Thread(target=_help, args=(received,), daemon=True).start()


def _help(received: int) -> None:
    ends = False
    while True:
        number, later = os.read(received, 2)
        if number == signal.SIGTERM and not ends:
            ends = True
            threading.Thread(target=_leave, daemon=True).start()
        if later:
            time.sleep(_AGAIN_S)
            main = threading.main_thread().ident
            if hasattr(signal, "pthread_kill") and main is not None:
                signal.pthread_kill(main, number)  # wakes it if it waits for a lock
            else:
                signal.raise_signal(number)


def _leave() -> None:
    time.sleep(PATIENCE_S)
    os._exit(128 + signal.SIGTERM)

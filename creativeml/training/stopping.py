"""SIGTERM and Ctrl-C during a training: it ends after the step that is under way, so that nothing is lost."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from lightning_fabric import Fabric

from creativeml.training.recorder import tell
from creativeml.training.replicas import any_replica


class Stopped(KeyboardInterrupt):
    """A signal has ended a loop, whose state is kept."""


class Stoppable:
    """Within it both signals are only noted; a second Ctrl-C ends the training at once.

    Outside the main thread, which alone can be told of them, they do what they did before, as does a Ctrl-C that is
    ignored: so it is in a script's background.

    Attributes:
        by: name of the signal that `asked` has told of; empty without one.
    """

    def __init__(self) -> None:
        self.by = self._noted = ""
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stoppable:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                # None belongs to a program that is not Python's, and could not be put back.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self._noted = signal.Signals(number).name
        if signal.SIGINT in self._before:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        tell("stopping after this step ...")

    def asked(self, fabric: Fabric) -> bool:
        """Whether a signal had come, to whichever process, when all of them asked: they all get the same answer."""
        if any_replica(fabric, bool(self._noted)):
            self.by = self._noted or signal.SIGTERM.name
        return bool(self.by)

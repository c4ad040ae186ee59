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

    Outside the main thread, which alone can be told of them, they do what they did before.

    Attributes:
        by: name of the signal; empty without one.
    """

    def __init__(self) -> None:
        self.by = ""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stoppable:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        self.by = signal.Signals(number).name
        signal.signal(signal.SIGINT, signal.default_int_handler)
        tell("stopping after this step ...")

    def asked(self, fabric: Fabric) -> bool:
        """Whether a signal has come, to whichever process: all of them must ask."""
        if any_replica(fabric, bool(self.by)):
            self.by = self.by or signal.SIGTERM.name
        return bool(self.by)

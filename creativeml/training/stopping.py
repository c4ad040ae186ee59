"""SIGTERM and Ctrl-C during a training: it ends after the step that is under way, so that nothing is lost."""

from __future__ import annotations

import signal
from types import FrameType

from lightning_fabric import Fabric

from creativeml.interruptions import SignalHandlers
from creativeml.training.recorder import tell
from creativeml.training.replicas import any_replica


class Stopped(KeyboardInterrupt):
    """A signal has ended a loop, whose state is kept."""


class Stoppable(SignalHandlers):
    """Within it both signals are only noted; a Ctrl-C after one of them does what it did before, so it ends at once.

    Attributes:
        by: name of the signal that `asked` has told of; empty without one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by = self._noted = ""

    def handle(self, number: int, frame: FrameType | None) -> None:
        """As in SignalHandlers."""
        if self._noted and number == signal.SIGINT:
            self.pass_on(number, frame)
            return
        self._noted = signal.Signals(number).name
        tell("stopping after this step ...")

    def asked(self, fabric: Fabric) -> bool:
        """Whether a signal had come, to whichever process, when all of them asked: they all get the same answer."""
        if any_replica(fabric, bool(self._noted)):
            self.by = self._noted or signal.SIGTERM.name
        return bool(self.by)

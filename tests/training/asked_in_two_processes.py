"""What `test_stopping.py` starts by torchrun: a signal comes to one process while it waits for the other's answer."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from creativeml.training.replicas import fabric_for
from creativeml.training.stopping import Stoppable

if __name__ == "__main__":
    fabric = fabric_for("cpu", "32-true")
    with Stoppable() as stop:
        if fabric.global_rank == 0:
            time.sleep(2.0)
        else:
            threading.Timer(0.7, os.kill, (os.getpid(), signal.SIGTERM)).start()
        answers = [stop.asked(fabric), stop.asked(fabric)]
    Path(sys.argv[1], f"{fabric.global_rank}.txt").write_text(f"{answers} {stop.by}", encoding="utf-8")

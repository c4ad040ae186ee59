"""Progress bars on the terminal."""

from __future__ import annotations

from tqdm import tqdm


class Bars:
    """A progress bar for each step, shown to people only and only if it lasts."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None
        self._what = ""

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, what: str, done: int, total: int) -> None:
        """Say that `done` of `total` sounds are through the step `what`."""
        if self._bar is None or what != self._what:
            self.__exit__()
            self._bar = tqdm(total=total, desc=what, unit="sound", delay=1, disable=None, leave=False)
            self._what = what
        self._bar.update(done - self._bar.n)

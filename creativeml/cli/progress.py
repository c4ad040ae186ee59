"""Progress bars on the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tqdm import tqdm


class Bars:
    """A progress bar for each step, shown to people only and only if it lasts.

    Args:
        unit: what is counted.
    """

    def __init__(self, unit: str = "sound") -> None:
        self._unit = unit
        self._bar: tqdm | None = None
        self._what = ""

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, what: str, done: int, total: int) -> None:
        """Say that `done` of `total` are through the step `what`."""
        if self._bar is None or what != self._what:
            self.__exit__()
            self._bar = tqdm(total=total, desc=what, unit=self._unit, delay=1, disable=None, leave=False)
            self._what = what
        self._bar.update(done - self._bar.n)


class Overall:
    """One bar over steps of different length, with the time that remains for all of them.

    Args:
        steps: step -> how long it is expected to take, in seconds of any machine: only the proportions matter.
    """

    def __init__(self, steps: Mapping[str, float]) -> None:
        self._expected = dict(steps)
        self._done = dict.fromkeys(steps, 0.0)
        form = "{desc}{percentage:3.0f}%|{bar}| {elapsed}, {remaining} left"
        total = sum(steps.values())
        self._bar = tqdm(total=total, bar_format=form, delay=1, disable=None, leave=False, smoothing=0.1)

    def __enter__(self) -> Overall:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def advance(self, step: str, share: float) -> None:
        """Say that a further share (0 to 1) of a step is done."""
        known = min(share, 1.0 - self._done[step])
        self._done[step] += known
        self._bar.set_description(step, refresh=False)
        self._bar.update(known * self._expected[step])

    def finish(self, steps: Iterable[str]) -> None:
        """Say that nothing more comes of some steps."""
        for step in steps:
            self.advance(step, 1.0)

"""Whoever answers signals: nested, put back, and never left with an answer that is over."""

import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator

import pytest

from creativeml import interruptions
from creativeml.interruptions import SignalHandlers, Stop, Undisturbed

BOTH = (signal.SIGINT, signal.SIGTERM)


class Noting(SignalHandlers):
    """Notes what comes."""

    def __init__(self) -> None:
        super().__init__()
        self.came: list[int] = []

    def handle(self, number, frame):
        self.came.append(number)


@pytest.fixture
def outer():
    """Answers, whatever the tests' own process does at a signal."""
    before = [signal.signal(number, signal.SIG_DFL) for number in BOTH]
    with Noting() as noting:
        yield noting
    left = [signal.signal(number, handler) for number, handler in zip(BOTH, before, strict=True)]
    assert left == [signal.SIG_DFL] * 2


def raise_both() -> None:
    for number in BOTH:
        signal.raise_signal(number)


def test_the_innermost_answers_and_the_one_before_is_put_back(outer):
    with Noting() as inner:
        raise_both()
    assert inner.came == list(BOTH) and outer.came == []
    raise_both()
    assert inner.came == list(BOTH) and outer.came == list(BOTH)


class Raising(Noting):
    """Ends what is under way, too."""

    def handle(self, number, frame):
        super().handle(number, frame)
        raise KeyboardInterrupt


@contextlib.contextmanager
def interrupted(number: int, point: int) -> Iterator[list[str]]:
    """A signal before the instruction of that number of those that exchange handlers; yields what it came before."""
    came: list[str] = []
    passed = 0

    def trace(frame, event, arg):
        code = frame.f_code
        if code.co_filename != interruptions.__file__ or code.co_name not in ("__enter__", "__exit__"):
            return None
        frame.f_trace_opcodes = True
        return follow

    def follow(frame, event, arg):
        nonlocal passed
        if event == "opcode" and not came:
            passed += 1
            if passed > point:
                came.append(f"{frame.f_code.co_name}:{frame.f_lineno}")
                signal.raise_signal(number)
        return follow

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # 3.12 looks for it only when tracing begins
    sys.settrace(trace)
    try:
        yield came
    finally:
        sys.settrace(before)


def times_answered(kind: type[SignalHandlers], around: Noting, number: int, point: int) -> tuple[list[str], int]:
    """What the signal came before, and how often it was answered in all."""
    inner, caught = kind(), 0
    with interrupted(number, point) as came, contextlib.suppress(KeyboardInterrupt):
        try:
            with inner:
                try:
                    pass
                except KeyboardInterrupt:
                    caught = 1
        except KeyboardInterrupt:
            caught += not around.came
    return came, caught + len(around.came) + len(inner.came if isinstance(inner, Noting) else [])


@pytest.mark.parametrize("number", BOTH)
@pytest.mark.parametrize("answer", [Noting, Raising])
@pytest.mark.parametrize("kind", [Noting, Undisturbed, Stop])
def test_a_signal_at_any_point_of_an_exchange_is_answered_once_and_nothing_stays(outer, kind, answer, number):
    point, hook = 0, sys.unraisablehook
    while True:
        with answer() as around:
            came, answered = times_answered(kind, around, number, point)
            if came:
                assert answered == 1, came
            around.came.clear()
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(number)
            assert around.came == [number], came
        sys.unraisablehook = hook
        if not came:
            break
        point += 1
    assert point > 50


def test_what_is_ignored_stays_so(outer):
    kept = signal.signal(signal.SIGINT, signal.SIG_IGN)
    with Noting() as inner:
        raise_both()
    assert inner.came == [signal.SIGTERM] and signal.signal(signal.SIGINT, kept) is signal.SIG_IGN


def test_another_thread_changes_nothing(outer):
    handlers = []

    def work():
        with Noting(), Undisturbed(), Stop():
            handlers.extend(signal.getsignal(number) for number in BOTH)

    expected = [signal.getsignal(number) for number in BOTH]
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert handlers == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_children_of_a_fork_do_what_they_did_before_and_ask_no_helper(outer, monkeypatch):
    reading, writing = os.pipe()
    monkeypatch.setattr(interruptions, "_helper", interruptions._Helper(writing, os.getpid()))
    with Noting(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of threads
        children = [os.fork()]
        if not children[0]:
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                os._exit(1)
        children.append(os.fork())
        if not children[1]:
            asked = True
            try:
                asked = interruptions._ask_helper(signal.SIGTERM, later=True)
            finally:
                os._exit(asked)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [-signal.SIGTERM, 0]
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_a_signal_waits_for_the_end_of_what_is_not_to_be_disturbed(outer):
    with Undisturbed():
        signal.raise_signal(signal.SIGTERM)
        assert outer.came == []
    assert outer.came == [signal.SIGTERM]


def test_a_further_ctrl_c_does_not_wait(outer):
    with Undisturbed():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        assert outer.came == []
        signal.raise_signal(signal.SIGINT)
        assert outer.came == [signal.SIGINT]
    assert outer.came == [signal.SIGINT]


def test_a_ctrl_c_that_a_program_answers_stays_its_own(outer):
    with pytest.raises(KeyboardInterrupt), Stop() as stop:
        signal.raise_signal(signal.SIGINT)
        assert outer.came == [signal.SIGINT] and not stop.asked
        signal.raise_signal(signal.SIGTERM)
    assert stop.asked and outer.came == [signal.SIGINT]

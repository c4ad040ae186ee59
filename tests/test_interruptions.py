"""Whoever answers signals: nested, put back, and never left with an answer that is over."""

import signal
import threading

import pytest

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
    assert [signal.getsignal(number) for number in BOTH] == [signal.SIG_DFL] * 2
    for number, handler in zip(BOTH, before, strict=True):
        signal.signal(number, handler)


def raise_both() -> None:
    for number in BOTH:
        signal.raise_signal(number)


def test_the_innermost_answers_and_the_one_before_is_put_back(outer):
    with Noting() as inner:
        raise_both()
    assert inner.came == list(BOTH) and outer.came == []
    raise_both()
    assert inner.came == list(BOTH) and outer.came == list(BOTH)


def test_a_handler_that_an_interruption_has_left_there_passes_on(outer):
    inner = Noting()
    with inner:
        left = [signal.getsignal(number) for number in BOTH]
    before = [signal.signal(number, handler) for number, handler in zip(BOTH, left, strict=True)]
    raise_both()
    assert inner.came == [] and outer.came == list(BOTH)
    for number, handler in zip(BOTH, before, strict=True):
        signal.signal(number, handler)


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


def test_a_signal_waits_for_the_end_of_what_is_not_to_be_disturbed(outer):
    with Undisturbed():
        signal.raise_signal(signal.SIGTERM)
        assert outer.came == []
    assert outer.came == [signal.SIGTERM]


def test_a_second_signal_does_not_wait(outer):
    with Undisturbed():
        raise_both()
        assert outer.came == [signal.SIGTERM]
    assert outer.came == [signal.SIGTERM]


def test_a_ctrl_c_that_a_program_answers_stays_its_own(outer):
    with pytest.raises(KeyboardInterrupt), Stop() as stop:
        signal.raise_signal(signal.SIGINT)
        assert outer.came == [signal.SIGINT] and not stop.asked
        signal.raise_signal(signal.SIGTERM)
    assert stop.asked and outer.came == [signal.SIGINT]

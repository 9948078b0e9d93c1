"""Signals become requests that are answered at a safe moment."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from rephase.reproduction.stopping import Stopped, Stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_interrupts_nothing_and_is_raised_when_asked_for(number: signal.Signals) -> None:
    with Stopping() as stopping:
        stopping.stop_if_requested()
        os.kill(os.getpid(), number)
        assert stopping.is_requested
        with pytest.raises(Stopped) as stopped:
            stopping.stop_if_requested()
    assert stopped.value.number == number


def test_a_second_ctrl_c_stops_at_once_and_a_second_sigterm_does_not() -> None:
    with Stopping() as stopping:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGINT)
        assert stopping.is_requested


def test_a_request_to_save_is_taken_once_and_stops_nothing() -> None:
    with Stopping() as stopping:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert stopping.take_save_request()
        assert not stopping.take_save_request()
        assert not stopping.is_requested


def test_handlers_are_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Stopping():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_another_thread_listens_to_nothing() -> None:
    before, requested = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with Stopping() as stopping:
            requested.append(stopping.is_requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert requested == [False]
    assert signal.getsignal(signal.SIGTERM) == before

"""A stranger's code may raise, leave or print: what called it goes on and can say what happened."""

from __future__ import annotations

import sys

import pytest

from rephase.plugins.strangers import Failed, ask, shown


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    __repr__ = __str__


def raises(error: BaseException):
    def action() -> None:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("two\n lines"), "ValueError: two lines"),
        (SystemExit(), "SystemExit: no message"),
        (Unspeakable(), "Unspeakable: a Unspeakable whose words cannot be had (RuntimeError)"),
    ],
)
def test_whatever_is_raised_is_one_line_with_its_cause(error: BaseException, words: str) -> None:
    with pytest.raises(Failed) as failed:
        ask(raises(error))
    assert str(failed.value) == words
    assert failed.value.__cause__ is error


def test_an_interrupt_passes() -> None:
    with pytest.raises(KeyboardInterrupt):
        ask(raises(KeyboardInterrupt()))


def test_what_it_prints_stays_off_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(lambda: print("hello", file=sys.stdout) or 3) == 3
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "hello\n")


def test_an_object_in_words_is_one_line() -> None:
    assert shown("a\nb", str) == "a b"
    assert shown(["x"]) == "['x']"
    assert shown(Unspeakable()) == "a Unspeakable whose words cannot be had (RuntimeError)"

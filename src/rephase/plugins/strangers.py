"""Calling a stranger's code: whatever it raises, leaves or prints, what called it goes on and can say what happened."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import TypeVar

__all__ = ["Failed", "ask", "shown"]

T = TypeVar("T")


class Failed(Exception):
    """A stranger's code ended otherwise than by returning; its words say how, on one line."""


def ask(action: Callable[[], T]) -> T:
    """Call a stranger's code.

    What it prints goes to standard error, so that no result on standard output is spoilt by it.

    Args:
        action: What to call.

    Returns:
        What it returned.

    Raises:
        Failed: It raised something, `SystemExit` included: a plugin must not end the process it is a guest in. Only
            an interrupt by the user passes.
    """
    try:
        with redirect_stdout(sys.stderr):
            return action()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise Failed(f"{type(error).__name__}: {shown(error, str) or 'no message'}") from error


def shown(value: object, words: Callable[[object], str] = repr) -> str:
    """A stranger's object in words on one line, also where its own words cannot be had."""
    try:
        return " ".join(words(value).split())
    except Exception as error:
        return f"a {type(value).__name__} whose words cannot be had ({type(error).__name__})"

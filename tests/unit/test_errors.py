"""Errors keep their words, their exit code and what they carry, also on the way from another process."""

from __future__ import annotations

import errno
import os
import pickle
import subprocess

import pytest

from rephase import errors
from rephase.errors import Bug, InvalidRecord, ManifestError, Problem, RephaseError, RunFailed, UnknownName, understood

ONE_OF_EACH = [
    UnknownName("task", "walker", ["walker-stand"], listing="rephase tasks", where="m.toml"),
    ManifestError("m.toml", [Problem("a", "missing key", "add it"), Problem("b", "unknown key")]),
    RunFailed("it stopped", epoch=3, quantity="actor gradient norm", where="a run", remedy="look"),
    *(
        kind("found this", where="there", remedy="do that")
        for kind in (getattr(errors, name) for name in errors.__all__)
        if isinstance(kind, type)
        and issubclass(kind, RephaseError)
        and kind not in (UnknownName, ManifestError, RunFailed)
    ),
]


@pytest.mark.parametrize("error", ONE_OF_EACH, ids=lambda error: type(error).__name__)
def test_an_error_travels_between_processes_whole(error: RephaseError) -> None:
    arrived = pickle.loads(pickle.dumps(error))

    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert arrived.exit_code == error.exit_code
    assert arrived.args == error.args
    assert vars(arrived) == vars(error)


def test_a_message_has_its_place_what_was_found_and_what_to_do() -> None:
    assert str(RephaseError("found this")) == "found this"
    assert str(RephaseError("found this", where="there")) == "there: found this"
    assert str(RephaseError("found this", remedy="do that")) == "found this; do that"
    assert str(InvalidRecord("found this", where="there", remedy="do that")) == "there: found this; do that"


def test_every_error_says_its_exit_code() -> None:
    codes = {type(error).__name__: error.exit_code for error in ONE_OF_EACH}

    assert {name for name, code in codes.items() if code == 2} == {
        "ManifestError",
        "PluginError",
        "UnknownName",
        "UsageError",
    }
    assert {name for name, code in codes.items() if code == 5} == {"InvalidRecord"}
    assert set(codes.values()) == {2, 3, 5, 70}


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a/b.json"),
            3,
            "a/b.json: No space left on device; make room and give the same command again; what was finished is kept",
        ),
        (
            OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), "runs/lock"),
            3,
            "runs/lock: No locks available; keep runs on a file system with locks (--runs FOLDER), or have it mounted "
            "with them",
        ),
        (OSError("odd"), 3, "odd; fix that and give the same command again"),
        (MemoryError(), 3, "there is not enough memory (no message); give it more memory, or fewer runs at a time"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            3,
            "there is not enough memory ([enforce fail] DefaultCPUAllocator: can't allocate memory); "
            "give it more memory, or fewer runs at a time",
        ),
        (
            SystemExit("no licence found"),
            3,
            "foreign code ended the program by sys.exit ('no licence found'); "
            "fix or remove the plugin or package it is part of",
        ),
        (RecursionError("maximum depth"), 2, "something is nested too deeply to be read; flatten it"),
        (
            UnicodeEncodeError("utf-8", "a\ud800", 1, 2, "surrogates not allowed"),
            3,
            r"'\ud800' cannot be written in utf-8; take it out, or use a locale that knows it such as LC_ALL=C.UTF-8",
        ),
        (
            subprocess.CalledProcessError(2, ["git"]),
            3,
            "Command '['git']' returned non-zero exit status 2.; run that command by hand to see what it says",
        ),
        (ImportError("no torch", name="torch"), 3, "no torch; install it, or fix its installation"),
        (ImportError("ours", name="rephase.cli"), 70, "ImportError: ours"),
        (ZeroDivisionError("a\nb"), 70, "ZeroDivisionError: a b"),
    ],
)
def test_whatever_is_raised_means_something_for_a_user(error: BaseException, code: int, said: str) -> None:
    found = understood(error)

    assert (found.exit_code, str(found)) == (code, said)


def test_one_of_ours_is_understood_as_it_is() -> None:
    error = InvalidRecord("found this")

    assert understood(error) is error


def test_a_bug_says_where_and_keeps_its_traceback() -> None:
    try:
        raise ZeroDivisionError("ours")
    except ZeroDivisionError as error:
        found = understood(error)

    assert isinstance(found, Bug)
    assert str(found).startswith("ZeroDivisionError: ours at ")
    assert f"{__file__}:" in str(found)
    assert found.trace.startswith("Traceback")

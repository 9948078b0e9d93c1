"""Errors keep their words, their exit code and what they carry, also on the way from another process."""

from __future__ import annotations

import pickle

import pytest

from rephase import errors
from rephase.errors import InvalidRecord, ManifestError, Problem, RephaseError, RunFailed, UnknownName

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
    assert set(codes.values()) == {2, 3, 5}

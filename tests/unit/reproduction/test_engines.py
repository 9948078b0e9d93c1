"""A submission is asked after at the engine it was handed to, with the options it was handed over with."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from attrs import frozen

from rephase.errors import ManifestError, UnknownName
from rephase.reproduction import engines
from rephase.reproduction.engines import engine_of


@frozen(kw_only=True)
class Options:
    qos: str = ""


@pytest.fixture(autouse=True)
def _offered(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str, where: str) -> Any:
        if name != "batch":
            raise UnknownName("runner", name, ["batch"], where=where)
        return SimpleNamespace(options=Options)

    monkeypatch.setattr(engines, "discover_runners", lambda: SimpleNamespace(find=find))
    monkeypatch.setattr(engines, "build_runner", lambda offer, options: options)


def submission(runner: str = "batch", **options: Any) -> Any:
    return SimpleNamespace(name="phase3-1", runner=runner, options=options)


def test_it_has_the_options_of_the_submission() -> None:
    assert engine_of(submission(qos="short")) == Options(qos="short")


def test_what_is_not_installed_or_misspelt_names_the_submission() -> None:
    with pytest.raises(UnknownName, match="submission phase3-1"):
        engine_of(submission("bathc"))
    with pytest.raises(ManifestError, match="submission phase3-1: qso"):
        engine_of(submission(qso="short"))

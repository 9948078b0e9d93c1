"""What plugins offer by name alone: sorted, collisions and faults kept and said when somebody asks for them."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes.distributions import install

from rephase.errors import PluginError, UnknownName
from rephase.plugins import TrackerOffer
from rephase.plugins.offering import Offering, look_for

SOURCE = """
from rephase.plugins import TrackerOffer, hookimpl

@hookimpl
def rephase_trackers():
    return {value}
"""


@pytest.fixture
def offering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def look(allowed: tuple[str, ...] | None = None, **plugins: str) -> Offering[TrackerOffer]:
        for name, value in plugins.items():
            install(monkeypatch, tmp_path / name, f"rephase-{name}", source=SOURCE.format(value=value))
        wanted = tuple(f"rephase-{name}" for name in plugins) if allowed is None else allowed
        return look_for("rephase_trackers", "tracker", TrackerOffer, allowed=wanted)

    return look


def named(*names: str) -> str:
    return "[" + ", ".join(f'TrackerOffer("{name}", "", "m:b")' for name in names) + "]"


def test_what_is_offered_is_sorted_and_found_by_name(offering) -> None:
    found = offering(one=named("zebra", "cat"), other=named("dog"))
    assert [entry.offer.name for entry in found.offered] == ["cat", "dog", "zebra"]
    assert str(found.offered[1].source.distribution) == "rephase-other"
    assert found.find("dog", "").name == "dog"
    assert found.faults == ()


def test_two_owners_of_one_name_are_said_when_it_is_asked_for(offering) -> None:
    found = offering(one=named("same", "cat"), other=named("same"))
    assert [entry.offer.name for entry in found.offered] == ["cat"]
    with pytest.raises(PluginError, match=r"rephase-one.*rephase-other"):
        found.find("same", "--track")


def test_a_hook_that_returns_something_else_is_a_fault_and_no_exception(offering) -> None:
    found = offering(one="3", other=named("dog"))
    assert [entry.offer.name for entry in found.offered] == ["dog"]
    assert len(found.faults) == 1


def test_a_plugin_that_is_not_allowed_is_not_imported(offering) -> None:
    found = offering(allowed=("rephase-other",), one="exit(3)", other=named("dog"))
    assert [entry.offer.name for entry in found.offered] == ["dog"]


def test_an_unknown_name_lists_near_ones_and_the_command(offering) -> None:
    with pytest.raises(UnknownName, match=r"--track: unknown tracker 'dgo'; did you mean 'dog'\? \(rephase plugins"):
        offering(one=named("dog")).find("dgo", "--track")

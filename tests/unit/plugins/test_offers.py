"""An offer says plainly what it is, and loads what it names or says why it cannot."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from rephase.errors import PluginError
from rephase.plugins import Kind, Offer, PhasesOffer, RunnerOffer, SectionOffer, TaskOffer, TrackerOffer


@frozen
class Config:
    pass


def offer(**changes: Any) -> Offer:
    values = {"kind": Kind.POLICY, "name": "mine", "summary": "", "config": Config, "loader": "json:dumps"}
    return Offer(**values | changes)


def task(**changes: Any) -> TaskOffer:
    values = {"name": "mine", "summary": "", "observation_size": 2, "action_size": 1, "returns": (0.0, 1.0)}
    return TaskOffer(**values | {"loader": "json:dumps"} | changes)


@pytest.mark.parametrize("name", ["Mine", "my_part", "-mine", "mine-", "1st", ""])
def test_names_are_lower_case_with_hyphens(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        offer(name=name)
    with pytest.raises(ValueError, match="name"):
        TrackerOffer(name, "", "json:dumps")


@pytest.mark.parametrize("loader", ["json", "json.dumps", ":dumps", "json:dumps:more", "json:"])
def test_a_loader_names_a_module_and_an_attribute(loader: str) -> None:
    with pytest.raises(ValueError, match="loader"):
        offer(loader=loader)


@pytest.mark.parametrize(
    "change",
    [{"returns": (1.0, 1.0)}, {"observation_size": 0}, {"action_size": 0}, {"episode_steps": 0}, {"index": 1000}],
)
def test_a_task_has_sizes_and_a_range_of_return(change: dict[str, Any]) -> None:
    task()
    with pytest.raises(ValueError, match=r"expected the lower one first|must be"):
        task(**change)


def test_a_package_is_a_dotted_name() -> None:
    assert PhasesOffer("my.plugin", "").name == "my.plugin"
    with pytest.raises(ValueError, match="package"):
        PhasesOffer("my-plugin", "")


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (offer(), "the policy 'mine'"),
        (task(), "the task 'mine'"),
        (TrackerOffer("mine", "", "json:dumps"), "the tracker 'mine'"),
        (SectionOffer("mine", "", "json:dumps"), "the section 'mine'"),
        (RunnerOffer(name="mine", summary="", options=Config, loader="json:dumps"), "the runner 'mine'"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_it_names_is_loaded_or_the_reason_is_said(one: Any, words: str) -> None:
    import json

    from attrs import evolve

    assert one.load() is json.dumps
    for loader in ("json:no_such_thing", "no_such_module:build"):
        with pytest.raises(PluginError, match=f"{loader}: {words} cannot be loaded: .*; install what its plugin needs"):
            evolve(one, loader=loader).load()

"""Groups of runs depend on the runs alone, and what is left of a phase is divided as it was before."""

from __future__ import annotations

from pathlib import Path

import pytest

from rephase.manifest import Phase, read_phase
from rephase.reproduction.grouping import LARGEST_GROUP, groups_of, whole_group

FOLDER = Path(__file__).parents[3] / "reproductions"


def phase(name: str) -> Phase:
    return read_phase(FOLDER / name / "embedded.toml")


def test_runs_in_a_frozen_world_model_stay_together() -> None:
    declared = phase("phase3")
    groups = groups_of(declared, declared.runs(), "cpu")
    assert [{run.config for run in group} for group in groups] == [{"baseline"}, {"flowpolicy"}]
    assert [len(group) for group in groups] == [9, 9]


@pytest.mark.parametrize(("name", "sizes"), [("phase4", [5, 4]), ("phase5", [3] * 6)])
def test_runs_with_models_of_their_own_are_divided_for_several_cores(name: str, sizes: list[int]) -> None:
    declared = phase(name)
    groups = groups_of(declared, declared.runs(), "cpu")
    assert [len(group) for group in groups] == sizes
    assert all(len({run.config for run in group}) == 1 for group in groups)
    assert sorted(run for group in groups for run in group) == sorted(declared.runs())


@pytest.mark.parametrize("name", ["phase3", "phase4"])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_whoever_runs_more_seeds_trains_the_reruns_own_in_the_groups_of_a_rerun(name: str, device: str) -> None:
    declared = phase(name)
    own = groups_of(declared, declared.runs(), device)
    for further in (declared.runs(extended=True), declared.runs(reference=True)):
        groups = groups_of(declared, further, device)
        assert [group for group in groups if group[0].seed in declared.manifest.seeds] == own
        assert {len(group) for group in groups} == {len(group) for group in own}
        assert sorted(run for group in groups for run in group) == sorted(further)


def test_a_gpu_takes_all_runs_of_a_config_at_once() -> None:
    declared = phase("phase4")
    assert groups_of(declared, declared.runs(), "cuda") == [declared.runs()]


def test_what_is_left_is_divided_as_it_was_before() -> None:
    declared = phase("phase4")
    runs = [*declared.runs(extended=True)] * 2
    for count in range(1, len(runs) + 1):
        groups = groups_of(declared, runs[:count], "cpu")
        assert max(map(len, groups)) <= LARGEST_GROUP
        for done in range(len(groups)):
            left = [run for at, group in enumerate(groups) if at != done for run in group]
            assert groups_of(declared, left, "cpu") == [group for at, group in enumerate(groups) if at != done]


@pytest.mark.parametrize("name", ["phase3", "phase4"])
def test_a_group_with_some_of_its_runs_done_is_no_other_group(name: str) -> None:
    declared = phase(name)
    for group in groups_of(declared, declared.runs(reference=True), "cpu"):
        for at in range(1, len(group)):
            assert groups_of(declared, group[at:], "cpu") == [group[at:]]
            assert whole_group(declared, group[at], "cpu") == group


def test_nothing_left_is_no_group() -> None:
    assert groups_of(phase("phase4"), [], "cpu") == []

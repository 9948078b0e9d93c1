"""An ablation names a defect only where mending and keeping it alone agree, and no other defect does either."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rephase.judging.ablating import NOTHING, ablation_of
from rephase.manifest import Phase, Run, read_phase
from rephase.manifest.algorithm import Variant
from rephase.manifest.record import CurvePoint, Record

FOLDER = Path(__file__).parents[3] / "reproductions"
DEFECTS = (
    "reward_loss",
    "td_targets",
    "bootstrap",
    "task_embedding",
    "mask_actions",
    "episode_sampling",
    "velocity_head",
)


@pytest.fixture(scope="module")
def phase() -> Phase:
    return read_phase(FOLDER / "phase4-ablation/embedded.toml")


def record(phase: Phase, run: Run, promise: float | None) -> Record:
    return Record(
        phase="phase4-ablation",
        scale="embedded",
        config=run.config,
        task=run.task,
        seed=run.seed,
        manifest_digest=phase.digest,
        config_digest=phase.config_digest(run.config),
        resolved=phase.resolved(run.config),
        inputs={},
        reward=150.0,
        episode_returns=(150.0,),
        curve=(CurvePoint(epoch=1, reward=150.0, episode_returns=(150.0,), predicted_return=promise),),
        epochs=1,
    )


def records(phase: Phase, promise: Callable[[str, int], float | None]) -> list[Record]:
    return [record(phase, run, promise(run.config, run.seed)) for run in phase.runs()]


def collapses_by(*guilty: str) -> Callable[[str, int], float]:
    """As if a model promised nothing as soon as one of these defects is kept."""

    def promise(config: str, seed: int) -> float:
        switch, _, name = config.partition("-")
        if config == "as-logged" or (switch == "mend" and set(guilty) - {name}):
            return 0.0
        return 0.0 if switch == "keep" and name in guilty else 400.0 + seed

    return promise


def test_one_defect_that_is_both_enough_and_needed_is_responsible(phase: Phase) -> None:
    found = ablation_of(phase, records(phase, collapses_by("reward-loss")))

    assert found is not None
    assert found.responsible == "reward_loss"
    assert found.sentence == (
        "reward_loss alone is responsible for the collapse: mending only it ends the collapse, "
        "keeping only it brings the collapse back, and no other defect does either."
    )
    assert {switch.defect for switch in found.switches} == {"", *DEFECTS}
    assert [switch.config for switch in found.switches] == list(phase.configs)
    [kept] = [switch for switch in found.switches if switch.config == "keep-reward-loss"]
    assert (kept.defect, kept.starts_from, kept.collapsed) == ("reward_loss", Variant.CORRECTED, True)
    assert found.to_json()["responsible"] == "reward_loss"


def test_two_defects_each_enough_leave_it_open(phase: Phase) -> None:
    found = ablation_of(phase, records(phase, collapses_by("reward-loss", "velocity-head")))

    assert found is not None
    assert (found.responsible, found.needed) == ("", ())
    assert found.enough == ("reward_loss", "velocity_head")
    assert found.sentence == (
        "No single defect is shown to be responsible: mending one alone ends the collapse for none, "
        "and keeping one alone brings it about for reward_loss, velocity_head."
    )


def test_runs_that_disagree_and_runs_that_are_missing_decide_nothing(phase: Phase) -> None:
    split = ablation_of(phase, records(phase, lambda config, seed: 0.0 if seed == 42 else 2 * NOTHING))
    empty = ablation_of(phase, [])
    silent = ablation_of(phase, records(phase, lambda config, seed: None))

    for found in (split, empty, silent):
        assert found is not None
        assert (found.responsible, found.enough, found.needed) == ("", (), ())
        assert {switch.collapsed for switch in found.switches} == {None}


@pytest.mark.parametrize("name", ["phase3", "phase4", "phase4-corrected", "phase5"])
def test_other_phases_are_no_ablations(name: str) -> None:
    assert ablation_of(read_phase(FOLDER / name / "embedded.toml"), []) is None

"""What of a record or of runs makes their check end otherwise than in a verdict."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fakes.records import write

from rephase.judging import Decision, PhaseVerdict
from rephase.manifest import read_phase
from rephase.manifest.outcomes import write_outcomes
from rephase.manifest.record import CurvePoint
from rephase.reproduction.checking import check_phase
from rephase.reproduction.phases import open_phase
from rephase.reproduction.recording import outcomes_of
from rephase.reproduction.storing import Store

ROOT = Path(__file__).parents[3]


@pytest.fixture
def judged(tmp_path: Path) -> tuple[Store, Store]:
    """A store whose runs are recorded in its manifest's own file, and another one, without runs, of the same phase."""
    phase = open_phase("phase3", "embedded", ROOT)
    path = shutil.copytree(ROOT / "reproductions", tmp_path / "reproductions", ignore=_large) / "phase3/embedded.toml"
    mine, theirs = (Store(tmp_path / name, read_phase(path)) for name in ("mine", "theirs"))
    assert mine.phase.digest == phase.digest
    write(mine, mine.phase.runs())
    write_outcomes(path.parent / "embedded.recorded.json", outcomes_of(mine, "reference execution"))
    return mine, theirs


def _large(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".safetensors")]


def check(store: Store) -> PhaseVerdict:
    return check_phase(store, store.records(extended=True))


def test_a_record_is_never_judged_by_the_runs_it_was_made_from(judged: tuple[Store, Store]) -> None:
    mine, theirs = judged
    verdict = check(mine)
    assert (verdict.decision, verdict.exit_code) == (Decision.NOTHING, 3)
    assert verdict.reason.startswith("the record was made from 18 of these 18 runs, such as baseline/")
    write(theirs, theirs.phase.runs(), wall_seconds=3.5)
    assert check(theirs).decision is Decision.EXACT


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"reward": 420.0}, "reproduced reward is 420, the mean of its 2 episodes is"),
        ({"plan_reward": 9.0, "plan_episode_returns": (1.0, 2.0)}, "reproduced plan reward is 9, the mean of its 2"),
        ({"epochs": 7}, "trained for 7 epochs, the manifest says 300"),
        ({"curve": (CurvePoint(epoch=300, reward=1.0, episode_returns=(1.0, 1.0)),)}, "the last point of its learning"),
        ({"resolved": {"name": "another"}}, "the configuration it spells out is not the one its digest names"),
    ],
)
def test_a_record_that_contradicts_itself_is_invalid_and_is_named(
    judged: tuple[Store, Store], changes: dict[str, object], problem: str
) -> None:
    _, theirs = judged
    runs = theirs.phase.runs()
    write(theirs, runs[1:], wall_seconds=3.5)
    write(theirs, runs[:1], wall_seconds=3.5, **changes)
    verdict = check(theirs)
    assert (verdict.decision, verdict.exit_code) == (Decision.INVALID, 5)
    assert problem in verdict.breaches[0].problem
    assert verdict.breaches[0].where.startswith("baseline/reacher-easy/seed")


def test_equal_digests_with_another_plan_reward_are_not_exact(judged: tuple[Store, Store]) -> None:
    _, theirs = judged
    write(theirs, theirs.phase.runs(), plan_reward=2.0, plan_episode_returns=(1.0, 3.0))
    verdict = check(theirs)
    assert verdict.decision is Decision.PASS
    assert verdict.replay is not None
    assert not verdict.replay.is_exact


def test_a_missing_lock_is_said(judged: tuple[Store, Store]) -> None:
    _, theirs = judged
    write(theirs, theirs.phase.runs(), wall_seconds=3.5)
    assert any("has no lock.json" in note for note in check(theirs).notes)

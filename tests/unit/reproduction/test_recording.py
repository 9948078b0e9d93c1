"""What is recorded of a phase, and what of a record or of runs makes their check end otherwise than in a verdict."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from rephase.errors import CannotRunHere
from rephase.judging import Decision, PhaseVerdict
from rephase.manifest import Phase, Run, read_phase
from rephase.manifest.outcomes import write_outcomes
from rephase.manifest.record import CurvePoint, Record
from rephase.manifest.writing import write_atomically
from rephase.reproduction.checking import check_phase
from rephase.reproduction.phases import open_phase
from rephase.reproduction.recording import outcomes_of
from rephase.reproduction.storing import Store

ROOT = Path(__file__).parents[3]


def record_of(phase: Phase, run: Run, **changes: object) -> Record:
    reward = 500.0 + 100 * len(run.task) % 90 + run.seed % 7
    returns = (reward - 1, reward + 1)
    epochs = phase.algorithm(run.config).epochs
    values: dict[str, object] = {
        "phase": phase.manifest.phase,
        "scale": str(phase.manifest.scale),
        "config": run.config,
        "task": run.task,
        "seed": run.seed,
        "manifest_digest": phase.digest,
        "config_digest": phase.config_digest(run.config),
        "resolved": phase.resolved(run.config),
        "inputs": {name: one.sha256 for name, one in phase.inputs_of(run.config).items()},
        "reward": reward,
        "episode_returns": returns,
        "curve": (CurvePoint(epoch=epochs, reward=reward, episode_returns=returns),),
        "epochs": epochs,
        "policy_file": "policy.safetensors",
        "policy_sha256": "sha256:" + hashlib.sha256(run.label.encode()).hexdigest(),
        "provenance": {},
    }
    return Record(**(values | changes))


def write(store: Store, runs: tuple[Run, ...], **changes: object) -> None:
    for run in runs:
        record = record_of(store.phase, run, **changes)
        write_atomically(store.policy_path(run), run.label)
        store.write_record(record)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path, open_phase("phase3", "embedded", ROOT))


def test_a_record_is_made_of_every_block_of_seeds_that_was_run(store: Store) -> None:
    write(store, store.phase.runs())
    assert len(outcomes_of(store, "x").outcomes) == 18
    write(store, store.phase.runs(reference=True))
    recorded = outcomes_of(store, "x")
    assert len(recorded.outcomes) == 72
    assert len({outcome.seed for outcome in recorded.outcomes}) == 12
    assert len(recorded.provenance["made_from"]) == 72


def test_a_block_that_was_begun_has_to_be_finished(store: Store) -> None:
    write(store, (*store.phase.runs(), *store.phase.runs(reference=True)[-1:]))
    with pytest.raises(CannotRunHere, match=r"17 runs are not complete.*--reference' completes them"):
        outcomes_of(store, "x")
    with pytest.raises(CannotRunHere, match="18 runs are not complete"):
        outcomes_of(Store(store.folder / "empty", store.phase), "x")


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

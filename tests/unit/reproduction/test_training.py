"""A cohort's training: saved on the way, resumed bit for bit, measured at the end; one run's fault is its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from fakes.projects import make_project

from rephase.environments import SPACES
from rephase.errors import CheckpointError, RunFailed
from rephase.manifest import Phase
from rephase.plugins.registry import discover
from rephase.reproduction.composing import Composition, compose
from rephase.reproduction.inputs import verify_inputs
from rephase.reproduction.phases import open_phase
from rephase.reproduction.stopping import Stopped, Stopping
from rephase.reproduction.training import CohortTraining, Progress


@pytest.fixture(scope="module")
def phase(tmp_path_factory: pytest.TempPathFactory) -> Phase:
    return open_phase("phase3", "embedded", make_project(tmp_path_factory.mktemp("training"), epochs=3))


@pytest.fixture(scope="module")
def composition(phase: Phase) -> Composition:
    return compose(phase, discover(phase.manifest.plugins), ["baseline"])["baseline"]


class Asked(Stopping):
    """Requests as signals would leave them."""

    def ask_to_stop(self) -> None:
        self._note(15, None)


@pytest.fixture
def begin(phase: Phase, composition: Composition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    begun: list[CohortTraining] = []
    # No environment is stepped: an episode's return is the mean action of the first observation.
    monkeypatch.setattr("rephase.reproduction.evaluating.evaluate", lambda act, tasks, seeds, environments: _one(act))
    monkeypatch.setattr("rephase.reproduction.evaluating.make", lambda *_: None)

    def new(runs: int = 2, report=lambda progress: None, stopping: Stopping | None = None) -> CohortTraining:
        begun.append(
            CohortTraining(
                phase=phase,
                config="baseline",
                runs=[run for run in phase.runs() if run.config == "baseline"][:runs],
                composition=composition,
                inputs=verify_inputs(phase, ["baseline"], None),
                checkpoint=tmp_path / "group.safetensors",
                device="cpu",
                stopping=stopping or Stopping(),
                report=report,
                checkpoint_seconds=1e9,
            )
        )
        return begun[-1]

    return new


def _one(act) -> torch.Tensor:
    observation = torch.zeros(2, 1, SPACES.observation)
    return act(observation).mean(2).double()


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def states(training: CohortTraining) -> list[torch.Tensor]:
    return [value for at in range(len(training.runs)) for value in training.cohort.policy_state(at).values()]


def test_every_update_is_reported_and_the_end_is_saved(begin, tmp_path: Path) -> None:
    seen: list[Progress] = []
    training = begin(report=seen.append)
    training.train()

    assert [one.epoch for one in seen] == [0, 1, 2, 3]
    assert seen[0].seconds_left is None
    assert seen[-1].seconds_left == 0
    assert set(seen[1].measured) == set(training.runs)
    assert (tmp_path / "group.safetensors").exists()
    assert training.update_seconds is not None


def test_a_stopped_group_goes_on_to_the_same_bits(begin, tmp_path: Path) -> None:
    whole = begin()
    whole.train()
    (tmp_path / "group.safetensors").unlink()
    stopping = Asked()
    stopped = begin(report=lambda one: one.epoch == 2 and stopping.ask_to_stop(), stopping=stopping)
    with pytest.raises(Stopped):
        stopped.train()

    again = begin()
    assert again.resumed
    assert again.cohort.epoch == 2
    again.train()
    assert all(torch.equal(one, other) for one, other in zip(states(whole), states(again), strict=True))


def test_a_group_of_other_runs_does_not_take_the_checkpoint(begin) -> None:
    begin(runs=2).train()
    with pytest.raises(CheckpointError, match="other runs"):
        begin(runs=1)


def test_what_was_measured_of_each_run(begin) -> None:
    training = begin()
    training.train()
    measured = training.measure()

    assert set(measured) == set(training.runs)
    for run in training.runs:
        assert len(measured[run].episode_returns) == 1
        assert measured[run].curve[-1].epoch == 3
        assert measured[run].curve[-1].episode_returns == measured[run].episode_returns
        assert measured[run].metrics["epoch"] == (1.0, 2.0, 3.0)
        assert measured[run].world_model == {}
    one, other = (measured[run].policy for run in training.runs)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_a_run_that_failed_is_not_measured_and_all_failed_ends_the_training(
    begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = begin()
    failed = RunFailed("not finite: actor gradient norm")
    monkeypatch.setattr(training.cohort, "failure", lambda at: failed if at == 0 else None)
    training.train()
    assert set(training.failures) == {training.runs[0]}
    assert set(training.measure()) == {training.runs[1]}

    monkeypatch.setattr(training.cohort, "failure", lambda at: failed)
    with pytest.raises(RunFailed, match="not finite"):
        training._look_for_failures()

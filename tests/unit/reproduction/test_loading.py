"""What runs begin from is what the files hold, and a file of another shape is refused with what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from rephase.engine.checkpoints import write_tensors
from rephase.engine.cohort import Member
from rephase.engine.pretraining import EpisodePool
from rephase.environments import SPACES, SUITE, TaskSet, find_task
from rephase.errors import CheckpointError, InputMismatch
from rephase.manifest.algorithm import Variant
from rephase.reproduction.loading import calibrate, load_start_states, load_transitions

WALKER, REACHER = find_task("walker-stand"), find_task("reacher-easy")


def starts(path: Path, tasks: list[int], width: int = SPACES.observation) -> str:
    rows = torch.arange(len(tasks), dtype=torch.float64)[:, None].expand(-1, width).contiguous()
    return write_tensors(path, {"observations": rows, "tasks": torch.tensor(tasks)})


def test_start_states_are_told_apart_by_task(tmp_path: Path) -> None:
    path = tmp_path / "starts.safetensors"
    digest = starts(path, [WALKER.index, REACHER.index, WALKER.index])
    found = load_start_states(path, digest, TaskSet((WALKER, REACHER)))

    assert found["walker-stand"][:, 0].tolist() == [0, 2]
    assert found["reacher-easy"][:, 0].tolist() == [1]
    assert found["walker-stand"].dtype == torch.float32


def test_start_states_of_another_task_width_or_digest_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "starts.safetensors"
    digest = starts(path, [WALKER.index])
    with pytest.raises(CheckpointError, match=r"no start states of 'reacher-easy'.*rephase pretrain my-reacher-easy"):
        load_start_states(path, digest, TaskSet((REACHER,)))
    with pytest.raises(InputMismatch):
        load_start_states(path, "sha256:" + "0" * 64, TaskSet((WALKER,)))
    digest = starts(path, [WALKER.index], width=3)
    with pytest.raises(CheckpointError, match=rf"\(1, 3\) and tasks \(1,\), expected \(n, {SPACES.observation}\)"):
        load_start_states(path, digest, TaskSet((WALKER,)))


def episodes(path: Path, count: int = 6, steps: int = 3, task: int = WALKER.index) -> str:
    """Episodes whose observations are their number."""
    number = torch.arange(count, dtype=torch.float32)
    return write_tensors(
        path,
        {
            "observations": number[:, None, None].expand(-1, steps + 1, SPACES.observation).contiguous(),
            "actions": torch.zeros(count, steps, SPACES.action),
            "rewards": torch.zeros(count, steps),
        },
        {"task": str(task)},
    )


def drawn(path: Path, digest: str, seed: int, sampling: Variant, horizon: int = 2) -> set[float]:
    (source,) = load_transitions({path: digest}, [Member(WALKER.index, seed)], sampling, horizon)
    return set(source.draw(500, horizon, torch.Generator().manual_seed(0))[0][0, :, 0].tolist())


def test_a_run_draws_from_every_episode_or_from_its_own_choice_as_the_log_did(tmp_path: Path) -> None:
    path = tmp_path / "episodes.safetensors"
    digest = episodes(path)
    everything = {float(number) for number in range(6)}
    assert drawn(path, digest, 1, Variant.CORRECTED) == everything
    chosen = [drawn(path, digest, seed, Variant.AS_LOGGED) for seed in (1, 1, 2)]
    assert chosen[0] < everything
    assert chosen[0] == chosen[1]
    assert chosen[0] != chosen[2]


def test_episodes_of_no_such_shape_too_short_or_of_another_task_are_refused(tmp_path: Path) -> None:
    path, member = tmp_path / "episodes.safetensors", [Member(WALKER.index, 1)]
    with pytest.raises(CheckpointError, match="episodes of 3 steps hold no stretch of 4"):
        load_transitions({path: episodes(path)}, member, Variant.CORRECTED, 4)
    with pytest.raises(CheckpointError, match="no episodes of 'walker-stand'"):
        load_transitions({path: episodes(path, task=REACHER.index)}, member, Variant.CORRECTED, 2)
    with pytest.raises(CheckpointError, match="task '99' with observations"):
        load_transitions({path: episodes(path, task=99)}, member, Variant.CORRECTED, 2, tasks=SUITE)


class Model:
    """A world model that wants to know how observations are spread and how far they move."""

    def calibrate(self, mean: Tensor, deviation: Tensor, task: int) -> None:
        self.given = (mean, deviation, task)

    def calibrate_steps(self, deviation: Tensor, task: int) -> None:
        self.steps = deviation


def test_a_model_learns_how_its_runs_observations_are_spread() -> None:
    generator = torch.Generator().manual_seed(0)
    observations = torch.zeros(50, 3, SPACES.observation)
    observations[..., 0] = 5 + 2 * torch.randn(50, 3, generator=generator)
    pool = EpisodePool({7: observations}, {7: torch.zeros(50, 2, SPACES.action)}, {7: torch.zeros(50, 2)})
    model = Model()
    calibrate(model, Member(7, 1), pool)  # type: ignore[arg-type]

    mean, deviation, task = model.given
    assert task == 7
    assert float(mean[0]) == pytest.approx(float(observations[:, :2, 0].mean()), abs=0.1)
    assert float(deviation[0]) == pytest.approx(float(observations[:, :2, 0].std()), rel=0.1)
    assert deviation[1:].eq(1).all()  # what stands still is not blown up
    assert float(model.steps[0]) == pytest.approx(float(observations[..., 0].diff(dim=1).std()), rel=0.1)


def test_a_model_that_asks_for_nothing_is_left_alone() -> None:
    calibrate(torch.nn.Linear(1, 1), Member(0, 1), None)  # type: ignore[arg-type]

from __future__ import annotations

import numpy as np
import pytest
import torch

from rephase.engine.evaluation import episode_seeds, evaluate
from rephase.engine.seeding import stream_seed


class Countdown:
    """An environment whose observation is its episode's seed and whose reward is seed plus action, for three steps."""

    def __init__(self, task, count, steps=3):
        self.task, self.count, self.steps, self.actions = task, count, steps, []

    def reset(self, seeds=None):
        assert len(seeds) == self.count
        self.seeds, self.left = np.asarray(seeds, np.float32), self.steps
        return self._observation()

    def step(self, action):
        assert action.dtype == np.float32
        assert action.shape == (self.count, 2)
        self.actions.append(action)
        self.left -= 1
        return self._observation(), self.seeds.astype(np.float64) + action[:, 0], self.left == 0

    def task_index(self):
        return self.task

    def close(self):
        pass

    def _observation(self):
        return np.stack([self.seeds, np.full(self.count, self.left, np.float32)], 1).astype(np.float32)


def test_episode_seeds_depend_on_run_name_and_number_alone():
    seeds = episode_seeds(3, "reward", 5)
    assert seeds == tuple(stream_seed(3, f"evaluation/reward/{number}") % 2**32 for number in range(5))
    assert episode_seeds(3, "reward", 2) == seeds[:2]
    assert not set(seeds) & set(episode_seeds(3, "plan", 5))
    assert not set(seeds) & set(episode_seeds(4, "reward", 5))
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize("tasks", [[4, 4, 4], [4, 7, 4]])
def test_every_run_plays_its_own_episodes(tasks):
    counts = {task: 2 * tasks.count(task) for task in tasks}
    environments = {task: Countdown(task, count) for task, count in counts.items()}
    seeds = [[1, 2], [10, 20], [100, 200]]
    seen = []

    def act(observation):
        seen.append(observation.clone())
        # Run r always acts r, so that a mix-up of runs shows in the returns.
        return torch.arange(3.0).reshape(3, 1, 1).expand(3, 2, 2)

    returns = evaluate(act, tasks, seeds, environments)
    assert returns.dtype == torch.float64
    assert returns.tolist() == [[3 * (seed + run) for seed in own] for run, own in enumerate(seeds)]
    assert len(seen) == 3
    assert seen[0][:, :, 0].tolist() == seeds
    assert [step[0, 0, 1].item() for step in seen] == [3, 2, 1]


def test_actions_go_to_the_environment_of_their_task():
    environments = {4: Countdown(4, 2), 7: Countdown(7, 1)}
    actions = torch.tensor([[[0.25, 1.0]], [[0.5, -1.0]], [[0.75, 0.0]]])
    evaluate(lambda observation: actions, [4, 7, 4], [[1], [2], [3]], environments)
    assert environments[4].actions[0].tolist() == [[0.25, 1.0], [0.75, 0.0]]
    assert environments[7].actions[0].tolist() == [[0.5, -1.0]]


def test_a_task_of_shorter_episodes_is_over_before_the_others():
    environments = {4: Countdown(4, 1, steps=2), 7: Countdown(7, 1, steps=5)}
    returns = evaluate(lambda observation: torch.ones(2, 1, 2), [4, 7], [[10], [20]], environments)
    assert returns.tolist() == [[2 * 11], [5 * 21]]
    assert [len(environments[task].actions) for task in (4, 7)] == [2, 5]

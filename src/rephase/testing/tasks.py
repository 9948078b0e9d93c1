"""What every task must do, as tests: policies are compared by returns, so an episode must be the same every time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from rephase.environments import discover_tasks, make, spaces_of
from rephase.errors import EnvironmentFault
from rephase.plugins import TaskOffer
from rephase.protocols import BatchedEnvironment, Spaces
from rephase.testing.plugin import KitTests

__all__ = ["TaskConformance"]

_SEEDS = (3, 1, 4)
_STEPS = 10
_SLACK = 1e-6


class TaskConformance(KitTests):
    """Tests of a task; supply the fixture ``task``."""

    @pytest.fixture
    def task(self) -> TaskOffer:
        """The offer under test; every subclass supplies its own."""
        pytest.fail("supply a fixture named task that returns the rephase.plugins.TaskOffer under test", pytrace=False)

    def test_is_installed(self, task: TaskOffer) -> None:
        """The offer is found through the entry points, and nobody else offers its name."""
        found = discover_tasks().find(task.name, "")
        assert found == task, f"another task named {task.name!r} is installed"

    def test_says_what_it_is_in_one_line(self, task: TaskOffer) -> None:
        """The summary fits a listing."""
        assert task.summary.strip(), "the summary is empty"
        assert "\n" not in task.summary and len(task.summary) <= 100, "the summary is longer than one line of 100"

    def test_is_listed_without_torch_or_a_simulator(self, task: TaskOffer) -> None:
        """The module that offers the task imports where nothing heavy is installed."""
        for one in discover_tasks().offered:
            if one.offer == task:
                heavy = "torch", "mujoco", "dm_control", "gymnasium"
                module = one.source.module.split(":")[0]
                code = f"import sys; sys.modules.update(dict.fromkeys({heavy})); import {module}"
                done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
                last = (done.stderr.strip().splitlines() or [""])[-1]
                assert done.returncode == 0, f"{module} needs more than rephase to be listed: {last}"

    def test_shows_observations_of_its_size(self, task: TaskOffer) -> None:
        """Observations are finite float32 (N, S), zero beyond the task's own; wider padding changes nothing in them."""
        shown = {}
        for spaces in (spaces_of([task]), _wider(task)):
            environment = make(task, len(_SEEDS), 1, spaces)
            for observation in (environment.reset(_SEEDS), environment.step(_actions(task, spaces, 1)[0])[0]):
                expected = (len(_SEEDS), spaces.observation)
                assert observation.dtype == np.float32, f"observations are {observation.dtype}, expected float32"
                assert observation.shape == expected, f"observations are {observation.shape}, expected {expected}"
                assert np.isfinite(observation).all(), "an observation is not finite"
                beyond = observation[:, task.observation_size :]
                assert not beyond.any(), f"observations are not zero beyond their own {task.observation_size} numbers"
            shown[spaces.observation] = observation[:, : task.observation_size]
            environment.close()
        narrow, wide = shown.values()
        assert np.array_equal(narrow, wide), "another padding gives other observations"

    def test_one_seed_is_one_episode(self, task: TaskOffer) -> None:
        """The same seed and actions give the same observations and rewards to the bit, in one environment or two."""
        spaces = spaces_of([task])
        environment = make(task, len(_SEEDS), 1, spaces)
        actions = _actions(task, spaces, _STEPS)
        first, again = (_played(environment, _SEEDS, actions) for _ in range(2))
        assert _equal(first, again), "an environment that is reset with the same seeds plays another episode"
        other = _played(make(task, len(_SEEDS), 1, spaces), _SEEDS, actions)
        assert _equal(first, other), "a second environment plays another episode of the same seeds"

    def test_an_episode_does_not_see_its_neighbours(self, task: TaskOffer) -> None:
        """An episode alone is the one it is among others."""
        spaces = spaces_of([task])
        actions = _actions(task, spaces, _STEPS)
        together = _played(make(task, len(_SEEDS), 1, spaces), _SEEDS, actions)
        alone = _played(make(task, 1, 1, spaces), _SEEDS[-1:], [action[-1:] for action in actions])
        assert np.array_equal(together[0][:, -1:], alone[0]), "an episode beside others shows other observations"
        assert np.array_equal(together[1][:, -1:], alone[1]), "an episode beside others gives other rewards"

    def test_goes_on_drawing_without_seeds(self, task: TaskOffer) -> None:
        """Episodes that follow without a seed are repeated too when the first ones are."""
        starts = []
        for _ in range(2):
            environment = make(task, 2, 1)
            environment.reset((5, 6))
            starts.append(environment.reset())
        assert np.array_equal(starts[0], starts[1]), (
            "a reset without seeds does not go on from the episodes' own streams"
        )

    def test_draws_nothing_globally(self, task: TaskOffer) -> None:
        """The random state of numpy is as it was."""
        np.random.seed(0)
        before = np.random.get_state()[1].copy()  # type: ignore[index]  # the first form of the state is a tuple
        _played(make(task, 2, 1), (0, 1), _actions(task, spaces_of([task]), 3, 2))
        assert np.array_equal(before, np.random.get_state()[1]), "it drew from numpy's global random state"  # type: ignore[index]

    def test_takes_all_actions_in_its_bounds(self, task: TaskOffer) -> None:
        """The corners of [-1, 1] are taken, entries beyond the task's own do not matter, and no action is changed."""
        spaces = _wider(task)
        ends = []
        for beyond in (0.0, 0.7):
            environment = make(task, 2, 1, spaces)
            environment.reset((0, 1))
            for corner in (1.0, -1.0):
                action = np.full((2, spaces.action), corner, dtype=np.float32)
                action[:, task.action_size :] = beyond
                before = action.copy()
                observation, reward, _ = environment.step(action)
                assert np.array_equal(before, action), "step changed the actions it was given"
                assert np.isfinite(reward).all(), f"actions of {corner:g} everywhere give a reward that is not finite"
            ends.append(observation)
        assert np.array_equal(ends[0], ends[1]), f"entries of an action beyond its own {task.action_size} matter"

    def test_refuses_actions_that_are_no_numbers(self, task: TaskOffer) -> None:
        """An action that is not finite is refused before anything is stepped."""
        environment = make(task, 1, 1)
        environment.reset((0,))
        action = np.full((1, spaces_of([task]).action), np.nan, dtype=np.float32)
        with pytest.raises(EnvironmentFault):
            environment.step(action)

    def test_episodes_have_the_steps_and_returns_it_says(self, task: TaskOffer) -> None:
        """All episodes are over together after ``episode_steps``, and return what is within ``returns``."""
        spaces = spaces_of([task])
        low, high = task.returns
        for name, actions in (
            ("random", _actions(task, spaces, task.episode_steps)),
            ("largest", [np.ones((len(_SEEDS), spaces.action), np.float32)] * task.episode_steps),
            ("zero", [np.zeros((len(_SEEDS), spaces.action), np.float32)] * task.episode_steps),
        ):
            environment = make(task, len(_SEEDS), 1, spaces)
            environment.reset(_SEEDS)
            returns = np.zeros(len(_SEEDS))
            for step, action in enumerate(actions, 1):
                _, reward, over = environment.step(action)
                assert reward.shape == (len(_SEEDS),), f"rewards are {reward.shape}, expected ({len(_SEEDS)},)"
                assert reward.dtype == np.float64, f"rewards are {reward.dtype}, expected float64"
                returns += reward
                last = step == task.episode_steps
                assert over == last, f"over is {over} after {step} steps, it says {task.episode_steps} an episode"
            within = (low - _SLACK <= returns) & (returns <= high + _SLACK)
            assert within.all(), f"{name} actions return {returns[~within][0]:g}, it says {low:g} to {high:g}"
            environment.close()

    def test_has_a_row_of_the_embedding(self, task: TaskOffer) -> None:
        """Its environments say the row that the offer says."""
        assert make(task, 1, 1).task_index() == task.index, "task_index is not the index of the offer"


def _wider(task: TaskOffer) -> Spaces:
    """Padding that leaves room beyond the task's own."""
    own = spaces_of([task])
    return Spaces(own.observation + 3, own.action + 2, own.action_sizes)


def _actions(task: TaskOffer, spaces: Spaces, steps: int, count: int = len(_SEEDS)) -> list[NDArray[np.float32]]:
    """Random actions, of which the task's own entries do not depend on how wide they are padded."""
    own, beyond = np.random.default_rng(0), np.random.default_rng(1)
    rest = spaces.action - task.action_size
    drawn = [
        np.concatenate([own.uniform(-1, 1, (count, task.action_size)), beyond.uniform(-1, 1, (count, rest))], 1)
        for _ in range(steps)
    ]
    return [action.astype(np.float32) for action in drawn]


def _played(
    environment: BatchedEnvironment, seeds: Sequence[int], actions: Sequence[NDArray[np.float32]]
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Observations (T+1, N, S) and rewards (T, N)."""
    shown, rewards = [environment.reset(seeds).copy()], []
    for action in actions:
        observation, reward, over = environment.step(action)
        shown.append(observation.copy())
        rewards.append(reward.copy())
        if over:
            break
    return np.stack(shown), np.stack(rewards)


def _equal(
    first: tuple[NDArray[np.float32], NDArray[np.float64]], second: tuple[NDArray[np.float32], NDArray[np.float64]]
) -> bool:
    return np.array_equal(first[0], second[0]) and np.array_equal(first[1], second[1])

"""Other people's environments step together, padded, stretched and held at their end."""

import numpy as np
import pytest

from rephase.environments import Lockstep
from rephase.errors import EnvironmentFault, PluginError
from rephase.plugins import TaskOffer
from rephase.protocols import Spaces

TASK = TaskOffer(
    name="counting",
    summary="",
    observation_size=2,
    action_size=1,
    returns=(0.0, 10.0),
    loader="a:b",
    episode_steps=3,
    index=31,
)
SPACES = Spaces(4, 3, ())


class Box:
    low, high, shape = 0.0, 10.0, (1,)


class Gym:
    """Shows its seed and what it was last given; ends early where it is told to."""

    action_space = Box()

    def __init__(self, ends_at=99):
        self.ends_at, self.steps, self.closed = ends_at, 0, False

    def reset(self, *, seed=None):
        self.seed, self.steps = seed, 0
        return [self.seed or 0, 0], {}

    def step(self, action):
        self.steps += 1
        return {"a": [self.seed or 0], "b": action}, 1.0, self.steps == self.ends_at, False, {}

    def close(self):
        self.closed = True


def actions(*values):
    rows = np.zeros((len(values), 3), np.float32)
    rows[:, 0] = values
    return rows


def test_actions_are_stretched_to_the_bounds_and_observations_padded():
    lockstep = Lockstep(TASK, [Gym(), Gym()], SPACES)
    assert lockstep.reset([5, 6])[:, 0].tolist() == [5, 6]
    observation, reward, over = lockstep.step(actions(-1, 3))
    assert observation.tolist() == [[5, 0, 0, 0], [6, 10, 0, 0]]
    assert reward.tolist() == [1, 1]
    assert not over
    assert lockstep.task_index() == 31


def test_an_episode_that_ends_early_is_held_without_reward():
    lockstep = Lockstep(TASK, [Gym(ends_at=1), Gym()], SPACES)
    lockstep.reset([0, 0])
    first, _, _ = lockstep.step(actions(0, 0))
    second, reward, over = lockstep.step(actions(1, 1))
    assert reward.tolist() == [0, 1]
    assert second[0].tolist() == first[0].tolist()
    assert not over
    assert lockstep.step(actions(0, 0))[2]
    with pytest.raises(EnvironmentFault, match="there is no episode to step"):
        lockstep.step(actions(0, 0))


@pytest.mark.parametrize(
    ("given", "problem"),
    [(actions(0), r"actions of shape \(1, 3\); expected \(2, 3\)"), (actions(0, np.nan), "actions are not finite")],
)
def test_actions_that_cannot_be_taken_are_refused(given, problem):
    lockstep = Lockstep(TASK, [Gym(), Gym()], SPACES)
    lockstep.reset()
    with pytest.raises(EnvironmentFault, match=problem):
        lockstep.step(given)


def test_what_an_environment_raises_is_said_of_it():
    class Broken(Gym):
        def step(self, action):
            raise KeyError("lost")

    lockstep = Lockstep(TASK, [Broken()], SPACES)
    lockstep.reset()
    with pytest.raises(EnvironmentFault, match="counting: its environment failed: KeyError: 'lost'"):
        lockstep.step(actions(0))


def test_an_observation_of_another_width_is_refused():
    class Wide(Gym):
        def reset(self, *, seed=None):
            return [1, 2, np.inf], {}

    with pytest.raises(EnvironmentFault, match="3 numbers, 1 of them not finite; expected 2"):
        Lockstep(TASK, [Wide()], SPACES).reset()


def test_what_is_no_environment_or_cannot_be_seeded_is_refused():
    class Unseeded:
        def action_spec(self):
            return type("Spec", (), {"minimum": -1.0, "maximum": 1.0, "shape": (1,)})()

    class Unbounded(Gym):
        action_space = type("Space", (), {"shape": (1,)})()

    for kind, problem in (
        (Unseeded, r"no task\.random to seed"),
        (Unbounded, "with finite bounds"),
        (object, "neither action_space"),
    ):
        with pytest.raises(PluginError, match=problem):
            Lockstep(TASK, [kind()], SPACES)
    with pytest.raises(EnvironmentFault, match="0 episodes; expected at least 1"):
        Lockstep(TASK, [], SPACES)


def test_closing_closes_every_one():
    episodes = [Gym(), Gym()]
    Lockstep(TASK, episodes, SPACES).close()
    assert all(one.closed for one in episodes)

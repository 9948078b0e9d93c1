"""The task kit on tasks that are broken on purpose, one for each rule."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
from attrs import evolve

from rephase.environments import Lockstep, find_task
from rephase.plugins import TaskOffer
from rephase.testing import TaskConformance

KIT = TaskConformance()
TASK = TaskOffer(
    name="cart",
    summary="a cart",
    observation_size=1,
    action_size=1,
    returns=(0.0, 5.0),
    loader="kit_tasks:build",
    episode_steps=5,
)


class Box:
    low, high, shape = -1.0, 1.0, (1,)


class Cart:
    action_space = Box()
    draw = staticmethod(lambda: 0.0)

    def reset(self, *, seed=None):
        if seed is not None:
            self.random = np.random.default_rng(seed)
        self.place = self.random.uniform()
        return [self.place], {}

    def step(self, action):
        self.place = float(np.clip(self.place + 0.1 * action[0], 0, 1))
        return [self.place + self.draw()], self.place, False, False, {}

    def close(self):
        pass


def offered(monkeypatch, build):
    """The task, built by ``build(task, count, threads, spaces)``."""
    module = types.ModuleType("kit_tasks")
    module.build = build
    monkeypatch.setitem(sys.modules, "kit_tasks", module)
    return TASK


def lockstep(kind, shell=Lockstep):
    return lambda task, count, threads, spaces: shell(task, [kind() for _ in range(count)], spaces)


def refusal(test, task):
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        test(task)
    return str(caught.value).splitlines()[0]


RULES = sorted(name for name in vars(TaskConformance) if name.startswith("test_") and name != "test_is_installed")


@pytest.mark.parametrize("rule", RULES)
def test_a_sound_task_passes(monkeypatch, rule):
    getattr(KIT, rule)(offered(monkeypatch, lockstep(Cart)))


@pytest.mark.slow
@pytest.mark.parametrize("rule", [*RULES, "test_is_installed"])
def test_a_task_of_the_log_passes(rule):
    getattr(KIT, rule)(find_task("reacher-easy"))


class Unseeded(Cart):
    def reset(self, *, seed=None):
        self.random = np.random.default_rng()
        return super().reset()


class Forgets(Cart):
    def reset(self, *, seed=None):
        return super().reset(seed=np.random.default_rng().integers(99) if seed is None else seed)


class Global(Cart):
    draw = staticmethod(lambda: 1e-3 * np.random.uniform())


class Neighbours(Lockstep):
    def step(self, action):
        seen, reward, over = super().step(action)
        return seen, reward - reward.mean(), over


class Unpadded(Lockstep):
    def reset(self, seeds=None):
        return super().reset(seeds)[:, :1]


class Dirty(Lockstep):
    def reset(self, seeds=None):
        return super().reset(seeds) + np.float32(1)


class Reads(Lockstep):
    def step(self, action):
        return super().step(action + action[:, -1:])


class Changes(Lockstep):
    def step(self, action):
        action *= 0.5
        return super().step(action)


class Careless(Lockstep):
    def step(self, action):
        return super().step(np.nan_to_num(action))


class Short(Lockstep):
    def step(self, action):
        seen, reward, over = super().step(action)
        return seen, reward, over or self._steps_left == 2


class Generous(Lockstep):
    def step(self, action):
        seen, reward, over = super().step(action)
        return seen, reward + 1, over


class Elsewhere(Lockstep):
    def task_index(self):
        return 3


@pytest.mark.parametrize(
    ("test", "kind", "shell", "words"),
    [
        ("test_one_seed_is_one_episode", Unseeded, Lockstep, "an environment that is reset with the same seeds plays"),
        ("test_one_seed_is_one_episode", Global, Lockstep, "an environment that is reset with the same seeds plays"),
        ("test_goes_on_drawing_without_seeds", Forgets, Lockstep, "a reset without seeds does not go on from"),
        ("test_draws_nothing_globally", Global, Lockstep, "it drew from numpy's global random state"),
        ("test_an_episode_does_not_see_its_neighbours", Cart, Neighbours, "an episode beside others gives other rew"),
        ("test_shows_observations_of_its_size", Cart, Unpadded, "observations are (3, 1), expected (3, 24)"),
        ("test_shows_observations_of_its_size", Cart, Dirty, "observations are not zero beyond their own 1 numbers"),
        ("test_takes_all_actions_in_its_bounds", Cart, Reads, "entries of an action beyond its own 1 matter"),
        ("test_takes_all_actions_in_its_bounds", Cart, Changes, "step changed the actions it was given"),
        ("test_refuses_actions_that_are_no_numbers", Cart, Careless, "DID NOT RAISE"),
        ("test_episodes_have_the_steps_and_returns_it_says", Cart, Short, "over is True after 3 steps, it says 5 an"),
        ("test_episodes_have_the_steps_and_returns_it_says", Cart, Generous, "random actions return"),
        ("test_has_a_row_of_the_embedding", Cart, Elsewhere, "task_index is not the index of the offer"),
    ],
)
def test_a_broken_task_is_refused_in_these_words(monkeypatch, test, kind, shell, words):
    assert words in refusal(getattr(KIT, test), offered(monkeypatch, lockstep(kind, shell)))


def test_a_task_that_is_not_installed_or_says_too_much_is_refused(monkeypatch):
    task = offered(monkeypatch, lockstep(Cart))
    with pytest.raises(Exception, match="unknown task 'cart'"):
        KIT.test_is_installed(task)
    assert refusal(KIT.test_says_what_it_is_in_one_line, evolve(task, summary="two\nlines")) == (
        "the summary is longer than one line of 100"
    )

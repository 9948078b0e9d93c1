import re

import numpy as np
import pytest

from rephase.environments import make
from rephase.environments.environment import TaskEnvironment
from rephase.environments.stepping import LoopPhysics
from rephase.errors import EnvironmentFault, UnknownName
from rephase.protocols import BatchedEnvironment


def started(name="reacher-easy", seeds=(3, 4, 5)):
    environment = make(name, len(seeds), threads=1)
    environment.reset(seeds)
    return environment


def rollout(environment, seeds, actions):
    """Observations and rewards of one stretch, (steps + 1, N, 24) and (steps, N)."""
    observations, rewards = [environment.reset(seeds)], []
    for action in actions:
        observation, reward, _ = environment.step(action)
        observations.append(observation)
        rewards.append(reward)
    return np.array(observations), np.array(rewards)


def test_it_is_a_batched_environment_of_padded_float32():
    environment = make("pendulum-spin", 2, threads=1)

    observation = environment.reset((0, 1))
    after, reward, over = environment.step(np.zeros((2, 6), dtype=np.float32))

    assert isinstance(environment, BatchedEnvironment)
    assert environment.task_index() == 29
    assert (observation.shape, observation.dtype, after.dtype) == ((2, 24), np.float32, np.float32)
    assert (reward.shape, reward.dtype, over) == ((2,), np.float64, False)
    assert not observation[:, 3:].any()


def test_an_episode_is_the_same_whatever_it_is_grouped_with(random_actions):
    actions = random_actions(20, 4)
    together = rollout(make("walker-run", 4, threads=2), (7, 8, 9, 10), actions)

    for at, seed in enumerate((7, 8, 9, 10)):
        alone = rollout(make("walker-run", 1, threads=1), (seed,), actions[:, at : at + 1])
        assert np.array_equal(alone[0][:, 0], together[0][:, at])
        assert np.array_equal(alone[1][:, 0], together[1][:, at])


def test_two_episodes_of_one_seed_are_the_same_episode(random_actions):
    actions = np.repeat(random_actions(10, 1), 2, axis=1)

    observations, rewards = rollout(make("hopper-hop", 2, threads=1), (5, 5), actions)

    assert np.array_equal(observations[:, 0], observations[:, 1])
    assert np.array_equal(rewards[:, 0], rewards[:, 1])


def test_two_episodes_of_one_seed_part_with_their_actions(random_actions):
    observations, _ = rollout(make("hopper-hop", 2, threads=1), (5, 5), random_actions(10, 2))

    assert np.array_equal(observations[0, 0], observations[0, 1])
    assert not np.array_equal(observations[-1, 0], observations[-1, 1])


def test_without_seeds_the_first_start_has_the_seeds_from_0_on():
    assert np.array_equal(make("fish-swim", 3, threads=1).reset(), make("fish-swim", 3, threads=1).reset((0, 1, 2)))


def test_entries_beyond_the_tasks_own_action_may_hold_anything(random_actions):
    plain = random_actions(5, 3)
    strange = plain.copy()
    strange[:, :, 2:] = np.nan

    assert np.array_equal(
        rollout(make("reacher-hard", 3, threads=1), (0, 1, 2), plain)[0],
        rollout(make("reacher-hard", 3, threads=1), (0, 1, 2), strange)[0],
    )


def test_actions_out_of_range_move_like_those_at_the_ends_of_the_range():
    def episodes(value):
        return rollout(make("cartpole-balance", 1, threads=1), (0,), np.full((5, 1, 6), value, dtype=np.float32))

    assert np.array_equal(episodes(1.0)[0], episodes(1.5)[0])
    assert not np.array_equal(episodes(1.0)[0], episodes(0.9)[0])


def test_rewards_see_the_control_as_it_was_asked_for():
    environment = started("cartpole-balance", seeds=(0,))

    environment.step(np.full((1, 6), 1.5, dtype=np.float32))

    assert environment.physics.view("ctrl").tolist() == [[1.5]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_actions_that_are_not_finite_are_refused_and_change_nothing(value, random_actions):
    environment, untouched = started(), started()
    bad = np.zeros((3, 6), dtype=np.float32)
    bad[[0, 2], 1] = value

    with pytest.raises(EnvironmentFault) as error:
        environment.step(bad)

    assert str(error.value) == (
        "reacher-easy: actions of episodes 0, 2 are not finite; expected numbers;"
        " look for what made them so: the policy's weights or its inputs"
    )
    good = random_actions(1, 3)[0]
    assert np.array_equal(environment.step(good)[0], untouched.step(good)[0])


def test_many_bad_episodes_are_named_only_by_the_first_five():
    environment = started(seeds=range(9))

    with pytest.raises(EnvironmentFault, match=re.escape("actions of episodes 0, 1, 2, 3, 4, ... are not finite")):
        environment.step(np.full((9, 6), np.nan, dtype=np.float32))


@pytest.mark.parametrize("shape", [(3, 2), (2, 6), (6,), (3, 7), (3, 6, 1)])
def test_actions_of_another_shape_are_refused(shape):
    with pytest.raises(EnvironmentFault) as error:
        started().step(np.zeros(shape, dtype=np.float32))

    assert str(error.value) == f"reacher-easy: actions of shape {shape}; expected (3, 6)"


def test_episodes_end_together_after_500_agent_steps_and_then_want_a_reset():
    environment = started(seeds=(1,))
    action = np.zeros((1, 6), dtype=np.float32)

    ends = [environment.step(action)[2] for _ in range(500)]

    assert ends == [False] * 499 + [True]
    with pytest.raises(EnvironmentFault) as error:
        environment.step(action)
    assert str(error.value) == "reacher-easy: there is no episode to step; call reset first"
    environment.reset()
    assert environment.step(action)[2] is False


def test_stepping_before_the_first_reset_is_refused():
    with pytest.raises(EnvironmentFault, match="there is no episode to step; call reset first"):
        make("reacher-easy", 1, threads=1).step(np.zeros((1, 6), dtype=np.float32))


@pytest.mark.parametrize("physics", ["batch", "loop"])
@pytest.mark.parametrize(("field", "warning"), [("qpos", "mjWARN_BADQPOS"), ("qvel", "mjWARN_BADQVEL")])
def test_physics_that_diverges_is_a_fault_that_names_the_episodes(physics, field, warning, quiet_folder):
    environment = started("walker-stand")
    if physics == "loop":
        environment = TaskEnvironment(environment.task, 3, physics=LoopPhysics(environment.physics.model, 3))
        environment.reset()
    environment.physics.view(field)[1] = 1e12

    with pytest.raises(EnvironmentFault) as error:
        environment.step(np.zeros((3, 6), dtype=np.float32))

    assert str(error.value) == (
        f"walker-stand: the physics of episodes 1 diverged (MuJoCo warned {warning});"
        " reset and look at the actions that led there"
    )
    with pytest.raises(EnvironmentFault, match="no episode to step"):
        environment.step(np.zeros((3, 6), dtype=np.float32))
    environment.reset()
    environment.step(np.zeros((3, 6), dtype=np.float32))


def test_a_missing_seed_is_refused():
    with pytest.raises(EnvironmentFault) as error:
        make("reacher-easy", 3, threads=1).reset((1, 2))

    assert str(error.value) == "reacher-easy: 2 seeds; expected 3, one an episode"


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(EnvironmentFault) as error:
        make("reacher-easy", 1, threads=1).reset((seed,))

    assert str(error.value) == f"reacher-easy: seed {seed}; expected 0 to 2**32 - 1"


@pytest.mark.parametrize(("count", "threads"), [(0, 1), (-1, 0), (1, -1)])
def test_no_episodes_or_negative_threads_are_refused(count, threads):
    with pytest.raises(EnvironmentFault) as error:
        make("reacher-easy", count, threads)

    assert str(error.value) == (
        f"reacher-easy: {count} episodes on {threads} threads; expected at least 1 episode and no fewer than 0 threads"
    )


def test_an_unknown_task_is_refused_before_anything_is_loaded():
    with pytest.raises(UnknownName, match="unknown task 'reacher-esay'; did you mean 'reacher-easy'"):
        make("reacher-esay", 1)


def test_placed_episodes_begin_where_they_are_put_and_leave_the_streams_alone():
    environment, drawn = started(seeds=(1, 2)), started(seeds=(1, 2))
    qpos, target = np.array([[0.1, 0.2], [0.3, 0.4]]), np.array([[0.1, 0.0, 0.01], [0.0, 0.1, 0.01]])

    environment.place({"qpos": qpos}, target)

    assert np.array_equal(environment.domain.observation()[:, :2], qpos)
    assert np.array_equal(environment.domain.target, target)
    assert np.array_equal(environment.reset(), drawn.reset())


def test_a_closed_environment_has_no_episode_to_step():
    environment = started()
    environment.close()

    with pytest.raises(EnvironmentFault, match="there is no episode to step"):
        environment.step(np.zeros((3, 6), dtype=np.float32))

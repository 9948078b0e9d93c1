import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers.vector import RecordEpisodeStatistics

from rephase.environments import make
from rephase.environments.gym import TaskVectorEnv
from rephase.errors import EnvironmentFault, UnknownName, UsageError


def test_it_is_a_vector_of_the_tasks_own_sizes():
    env = TaskVectorEnv("reacher-easy", 3, threads=1)

    observation, infos = env.reset(seed=7)

    assert isinstance(env, gymnasium.vector.VectorEnv)
    assert env.single_observation_space.shape == (6,)
    assert env.action_space.shape == (3, 2)
    assert env.observation_space.contains(observation)
    assert infos == {}


def test_padded_it_has_the_sizes_all_tasks_share():
    env = TaskVectorEnv("reacher-easy", 3, threads=1, padded=True)

    assert env.reset(seed=7)[0].shape == (3, 24)
    assert env.step(env.action_space.sample())[0].shape == env.observation_space.shape == (3, 24)


def test_it_gives_what_the_task_gives(random_actions):
    env, task = TaskVectorEnv("hopper-stand", 2, threads=1), make("hopper-stand", 2, threads=1)

    assert np.array_equal(env.reset(seed=5)[0], task.reset((5, 6))[:, :15])
    for action in random_actions(5, 2):
        observation, reward, terminated, truncated, infos = env.step(action[:, :4])
        expected, expected_reward, _ = task.step(action)
        assert np.array_equal(observation, expected[:, :15])
        assert np.array_equal(reward, expected_reward)
        assert not terminated.any()
        assert not truncated.any()
        assert infos == {}


def test_the_step_after_the_last_starts_new_episodes_and_ignores_its_action():
    env = TaskVectorEnv("pendulum-swingup", 2, threads=1)
    env.reset(seed=0)
    action = np.zeros((2, 1), dtype=np.float32)

    truncations = [env.step(action)[3].tolist() for _ in range(500)]
    observation, reward, terminated, truncated, _ = env.step(np.full((2, 1), np.nan, dtype=np.float32))

    assert truncations == [[False, False]] * 499 + [[True, True]]
    assert (reward.tolist(), terminated.tolist(), truncated.tolist()) == ([0, 0], [False, False], [False, False])
    other = TaskVectorEnv("pendulum-swingup", 2, threads=1)
    other.reset(seed=0)
    assert np.array_equal(observation, other.reset()[0])


def test_without_autoreset_a_step_after_the_last_is_refused():
    env = TaskVectorEnv("pendulum-swingup", 1, threads=1, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=0)
    action = np.zeros((1, 1), dtype=np.float32)
    for _ in range(500):
        env.step(action)

    with pytest.raises(EnvironmentFault, match="there is no episode to step; call reset first"):
        env.step(action)
    env.reset(options={"reset_mask": np.array([True])})
    env.step(action)


def test_gymnasiums_own_wrapper_counts_the_return_of_its_episodes():
    env = RecordEpisodeStatistics(TaskVectorEnv("cartpole-balance", 2, threads=1))
    env.reset(seed=0)
    total = np.zeros(2)
    for _ in range(500):
        _, reward, _, _, infos = env.step(np.zeros((2, 1), dtype=np.float32))
        total += reward

    assert infos["episode"]["r"] == pytest.approx(total)
    assert infos["episode"]["l"].tolist() == [500, 500]


@pytest.mark.parametrize("arguments", [{"seed": [1, None]}, {"options": {"reset_mask": np.array([True, False])}}])
def test_seeding_or_starting_some_episodes_is_refused(arguments):
    env = TaskVectorEnv("pendulum-swingup", 2, threads=1)

    with pytest.raises(UsageError) as error:
        env.reset(**arguments)

    assert str(error.value) == ("only some of the episodes are seeded or started; expected all; they run in lockstep")


def test_a_list_of_no_seeds_continues_the_streams():
    env, other = TaskVectorEnv("pendulum-swingup", 2, threads=1), TaskVectorEnv("pendulum-swingup", 2, threads=1)

    assert np.array_equal(env.reset(seed=[None, None])[0], other.reset()[0])


def test_resetting_in_the_same_step_is_not_offered():
    with pytest.raises(UsageError) as error:
        TaskVectorEnv("pendulum-swingup", 1, autoreset_mode=AutoresetMode.SAME_STEP)

    assert str(error.value) == (
        "pendulum-swingup: autoreset mode SAME_STEP is not offered; take NEXT_STEP or DISABLED instead"
    )


def test_actions_of_another_shape_are_refused():
    env = TaskVectorEnv("pendulum-swingup", 2, threads=1)
    env.reset(seed=0)

    with pytest.raises(EnvironmentFault, match=r"^pendulum-swingup: actions of shape \(2, 2\); expected \(2, 1\)$"):
        env.step(np.zeros((2, 2), dtype=np.float32))


def test_an_unknown_task_is_refused():
    with pytest.raises(UnknownName, match="unknown task 'pendulum-swing'"):
        TaskVectorEnv("pendulum-swing", 1)


def test_closing_gives_the_physics_back():
    env = TaskVectorEnv("pendulum-swingup", 1, threads=1)
    env.reset(seed=0)
    env.close()

    with pytest.raises(EnvironmentFault):
        env.step(np.zeros((1, 1), dtype=np.float32))

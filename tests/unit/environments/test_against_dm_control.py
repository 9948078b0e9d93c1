import numpy as np
import pytest

from rephase.environments import TASKS, make

from .originals import Original

SEEDS = (11, 12, 13)


@pytest.mark.parametrize("name", [task.name for task in TASKS])
def test_every_task_gives_the_bits_of_dm_control_stepped_singly(name, suite, quiet_folder, random_actions):
    originals = [Original(suite, name, seed) for seed in SEEDS]
    environment = make(name, len(SEEDS), threads=1)
    size = environment.task.observation_size

    observation = environment.reset(SEEDS)
    expected = np.array([original.reset() for original in originals])

    assert np.array_equal(environment.domain.observation(), expected)
    assert np.array_equal(observation[:, :size], expected.astype(np.float32))
    assert not observation[:, size:].any()
    for action in random_actions(25, len(SEEDS)):
        observation, reward, over = environment.step(action)
        stepped = [original.step(own) for original, own in zip(originals, action, strict=True)]
        assert np.array_equal(observation[:, :size], np.array([one for one, _ in stepped], dtype=np.float32))
        assert np.array_equal(environment.domain.observation(), np.array([one for one, _ in stepped]))
        assert reward == pytest.approx([one for _, one in stepped], rel=0, abs=1e-12)
        assert not over


@pytest.mark.parametrize("name", ["walker-run", "cup-spin", "finger-turn-hard", "fish-swim", "cheetah-jump"])
def test_a_second_start_goes_on_drawing_where_the_first_stopped(name, suite, quiet_folder):
    originals = [Original(suite, name, seed) for seed in SEEDS]
    environment = make(name, len(SEEDS), threads=1)

    environment.reset(SEEDS)
    environment.reset()
    expected = [[original.reset() for original in originals] for _ in range(2)][1]

    assert np.array_equal(environment.domain.observation(), np.array(expected))

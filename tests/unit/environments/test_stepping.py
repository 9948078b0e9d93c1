import numpy as np
import pytest

from rephase.environments import TASKS, required_task, stepping
from rephase.environments.domains import open_domain
from rephase.environments.environment import TaskEnvironment
from rephase.environments.stepping import BatchPhysics, LoopPhysics, open_physics

one_of_each_domain = list({task.domain: task.name for task in TASKS}.values())


def environment_on(kind, name, count, **options):
    task = required_task(name)
    return TaskEnvironment(task, count, physics=kind(open_domain(task).model(task), count, **options))


@pytest.mark.skipif(not stepping.batch_available(), reason="this mujoco has no batch to compare with")
@pytest.mark.parametrize("name", one_of_each_domain)
def test_both_ways_of_stepping_give_the_same_bits(name, random_actions):
    batch, loop = environment_on(BatchPhysics, name, 3, threads=2), environment_on(LoopPhysics, name, 3)

    assert np.array_equal(batch.reset((1, 2, 3)), loop.reset((1, 2, 3)))
    for action in random_actions(15, 3):
        observed, expected = batch.step(action), loop.step(action)
        assert np.array_equal(observed[0], expected[0])
        assert np.array_equal(observed[1], expected[1])
    for field in ("qpos", "qvel", "qacc_warmstart", "time"):
        assert np.array_equal(batch.physics.view(field), loop.physics.view(field))


@pytest.mark.skipif(not stepping.batch_available(), reason="this mujoco has no batch to compare with")
def test_the_number_of_threads_changes_nothing(random_actions):
    one, three = (
        environment_on(BatchPhysics, "cheetah-run", 5, threads=1),
        environment_on(BatchPhysics, "cheetah-run", 5, threads=3),
    )

    assert np.array_equal(one.reset(range(5)), three.reset(range(5)))
    for action in random_actions(10, 5):
        assert np.array_equal(one.step(action)[0], three.step(action)[0])


def test_without_the_batch_the_loop_is_opened(monkeypatch):
    task = required_task("pendulum-spin")
    monkeypatch.setattr(stepping, "batch_available", lambda: False)

    physics = open_physics(open_domain(task).model(task), 2, threads=4)

    assert isinstance(physics, LoopPhysics)
    assert physics.view("qpos").shape == (2, 1)


def test_an_episode_alone_in_the_loop_can_be_brought_up_to_date():
    task = required_task("pendulum-spin")
    physics = LoopPhysics(open_domain(task).model(task), 2)
    heights = physics.view("xipos")
    physics.reset()
    before = heights.copy()

    physics.view("qpos")[:] = 1.0
    physics.forward(np.array([1]))

    assert np.array_equal(heights[0], before[0])
    assert not np.array_equal(heights[1], before[1])

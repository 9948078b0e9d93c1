import logging
from pathlib import Path

import numpy as np
import pytest

GOLDEN = Path(__file__).parents[2] / "data" / "environments"


@pytest.fixture
def golden():
    """Folder of the shipped golden files."""
    return GOLDEN


@pytest.fixture(scope="session")
def suite():
    """dm_control's suite, imported without a graphics backend."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MUJOCO_GL", "disable")
        absl = logging.getLogger("absl")
        level = absl.level
        from dm_control import suite

        absl.setLevel(level)
        return suite


@pytest.fixture
def quiet_folder(tmp_path, monkeypatch):
    """A folder to run in: MuJoCo writes its warnings to a file in the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def random_actions():
    """Function that draws actions, (steps, episodes, 6) float32 in [-1, 1]."""

    def draw(steps, episodes, seed=0):
        return np.random.default_rng(seed).uniform(-1, 1, (steps, episodes, 6)).astype(np.float32)

    return draw


@pytest.fixture
def posed():
    """Function that puts one episode of a task into a pose, joints by name, and returns its domain."""
    from rephase.environments import required_task
    from rephase.environments.environment import TaskEnvironment
    from rephase.environments.stepping import LoopPhysics

    def pose(name, target=None, speeds=None, **joints):
        task = required_task(name)
        from rephase.environments.domains import open_domain

        model = open_domain(task).model(task)
        environment = TaskEnvironment(task, 1, physics=LoopPhysics(model, 1))
        qpos, qvel = model.qpos0.copy(), np.zeros(model.nv)
        for joint, value in joints.items():
            qpos[model.joint(joint).qposadr[0]] = value
        for joint, value in (speeds or {}).items():
            qvel[model.joint(joint).dofadr[0]] = value
        environment.place({"qpos": qpos[None], "qvel": qvel[None]}, None if target is None else np.array([target]))
        return environment.domain

    return pose

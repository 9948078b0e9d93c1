import json
import subprocess
import sys

import pytest

from rephase.environments import SPACES, TASKS, find_task
from rephase.errors import UnknownName


def test_the_tasks_are_those_of_the_golden_files(golden):
    stated = json.loads((golden / "meta.json").read_text())["tasks"]

    for task, facts in zip(TASKS, stated, strict=True):
        assert (task.index, task.name) == (facts["index"], facts["task"])
        assert (task.observation_size, task.action_size) == (facts["obs_dim"], facts["action_dim"])
        assert (task.time_step, task.substeps) == (facts["physics_dt"], facts["n_sub_steps"])
        assert task.control_step == pytest.approx(facts["control_dt"])
        assert task.agent_step == pytest.approx(2 * facts["control_dt"])


def test_nineteen_tasks_are_stock_and_eleven_custom():
    assert [task.custom for task in TASKS] == [False] * 19 + [True] * 11


def test_the_spaces_are_the_largest_of_all_tasks():
    assert SPACES.observation == max(task.observation_size for task in TASKS) == 24
    assert SPACES.action == max(task.action_size for task in TASKS) == 6
    assert SPACES.action_sizes[:6] == (6, 6, 6, 6, 2, 2)
    assert SPACES.tasks == 30


def test_a_task_is_found_by_its_name():
    assert find_task("cup-spin").index == 28


def test_a_misspelt_task_is_answered_with_near_names():
    with pytest.raises(UnknownName) as error:
        find_task("walker-stnad")

    assert str(error.value) == (
        "unknown task 'walker-stnad'; did you mean 'walker-stand' or 'walker-run' or 'walker-walk'?"
        " (rephase tasks shows all)"
    )


def test_listing_tasks_loads_no_simulator():
    script = "import rephase.environments, sys; sys.exit('mujoco' in sys.modules or 'dm_control' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

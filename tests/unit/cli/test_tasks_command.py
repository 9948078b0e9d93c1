import json
import subprocess
import sys

from rephase.cli.main import main
from rephase.environments.tasks import task_rows


def test_the_table_has_a_line_for_every_task_and_a_summary(capsys):
    assert main(["tasks"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == (
        [
            "Index",
            "Task",
            "Observation",
            "Action",
            "Physics",
            "step",
            "(s)",
            "Substeps",
            "Agent",
            "step",
            "(s)",
            "Reward",
            "Origin",
        ]
    )
    assert lines[1].split() == ["0", "walker-stand", "24", "6", "0.0025", "10", "0.05", "smooth", "stock"]
    assert lines[30].split() == ["29", "pendulum-spin", "3", "1", "0.02", "1", "0.04", "smooth", "custom"]
    assert lines[31] == "30 tasks, 11 custom"


def test_the_json_says_the_same(capsys):
    assert main(["tasks", "--json"]) == 0

    assert json.loads(capsys.readouterr().out) == {"tasks": task_rows()}


def test_only_the_tasks_of_one_origin_are_listed_on_request(capsys):
    assert main(["tasks", "--origin", "custom", "--json"]) == 0

    assert [row["index"] for row in json.loads(capsys.readouterr().out)["tasks"]] == list(range(19, 30))


def test_listing_loads_neither_a_simulator_nor_torch():
    script = (
        "import sys; from rephase.cli.main import main; main(['tasks']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'mujoco', 'dm_control')))"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode == 0

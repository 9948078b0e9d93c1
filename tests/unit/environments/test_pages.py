import json
import re
from pathlib import Path

from rephase.environments.tasks import task_rows

ROOT = Path(__file__).parents[3]


def tables(page):
    """Rows of cells of every table on a page, headings included."""
    for block in re.findall(r"(?:^\|.*\n)+", page, flags=re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in block.splitlines()]
        yield [rows[0], *rows[2:]]


def test_the_reference_page_lists_the_tasks_there_are():
    heading, *rows = next(tables((ROOT / "docs/reference/tasks.md").read_text()))

    assert heading[:2] == ["Index", "Task"]
    assert rows == [[str(value) for key, value in row.items() if key != "domain"] for row in task_rows()]


def test_every_task_has_its_reward_on_the_reference_page():
    page = (ROOT / "docs/reference/tasks.md").read_text().replace(", -", ", reacher-")
    rewards = next(rows for rows in tables(page) if rows[0][0] == "Task")
    described = [name.strip() for row in rewards[1:] for name in row[0].split(",")]

    assert sorted(described) == sorted(str(row["name"]) for row in task_rows())


def test_the_samples_of_the_how_to_page_run():
    samples = re.findall(r"```python\n(.*?)```", (ROOT / "docs/how-to/use-the-tasks.md").read_text(), flags=re.DOTALL)

    assert len(samples) == 2
    for sample in samples:
        exec(compile(sample, "use-the-tasks.md", "exec"), {})


def test_the_speeds_of_the_how_to_page_are_the_measured_ones():
    measured = json.loads((ROOT / "benchmarks/results/environments.json").read_text())
    rows = next(
        rows for rows in tables((ROOT / "docs/how-to/use-the-tasks.md").read_text()) if rows[0][1] == "Steps a second"
    )

    assert rows[1:] == [
        [
            row["task"],
            f"{row['batched_steps_per_second']}",
            f"{row['dm_control_steps_per_second']}",
            f"{row['ratio']:.1f}x",
            f"{row['physics_share']:.0%}",
        ]
        for row in measured["tasks"]
    ]

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import pytest

from rephase.errors import CannotRunHere
from rephase.runtime.queue import JobState, Queue, Stage, expand_job, parse_sacct, parse_squeue

SQUEUE = """\
4011713_0|RUNNING|None
4011713_1|PENDING|Resources
4011714_[2-3,5%2]|PENDING|JobArrayTaskLimit
4011715|COMPLETING|None
4011716|CANCELLED|Resources
"""
SACCT = """\
4011713_0|COMPLETED|0:0
4011713_1|CANCELLED by 1000|0:15
4011713_2|TIMEOUT|0:0
4011713_3|OUT_OF_MEMORY|0:125
4011713_4|FAILED|3:0
4011713_[5-6]|PENDING|0:0
4011713_7|REQUEUED|0:0
4011713_7|RUNNING|0:0
4011713_8.batch|FAILED|1:0
"""


class Answers:
    """Stands in for the commands of SLURM; refuses what no test expects."""

    def __init__(self, **answers: tuple[int, str, str]) -> None:
        self.answers = answers
        self.asked: list[tuple[Sequence[str], str]] = []

    def __call__(self, command: Sequence[str], given: str) -> subprocess.CompletedProcess[str]:
        self.asked.append((command, given))
        if command[0] not in self.answers:
            raise FileNotFoundError(command[0])
        code, out, err = self.answers[command[0]]
        return subprocess.CompletedProcess(list(command), code, out, err)


@pytest.mark.parametrize(
    ("job", "tasks"),
    [
        ("17", ("17",)),
        ("17_4", ("17_4",)),
        ("17_[0-2,5%2]", ("17_0", "17_1", "17_2", "17_5")),
        ("17_4.batch", ()),
        ("", ()),
        ("17.0", ()),
    ],
)
def test_names_each_task_of_a_job(job: str, tasks: tuple[str, ...]) -> None:
    assert expand_job(job) == tasks


def test_reads_the_queues_list() -> None:
    states = parse_squeue(SQUEUE)
    assert states["4011713_0"] == JobState("4011713_0", "RUNNING")
    assert states["4011713_1"] == JobState("4011713_1", "PENDING", "Resources")
    assert {job for job in states if job.startswith("4011714")} == {"4011714_2", "4011714_3", "4011714_5"}
    assert states["4011715"].stage is Stage.RUNNING
    assert states["4011716"] == JobState("4011716", "CANCELLED")


def test_reads_the_accounting() -> None:
    states = parse_sacct(SACCT)
    assert states["4011713_0"] == JobState("4011713_0", "COMPLETED")
    assert states["4011713_1"] == JobState("4011713_1", "CANCELLED", "exit code 0:15")
    assert states["4011713_2"].stage is Stage.ENDED
    assert states["4011713_5"].stage is Stage.WAITING
    assert states["4011713_7"].state == "RUNNING"
    assert "4011713_8" not in states


def test_submits_on_standard_input_and_returns_the_number() -> None:
    answers = Answers(sbatch=(0, "4011713;cluster\n", ""))
    assert Queue(answers).submit("#!/bin/bash\n", after=["12", "9"]) == "4011713"
    command, given = answers.asked[0]
    assert command == ["sbatch", "--parsable", "--dependency=afterany:12:9", "--kill-on-invalid-dep=yes"]
    assert given == "#!/bin/bash\n"


def test_says_why_the_queue_refuses() -> None:
    refusal = (1, "", "sbatch: error: invalid partition specified: x\nallocation failure: Invalid partition name\n")
    assert Queue(Answers(sbatch=refusal)).refusal("") == "invalid partition specified: x; Invalid partition name"
    assert Queue(Answers(sbatch=(0, "", "sbatch: Job 5 to start at noon"))).refusal("") == ""
    with pytest.raises(CannotRunHere) as caught:
        Queue(Answers(sbatch=refusal)).submit("")
    assert str(caught.value) == (
        "SLURM: sbatch ended with exit code 1: invalid partition specified: x; Invalid partition name; "
        "change what was asked for, or ask the cluster's staff"
    )


def test_asks_the_accounting_for_what_the_queue_no_longer_lists() -> None:
    answers = Answers(squeue=(0, SQUEUE, ""), sacct=(0, SACCT, ""))
    states = Queue(answers).states(["4011713_0", "4011713_2", "99_1"])
    assert {job: state.state for job, state in states.items()} == {"4011713_0": "RUNNING", "4011713_2": "TIMEOUT"}
    assert answers.asked[1][0][-2:] == ["-j", "99,4011713"]


def test_a_cluster_without_accounting_still_answers() -> None:
    answers = Answers(squeue=(0, SQUEUE, ""), sacct=(1, "", "Slurm accounting storage is disabled"))
    assert set(Queue(answers).states(["4011713_0", "99"])) == {"4011713_0"}


def test_a_queue_that_cannot_be_asked_is_an_error_and_not_an_empty_queue() -> None:
    with pytest.raises(CannotRunHere, match="Unable to contact slurm controller"):
        Queue(Answers(squeue=(1, "", "squeue: error: Unable to contact slurm controller"))).states(["1"])
    with pytest.raises(CannotRunHere) as caught:
        Queue(Answers()).version()
    assert str(caught.value) == "SLURM: sbatch is not here; run this on a login node of the cluster"


def test_asks_nothing_about_nothing() -> None:
    answers = Answers()
    assert Queue(answers).states([]) == {}
    assert answers.asked == []


def test_refuses_to_depend_on_what_is_no_job_number() -> None:
    with pytest.raises(ValueError, match="is no job number"):
        Queue(Answers(sbatch=(0, "1", ""))).submit("", after=["1 --wrap=id"])


def test_variables_of_the_user_cannot_change_what_is_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def run(command, **options):
        seen.update(options["env"])
        return subprocess.CompletedProcess(command, 0, "7\n", "")

    monkeypatch.setenv("SBATCH_PARTITION", "elsewhere")
    monkeypatch.setattr(subprocess, "run", run)
    assert Queue().submit("#!/bin/bash\n") == "7"
    assert "SBATCH_PARTITION" not in seen

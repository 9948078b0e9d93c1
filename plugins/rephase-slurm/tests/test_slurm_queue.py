from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from rephase_slurm.answers import expand_job, parse_sacct, parse_squeue, submitted_job
from rephase_slurm.queue import Slurm

from rephase.errors import CannotRunHere
from rephase.protocols import Container, Job, JobRequest, JobState, JobTask, Stage

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
    assert states["4011713_0"] == JobState("4011713_0", "RUNNING", Stage.RUNNING)
    assert states["4011713_1"] == JobState("4011713_1", "PENDING", Stage.WAITING, "Resources")
    assert {job for job in states if job.startswith("4011714")} == {"4011714_2", "4011714_3", "4011714_5"}
    assert states["4011715"].stage is Stage.RUNNING
    assert states["4011716"] == JobState("4011716", "CANCELLED", Stage.ENDED)


def test_reads_the_accounting() -> None:
    states = parse_sacct(SACCT)
    assert states["4011713_0"] == JobState("4011713_0", "COMPLETED", Stage.ENDED)
    assert states["4011713_1"] == JobState("4011713_1", "CANCELLED", Stage.ENDED, "exit code 0:15")
    assert states["4011713_2"].stage is Stage.ENDED
    assert states["4011713_3"].out_of_memory
    assert states["4011713_5"].stage is Stage.WAITING
    assert states["4011713_7"].state == "RUNNING"
    assert "4011713_8" not in states


REQUEST = JobRequest(partition="gpu", gpu="", gpus=1, cpus=1, memory="4GB", time="1h", account="")


def job(*indices: int) -> Job:
    return Job(
        name="rephase-x",
        title="x",
        tasks=tuple(JobTask(index, f"baseline/walker-stand/seed-{index}") for index in indices),
        request=REQUEST,
        container=Container("/x.sif", "sha256:" + "ab" * 32),
        arguments=("run",),
        log_folder=Path("/logs"),
    )


def answer(text: str, **more: tuple[int, str, str]) -> tuple[Slurm, Answers]:
    answers = Answers(sbatch=(0, text, ""), **({"squeue": (0, "", "")} | more))
    return Slurm(call=answers), answers


def test_submits_on_standard_input_and_returns_the_jobs() -> None:
    queue, answers = answer("4011713\n")
    ticket = queue.submit(job(0, 4))
    assert ticket.jobs == ("4011713",)
    assert dict(ticket.tasks) == {0: "4011713_0", 4: "4011713_4"}
    assert ticket.logs[4] == "/logs/rephase-x-4011713_4.log"
    command, given = answers.asked[-1]
    assert command == ["sbatch", "--parsable", "--hold"]
    assert given == queue.text(job(0, 4))


def test_what_follows_is_not_held_and_waits() -> None:
    queue, answers = answer("7\n")
    assert queue.submit(job(), after=["12", "9"]).logs == {-1: "/logs/rephase-x-7.log"}
    assert answers.asked[-1][0] == ["sbatch", "--parsable", "--dependency=afterany:12:9", "--kill-on-invalid-dep=yes"]


def test_a_federation_keeps_its_cluster_in_every_later_call() -> None:
    queue, answers = answer("1001;sibling\n", scontrol=(0, "", ""), scancel=(0, "", ""), sacct=(0, "", ""))
    ticket = queue.submit(job(0))
    assert ticket.jobs == ("1001;sibling",)
    assert dict(ticket.tasks) == {0: "1001_0;sibling"}
    assert ticket.logs[0] == "/logs/rephase-x-1001_0.log"
    queue.submit(job(), after=ticket.jobs)
    queue.release(ticket.jobs)
    queue.states(["1001_0;sibling"])
    queue.cancel(["1001_0;sibling", "5"])
    said = [" ".join(command) for command, _ in answers.asked if "--name=" not in " ".join(command)]
    assert said == [
        "sbatch --parsable --hold",
        "sbatch --parsable -M sibling --dependency=afterany:1001 --kill-on-invalid-dep=yes",
        "scontrol -M sibling release 1001",
        "squeue -M sibling --noheader --array --states=all --format=%i|%T|%r --jobs=1001",
        "sacct -M sibling --allusers -X -P -n -o JobID,State,ExitCode -j 1001",
        "scancel -M sibling --quiet 1001_0",
        "scancel --quiet 5",
    ]


@pytest.mark.parametrize(
    ("text", "number", "notes"),
    [
        ("1001\n", "1001", ()),
        ("1001;sibling\n", "1001;sibling", ()),
        ("1001\ncharged to project x\n", "1001", ("charged to project x",)),
        ("*** welcome ***\nSubmitted batch job 1001\n", "1001", ("*** welcome ***",)),
        ("Submitted batch job 1001 on cluster east\n", "1001;east", ()),
        ("1001\ncharged 16 hours to x17\n", "1001", ("charged 16 hours to x17",)),
        ("job 1001 is yours\n", "1001", ("job 1001 is yours",)),
        ("", "", ()),
        ("1001\n1002\n", "", ("1001", "1002")),
        ("took 2 of 7\n", "", ("took 2 of 7",)),
    ],
)
def test_understands_what_sites_make_of_the_answer(text: str, number: str, notes: tuple[str, ...]) -> None:
    assert submitted_job(text) == (number, notes)


def test_a_held_job_is_found_by_its_name_when_the_answer_does_not_say_it() -> None:
    told = ["", "1001\n"]

    class Listing(Answers):
        def __call__(self, command: Sequence[str], given: str) -> subprocess.CompletedProcess[str]:
            if command[0] == "squeue":
                return subprocess.CompletedProcess(list(command), 0, told.pop(0), "")
            return super().__call__(command, given)

    ticket = Slurm(call=Listing(sbatch=(0, "took 2 of 7\n", ""))).submit(job(0))
    assert ticket.jobs == ("1001",)
    assert ticket.notes == ("took 2 of 7",)


def test_an_answer_nobody_understands_says_where_to_look() -> None:
    queue, _ = answer("took 2 of 7\n")
    with pytest.raises(CannotRunHere) as caught:
        queue.submit(job(0))
    assert str(caught.value) == (
        "SLURM: sbatch answered 'took 2 of 7' and no job number; "
        "'squeue --me --name=rephase-x' shows whether it took the job; end it with scancel"
    )


def test_a_submission_nobody_saw_the_end_of_is_cancelled() -> None:
    told, cancelled = ["", "1001\n"], []

    def call(command: Sequence[str], given: str) -> subprocess.CompletedProcess[str]:
        if command[0] == "sbatch":
            raise subprocess.TimeoutExpired(command, 120)
        if command[0] == "scancel":
            cancelled.append(command[-1])
        return subprocess.CompletedProcess(list(command), 0, told.pop(0) if command[0] == "squeue" else "", "")

    with pytest.raises(CannotRunHere, match="did not answer within 120 s"):
        Slurm(call=call).submit(job(0))
    assert cancelled == ["1001"]


def test_says_why_the_queue_refuses() -> None:
    refusal = (1, "", "sbatch: error: invalid partition specified: x\nallocation failure: Invalid partition name\n")
    queue = Slurm(call=Answers(sbatch=refusal, squeue=(0, "", "")))
    assert queue.refusal(job(0)) == "invalid partition specified: x; Invalid partition name"
    assert Slurm(call=Answers(sbatch=(0, "", "sbatch: Job 5 to start at noon"))).refusal(job(0)) == ""
    with pytest.raises(CannotRunHere) as caught:
        queue.submit(job(0))
    assert str(caught.value) == (
        "SLURM: sbatch ended with exit code 1: invalid partition specified: x; Invalid partition name; "
        "change what was asked for, or ask the cluster's staff"
    )


def test_asks_the_accounting_for_what_the_queue_no_longer_lists() -> None:
    answers = Answers(squeue=(0, SQUEUE, ""), sacct=(0, SACCT, ""))
    states = Slurm(call=answers).states(["4011713_0", "4011713_2", "99_1"])
    assert {name: state.state for name, state in states.items()} == {
        "4011713_0": "RUNNING",
        "4011713_2": "TIMEOUT",
        "99_1": "UNKNOWN",
    }
    assert answers.asked[1][0][-2:] == ["-j", "99,4011713"]


def test_a_job_nobody_speaks_of_is_unknown_and_not_gone() -> None:
    queue = Slurm(call=Answers(squeue=(1, "", "slurm_load_jobs error: Invalid job id specified"), sacct=(0, "", "")))
    assert queue.states(["99_1"])["99_1"] == JobState(
        "99_1",
        "UNKNOWN",
        Stage.UNKNOWN,
        "neither squeue nor sacct speaks of it: it may be another user's, or too old",
    )


def test_accounting_that_refuses_makes_nothing_failed() -> None:
    answers = Answers(squeue=(0, SQUEUE, ""), sacct=(1, "", "sacct: error: Slurm accounting storage is disabled"))
    states = Slurm(call=answers).states(["4011713_0", "99"])
    assert states["4011713_0"].stage is Stage.RUNNING
    assert states["99"].stage is Stage.UNKNOWN
    assert states["99"].reason == "squeue does not list it, and sacct: Slurm accounting storage is disabled"


def test_a_queue_that_cannot_be_asked_is_an_error_and_not_an_empty_queue() -> None:
    with pytest.raises(CannotRunHere, match="Unable to contact slurm controller"):
        Slurm(call=Answers(squeue=(1, "", "squeue: error: Unable to contact slurm controller"))).states(["1"])
    with pytest.raises(CannotRunHere) as caught:
        Slurm(call=Answers()).version()
    assert str(caught.value) == "SLURM: sbatch is not here; run this on a login node of the cluster"


def test_asks_nothing_about_nothing() -> None:
    answers = Answers()
    assert Slurm(call=answers).states([]) == {}
    assert answers.asked == []


def test_refuses_to_depend_on_what_is_no_job_number() -> None:
    with pytest.raises(ValueError, match="is no job number"):
        answer("1")[0].submit(job(), after=["1 --wrap=id"])


def test_variables_of_the_user_cannot_change_what_is_submitted(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, str] = {}

    def run(command, **options):
        seen.update(options["env"])
        return subprocess.CompletedProcess(command, 0, "7\n", "")

    monkeypatch.setenv("SBATCH_PARTITION", "elsewhere")
    monkeypatch.setenv("SLURM_CLUSTERS", "elsewhere")
    monkeypatch.setattr(subprocess, "run", run)
    assert Slurm().submit(job()).jobs == ("7",)
    assert not {"SBATCH_PARTITION", "SLURM_CLUSTERS"} & set(seen)

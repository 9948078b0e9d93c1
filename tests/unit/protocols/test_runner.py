"""What a job is made of is checked where it is made, so that nothing breaks out of a script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rephase.errors import UsageError
from rephase.protocols import Bind, Container, Job, JobRequest, JobTask, Ticket

DIGEST = "sha256:" + "ab" * 32


def job(**changes: Any) -> Job:
    values = {
        "name": "rephase-phase3",
        "title": "phase3",
        "tasks": (JobTask(0, "baseline/walker-stand/seed-42"),),
        "request": JobRequest(partition="p", gpu="", gpus=1, cpus=1, memory="4GB", time="1h", account=""),
        "container": Container("/images/rephase.sif", DIGEST),
        "arguments": ("run", "phase3"),
        "log_folder": Path("/logs"),
    }
    return Job(**values | changes)


def test_a_tasks_words_name_its_index_and_its_run() -> None:
    made = job()
    assert made.words(made.tasks[0]) == (
        "run", "phase3", "--index", "0", "--expect-run", "baseline/walker-stand/seed-42",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": "two words"}, "cannot stand in a job"),
        ({"name": "-rephase"}, "cannot stand in a job"),
        ({"title": "two\nlines"}, "is not one line of plain text"),
        ({"arguments": ("run", "a\nrm -r /")}, "an argument holds a control character"),
        ({"throttle": 0}, "is not a number of tasks from 1 to 10000"),
    ],
)
def test_what_cannot_stand_in_a_job_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        job(**change)


@pytest.mark.parametrize("path", ["relative", "/a:b", "/a,b", "/a\nb"])
def test_a_bind_is_a_plain_absolute_path(path: str) -> None:
    with pytest.raises(UsageError, match="cannot be the path of a bind"):
        Bind(Path(path))


@pytest.mark.parametrize("image", ["/a,b.sif", " name", ""])
def test_an_image_is_a_path_or_a_name(image: str) -> None:
    Container("registry/name@sha256:00", DIGEST)
    with pytest.raises(UsageError, match="cannot be an image"):
        Container(image, DIGEST)


def test_an_image_has_a_digest() -> None:
    with pytest.raises(UsageError, match="'latest' is no digest"):
        Container("/images/rephase.sif", "latest")


def test_a_run_has_a_plain_label_and_a_ticket_cannot_be_changed() -> None:
    with pytest.raises(UsageError, match="use plain names for runs"):
        JobTask(0, "a;b")
    with pytest.raises(TypeError):
        Ticket(jobs=("1",), tasks={0: "1_0"}).tasks[1] = "1_1"  # type: ignore[index]

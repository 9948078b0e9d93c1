from __future__ import annotations

import pytest

from rephase.errors import UsageError
from rephase.protocols.resources import JobRequest, overridden

LOGGED = JobRequest(partition="ice-gpu", gpu="H100", gpus=1, cpus=16, memory="450GB", time="16h", account="coc")


@pytest.mark.parametrize(
    ("time", "clock"),
    [
        ("16h", "16:00:00"),
        ("90m", "01:30:00"),
        ("60s", "00:01:00"),
        ("2d", "2-00:00:00"),
        ("30:00:00", "1-06:00:00"),
        ("1-02:03:04", "1-02:03:04"),
    ],
)
def test_writes_times_as_the_queue_reads_them(time: str, clock: str) -> None:
    assert overridden(LOGGED, time=time).clock == clock


@pytest.mark.parametrize("time", ["", "16", "16 h", "0h", "1s", "31d", "1:99:00", "sixteen hours"])
def test_refuses_other_times(time: str) -> None:
    with pytest.raises(UsageError) as caught:
        overridden(LOGGED, time=time)
    assert str(caught.value) == (
        f"resources.time: {time!r} is not a time such as 16h, 90m, 16:00:00 or 1-00:00:00; "
        "write a time of at least one minute and at most 30 days"
    )


def test_overrides_what_is_given_and_keeps_the_rest() -> None:
    assert overridden(LOGGED, partition="coc-gpu", gpu="L40S", cpus=None) == JobRequest(
        partition="coc-gpu", gpu="L40S", gpus=1, cpus=16, memory="450GB", time="16h", account="coc"
    )


def test_says_which_resource_is_wrong() -> None:
    with pytest.raises(UsageError) as caught:
        overridden(LOGGED, memory="450 GB")
    assert str(caught.value) == "resources.memory: '450 GB' is not memory such as 450GB; write it as shown"
    with pytest.raises(UsageError) as caught:
        overridden(LOGGED, cpus=0)
    assert str(caught.value) == ("resources.cpus: 0 is not a whole number from 1 to 1024; write a number in that range")
    with pytest.raises(UsageError) as caught:
        overridden(LOGGED, gpus=True)
    assert "resources.gpus: True is not a whole number" in str(caught.value)
    with pytest.raises(UsageError, match="no resource is called 'nodes'; known: account, cpus, gpu"):
        overridden(LOGGED, nodes=2)


def test_is_plain_in_a_submission_record() -> None:
    assert JobRequest(**LOGGED.as_plain()) == LOGGED


@pytest.mark.parametrize(("memory", "megabytes"), [("450GB", 450000), ("1T", 1000000), ("512M", 512)])
def test_knows_which_memory_is_more(memory: str, megabytes: int) -> None:
    assert overridden(LOGGED, memory=memory).megabytes == megabytes


def test_takes_lists_of_partitions_and_no_more() -> None:
    assert overridden(LOGGED, partition="ice-gpu,coc-gpu").partition == "ice-gpu,coc-gpu"
    for wrong in ("a,", ",a", "a, b", "a;b"):
        with pytest.raises(UsageError, match=r"a list such as ice-gpu,coc-gpu"):
            overridden(LOGGED, partition=wrong)

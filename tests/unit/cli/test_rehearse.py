"""A rehearsal in words: what all runs will need beside what their jobs ask for."""

from types import SimpleNamespace

import pytest

from rephase.cli.rehearse import _text
from rephase.protocols import JobRequest
from rephase.reproduction.rehearsing import Needs


def needs(**changes):
    asked = JobRequest(partition="p", gpu="H100", gpus=1, cpus=1, memory="4GB", time="1h", account="")
    values = {
        "config": "baseline",
        "runs": 9,
        "setup_seconds": 10.0,
        "epoch_seconds": 0.3,
        "episode_seconds": 2.0,
        "epochs": 10_000,
        "episodes": 20,
        "memory": 2_000_000_000,
        "gpu_memory": 0,
        "disk": 1_000_000,
        "disk_while_training": 5_000_000,
        "asked": asked,
    }
    return Needs(**values | changes)


def text(*rows, as_asked=True):
    done = SimpleNamespace(needs=rows, seconds=75.0, store=SimpleNamespace(folder="runs/rehearsals"))
    return _text(done, "cuda" if as_asked else "cpu", as_asked)


def test_one_run_is_set_up_trained_and_evaluated():
    row = text(needs()).splitlines()[1]
    assert "50m50s" in row  # 10 s + 10,000 x 0.3 s + 20 x 2 s
    assert "all 9 runs: 7h37m one after the other" in text(needs())


@pytest.mark.parametrize(
    ("change", "words"), [({"epoch_seconds": 0.4}, "TOO SHORT"), ({"memory": 5_000_000_000}, "TOO LITTLE")]
)
def test_what_does_not_fit_is_said(change, words):
    assert words in text(needs(**change))
    assert words not in text(needs())


def test_times_of_another_device_say_nothing_about_the_jobs():
    said = text(needs(), as_asked=False)
    assert said.splitlines()[-1] == "measured on cpu, while the jobs ask for H100: times say nothing about those"

"""Which runs a command means, how progress is shown, and what a finished command says."""

import re
from argparse import Namespace

import pytest
from fakes.stores import ROOT

from rephase.cli import run as module
from rephase.cli.run import _chosen, _data, _Meter, _text
from rephase.errors import InputMismatch, UsageError
from rephase.manifest import Run
from rephase.reproduction.phases import open_phase
from rephase.reproduction.running import RunSummary
from rephase.reproduction.training import Progress

RUN = Run("baseline", "walker-stand", 42)


@pytest.fixture(scope="module")
def phase():
    return open_phase("phase3", "logged", ROOT)


def asked(**given):
    nothing = {"index": None, "expect_run": "", "config": "", "task": "", "seed": None, "extend": False}
    return Namespace(**nothing | {"reference": False} | given)


def test_runs_are_chosen_by_name_or_by_the_index_of_the_log(phase):
    assert len(_chosen(asked(), phase)) == 18
    assert _chosen(asked(config="baseline", task="walker-stand", seed=42), phase) == (RUN,)
    (first,) = _chosen(asked(index=0, config="flowpolicy"), phase)
    assert (first.config, first.task) == ("flowpolicy", "reacher-easy")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"index": 0, "task": "walker-stand"}, "--index already says which task and seed"),
        ({"expect_run": "baseline/walker-stand/seed-42"}, "--expect-run says what an index is"),
    ],
)
def test_an_index_that_is_said_twice_or_not_at_all_is_refused(given, problem, phase):
    with pytest.raises(UsageError, match=re.escape(problem)):
        _chosen(asked(**given), phase)


def progress(epoch, **changes):
    values = {"config": "baseline", "epoch": epoch, "epochs": 100, "seconds_left": 3700.0, "returns": {RUN: 12.4}}
    return Progress(**values | changes)


def test_an_index_that_stands_for_another_run_starts_nothing(phase):
    submitted = "baseline/walker-stand/seed-42"
    with pytest.raises(InputMismatch, match=f"index 0 is now baseline/reacher-easy/seed-42, submitted was {submitted}"):
        _chosen(asked(index=0, config="baseline", expect_run=submitted), phase)


def test_progress_is_a_line_now_and_then_and_at_once_when_something_is_new(phase, monkeypatch):
    said, now = [], [100.0]
    monkeypatch.setattr(module, "tell", said.append)
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    meter = _Meter(phase)
    meter.show(progress(1))
    meter.show(progress(2))
    meter.show(progress(3, note="evaluating"))
    now[0] += 6
    meter.show(progress(4))
    assert said == [
        "baseline: epoch 1/100, 1h01m left, return walker-stand 12",
        "baseline: epoch 3/100, evaluating, return walker-stand 12",
        "baseline: epoch 4/100, 1h01m left, return walker-stand 12",
    ]


def test_failures_and_runs_of_others_are_named_before_the_count(phase):
    ran = RunSummary(
        completed=(RUN,), elsewhere=(Run("a", "b", 1),), failed={Run("a", "b", 2): "not finite"}, seconds=61
    )
    assert _text(ran).splitlines() == [
        "FAILED a/b/seed-2: not finite",
        "another process runs a/b/seed-1",
        "1 completed in 1m01s, 0 were complete before, 1 failed",
    ]
    assert _data(phase, ran)["failed"] == {"a/b/seed-2": "not finite"}

"""Options that commands share: numbers that mean something, and where projects and runs are."""

import argparse
from pathlib import Path

import pytest
from fakes.stores import ROOT

from rephase.cli.options import at_least, device, project_of, runs_of, seconds


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "1e3", "", "9" * 30])
def test_a_whole_number_has_a_lower_end(text):
    assert at_least(1)("3") == 3
    with pytest.raises(argparse.ArgumentTypeError, match="expected a whole number of at least 1"):
        at_least(1)(text)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "soon"])
def test_seconds_are_finite_and_not_negative(text):
    assert seconds("0.5") == 0.5
    with pytest.raises(argparse.ArgumentTypeError, match="expected a number of seconds"):
        seconds(text)


@pytest.mark.parametrize(("text", "good"), [("cpu", True), ("cuda:1", True), ("gpu", False), ("cuda:", False)])
def test_a_device_is_cpu_or_cuda(text, good):
    if good:
        assert device(text) == text
    else:
        with pytest.raises(argparse.ArgumentTypeError, match="expected cpu, cuda or a device"):
            device(text)


def arguments(**given):
    return argparse.Namespace(**{"project": None, "runs": None} | given)


def test_runs_are_kept_where_they_were_asked_for_before_the_environment_before_the_project(monkeypatch):
    monkeypatch.delenv("REPHASE_RUNS", raising=False)
    assert runs_of(arguments(project=ROOT)) == ROOT / "runs"
    monkeypatch.setenv("REPHASE_RUNS", "elsewhere")
    assert runs_of(arguments(project=ROOT)) == Path("elsewhere")
    assert runs_of(arguments(project=ROOT, runs=Path("here"))) == Path("here")


def test_an_image_has_a_project_of_its_own_that_is_not_written_to(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPHASE_RUNS", raising=False)
    monkeypatch.setenv("REPHASE_PROJECT", "/opt/rephase")
    assert project_of(arguments()) == Path("/opt/rephase")
    assert runs_of(arguments()) == Path("runs")

"""An error nobody foresaw ends a run as FAILED with its reason, and another attempt goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.cli.main import main
from rephase.reproduction.training import CohortTraining


def test_a_run_does_not_stay_running_after_a_mistake_in_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path, tasks=("reacher-easy",), seeds=(1,))
    words = ["run", "phase3", "--project", str(project), "--jobs", "1", "--config", "baseline"]

    def mistaken(self: CohortTraining) -> None:
        raise AttributeError("no such thing")

    with monkeypatch.context() as patch:
        patch.setattr(CohortTraining, "train", mistaken)
        assert main(words) == 70
    [state] = project.glob("runs/*/baseline/reacher-easy/seed-1/state.json")
    told = json.loads(state.read_text())
    assert told["state"] == "FAILED"
    assert told["reason"].startswith("AttributeError: no such thing at ")
    assert main(words) == 0
    assert json.loads(state.read_text())["state"] == "COMPLETED"

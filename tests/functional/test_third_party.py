"""A stranger's way, word for word as the tutorial shows it: from nothing to a verdict in five commands."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.projects import make_project

from rephase.cli.main import main

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "add-an-integrator.md"


def commands() -> list[list[str]]:
    text = TUTORIAL.read_text(encoding="utf-8")
    block = re.search(r"<!-- commands: .*? -->\n```console\n(.*?)```", text, re.DOTALL)
    assert block
    return [shlex.split(line.removeprefix("$ ")) for line in block[1].splitlines()]


@pytest.mark.slow
def test_the_tutorial_leads_to_a_verdict_in_at_most_five_commands(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", tasks=("reacher-easy",), seeds=(1, 2, 3))
    assert main(["run", "phase3", "--project", str(project), "--jobs", "1"]) == 0
    assert main(["record", "phase3", "--project", str(project)]) == 0
    site = tmp_path / "site"
    path = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    found = commands()
    assert len(found) <= 5
    said = ""
    for words in found:
        if words[0] == "pip":
            # Into a folder of its own, so that the test leaves the environment as it was.
            words = ["pip", "install", "--quiet", "--no-deps", "--target", str(site), words[-1]]
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=project, env=environment, capture_output=True, text=True, check=False
        )
        verdict = words[1] == "check"
        assert done.returncode in ((0, 1, 4) if verdict else (0,)), (words, done.stdout, done.stderr)
        said = done.stdout
    assert "judged against what was recorded for phase3, in the cells the two share" in " ".join(said.split())
    assert re.search(r"\b(PASS|FAIL|INCONCLUSIVE)\b", said)
    records = list(project.glob("runs/phase3-ralston-*/flowpolicy/reacher-easy/*/record.json"))
    assert len(records) == 3
    assert '"rephase-ralston":"0.1.0"' in records[0].read_text()


def test_a_derived_phase_differs_in_what_was_named_and_in_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_project(tmp_path)
    words = ["derive", "phase3", "mine", "--project", str(project), "--config", "flowpolicy"]
    assert main([*words, "--set", "policy.integrator.part=rk4", "--set", "policy.settings.substeps=1"]) == 0
    source = (project / "reproductions/phase3/embedded.toml").read_text().splitlines()
    derived = (project / "reproductions/mine/embedded.toml").read_text().splitlines()
    added = [line for line in derived if line.strip() and line not in source]
    gone = [line for line in source if line.strip() and line not in derived]
    what = 'phase3 with policy.integrator.part = \\"rk4\\", policy.settings.substeps = 1'
    tail = what.replace(" with", " as it stands, but with")
    assert added == [
        "# Written by: rephase derive phase3 mine --config flowpolicy --set policy.integrator.part=rk4 "
        "--set policy.settings.substeps=1",
        'phase = "mine"',
        f'title = "{what}"',
        f'not_this = "not {tail}; not the 48M world model but a tiny random one"',
        'recorded = "../phase3/embedded.recorded.json"',
        f'question = "What becomes of {what}?"',
        "[configs.flowpolicy.overrides]",
        '"policy.settings.substeps" = 1',
        '"policy.integrator.part" = "rk4"',
    ]
    assert gone == [
        'phase = "phase3"',
        'title = "a miniature"',
        'not_this = "not the 48M world model but a tiny random one"',
        'recorded = "embedded.recorded.json"',
        "[configs.baseline]",
        'file = "../configs/baseline.toml"',
    ]
    assert main([*words, "--set", "policy.integrator.part=euler"]) == 2
    assert "embedded.toml: is there already; choose another name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--config", "flow", "--set", "a=1"],
            "unknown config 'flow'; known: baseline, flowpolicy (rephase show phase3 shows all)",
        ),
        (["--config", "flowpolicy", "--set", "policy"], "--set: 'policy' is no change; write a.dotted.path=value"),
        (["--config", "flowpolicy", "--set", "policy.integratr.part=rk4"], "integratr"),
    ],
)
def test_a_derivation_that_cannot_be_meant_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    project = make_project(tmp_path)
    assert main(["derive", "phase3", "mine", "--project", str(project), *words]) == 2
    assert message in capsys.readouterr().err
    assert not (project / "reproductions/mine").exists()

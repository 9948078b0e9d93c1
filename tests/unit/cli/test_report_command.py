import json
from pathlib import Path

import pytest

from rephase.cli.main import main

ROOT = Path(__file__).parents[3]


@pytest.fixture
def words(tmp_path):
    return ["report", "phase3", "--scale", "logged", "--project", str(ROOT), "--runs", str(tmp_path / "runs")]


def test_markdown_needs_no_records_and_no_matplotlib(words, tmp_path, capsys):
    assert main([*words, "--format", "markdown", "--out", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "phase3 at the logged scale has not been run."
    assert lines[-1] == str(tmp_path / "out" / "report.md")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.md"]
    assert (
        "## There is no answer yet: no run is complete.\n\nphase3 at the logged scale has not been run."
        in (tmp_path / "out" / "report.md").read_text()
    )


def test_both_files_lie_with_the_runs_unless_told_otherwise(words, tmp_path, capsys):
    assert main([*words, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert sorted(data["files"]) == ["html", "markdown"]
    assert all(Path(file).is_file() and tmp_path in Path(file).parents for file in data["files"].values())
    assert data["headline"] == "phase3 at the logged scale has not been run."
    assert data["verdict"]["decision"] == "NOTHING TO JUDGE YET"


def test_an_unknown_phase_is_one_message(capsys):
    assert main(["report", "phase33", "--project", str(ROOT)]) == 2
    assert "unknown phase 'phase33'; did you mean 'phase3'" in capsys.readouterr().err

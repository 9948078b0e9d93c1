import json
from pathlib import Path

import pytest

from rephase.cli.main import main

ROOT = Path(__file__).parents[3]
RECORDED = str(ROOT / "reproductions" / "phase3" / "logged.recorded.json")
LOG = """\
## Phase 3

| Config | Task | Seed | Reward | Plan Reward |
|---|---|---|---|---|
| baseline | walker-stand | 42 | 972.32 | 943.97 |
| baseline | walker-stand | 123 | 923.48 | 933.11 |

| Task | Baseline |
|---|---|
| walker-stand | 947.90 Â± 34.5 |
"""


def test_text_and_json_say_the_same(capsys):
    assert main(["audit", RECORDED, "--all"]) == 0
    text = capsys.readouterr().out
    assert main(["audit", RECORDED, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["files"] == [RECORDED]
    for finding in data["findings"]:
        assert f"{finding['standing']}  {finding['check']}: {finding['where']}\n" in text
        assert f"  recomputed: {finding['recomputed']}\n" in text
        assert f"  recorded:   {finding['logged']}\n" in text
        assert f"  why:        {finding['why']}" in text
    count = len(data["findings"])
    needed = data["needs_attention"]
    agree = data["agree"]
    assert text.endswith(f"{count} statements recomputed: {needed} need attention, {agree} agree or are notes\n")


def test_without_files_the_projects_logged_outcomes_are_audited(capsys):
    assert main(["audit", "--project", str(ROOT), "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert [Path(file).parent.name for file in files][:1] == ["phase3"]
    assert all(file.endswith("logged.recorded.json") for file in files)


def test_a_log_is_audited_too(tmp_path, capsys):
    path = tmp_path / "log.md"
    path.write_text(LOG, encoding="utf-8")
    assert main(["audit", str(path), "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    (spread,) = [finding for finding in findings if finding["check"] == "spread"]
    assert (spread["logged"], spread["standing"]) == ("± 34.5", "AGREES")


def test_strict_ends_with_1_when_something_needs_attention(capsys):
    assert main(["audit", RECORDED, "--strict"]) == 1
    assert "UNSUPPORTED  claim: phase3, walker-stand" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "message"),
    [("gone.json", "cannot be read (No such file or directory); check the path"), ("gone.md", "cannot be read")],
)
def test_a_file_that_is_not_there_is_one_message_and_exit_2(tmp_path, capsys, name, message):
    assert main(["audit", str(tmp_path / name)]) == 2
    assert message in capsys.readouterr().err

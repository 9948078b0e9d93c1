"""What `rephase log` writes is what `rephase audit` reads."""

import json
from pathlib import Path

import pytest

from rephase.cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("phase", "scale"), [("phase3", "logged"), ("phase3", "embedded"), ("phase5", "embedded")])
def test_a_log_that_was_written_is_read_back_whole(phase, scale, tmp_path, capsys):
    words = [phase, "--scale", scale, "--project", str(ROOT)]
    assert main(["log", *words, "--recorded"]) == 0
    (tmp_path / "log.md").write_text(capsys.readouterr().out, encoding="utf-8")
    assert main(["log", *words, "--recorded", "--json"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert main(["audit", str(tmp_path / "log.md"), "--all", "--json"]) == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    checks = [finding["check"] for finding in findings]
    assert "reading" not in checks
    assert checks.count("mean") == sum(cell != "-" for row in written["summary"] for cell in list(row.values())[1:-1])
    assert all(finding["standing"] != "DIFFERS" for finding in findings if finding["check"] != "percentage")
    [runs] = [finding for finding in findings if finding["check"] == "runs"]
    assert runs["logged"] == f"{len(written['outcomes'])} runs"
    assert runs["where"].startswith(f"{phase}, ")

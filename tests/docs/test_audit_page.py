"""The audit page's table is what the audit finds; written out again by hand it would drift."""

from pathlib import Path

from rephase.judging.auditing import Standing, audit
from rephase.manifest.outcomes import read_outcomes

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "audit.md").read_text(encoding="utf-8")


def test_the_page_shows_every_finding_that_needs_attention():
    files = sorted((ROOT / "reproductions").glob("*/logged.recorded.json"))
    findings = [finding for finding in audit(*map(read_outcomes, files)) if finding.needs_attention]
    rows = [f"| {f.standing} | {f.check} | {f.where} | {f.logged} | {f.recomputed} |" for f in findings]
    assert PAGE.split("|---|---|---|---|---|\n")[1].splitlines() == rows


def test_the_page_explains_every_standing():
    for standing in Standing:
        assert f"| {standing} | " in PAGE

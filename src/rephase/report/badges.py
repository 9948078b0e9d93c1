"""The conditions of ACM's artifact badges (version 1.1): which of them a phase's bundle meets and which it misses.

Only what files can show is called met. Whether somebody else than the authors ran it cannot be seen in a folder, so
those conditions stay missed until a statement says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from rephase.judging import Decision
from rephase.manifest import Phase
from rephase.manifest.pins import pin_of
from rephase.reproduction.storing import Store

__all__ = ["Condition", "badge_conditions", "badges_met"]

_AVAILABLE = "Artifacts Available"
_FUNCTIONAL = "Artifacts Evaluated: Functional"
_REUSABLE = "Artifacts Evaluated: Reusable"
_REPRODUCED = "Results Reproduced"
_REPLICATED = "Results Replicated"
_IDENTIFIER = re.compile(r"10\.\d{4,9}/\S+")
_STATEMENT = "REPRODUCED-BY.md"


@frozen(kw_only=True)
class Condition:
    """One condition of a badge.

    Args:
        badge: The badge it belongs to.
        name: What must hold.
        is_met: Whether it was seen to hold.
        evidence: What was seen.
        remedy: What would meet it; empty where it is met.
    """

    badge: str
    name: str
    is_met: bool
    evidence: str
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the condition as JSON values."""
        return {
            "badge": self.badge,
            "condition": self.name,
            "met": self.is_met,
            "evidence": self.evidence,
            "remedy": self.remedy,
        }


def badge_conditions(project: Path, store: Store) -> tuple[Condition, ...]:
    """Look at a project and one of its phases.

    Args:
        project: Folder of the project.
        store: The phase's runs.

    Returns:
        Every condition, badge by badge.
    """
    phase = store.phase
    return (
        *_available(project),
        *_functional(project, phase, store),
        *_reusable(project),
        *_results(project, store),
    )


def badges_met(conditions: tuple[Condition, ...]) -> Mapping[str, bool]:
    """Return for each badge whether all of its conditions are met; Reusable needs Functional, too."""
    badges = {
        badge: all(one.is_met for one in conditions if one.badge == badge)
        for badge in dict.fromkeys(one.badge for one in conditions)
    }
    badges[_REUSABLE] = badges[_REUSABLE] and badges[_FUNCTIONAL]
    return badges


def _condition(badge: str, name: str, seen: str, unseen: str, remedy: str) -> Condition:
    """A condition that is met exactly when something was seen."""
    if seen:
        return Condition(badge=badge, name=name, is_met=True, evidence=seen)
    return Condition(badge=badge, name=name, is_met=False, evidence=unseen, remedy=remedy)


def _file(project: Path, *names: str) -> str:
    """The first of these files that is there and says something."""
    return next((name for name in names if (project / name).is_file() and (project / name).stat().st_size > 40), "")


def _available(project: Path) -> list[Condition]:
    citation = project / "CITATION.cff"
    text = citation.read_text(encoding="utf-8", errors="replace") if citation.is_file() else ""
    found = _IDENTIFIER.search(text)
    return [
        _condition(
            _AVAILABLE,
            "a permanent identifier in a public archive",
            f"CITATION.cff names {found[0]}" if found else "",
            "CITATION.cff names no DOI" if text else "there is no CITATION.cff",
            "archive a release and write its DOI into CITATION.cff",
        ),
        _condition(_AVAILABLE, "a licence", _file(project, "LICENSE"), "there is no LICENSE", "add one"),
    ]


def _functional(project: Path, phase: Phase, store: Store) -> list[Condition]:
    here = f"reproductions/{phase.manifest.phase}/README.md"
    lock = store.lock()
    pinned = {name for name in phase.manifest.inputs if pin_of(phase, name) is not None}
    pinned |= set(lock.inputs) if lock else set()
    loose = sorted(set(phase.manifest.inputs) - pinned)
    absent = [name for name in phase.manifest.inputs if not phase.path_of(name).exists()]
    recorded = phase.record_file
    return [
        _condition(
            _FUNCTIONAL,
            "documented: an inventory and how to run it",
            _file(project, here, "README.md"),
            "there is no README.md that says something",
            f"write {here}",
        ),
        _condition(
            _FUNCTIONAL,
            "consistent: every input pinned by digest",
            "" if loose else f"{len(pinned)} inputs pinned",
            f"no digest for {', '.join(loose)}",
            "'rephase fetch' pins what is fetched, 'rephase import-dataset --phase' what is made",
        ),
        _condition(
            _FUNCTIONAL,
            "complete: every input is there",
            "" if absent else f"{len(phase.manifest.inputs)} inputs",
            f"missing: {', '.join(absent)}",
            "'rephase fetch' gets what can be fetched",
        ),
        _condition(
            _FUNCTIONAL,
            "complete: the outcomes to compare with",
            phase.manifest.recorded if phase.manifest.recorded and recorded.is_file() else "",
            "no recorded outcomes",
            "'rephase record' writes them from completed runs",
        ),
        _exercised(phase, store),
    ]


def _exercised(phase: Phase, store: Store) -> Condition:
    total = len(phase.runs())
    done = sum(store.is_completed(run) for run in phase.runs())
    return _condition(
        _FUNCTIONAL,
        "exercisable: it was run here",
        f"{done} of {total} runs complete" if done == total else "",
        f"{done} of {total} runs complete",
        f"'rephase run {phase.manifest.phase} --scale {phase.manifest.scale}'",
    )


def _reusable(project: Path) -> list[Condition]:
    guides = sorted(path.name for path in (project / "docs").rglob("*.md")) if (project / "docs").is_dir() else []
    template = project / "plugins" / "_template" / "pyproject.toml"
    tests = sum(1 for _ in (project / "tests").rglob("test_*.py")) if (project / "tests").is_dir() else 0
    return [
        _condition(
            _REUSABLE,
            "documented beyond running it",
            f"{len(guides)} pages in docs" if len(guides) >= 3 else "",
            f"{len(guides)} pages in docs",
            "explain and reference what can be reused",
        ),
        _condition(
            _REUSABLE,
            "made to be extended",
            "plugins/_template" if template.is_file() else "",
            "there is no template for plugins",
            "add plugins/_template",
        ),
        _condition(_REUSABLE, "tested", f"{tests} test files" if tests else "", "there are no tests", "write them"),
        _condition(
            _REUSABLE,
            "changes are listed",
            _file(project, "CHANGELOG.md"),
            "there is no CHANGELOG.md",
            "keep one",
        ),
        _condition(
            _REUSABLE,
            "versions are pinned",
            _file(project, "constraints.txt"),
            "there is no constraints.txt",
            "write the versions that were used into one",
        ),
    ]


def _results(project: Path, store: Store) -> list[Condition]:
    from rephase.report.content import gather

    report = gather(store)
    came_back = report.verdict.decision in (Decision.PASS, Decision.EXACT)
    statement = _file(project, _STATEMENT)
    return [
        _condition(
            _REPRODUCED,
            "the outcomes come back",
            f"{report.verdict.decision}: {report.verdict.reason}" if came_back else "",
            f"{report.verdict.decision}: {report.verdict.reason}",
            "'rephase check' says what is open",
        ),
        _condition(
            _REPRODUCED,
            "by somebody other than the authors, with the authors' artifacts",
            statement,
            "no folder can show who ran it",
            f"who did says so in {_STATEMENT}",
        ),
        Condition(
            badge=_REPLICATED,
            name="by somebody else, without the authors' artifacts",
            is_met=False,
            evidence="a rerun of these artifacts is a reproduction, never a replication",
            remedy="an independent implementation would have to reach the same outcomes",
        ),
    ]

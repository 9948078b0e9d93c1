"""Names in a log: the phase a table is of, and the method that is meant."""

from pathlib import Path

import pytest

from rephase.judging.auditing import parse_log, read_log

ROOT = Path(__file__).parents[4]
LOG = ROOT / "tests" / "data" / "logs" / "mt30.log"


@pytest.fixture(scope="module")
def log():
    return read_log(LOG)


TABLE = "| Config | Task | Seed | Reward |\n|---|---|---|---|\n"


@pytest.mark.parametrize(
    ("first", "second", "names"),
    [
        ("## Phase 1", "## Phase 1.5", ["phase1", "phase1.5"]),
        ("## Phase 6\n### 6-A", "### 6-B: again", ["phase6a", "phase6b"]),
        ("## Phase 6\n### 6.1 one", "### 6.2 two", ["phase6.1", "phase6.2"]),
        ("## Phase 6a", "## Phase 6b", ["phase6a", "phase6b"]),
        ("## Phase 3 - a comparison", "### Results of b", ["phase3"]),
        ("## Phase 3", "### Compared with Phase 2", ["phase3"]),
        ("## Experiment 2", "## Experiment 3: again", ["experiment2", "experiment3"]),
    ],
)
def test_parts_of_a_phase_are_apart(first, second, names):
    log = parse_log(f"{first}\n\n{TABLE}| a | t | 1 | 890 |\n\n{second}\n\n{TABLE}| b | t | 1 | 5 |\n")
    assert [one.phase for one in log.phases] == names


def test_methods_of_other_scripts_keep_their_names():
    runs = TABLE + "| 基线 | t | 1 | 890 |\n| поток | t | 1 | 780 |\n"
    summary = "| Task | 基线 | поток | Winner |\n|---|---|---|---|\n| t | 890 | 780 | 基线 (+14%) |\n"
    (phase,) = parse_log(f"## Phase 3\n\n{runs}\n{summary}").phases
    assert [(row.config, row.winner) for row in phase.summary] == [("基线", "基线"), ("поток", "基线")]

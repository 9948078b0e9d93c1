"""Jobs that a log names, held against the grid of its runs."""

from pathlib import Path

import pytest

from rephase.judging.auditing import Standing, audit, parse_log, read_log

ROOT = Path(__file__).parents[4]
LOG = ROOT / "tests" / "data" / "logs" / "mt30.log"


@pytest.fixture(scope="module")
def log():
    return read_log(LOG)


def found(log, check):
    return [(f.where, f.standing, f.recomputed) for f in log.findings if f.check == check]


def test_jobs_are_held_against_the_grid(log):
    assert found(log, "array") == [
        ("phase4, job 4012433", Standing.AGREES, "1 configuration x 3 tasks x 3 seeds = 9 runs"),
        ("phase5, job 4012434", Standing.AGREES, "3 configurations x 2 tasks x 3 seeds = 18 runs"),
    ]
    assert [(where, standing) for where, standing, _ in found(log, "index")] == [
        ("phase4, job 4012433", Standing.AGREES)
    ]
    assert len(found(log, "state")) == 10
    [missing] = [f for f in audit(log.phases[1]) if f.check == "runs"]
    assert (missing.standing, missing.recomputed[:14]) == (Standing.MISSING, "18 in the grid")


def test_a_planted_fault_in_the_jobs_is_found():
    text = LOG.read_bytes().decode("utf-8", errors="replace")
    text = text.replace("| 0-17 |", "| 0-16 |").replace(
        "| 4012433_3 | walker-stand | 42 |", "| 4012433_4 | walker-stand | 42 |"
    )
    text = text.replace("| 4012434 | 0-16 | RUNNING |", "| 4012434 | 0-16 | QUEUED |").replace("4012433_8", "job eight")
    log = parse_log(text, "log.md")
    standings = {(f.check, f.standing) for f in log.findings}
    assert {
        ("array", Standing.INCONSISTENT),
        ("index", Standing.INCONSISTENT),
        ("state", Standing.INCONSISTENT),
        ("reading", Standing.UNREAD),
    } <= standings


@pytest.mark.parametrize("order", [("config", "task", "seed"), ("seed", "task", "config"), ("task", "config", "seed")])
def test_one_array_over_three_axes_is_recognised_in_any_order(order):
    axes = {"config": ["a", "b"], "task": ["t", "u"], "seed": ["1", "2", "3"]}
    rows = []
    for config in axes["config"]:
        for task in axes["task"]:
            for seed in axes["seed"]:
                run = {"config": config, "task": task, "seed": seed}
                index = 0
                for axis in order:
                    index = index * len(axes[axis]) + axes[axis].index(run[axis])
                rows.append(f"| {config} | {task} | {seed} | {100 + 7 * len(rows)} | 700_{index} |\n")
    heading = "## Phase 7\n\n| Config | Task | Seed | Reward | Job |\n|---|---|---|---|---|\n"
    (phase,) = parse_log(heading + "".join(rows)).phases
    [finding] = [f for f in audit(phase) if f.check == "index"]
    assert (finding.standing, finding.recomputed) == (
        Standing.AGREES,
        f"12 of 12 agree with the order {' x '.join(order)}",
    )
    swapped = heading + "".join(rows).replace("700_3 |", "700_4x|").replace("700_4 |", "700_3 |").replace(
        "_4x|", "_4 |"
    )
    (phase,) = parse_log(swapped).phases
    assert sum(f.standing is Standing.INCONSISTENT for f in audit(phase) if f.check == "index") == 3

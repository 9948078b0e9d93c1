"""A whole log: every table of it is read or named, and what the log alone can show is found."""

from pathlib import Path

import pytest

from rephase.judging.auditing import Standing, audit, parse_log, read_log
from rephase.manifest.outcomes import read_outcomes

ROOT = Path(__file__).parents[4]
LOG = ROOT / "tests" / "data" / "logs" / "mt30.log"


@pytest.fixture(scope="module")
def log():
    return read_log(LOG)


def found(log, check):
    return [(f.where, f.standing, f.recomputed) for f in log.findings if f.check == check]


def test_all_outcomes_of_phases_3_and_5_are_read(log):
    recorded = read_outcomes(ROOT / "reproductions" / "phase3" / "logged.recorded.json")
    phase3, phase5 = log.phases
    assert [one.phase for one in log.phases] == ["phase3", "phase5"]
    assert [(o.task, o.seed, o.reward, o.plan_reward, o.job) for o in phase3.outcomes] == [
        (o.task, o.seed, o.reward, o.plan_reward, o.job) for o in recorded.judged
    ]
    assert [(s.mean, s.spread, s.percentage) for s in phase3.summary] == [
        (s.mean, s.spread, s.percentage) for s in recorded.summary
    ]
    assert [(o.run, o.reward, o.plan_reward) for o in phase5.outcomes] == [
        (("euler-fast", "walker-stand", 42), 142.30, 128.08),
        (("euler-fast", "walker-stand", 123), 153.06, 151.15),
    ]


def test_the_log_shows_what_its_record_shows(log):
    def needed(*recorded):
        return [(f.check, f.standing) for f in audit(*recorded) if f.needs_attention and f.check != "hardware"]

    recorded = read_outcomes(ROOT / "reproductions" / "phase3" / "logged.recorded.json")
    assert needed(log.phases[0]) == needed(recorded)


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


def test_other_tables_and_bytes_are_named(log):
    assert [(where, standing) for where, standing, _ in found(log, "reading")] == [
        ("mt30.log, lines 7 and 9-11", Standing.NOTE),
        ("mt30.log, lines 49 and 51", Standing.NOTE),
        ("mt30.log, lines 73 and 75-77", Standing.NOTE),
        ("mt30.log, lines 90-91", Standing.NOTE),
        ("mt30.log, lines 95 and 97-98", Standing.NOTE),
    ]
    assert [standing for _, standing, _ in found(log, "inputs")] == [Standing.MISSING]
    assert [where for where, _, _ in found(log, "hardware")] == ["phase3, log", "phase5, log"]


TABLE = "| Config | Task | Seed | Reward |\n|---|---|---|---|\n"


def test_a_table_without_a_method_beside_a_good_one_is_named_and_not_read():
    bare = "| Task | Seed | Reward |\n|---|---|---|\n| t | 1 | 99 |\n"
    log = parse_log(f"## Phase 3\n\n{TABLE}| a | t | 1 | 890 |\n\n## Phase 5\n\n{bare}", "log.md")
    assert [one.phase for one in log.phases] == ["phase3"]
    assert [f.where for f in log.findings if f.standing is Standing.UNREAD] == ["log.md, line 11"]


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


def test_ranges_are_no_spread_and_are_named():
    runs = TABLE + "| a | t | 1 | 890 |\n| a | t | 2 | 914 |\n| b | t | 1 | 780 |\n| b | t | 2 | 781 |\n"
    log = parse_log(
        f"## Phase 3\n\n| Task | a | b |\n|---|---|---|\n| t | 890 - 914 | 780 of 1000 |\n\n{runs}", "log.md"
    )
    assert not log.phases[0].summary
    assert [f.where for f in log.findings if f.standing is Standing.UNREAD] == ["log.md, line 5"] * 2


def test_methods_of_other_scripts_keep_their_names():
    runs = TABLE + "| 基线 | t | 1 | 890 |\n| поток | t | 1 | 780 |\n"
    summary = "| Task | 基线 | поток | Winner |\n|---|---|---|---|\n| t | 890 | 780 | 基线 (+14%) |\n"
    (phase,) = parse_log(f"## Phase 3\n\n{runs}\n{summary}").phases
    assert [(row.config, row.winner) for row in phase.summary] == [("基线", "基线"), ("поток", "基线")]


def test_a_winner_that_its_figures_contradict_is_contradicted():
    rows = "".join(f"| {m} | t | {s} | {v + s} |\n" for m, v in (("a", 200), ("b", 240)) for s in (0, 1, 2))
    summary = "| Task | a | b | Winner |\n|---|---|---|---|\n| t | 201 | 241 | a (+17%) |\n"
    (phase,) = parse_log(f"## Phase 3\n\n{TABLE}{rows}\n{summary}").phases
    [claim] = [f for f in audit(phase) if f.check == "claim"]
    assert (claim.standing, claim.why) == (
        Standing.CONTRADICTED,
        "the values show the method that is said to be better to be worse",
    )


def test_a_claim_without_any_spread_has_no_p_value():
    rows = "".join(f"| {m} | t | {s} | {v} |\n" for m, v in (("a", 240), ("b", 200)) for s in (0, 1, 2))
    summary = "| Task | a | b | Winner |\n|---|---|---|---|\n| t | 240 | 200 | a |\n"
    (phase,) = parse_log(f"## Phase 3\n\n{TABLE}{rows}\n{summary}").phases
    [claim] = [f for f in audit(phase) if f.check == "claim"]
    assert claim.standing is Standing.UNSUPPORTED
    assert claim.recomputed == "fewer than two seeds on a side, or no spread between them: there is no test"


def test_what_is_quoted_is_read_and_runs_that_are_not_begun_have_no_state():
    heading = "| Config | Task | Seed | State | Job |\n|---|---|---|---|---|\n"
    states = f"{heading}| a | t | 2 | - | - |\n| a | t | 3 | RUNNING | 7 |\n"
    quoted = "".join(f"> {line}\n" for line in (TABLE + "| a | t | 1 | 890 |").splitlines())
    log = parse_log(f"## Phase 3\n\n{quoted}\n{states}")
    assert len(log.phases[0].outcomes) == 1
    assert [f.standing for f in log.findings] == [Standing.AGREES]

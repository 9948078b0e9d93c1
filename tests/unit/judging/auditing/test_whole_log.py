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


def test_ranges_are_no_spread_and_are_named():
    runs = TABLE + "| a | t | 1 | 890 |\n| a | t | 2 | 914 |\n| b | t | 1 | 780 |\n| b | t | 2 | 781 |\n"
    log = parse_log(
        f"## Phase 3\n\n| Task | a | b |\n|---|---|---|\n| t | 890 - 914 | 780 of 1000 |\n\n{runs}", "log.md"
    )
    assert not log.phases[0].summary
    assert [f.where for f in log.findings if f.standing is Standing.UNREAD] == ["log.md, line 5"] * 2


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

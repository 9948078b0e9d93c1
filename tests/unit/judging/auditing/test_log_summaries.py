"""Summaries of a log, whatever became of their plus-minus signs."""

import pytest

from rephase.judging.auditing import parse_log

OUTCOMES = """\
# Experiment log

## Phase 3: baseline against flow policy (COMPLETED)

| Config | Task | Seed | Reward | Plan Reward | Job |
|--------|:-----|-----:|-------:|-------------|-----|
| **baseline** | walker-stand | 42 | 972.32 | 943.97 | 4011713_3 |
| **baseline** | walker-stand | 123 | 923.48 | 933.11 | 4011713_4 |
| **baseline** | walker-stand | 456 | 977.35 | 978.33 | 4011713_5 |
| flow policy | walker-stand | 42 | 854.53 | 864.39 | 4011740_3 |
| flow policy | `walker-stand` | 123 | 744.92 | 796.67 | 4011714_4 |
| flow policy | walker-stand | 456 | 919.90 | 933.66 | 4011740_5 |
"""


SUMMARY = """
| Task | Baseline (mean {0} std) | Flow Policy | Winner |
|---|---|---|---|
| walker-stand | **957.72 {0} 27.5** | 839.78{0}87.6 | Baseline (+14%) |
"""


PLUS_MINUS = ["±", "+-", "+/-", "Â±", "\u00c3\u201a\u00c2\u00b1", "\ufffd", "&plusmn;", r"$\pm$", r"\pm", "(+-)"]


@pytest.mark.parametrize("sign", PLUS_MINUS)
def test_a_summary_is_read_whatever_became_of_its_plus_minus(sign):
    (phase,) = parse_log(OUTCOMES + SUMMARY.format(sign)).phases
    assert (phase.phase, phase.source, len(phase.outcomes)) == ("phase3", "log", 6)
    assert [(row.config, row.mean, row.spread, row.winner, row.percentage) for row in phase.summary] == [
        ("baseline", 957.72, 27.5, "baseline", 14.0),
        ("flow-policy", 839.78, 87.6, "baseline", 14.0),
    ]
    assert phase.outcomes[4].run == ("flow-policy", "walker-stand", 123)
    assert phase.outcomes[4].job == "4011714_4"

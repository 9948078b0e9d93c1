"""A recorded phase of two methods and three tasks, and its judgement."""

from rephase.judging import judge_phase
from rephase.manifest.outcomes import Outcome, RecordedOutcomes
from rephase.manifest.rules import VerdictRules

RULES = VerdictRules()
SEEDS = (42, 123, 456)
CELLS = {
    ("baseline", "reacher-easy"): (981.20, 983.50, 982.20),
    ("baseline", "walker-stand"): (972.32, 923.48, 977.35),
    ("baseline", "cheetah-run"): (93.69, 108.80, 134.97),
    ("flow policy", "reacher-easy"): (976.70, 983.40, 981.90),
    ("flow policy", "walker-stand"): (854.53, 744.92, 919.90),
    ("flow policy", "cheetah-run"): (80.97, 94.75, 120.52),
}


def rows(cells=CELLS, seeds=SEEDS, change=lambda value: value):
    return [
        Outcome(config=config, task=task, seed=seed, reward=change(value))
        for (config, task), values in cells.items()
        for seed, value in zip(seeds, values, strict=False)
    ]


def record(outcomes=None, **changes):
    values = {
        "phase": "phase3",
        "scale": "logged",
        "source": "log",
        "outcomes": rows() if outcomes is None else outcomes,
    }
    return RecordedOutcomes(**(values | changes))


def judge(measured, recorded=None, **options):
    return judge_phase(recorded or record(), measured, RULES, **options)

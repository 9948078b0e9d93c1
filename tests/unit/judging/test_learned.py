"""A record that is what untrained policies return says so; one that is not, does not."""

from __future__ import annotations

from rephase.judging import Decision, judge_phase, verdict_text
from rephase.judging.learned import like_untrained
from rephase.manifest.outcomes import UNTRAINED, Outcome, RecordedOutcomes
from rephase.manifest.rules import VerdictRules

RULES = VerdictRules()
SEEDS = (42, 123, 456)
RECORDED = {"walker-stand": (141.7, 140.5, 127.6), "reacher-easy": (981.2, 983.5, 982.2)}


def rows(values: dict[str, tuple[float, ...]], source: str = "") -> list[Outcome]:
    return [
        Outcome(config="fullflow", task=task, seed=seed, reward=value, source=source)
        for task, own in values.items()
        for seed, value in zip(SEEDS, own, strict=True)
    ]


def record(untrained: dict[str, tuple[float, ...]]) -> RecordedOutcomes:
    return RecordedOutcomes(
        phase="phase4", scale="logged", source="log", outcomes=[*rows(RECORDED), *rows(untrained, UNTRAINED)]
    )


def by_cell(values: dict[str, tuple[float, ...]]) -> dict[tuple[str, str], tuple[float, ...]]:
    return {("fullflow", task): own for task, own in values.items()}


def test_only_the_cell_that_is_like_untrained_policies_says_so() -> None:
    untrained = {"walker-stand": (133.0, 148.2, 139.1), "reacher-easy": (60.0, 120.0, 90.0)}

    [(cell, clause)] = like_untrained(by_cell(untrained), by_cell(RECORDED), RULES).items()

    assert cell == ("fullflow", "walker-stand")
    assert clause == (
        "the record, 136.6, cannot be told from untrained policies, 140.1 (n = 3, p = 0.61): agreeing shows no learning"
    )


def test_cells_that_nobody_played_untrained_say_nothing() -> None:
    assert like_untrained({}, by_cell(RECORDED), RULES) == {}
    assert like_untrained(by_cell({"cheetah-run": (1.0, 2.0, 3.0)}), by_cell(RECORDED), RULES) == {}


def test_a_pass_beside_untrained_policies_names_the_cell_on_the_last_screen() -> None:
    recorded = record({"walker-stand": (133.0, 148.2, 139.1), "reacher-easy": (60.0, 120.0, 90.0)})

    verdict = judge_phase(recorded, rows(RECORDED), RULES)

    assert verdict.decision is Decision.PASS
    assert len(verdict.cells) == 2  # rows of untrained policies are judged against by nobody
    said = " ".join(verdict_text(verdict).split())
    assert "note: fullflow/walker-stand: the record, 136.6, cannot be told from untrained policies" in said
    assert "reacher-easy: the record" not in said
    [walker] = [cell for cell in verdict.to_json()["cells"] if cell["untrained"]]
    assert walker["task"] == "walker-stand"

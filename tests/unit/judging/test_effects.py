"""Main effects and interaction, against figures worked out by hand and by another formula."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from rephase.cli.main import main
from rephase.errors import UsageError
from rephase.judging.effects import Factor, effects_of
from rephase.manifest import read_phase
from rephase.manifest.outcomes import Outcome

ROOT = Path(__file__).parents[3]
PHASE = read_phase(ROOT / "reproductions/factorial/embedded.toml")
BLOCK = tuple(PHASE.configs)[:4]
TASK = PHASE.manifest.tasks[0]


def outcomes(*cells: list[float]) -> list[Outcome]:
    return [
        Outcome(config=config, task=TASK, seed=seed, reward=value)
        for config, values in zip(BLOCK, cells, strict=True)
        for seed, value in enumerate(values)
    ]


def effect(factor: Factor, *cells: list[float]):
    return next(each for each in effects_of(PHASE, outcomes(*cells)) if (each.task, each.factor) == (TASK, factor))


def test_each_contrast_is_the_one_its_name_says() -> None:
    cells = [[100.0] * 2, [110.0] * 2, [130.0] * 2, [170.0] * 2]

    assert effect(Factor.WORLD_MODEL, *cells).estimate == pytest.approx((30 + 60) / 2)
    assert effect(Factor.POLICY, *cells).estimate == pytest.approx((10 + 40) / 2)
    assert effect(Factor.INTERACTION, *cells).estimate == pytest.approx(40 - 10)
    assert effect(Factor.WORLD_MODEL, *cells).change == "mlp to flow"
    assert effect(Factor.POLICY, *cells).change == "gaussian-mlp to flow-ode"


def test_equal_spreads_give_the_interval_of_an_analysis_of_variance() -> None:
    deviations = [-3.0, 0.0, 3.0]
    cells = [[mean + each for each in deviations] for mean in (50.0, 55.0, 61.0, 70.0)]
    found = effect(Factor.WORLD_MODEL, *cells)
    error = math.sqrt(4 * 0.25 * 9 / 3)  # equal cells: the pooled variance, 8 degrees of freedom
    reach = stats.t.ppf(0.975, 8) * error

    assert found.degrees == pytest.approx(8)
    assert (found.low, found.high) == pytest.approx((found.estimate - reach, found.estimate + reach))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.estimate) / error, 8))
    assert found.p_holm is not None
    assert found.p_holm >= found.p


def test_intervals_hold_what_they_promise() -> None:
    draws = np.random.default_rng(5)
    sds = (1.0, 10.0, 3.0, 30.0)
    held = 0
    for _ in range(400):
        found = effect(Factor.INTERACTION, *([*draws.normal(200, sd, 6)] for sd in sds))
        held += found.low <= 0 <= found.high

    assert 0.91 <= held / 400 <= 0.98


def test_without_spread_or_runs_there_is_no_test() -> None:
    still = effect(Factor.POLICY, [1.0, 1.0], [2.0, 2.0], [1.0, 1.0], [2.0, 2.0])
    assert (still.estimate, still.p, still.p_holm) == (1.0, None, None)

    single = effect(Factor.POLICY, [1.0], [2.0, 3.0], [1.0, 1.0], [2.0, 2.0])
    assert (single.counts, single.p) == ((1, 2, 2, 2), None)

    missing = effect(Factor.POLICY, [], [2.0, 3.0], [1.0, 1.0], [2.0, 2.0])
    assert math.isnan(missing.estimate)
    assert missing.to_json()["estimate"] is None


def test_a_phase_that_is_no_factorial_is_refused() -> None:
    phase = read_phase(ROOT / "reproductions/phase3/embedded.toml")

    with pytest.raises(UsageError, match="do not cross two world models with two policies"):
        effects_of(phase, [])


def test_the_command_tells_the_same_twice(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["effects", "factorial", "--recorded", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert main(["effects", "factorial", "--recorded"]) == 0
    text = capsys.readouterr().out

    assert len(data["effects"]) == 3 * len(PHASE.manifest.tasks) * len(PHASE.configs) // 4
    shown = [each["estimate"] for each in data["effects"] if each["estimate"] is not None]
    assert shown
    assert all(f"{estimate:+.1f}" in text for estimate in shown)

"""New episodes of kept policies, beside what the protocol's said."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from types import SimpleNamespace

import pytest

from rephase.manifest import Run
from rephase.reproduction import evaluating, phases, trained
from rephase.reproduction.reevaluating import EVALUATION, Reevaluation, noise_of_cells, reevaluate


def evaluated(config: str, seed: int, before: tuple[float, ...], after: tuple[float, ...]) -> Reevaluation:
    return Reevaluation(run=Run(config, "walker-stand", seed), before=before, after=after)


def test_each_run_is_played_with_its_own_policy_and_keeps_what_it_had(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def play(run: Run, tasks: object, name: str, count: int, act: str) -> tuple[float, ...]:
        assert (name, tasks, act) == (EVALUATION, "tasks", f"policy of {run.seed}")
        return (float(run.seed),) * count

    monkeypatch.setattr(evaluating, "play_alone", play)
    monkeypatch.setattr(phases, "tasks_of", lambda phase: "tasks")
    monkeypatch.setattr(trained, "trained_policy", lambda folder, project: (None, f"policy of {folder.name}"))
    store = SimpleNamespace(phase=None, folder_of=lambda run: tmp_path / str(run.seed))
    records = [SimpleNamespace(run=Run("a", "b", seed), episode_returns=(1.0, 3.0)) for seed in (4, 5)]
    said: list[str] = []

    found = list(reevaluate(store, tmp_path, records, 2, said.append))  # type: ignore[arg-type]
    assert [one.after for one in found] == [(4.0, 4.0), (5.0, 5.0)]
    assert [one.before for one in found] == [(1.0, 3.0)] * 2
    assert said == ["a/b/seed-4: 2 episodes", "a/b/seed-5: 2 episodes"]
    assert found[0].to_json()["mean_before"] == 2.0
    assert found[0].to_json()["seed"] == 4


def test_the_spread_of_a_cells_seeds_stands_beside_what_their_episodes_alone_would_give() -> None:
    rows = [
        evaluated("one", 1, (0.0, 10.0), (5.0, 5.0)),
        evaluated("one", 2, (10.0, 30.0), (9.0, 9.0)),
        evaluated("other", 1, (1.0, 1.0), (2.0, 2.0)),
    ]
    one, other = noise_of_cells(rows)

    assert (one.config, one.task, other.config) == ("one", "walker-stand", "other")
    assert one.sd_before == pytest.approx(statistics.stdev([5, 20]))
    variance = statistics.fmean([statistics.variance([0, 10]) / 2, statistics.variance([10, 30]) / 2])
    assert one.noise_before == pytest.approx(math.sqrt(variance))
    assert one.sd_after == pytest.approx(statistics.stdev([5, 9]))
    assert one.noise_after == 0
    assert math.isnan(other.sd_before)
